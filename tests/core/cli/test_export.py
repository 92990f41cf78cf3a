"""The command `export`: a recorded run again, or a clear refusal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.cli.parser import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """run.json of three picks of nine images in two classes, one labelled and one vetoed."""
    rng = np.random.default_rng(0)
    for at in range(9):
        path = tmp_path / "photos" / ("cat" if at < 5 else "dog") / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    (tmp_path / "labelled.txt").write_text("cat/0.png\n")
    (tmp_path / "vetoed.txt").write_text("dog/8.png\n")
    lists = ["--labelled", tmp_path / "labelled.txt", "--vetoed", tmp_path / "vetoed.txt"]
    words = [
        "select",
        tmp_path / "photos",
        "-m",
        3,
        "--k",
        3,
        "--encoder",
        "pixels:pca",
        *lists,
        "--out",
        tmp_path / "run",
        "-q",
    ]
    assert main(list(map(str, words))) == 0
    return tmp_path / "run" / "run.json"


def export(run: Path, *words: object) -> int:
    try:
        return main(["export", "--from", str(run), "--map", "pca", "-q", *map(str, words)])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_the_run_is_repeated(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert export(run, "--format", "npy, html,json,npy", "--out", out) == 0
    assert np.load(out / "picks.npy").tolist() == np.load(run.with_name("picks.npy")).tolist()
    assert {path.name for path in out.iterdir()} == {"picks.npy", "picks.json", "report.html", "run.json"}
    first, again = (json.loads(path.read_text()) for path in (run, out / "run.json"))
    assert again == first
    assert again["labelled"] == [0]
    assert again["vetoed"] == [8]
    assert main(["select", "--from", str(out / "run.json"), "-q"]) == 0
    assert "wrote picks.json, picks.npy, report.html, run.json to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "word"], "'word' is no format; choose from csv, "),
        (["--format", ","], "no format is named"),
        (["--format", "csv", "--out", ""], "--out must name a folder"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, capsys, words, said):
    assert export(run, "--out", tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1 + error.count("wrote picks")
    assert not (tmp_path / "out").exists()


def test_other_images_are_refused(run, tmp_path, capsys):
    (tmp_path / "photos" / "cat" / "1.png").unlink()
    assert export(run, "--format", "csv", "--out", tmp_path / "out") == 2
    assert "have changed since the run" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_moved_is_named(run, tmp_path, capsys):
    (tmp_path / "photos").rename(tmp_path / "album")
    assert export(run, "--format", "csv", "--out", tmp_path / "out") == 2
    assert "which is not there" in capsys.readouterr().err
    assert export(run, tmp_path / "album", "--format", "csv", "--out", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["folder"] == str(tmp_path / "album")


def test_classes_and_addresses_reach_the_tasks(run, tmp_path):
    more = ["--classes", "bird,dog", "--url-prefix", "https://example.org/"]
    assert export(run, "--format", "label-studio", "--out", tmp_path / "out", *more) == 0
    config = (tmp_path / "out" / "label-studio-config.xml").read_text()
    assert [config.index(f'"{name}"') for name in ("bird", "dog", "cat")] == sorted(
        config.index(f'"{name}"') for name in ("bird", "dog", "cat")
    )
    tasks = json.loads((tmp_path / "out" / "label-studio-tasks.json").read_text())
    assert all(task["data"]["image"].startswith("https://example.org/") for task in tasks)


def test_a_record_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "run.json").write_text('{"format": 2, "method"')
    assert export(tmp_path / "run.json", "--format", "csv", "--out", tmp_path / "out") == 2
    assert "is no readable run record" in capsys.readouterr().err
