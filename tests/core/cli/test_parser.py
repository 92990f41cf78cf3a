"""The command line as a user meets it: what it prints, what it writes, how it refuses."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cli.parser import main
from usl_core.pipeline import artefacts
from usl_core.projection.params import UmapParams

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 images in three classes, one broken file, names that want care."""
    rng = np.random.default_rng(0)
    root = tmp_path / "my images"
    for at, name in enumerate(("cat", "dog, big", "emu")):
        (root / name).mkdir(parents=True)
        base = rng.integers(0, 255, (8, 8, 3))
        for number in range(20):
            pixels = np.clip(base + rng.normal(scale=20 + 5 * at, size=(8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((40, 40)).save(root / name / f"{number}.png")
    (root / "cat" / "broken.jpg").write_bytes(b"no image")
    return root


def run(*arguments: str | Path) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def read_picks(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", ["random", "stratified", "cluster-stratified", "usl"])
def test_select_writes_what_it_picked(folder, tmp_path, capsys, method):
    out = tmp_path / "out"
    assert run("select", folder, "--budget", 7, "--method", method, "--seed", 3, "--out", out) == 0
    printed = capsys.readouterr().out.split("\n")[:-1]
    rows = read_picks(out / "picks.csv")
    assert (out / "picks.csv").read_text().splitlines()[0] == "rank,path,index,method,seed,cluster,label,density,score"
    assert [row["path"] for row in rows] == printed
    assert len(set(printed)) == 7
    assert [int(row["rank"]) for row in rows] == list(range(1, 8))
    assert np.load(out / "picks.npy").tolist() == [int(row["index"]) for row in rows]
    for row in rows:
        assert (folder / row["path"]).is_file()
        assert row["label"] == row["path"].split("/")[0]
        assert (row["method"], row["seed"]) == (method, "3")
        assert np.isfinite(float(row["density"]))
        assert (row["score"] != "") == (method == "usl")


def test_from_repeats_the_run_exactly(folder, tmp_path, capsys):
    first, second = tmp_path / "a", tmp_path / "b"
    options = [
        "--lambda",
        0.2,
        "--alpha",
        2,
        "--k",
        9,
        "--momentum",
        0.5,
        "--iterations",
        4,
        "--relative",
        "--horizon-picks",
        3,
    ]
    vetoed = tmp_path / "vetoed.txt"
    vetoed.write_text("cat/0.png\nemu/3.png\n")
    assert run("select", folder, "--budget", 9, "--seed", 5, *options, "--vetoed", vetoed, "--out", first) == 0
    assert run("select", "--from", first / "run.json", "--out", second) == 0
    for name in ("picks.csv", "picks.npy"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    record = json.loads((first / "run.json").read_text())
    assert json.loads((second / "run.json").read_text())["params"] == record["params"]
    assert record["params"]["reg_weight"] == 0.2
    assert record["versions"]["numpy"] == np.__version__


def test_from_repeats_a_run_with_one_of_near_duplicates(tmp_path, capsys):
    """And the picks are those of the same words in Python."""
    first, second = tmp_path / "a", tmp_path / "b"
    assert run("select", "demo:shapes", "--budget", 300, "--near-duplicates", 0.97, "--out", first) == 0
    said = capsys.readouterr().err
    demo = usl.load_demo("shapes")
    found = usl.find_near_duplicates(demo.features, 0.97, neighbors=demo.neighbors)
    assert f"note: near-duplicates, at cosine 0.97 or more: {len(found)} groups hold {found.n_images} images" in said
    picks = np.load(first / "picks.npy")
    assert found.repeats(picks) == 0
    expected = usl.select(demo.features, 300, neighbors=demo.neighbors, near_duplicates=0.97)
    assert picks.tolist() == expected.indices.tolist()
    assert json.loads((first / "run.json").read_text())["near_duplicates"] == 0.97
    assert run("select", "--from", first / "run.json", "--near-duplicates", 0.9) == 2
    assert "near_duplicates cannot be changed" in capsys.readouterr().err
    assert run("select", "--from", first / "run.json", "--out", second) == 0
    for name in ("picks.csv", "picks.npy", "run.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_from_notices_that_the_images_changed(folder, tmp_path, capsys):
    assert run("select", folder, "--budget", 3, "--out", tmp_path / "a") == 0
    Image.new("RGB", (40, 40), "red").save(folder / "cat" / "1.png")
    assert run("select", "--from", tmp_path / "a" / "run.json") == 2
    assert "changed" in capsys.readouterr().err


def test_from_refuses_what_would_change_the_run(folder, tmp_path, capsys):
    assert run("select", folder, "--budget", 3, "--out", tmp_path / "a") == 0
    capsys.readouterr()
    assert run("select", "--from", tmp_path / "a" / "run.json", "--budget", 4) == 2
    assert "budget cannot be changed" in capsys.readouterr().err


def test_labelled_and_vetoed_images_are_never_picked(folder, tmp_path, capsys):
    assert run("select", folder, "--budget", 20, "--method", "random", "--out", tmp_path / "a") == 0
    before = set(capsys.readouterr().out.splitlines())
    options = ["--labelled", tmp_path / "a" / "picks.csv"]
    assert run("select", folder, "--budget", 40, *options) == 0
    after = set(capsys.readouterr().out.splitlines())
    assert len(after) == 40
    assert not before & after
    assert run("select", folder, "--budget", 41, *options) == 2
    assert "[1, 40]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["plain.png", "line\nbreak, and comma.png", 'say "cheese".png', " spaces .png", "\u2028.png"])
def test_lists_of_images_find_any_name(folder, tmp_path, capsys, name):
    Image.new("RGB", (40, 40), "red").save(folder / "cat" / name)
    assert run("select", folder, "--budget", 61, "--out", tmp_path / "all") == 0
    rows = read_picks(tmp_path / "all" / "picks.csv")
    kept = [row for row in rows if row["path"] == f"cat/{name}"]
    assert len(kept) == 1
    header = (tmp_path / "all" / "picks.csv").read_text().split("\n")[0].split(",")
    with (tmp_path / "veto.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(kept)
    capsys.readouterr()
    assert run("select", folder, "--budget", 60, "--vetoed", tmp_path / "veto.csv", "--out", tmp_path / "b") == 0
    assert f"cat/{name}" not in {row["path"] for row in read_picks(tmp_path / "b" / "picks.csv")}


def test_compare_prints_mean_and_spread_and_writes_a_report(folder, tmp_path, capsys):
    report = tmp_path / "report"
    assert run("compare", folder, "--budget", 6, "--seeds", 3, "--map", "pca", "--report", report) == 0
    out = capsys.readouterr().out
    assert "random" in out.splitlines()[0]
    covered = next(line for line in out.splitlines() if line.startswith("Classes covered"))
    assert covered.count("±") == 3
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "dog, big" in page
    with (report / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert [(row["method"], row["seed"], row["budget"]) for row in scores[:4]] == [
        *(("random", seed, "6") for seed in "012"),
        ("stratified", "0", "6"),
    ]
    mean = sum(float(row["classes_covered"]) for row in scores if row["method"] == "usl") / 3
    assert f"{mean:.1f} ±" in covered.split("    ")[-1]


def test_compare_starts_at_the_seed_that_is_asked_for(tmp_path, capsys):
    asked = ("compare", "demo:digits", "--budget", 9, "--methods", "random", "--seed", 4, "--seeds", 2, "--map", "pca")
    assert run(*asked, "--report", tmp_path) == 0
    demo = usl.load_demo("digits")
    compared = usl.compare(demo.features, 9, ["random"], seeds=[4, 5], neighbors=demo.neighbors)
    mean, deviation = compared.mean_and_sd("random", "k_center_radius")
    row = next(line for line in capsys.readouterr().out.splitlines() if "radius" in line.lower())
    assert f"{mean:.3f}" in row
    assert f"{deviation:.3f}" in row
    with pytest.raises(usl.UslError):
        usl.compare(demo.features, 9, ["random"], seeds=[-1], neighbors=demo.neighbors)
    assert run("compare", "demo:digits", "--budget", 9, "--seed", -1) == 2


def test_the_map_of_a_report_is_drawn_as_it_is_asked_for(folder, tmp_path, capsys):
    asked = ("compare", folder, "--budget", 6, "--methods", "random", "--report", tmp_path)
    assert run(*asked, "--map-neighbors", 5, "--map-min-dist", 0.25, "--map-seed", 3) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "drawn with UMAP, 5 neighbours, min_dist 0.25, seed 3, trustworthiness" in page
    assert run(*asked) == 0
    assert re.search(r"UMAP, 15 neighbours, min_dist 0\.\d+, seed 0", (tmp_path / "report.html").read_text(encoding="utf-8"))
    capsys.readouterr()


def test_the_report_of_a_demo_has_the_map_that_comes_with_it(tmp_path, monkeypatch):
    demo = usl.load_demo("digits")
    drawn = []

    def draw(features, graph, method, params, **_):
        drawn.append(params)
        raise usl.UslError("drawn anew")

    monkeypatch.setattr(artefacts, "draw", draw)
    asked = ("compare", "demo:digits", "--budget", 6, "--methods", "random", "--report", tmp_path)
    for method in ("umap", "pca"):
        assert run(*asked, "--map", method) == 0
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert f"trustworthiness {demo.trustworthiness[method]:.3f}" in page
        assert method == "pca" or f"UMAP, 15 neighbours, min_dist {demo.min_dist:g}, seed 0" in page
    assert run(*asked, "--map-neighbors", 15, "--map-seed", 0) == 0
    assert drawn == []
    assert run(*asked, "--map-seed", 1) == 2
    assert drawn == [UmapParams(seed=1)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--map-neighbors", 1), "n_neighbors of a map must be at least 2 but is 1"),
        (("--map-min-dist", 1.5), "min_dist must be in [0, 1] but is 1.5"),
        (("--map-min-dist", "nan"), "min_dist must be a finite number but is nan"),
        (("--map-seed", -1), "seed must be in [0, 4294967295] but is -1"),
        (("--map", "pca", "--map-seed", 1), "--map-seed is a setting of UMAP, but --map is 'pca'"),
    ],
)
def test_settings_of_a_map_that_cannot_be(words, said, capsys):
    assert run("compare", "demo:digits", "--budget", 6, "--methods", "random", *words) == 2
    assert said in capsys.readouterr().err


def test_compare_works_on_a_demo(capsys):
    assert run("compare", "demo:digits", "--budget", 10, "--methods", "random,usl") == 0
    assert "Nearest-pick accuracy" in capsys.readouterr().out


def test_encode_says_what_it_made(folder, capsys):
    assert run("encode", folder) == 0
    captured = capsys.readouterr()
    assert "images       60" in captured.out
    assert "problems     1" in captured.out
    assert "broken.jpg" in captured.err


def test_lists(capsys):
    assert run("methods") == 0
    assert "usl" in capsys.readouterr().out
    assert run("encoders") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("pixels:pca", "torchvision:resnet18", "torchvision:vit_b_16"))


def test_help_teaches(capsys):
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    for command in ("select", "compare", "encode", "methods", "encoders"):
        assert command in out
        assert run(command, "--help") == 0


MISTAKES = {
    "no command": ([], "COMMAND"),
    "unknown command": (["sleect"], "sleect"),
    "no folder": (["select", "--budget", "3"], "folder"),
    "folder is missing": (["select", "FOLDER/nowhere", "--budget", "3"], "nowhere"),
    "no budget": (["select", "FOLDER"], "--budget"),
    "budget too large": (["select", "FOLDER", "--budget", "61"], "[1, 60]"),
    "budget zero": (["select", "FOLDER", "--budget", "0"], "but is 0"),
    "budget no number": (["select", "FOLDER", "--budget", "many"], "many"),
    "unknown method": (["select", "FOLDER", "--budget", "3", "--method", "magic"], "magic"),
    "unknown encoder": (["select", "FOLDER", "--budget", "3", "--encoder", "magic"], "magic"),
    "negative lambda": (["select", "FOLDER", "--budget", "3", "--lambda=-1"], "lambda"),
    "alpha zero": (["select", "FOLDER", "--budget", "3", "--alpha", "0"], "alpha"),
    "negative seed": (["select", "FOLDER", "--budget", "3", "--seed=-1"], "seed"),
    "usl setting beside random": (["select", "FOLDER", "--budget", "3", "--method", "random", "--k", "3"], "n_neighbors"),
    "usl setting without usl": (["compare", "FOLDER", "--budget", "3", "--methods", "random", "--k", "3"], "n_neighbors"),
    "unknown demo": (["select", "demo:cats", "--budget", "3"], "cats"),
    "no such record": (["select", "--from", "FOLDER/run.json"], "run.json"),
    "record is no record": (["select", "--from", "FOLDER/cat/broken.jpg"], "broken.jpg"),
    "unknown image vetoed": (["select", "FOLDER", "--budget", "3", "--vetoed", "FOLDER/list.txt"], "list.txt"),
    "methods twice": (["compare", "FOLDER", "--budget", "3", "--methods", "usl,usl"], "usl, usl"),
    "no methods": (["compare", "FOLDER", "--budget", "3", "--methods", ","], "methods"),
    "no cosine": (["select", "FOLDER", "--budget", "3", "--near-duplicates", "alike"], "a cosine in (0, 1] but is alike"),
    "cosine zero": (["compare", "FOLDER", "--budget", "3", "--near-duplicates", "0"], "a cosine in (0, 1] but is 0"),
    "cosine beyond 1": (["train-uslt", "FOLDER", "--budget", "3", "--near-duplicates", "1.2"], "(0, 1] but is 1.2"),
    "too few groups": (["select", "FOLDER", "--budget", "60", "--near-duplicates", "1e-6"], "no near-duplicates at cosine"),
    "too few groups to train": (["train-uslt", "FOLDER", "--budget", "60", "--near-duplicates", "1e-6"], "no near-duplicates"),
    "no seeds": (["compare", "FOLDER", "--budget", "3", "--seeds", "0"], "seeds"),
}


@pytest.mark.parametrize(("arguments", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_line_and_status_2(folder, capsys, arguments, named):
    assert run(*(argument.replace("FOLDER", str(folder)) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert named in error


def test_progress_shows_on_a_terminal_only(folder, tmp_path):
    command = [sys.executable, "-m", "usl_core", "encode", str(folder), "--encoder", "pixels:pca"]
    environment = {**os.environ, "USL_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "120"}
    silent = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "%" not in silent.stderr
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 120))
    environment["USL_CACHE_DIR"] = str(tmp_path / "other")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # Linux reports the end of a terminal as an error
            break
        if not piece:
            break
        seen += piece
    assert process.wait() == 0
    os.close(master)
    assert b"encode" in seen
    assert b"%" in seen


def test_a_closed_pipe_is_no_traceback(folder):
    command = f"{sys.executable} -m usl_core select demo:digits --budget 500 --method random | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_interrupting_leaves_a_sentence(tmp_path):
    environment = {**os.environ, "USL_CACHE_DIR": str(tmp_path / "cache")}
    code = (
        "import signal, sys, time; from usl_core.cli import parser as cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # what a shell starts in the background ignores it
        "def slow(options):\n    print('started', flush=True); time.sleep(30)\n"
        "cli.run_methods = slow; sys.exit(cli.main(['methods']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted" in error
    assert b"Traceback" not in error


UNTIL_THEN = ["train-uslt", "demo:digits", "--budget", "12", "--epochs", "3", "--views", "0", "--quiet"]


def test_train_uslt_tells_every_epoch_and_writes_its_history(tmp_path, capsys):
    assert main([*UNTIL_THEN, "--cache-dir", str(tmp_path / "c"), "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["epoch", "loss", "global_loss"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    history = (tmp_path / "out" / "history.csv").read_text().splitlines()
    assert history[0].startswith("epoch,loss,global_loss,local_loss,confident_share,assignment_entropy,n_alive,purity")
    assert len(history) == 4
    picks = np.load(tmp_path / "out" / "picks.npy")
    demo = usl.load_demo("digits")
    expected = usl.select(demo.features, 12, "usl-t", usl.UsltParams(n_epochs=3, n_views=0), neighbors=demo.neighbors)
    assert picks.tolist() == expected.indices.tolist()


def test_a_finished_training_is_picked_from_with_one_of_near_duplicates(tmp_path, capsys):
    words = [
        "train-uslt",
        "demo:shapes",
        "--budget",
        "200",
        "--epochs",
        "2",
        "--views",
        "0",
        "--cache-dir",
        str(tmp_path / "c"),
    ]
    picks = {}
    for name, more in (("all", []), ("one", ["--near-duplicates", "0.97"])):
        assert main([*words, *more, "--out", str(tmp_path / name)]) == 0
        picks[name] = np.load(tmp_path / name / "picks.npy")
    assert "this training was finished before" in capsys.readouterr().err, "no second training"
    demo = usl.load_demo("shapes")
    found = usl.find_near_duplicates(demo.features, 0.97, neighbors=demo.neighbors)
    assert found.repeats(picks["all"]) > found.repeats(picks["one"]) == 0
    assert (
        run("select", "--from", tmp_path / "one" / "run.json", "--cache-dir", tmp_path / "c", "--out", tmp_path / "again") == 0
    )
    assert np.load(tmp_path / "again" / "picks.npy").tolist() == picks["one"].tolist()


def test_train_uslt_resumes_after_an_interruption(tmp_path, capsys, monkeypatch):
    from usl_core.uslt import train

    cache = ["--cache-dir", str(tmp_path)]
    real = train.FrozenTraining.run_epoch

    def interrupted(self, on_progress):
        if self.epoch == 2:
            raise KeyboardInterrupt
        return real(self, on_progress)

    monkeypatch.setattr(train.FrozenTraining, "run_epoch", interrupted)
    assert main([*UNTIL_THEN, *cache]) == 130
    monkeypatch.setattr(train.FrozenTraining, "run_epoch", real)
    capsys.readouterr()
    assert main([*UNTIL_THEN, *cache]) == 0
    said = capsys.readouterr()
    assert "going on after epoch 2" in said.err
    resumed = [line.split()[:6] for line in said.out.splitlines()]
    assert main([*UNTIL_THEN, "--cache-dir", str(tmp_path / "other")]) == 0
    assert [line.split()[:6] for line in capsys.readouterr().out.splitlines()] == resumed
    assert main([*UNTIL_THEN, *cache, "--resume"]) == 0
    said = capsys.readouterr()
    assert "finished before and is read back; --restart trains anew" in said.err
    assert [line.split()[:6] for line in said.out.splitlines()] == resumed


def test_a_training_begins_anew_where_that_is_asked_for(tmp_path, capsys, monkeypatch):
    from usl_core.uslt import train

    usual = [*UNTIL_THEN, "--cache-dir", str(tmp_path)]
    epochs = []
    real = train.FrozenTraining.run_epoch

    def counted(self, on_progress):
        epochs.append(self.epoch + 1)
        return real(self, on_progress)

    monkeypatch.setattr(train.FrozenTraining, "run_epoch", counted)
    for words, trained in (([], 3), ([], 0), (["--resume"], 0), (["--restart"], 3), ([], 0), (["--seed", "1"], 3)):
        epochs.clear()
        assert run(*usual, *words) == 0
        assert len(epochs) == trained, words
        assert ("finished before" in capsys.readouterr().err) == (trained == 0)
    assert run(*usual, "--resume", "--restart") == 2
    assert "not allowed with" in capsys.readouterr().err


def test_usl_t_can_be_selected_compared_and_repeated(tmp_path, capsys):
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for at in range(30):
        colours = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(colours).save(folder / "ab"[at % 2] / f"{at}.png")
    settings = ["--cache-dir", str(tmp_path / "c"), "--quiet", "--epochs", "3", "--views", "2", "--k", "5"]
    assert main(["select", str(folder), "-m", "6", "--method", "usl-t", "--out", str(tmp_path / "one"), *settings]) == 0
    again = [
        "--from",
        str(tmp_path / "one" / "run.json"),
        "--out",
        str(tmp_path / "two"),
        "--cache-dir",
        str(tmp_path / "c"),
        "-q",
    ]
    assert main(["select", *again]) == 0
    assert (tmp_path / "one" / "picks.csv").read_bytes() == (tmp_path / "two" / "picks.csv").read_bytes()
    capsys.readouterr()
    assert main(["compare", str(folder), "-m", "6", "--methods", "usl,usl-t", *settings]) == 0
    assert "usl-t" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clusters", "1798"], "n_clusters (C) must be in [1, 1797] (images) but is 1798"),
        (["--tau", "1.5"], "confidence_threshold (tau) must be in [0, 1] but is 1.5"),
        (["--budget", "0"], "budget must be in"),
        (["--alpha", "1e39"], "the likely cause is adjust_strength (alpha) = 1e+39"),
    ],
)
def test_train_uslt_names_what_is_wrong(tmp_path, capsys, words, said):
    assert main([*UNTIL_THEN, *words, "--cache-dir", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
