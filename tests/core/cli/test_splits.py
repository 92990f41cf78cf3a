"""--split on the command line, and what is said of that which was passed over."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cli.parser import main

COUNTS = {"train/cats": 12, "train/dogs": 10, "val/cats": 6, "val/dogs": 5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    (tmp_path / "pets" / "val" / "cats" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "pets" / "train" / "cats" / "@eaDir").mkdir()
    return tmp_path / "pets"


@pytest.fixture
def run(tmp_path: Path):
    def command(*arguments: object) -> int:
        try:
            return main([*map(str, arguments), "--cache-dir", str(tmp_path / "cache")])
        except SystemExit as stop:
            return int(stop.code or 0)

    return command


def test_select_of_one_split(folder, run, tmp_path, capsys):
    options = ("--budget", 4, "--encoder", "pixels:pca", "--split", "train")
    assert run("select", folder, *options, "--out", tmp_path / "a") == 0
    printed = capsys.readouterr()
    assert all(line.startswith("train/") for line in printed.out.splitlines())
    assert "broken.jpg" not in printed.err, "the problems of other splits are no problems here"
    assert "note: passed over 1 folder of thumbnails, trash or the system" in printed.err
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert (record["split"], record["n"], record["n_problems"]) == ("train", 22, 0)
    assert run("select", "--from", tmp_path / "a" / "run.json", "--out", tmp_path / "b") == 0
    assert capsys.readouterr().out == printed.out
    assert json.loads((tmp_path / "b" / "run.json").read_text()) == record


def test_a_record_fixes_the_split(folder, run, tmp_path, capsys):
    assert run("select", folder, "--budget", 4, "--encoder", "pixels:pca", "--split", "val", "--out", tmp_path / "a") == 0
    assert run("select", "--from", tmp_path / "a" / "run.json", "--split", "train") == 2
    assert "split cannot be changed" in capsys.readouterr().err


def test_encode_says_what_there_is(folder, run, capsys):
    assert run("encode", folder, "--encoder", "pixels:pca") == 0
    printed = capsys.readouterr().out
    assert "images       33" in printed
    assert "classes      2" in printed
    assert "splits       train, val" in printed
    assert run("encode", folder, "--encoder", "pixels:pca", "--split", "val") == 0
    assert "images       11" in capsys.readouterr().out


def test_compare_and_its_report_are_about_the_split(folder, run, tmp_path, capsys):
    options = ("--budget", 4, "--methods", "random", "--map", "pca", "--encoder", "pixels:pca", "--split", "val")
    assert run("compare", folder, *options, "--report", tmp_path / "report") == 0
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "pets, val" in page
    capsys.readouterr()


def test_train_uslt_of_one_split(folder, run, tmp_path):
    options = ("--budget", 3, "--encoder", "pixels:pca", "--epochs", 1, "--views", 0, "--split", "val", "--k", 5)
    assert run("train-uslt", folder, *options, "--out", tmp_path / "a") == 0
    picked = (tmp_path / "a" / "picks.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(picked) == 3
    assert all(",val/" in f",{line}" for line in picked)
    assert json.loads((tmp_path / "a" / "run.json").read_text())["split"] == "val"


@pytest.mark.parametrize("command", ["select", "compare", "encode", "train-uslt", "pretrain"])
def test_no_such_split_is_one_line(folder, run, capsys, command):
    budget = ("--budget", 3) if command in ("select", "compare", "train-uslt") else ()
    assert run(command, folder, *budget, "--split", "test") == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: there is no split 'test' in ")
    assert said.endswith("choose one of train, val")
    assert len(said.splitlines()) == 1


def test_demos_have_no_splits(run, capsys):
    assert run("select", "demo:digits", "--budget", 3, "--split", "train") == 2
    assert "there is no split 'train'" in capsys.readouterr().err


def test_the_library_takes_a_split_too(folder, tmp_path):
    images = usl.scan(folder, split="train", cache_dir=tmp_path / "cache")
    assert len(images) == 22
    assert images.class_names == ("cats", "dogs")
