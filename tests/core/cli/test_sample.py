"""--sample and lists of paths on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.cli.parser import main
from usl_core.export.files import load_run_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = ["path,class,fold"]
    for number in range(30):
        name = f"{'cats' if number % 3 else 'dogs'}/{number}.png"
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(tmp_path / "pets" / name)
        rows.append(f"pets/{name},{number % 2},{number % 5}")
    (tmp_path / "pets.csv").write_text("\n".join(rows))
    return tmp_path / "pets"


@pytest.fixture
def run(tmp_path: Path):
    def command(*arguments: object) -> int:
        try:
            return main([*map(str, arguments), "--cache-dir", str(tmp_path / "cache")])
        except SystemExit as stop:
            return int(stop.code or 0)

    return command


SAID = "a uniform sample of 20 of 30 files, seed 4"


def test_select_from_a_sample_and_again(folder, run, tmp_path, capsys):
    options = ("--budget", 4, "--encoder", "pixels:pca", "--sample", 20, "--sample-seed", 4)
    assert run("select", folder, *options, "--out", tmp_path / "a") == 0
    printed = capsys.readouterr()
    assert f"note: the images are {SAID}\n" in printed.err
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert (record["sample"], record["n"]) == ({"n": 20, "of": 30, "seed": 4}, 20)
    assert run("select", "--from", tmp_path / "a" / "run.json", "--out", tmp_path / "b") == 0
    assert capsys.readouterr().out == printed.out
    assert json.loads((tmp_path / "b" / "run.json").read_text()) == record
    assert run("select", "--from", tmp_path / "a" / "run.json", "--sample", 20) == 2
    assert "sample cannot be changed" in capsys.readouterr().err
    (tmp_path / "a" / "run.json").write_text(json.dumps({**record, "sample": None}))
    assert run("select", "--from", tmp_path / "a" / "run.json") == 2
    assert "have changed since the run (20 then, 30 now)" in capsys.readouterr().err


@pytest.mark.parametrize("sample", [3, {"n": 0, "of": 5, "seed": 0}, {"n": 5, "of": 5, "seed": 0}, {"n": 5, "of": 9}])
def test_records_of_a_sample_are_checked(folder, run, tmp_path, sample):
    assert run("select", folder, "--budget", 2, "--encoder", "pixels:pca", "--method", "random", "--out", tmp_path / "a") == 0
    path = tmp_path / "a" / "run.json"
    record = json.loads(path.read_text())
    assert record["sample"] is None
    assert load_run_record(path).sample is None
    path.write_text(json.dumps({key: value for key, value in record.items() if key != "sample"}))
    assert load_run_record(path).sample is None, "as earlier versions wrote it"
    path.write_text(json.dumps({**record, "sample": sample}))
    with pytest.raises(Exception, match=r"run\.json: sample"):
        load_run_record(path)


def test_every_command_says_so(folder, run, tmp_path, capsys):
    part = ("--encoder", "pixels:pca", "--sample", 20, "--sample-seed", 4)
    assert run("encode", folder, *part) == 0
    assert f"drawn from   {SAID}\n" in capsys.readouterr().out
    report = tmp_path / "report"
    assert run("compare", folder, *part, "-m", 3, "--methods", "random", "--map", "pca", "--report", report) == 0
    page = (report / "report.html").read_text(encoding="utf-8")
    assert SAID in page
    assert "pets, sample of 20" in page
    training = ("--epochs", 1, "--views", 0, "--k", 5, "-m", 3)
    assert run("train-uslt", folder, *part, *training, "--out", tmp_path / "t") == 0
    assert json.loads((tmp_path / "t" / "run.json").read_text())["sample"]["n"] == 20
    assert f"note: the images are {SAID}\n" in capsys.readouterr().err


def test_a_sample_that_is_all_is_none(folder, run, capsys):
    assert run("encode", folder, "--encoder", "pixels:pca", "--sample", 30) == 0
    printed = capsys.readouterr()
    assert "sample" not in printed.out + printed.err


@pytest.mark.parametrize("command", ["select", "compare", "encode", "train-uslt", "pretrain"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sample", 0), "sample must be at least 1"),
        (("--sample", 5, "--sample-seed", -1), "sample_seed must be at least 0"),
        (("--sample-seed", 1), "--sample-seed is of no use without --sample N"),
    ],
)
def test_mistakes_are_one_line(folder, run, capsys, command, options, said):
    budget = ("--budget", 3) if command in ("select", "compare", "train-uslt") else ()
    assert run(command, folder, *budget, *options) == 2
    printed = capsys.readouterr().err.strip()
    assert said in printed
    assert len(printed.splitlines()) == 1


def test_demos_have_samples(run, tmp_path, capsys):
    assert run("select", "demo:digits", "-m", 2, "--sample", 40, "--encoder", "pixels:pca", "--out", tmp_path / "a") == 0
    printed = capsys.readouterr()
    assert "a uniform sample of 40 of 1,797 files" in printed.err
    assert run("select", "--from", tmp_path / "a" / "run.json") == 0
    assert capsys.readouterr().out == printed.out


# --- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_takes_the_place_of_a_folder(folder, run, tmp_path, capsys, monkeypatch):
    part = ("--encoder", "pixels:pca", "--split", "0")
    assert run("encode", folder.parent / "pets.csv", "--encoder", "pixels:pca") == 0
    printed = capsys.readouterr().out
    assert "images       30" in printed
    assert "classes      2" in printed
    assert "splits       0, 1, 2, 3, 4" in printed
    monkeypatch.chdir(tmp_path)
    assert run("select", "pets.csv", *part, "-m", 3, "--method", "stratified", "--out", tmp_path / "a") == 0
    picked = capsys.readouterr().out.splitlines()
    assert all(name.startswith("pets/") for name in picked)
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert (record["folder"], record["split"], record["n"]) == (str(tmp_path / "pets.csv"), "0", 6)
    monkeypatch.chdir("/")
    assert run("select", "--from", tmp_path / "a" / "run.json", "--out", tmp_path / "b") == 0
    assert capsys.readouterr().out.splitlines() == picked
    picks = (tmp_path / "b" / "picks.csv").read_text()
    assert picks == (tmp_path / "a" / "picks.csv").read_text()
    again = ("select", tmp_path / "pets.csv", *part, "-m", 3, "--labelled", tmp_path / "a" / "picks.csv")
    assert run(*again) == 0
    assert not set(capsys.readouterr().out.splitlines()) & set(picked)


def test_a_list_of_picks_is_a_source_where_it_lies_beside_the_images(folder, run, capsys):
    assert run("select", folder, "--encoder", "pixels:pca", "-m", 9, "--out", folder) == 0
    picked = capsys.readouterr().out.splitlines()
    assert run("select", folder / "picks.csv", "--encoder", "pixels:pca", "-m", 9) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(picked)


def test_a_report_of_a_list(folder, run, tmp_path):
    options = ("--encoder", "pixels:pca", "-m", 3, "--methods", "random", "--map", "pca", "--report", tmp_path / "r")
    assert run("compare", tmp_path / "pets.csv", *options) == 0
    assert "<h1>pets.csv</h1>" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")


def test_a_list_without_paths_is_one_line(folder, run, capsys):
    (folder / "x.csv").write_text("id,name\n1,x\n")
    assert run("select", folder / "x.csv", "-m", 3) == 2
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("error: the list ")
    assert "has no column of paths" in printed
    assert len(printed.splitlines()) == 1
