"""What commands write beside what they print: where it may go, what it lists, and from where it can be repeated."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cli.folders import title_of
from usl_core.cli.parser import main
from usl_core.types import ImageSet, Note

HOSTILE = (
    *("=cmd|' /C calc'!A0.png", "-1;=2.png", " lead.png", "new\nline.png", "cr\r.png"),
    *("öl 京.png", "'=x.png", "=x.png", '"q".png', "01.png"),
)
EVERYTHING = {"picks.csv", "picks-spreadsheet.csv", "picks.npy", "run.json", "problems.csv", "problems-spreadsheet.csv"}


def write_images(root: Path, names: tuple[str, ...], broken: int = 0) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / name, format="png")
    for at in range(broken):
        (root / f"broken {at}.jpg").write_bytes(b"no image %d" % at)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_images(tmp_path / "album" / "photos", tuple(f"{at}.png" for at in range(9)))


def run(*words: str | Path) -> int:
    try:
        return main([str(word) for word in (*words, "--quiet")])
    except SystemExit as stop:
        return int(stop.code or 0)


def select(folder: Path | str, out: Path | str, *more: str | Path) -> int:
    return run("select", folder, "-m", 3, "--method", "random", "--encoder", "pixels:pca", "--out", out, *more)


def picked(out: Path) -> list[str]:
    with (out / "picks.csv").open(newline="", encoding="utf-8") as file:
        return [row["path"] for row in csv.DictReader(file)]


# ---------------------------------------------------------------- run.json from elsewhere


@pytest.mark.parametrize("given", ["photos", "./photos/", "../album/photos", "{absolute}", "link"])
def test_a_record_works_from_any_working_directory(folder, tmp_path, monkeypatch, given):
    monkeypatch.chdir(folder.parent)
    Path("link").symlink_to(folder)
    given = given.format(absolute=folder)
    assert select(given, "out") == 0
    recorded = json.loads(Path("out/run.json").read_text())["folder"]
    assert Path(recorded).is_absolute()
    assert Path(recorded).samefile(folder)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert run("select", "--from", folder.parent / "out" / "run.json", "--out", "again") == 0
    assert picked(Path("again")) == picked(folder.parent / "out")


def test_two_points_after_a_link_lead_where_the_file_system_says(folder, tmp_path, monkeypatch):
    (folder / "sub").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("link").symlink_to(folder / "sub")
    assert select("link/..", "out") == 0
    assert json.loads(Path("out/run.json").read_text())["folder"] == str(folder)


def test_a_record_of_an_earlier_version_is_found_from_its_own_place(folder, tmp_path, monkeypatch, capsys):
    out = folder.parent / "runs" / "one"
    assert select(folder, out) == 0
    document = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(document | {"folder": "photos"}))
    monkeypatch.chdir(folder.parent)
    assert run("select", "--from", out / "run.json") == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    capsys.readouterr()
    assert run("select", "--from", out / "run.json", "--out", "again") == 0
    assert f"note: the run's folder photos was found at {folder}" in capsys.readouterr().err
    assert picked(Path("again")) == picked(out)


def test_a_folder_that_moved_can_be_named(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert select(folder, out) == 0
    moved = folder.rename(tmp_path / "moved")
    capsys.readouterr()
    assert run("select", "--from", out / "run.json") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"was made from {folder}, which is not there" in said
    assert f"select FOLDER --from {out / 'run.json'}" in said
    assert run("select", moved, "--from", out / "run.json", "--out", tmp_path / "again") == 0
    assert picked(tmp_path / "again") == picked(out)
    assert json.loads((tmp_path / "again" / "run.json").read_text())["folder"] == str(moved)


def test_a_demo_stays_a_demo(tmp_path):
    assert run("select", "demo:digits", "-m", 3, "--method", "random", "--out", tmp_path) == 0
    assert json.loads((tmp_path / "run.json").read_text())["folder"] == "demo:digits"
    assert run("select", "--from", tmp_path / "run.json") == 0


@pytest.mark.parametrize("what", ["pipe", "folder", "marked"])
def test_a_record_is_a_file_of_text(folder, tmp_path, capsys, what):
    path = tmp_path / "run.json"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        assert select(folder, tmp_path) == 0
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert run("select", "--from", path) == (0 if what == "marked" else 2)
    if what != "marked":
        assert f"{path} is no readable run record" in capsys.readouterr().err


# ---------------------------------------------------------------- problems and notes


def test_every_problem_is_listed(tmp_path, capsys):
    folder = write_images(tmp_path / "photos", HOSTILE, broken=23)
    for command in (["encode"], ["compare", "-m", "3", "--methods", "random", "--report", tmp_path / "report", "--map", "pca"]):
        capsys.readouterr()
        assert run(command[0], folder, "--encoder", "pixels:pca", "--problems", tmp_path / "all.csv", *command[1:]) == 0
        said = capsys.readouterr().err
        assert "note: 23 files could not be used:\n" in said
        assert "  broken 19.jpg: " in said
        assert "broken 20.jpg" not in said
        listed_in = tmp_path / ("all.csv" if command[0] == "encode" else "report/problems.csv")
        assert f"  and 3 more, see {listed_in}\n" in said
        with listed_in.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["path"] for row in rows] == [f"broken {at}.jpg" for at in range(23)]
        assert {row["kind"] for row in rows} == {"problem"}
        assert all(row["cause"] for row in rows)
    assert select(folder, tmp_path / "out") == 0
    assert (tmp_path / "out" / "problems.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()
    document = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [problem["path"] for problem in document["problems"]] == [f"broken {at}.jpg" for at in range(23)]
    capsys.readouterr()
    assert run("encode", folder, "--encoder", "pixels:pca") == 0
    assert "  and 3 more, --problems FILE.csv lists them all\n" in capsys.readouterr().err


def test_training_tells_problems_before_it_begins(tmp_path, capsys):
    folder = write_images(tmp_path / "photos", tuple(f"{at}.png" for at in range(12)), broken=2)
    settings = ["-m", "3", "--k", "3", "--epochs", "1", "--views", "0", "--encoder", "pixels:pca"]
    assert run("train-uslt", folder, *settings, "--out", tmp_path / "out", "--spreadsheet") == 0
    assert "note: 2 files could not be used:\n  broken 0.jpg: " in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == EVERYTHING | {"history.csv"}
    settings = ["--epochs", "1", "--batch-size", "6", "--problems", str(tmp_path / "all.csv")]
    assert run("pretrain", folder, *settings) == 0
    assert "note: 2 files could not be used:\n  broken 0.jpg: " in capsys.readouterr().err
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "out" / "problems.csv").read_bytes()


def test_notes_are_told_apart_from_problems(folder, tmp_path, capsys, monkeypatch):
    from usl_core.images import scan as module

    real = module._image_set

    def noted(*arguments) -> ImageSet:
        return replace(real(*arguments), notes=(Note("1.png", "guessed"),))

    monkeypatch.setattr(module, "_image_set", noted)
    assert select(folder, tmp_path / "out") == 0
    assert "note: 1 note on a file that is used:\n  1.png: guessed\n" in capsys.readouterr().err
    assert (tmp_path / "out" / "problems.csv").read_bytes() == b"kind,path,cause\r\nnote,1.png,guessed\r\n"
    assert json.loads((tmp_path / "out" / "run.json").read_text())["image_notes"] == [{"path": "1.png", "text": "guessed"}]


def test_nothing_of_an_earlier_run_stays_that_is_not_true_any_more(tmp_path):
    folder = write_images(tmp_path / "photos", tuple(f"{at}.png" for at in range(6)), broken=1)
    out = tmp_path / "out"
    assert select(folder, out, "--spreadsheet") == 0
    assert {path.name for path in out.iterdir()} == EVERYTHING
    (folder / "broken 0.jpg").unlink()
    assert select(folder, out) == 0
    assert {path.name for path in out.iterdir()} == {"picks.csv", "picks.npy", "run.json"}
    (out / "problems.csv").write_text("mine")
    assert select(folder, out) == 0
    assert (out / "problems.csv").read_text() == "mine", "only our own files go"


# ---------------------------------------------------------------- where files may go


@pytest.mark.parametrize("command", ["select", "compare", "train-uslt", "pretrain"])
def test_an_output_that_cannot_be_is_told_before_anything_is_computed(folder, tmp_path, capsys, monkeypatch, command):
    def not_yet(*arguments, **more):
        raise AssertionError("computed first")

    monkeypatch.setattr("usl_core.images.scan.scan", not_yet)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    option = "--report" if command == "compare" else "--out"
    budget = [] if command == "pretrain" else ["-m", "3"]
    places = {"file": "file", "file/sub": "file", "dangling": "dangling", "": "empty", "/proc/nothing": "/proc"}
    for place, named in places.items():
        where = tmp_path / place if place and not place.startswith("/") else place
        if place == "/proc/nothing":
            monkeypatch.setattr(os, "access", lambda path, mode: False)
        if command == "pretrain":
            where = Path(where) / "mine.safetensors" if place else where
        assert run(command, folder, *budget, option, where) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert said.startswith(f"error: {option} ")
        assert command == "pretrain" or named in said


def test_a_disk_that_fills_up_is_one_line(folder, tmp_path, capsys, monkeypatch):
    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert run("select", "demo:digits", "-m", 3, "--method", "random", "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left" in said
    assert list((tmp_path / "out").iterdir()) == []


def test_an_output_may_have_any_name(folder, tmp_path, capsys):
    for name in ("caf\udce9 \n\x1b[31m", "öl 京", "-m"):
        out = tmp_path / name
        assert select(folder, out) == 0
        assert len(picked(out)) == 3
        assert run("select", "--from", out / "run.json") == 0
        report = ["-m", "3", "--methods", "random", "--map", "pca", "--encoder", "pixels:pca", "--report", out]
        assert run("compare", folder, *report) == 0
        assert (out / "report.html").is_file()


# ---------------------------------------------------------------- for spreadsheets


def test_both_tables_are_taken_back(tmp_path, capsys):
    folder = write_images(tmp_path / "photos", HOSTILE)
    out = tmp_path / "out"
    assert run("select", folder, "-m", 7, "--encoder", "pixels:pca", "--out", out, "--spreadsheet") == 0
    chosen = set(picked(out))
    content = (out / "picks-spreadsheet.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfrank,path_as_text,")
    text = content.decode("utf-8-sig")
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert row["path_as_text"].startswith("'") or row["path_as_text"] in HOSTILE[2:]
    (tmp_path / "unicode.txt").write_bytes(_resaved(text, "\t").encode("utf-16"))
    (tmp_path / "semicolons.csv").write_bytes(_resaved(text, ";").encode("utf-8-sig"))
    for listed in (out / "picks.csv", out / "picks-spreadsheet.csv", tmp_path / "unicode.txt", tmp_path / "semicolons.csv"):
        rest = tmp_path / "rest"
        assert run("select", folder, "-m", 3, "--encoder", "pixels:pca", "--labelled", listed, "--out", rest) == 0
        assert set(picked(rest)) == set(HOSTILE) - chosen, listed
    capsys.readouterr()
    assert run("select", folder, "-m", 4, "--encoder", "pixels:pca", "--labelled", out / "picks.csv") == 2


def _resaved(text: str, separator: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(csv.reader(io.StringIO(text, newline="")))
    return out.getvalue()


# ---------------------------------------------------------------- titles


def test_a_report_is_called_as_its_folder(folder, monkeypatch, capsys):
    settings = ["-m", "3", "--methods", "random", "--encoder", "pixels:pca", "--map", "pca"]
    (folder / "sub").mkdir()
    for here, given in ((folder, "."), (folder / "sub", ".."), (folder.parent, "photos/"), (folder.parent, "./photos/.")):
        monkeypatch.chdir(here)
        assert run("compare", given, *settings, "--report", folder.parent / "report") == 0
        page = (folder.parent / "report" / "report.html").read_text(encoding="utf-8")
        assert "<title>photos" in page


def test_titles():
    def of(folder: str, root: str) -> str:
        return title_of(folder, ImageSet(root=Path(root), paths=("a",), digests=("0",), fingerprint="f"))

    assert [of(given, "/x/real") for given in ("link", "a/link/", ".", "..", "a/..", "")] == ["link", "link", *4 * ["real"]]
    assert [of("/", "/"), of(".", "/"), of("photos.zip", "/x/photos.zip"), of("demo:digits", "/x/digits.zip")] == [
        *("/", "/", "photos.zip", "digits"),
    ]


# ---------------------------------------------------------------- trainings


def test_an_encoder_is_called_as_the_folder_that_one_stands_in(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run("pretrain", ".", "--epochs", 1, "--batch-size", 4) == 0
    assert "exported trained:photos," in capsys.readouterr().err


def test_what_was_learned_with_other_labels_is_not_read_back(tmp_path):
    from usl_core.pretrain.encoder import record_of
    from usl_core.pretrain.params import PretrainParams

    folder = write_images(tmp_path / "photos", ("a/0.png", "a/1.png", "b/2.png"))
    images = usl.scan(folder)
    others = (replace(images, labels=None), replace(images, labels=1 - images.labels))
    keys = {record_of(one, PretrainParams()).key for one in (images, *others)}
    assert len(keys) == 3
    assert record_of(images, PretrainParams()).key in keys
