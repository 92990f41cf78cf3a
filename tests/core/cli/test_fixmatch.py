"""`fixmatch` on the command line: from picks to predictions, gone on with after an interruption, and what it refuses."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.cli.parser import main

TINY = ["--epochs", "2", "--batch-size", "4", "--ratio", "2", "--depth", "10", "--width", "1", "--device", "cpu", "-q"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    wave = 60 * np.sign(np.sin(np.arange(32) * math.pi / 4))
    for number in range(16):
        lying = number % 2
        place = tmp_path / "images" / ("standing", "lying")[lying]
        place.mkdir(parents=True, exist_ok=True)
        stripes = np.broadcast_to(wave[:, None] if lying else wave, (32, 32))[..., None]
        picture = 128 + stripes + rng.normal(0, 20, (32, 32, 3))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(place / f"{number:02d}.png")
    return tmp_path / "images"


@pytest.fixture
def picks(tmp_path: Path) -> Path:
    file = tmp_path / "picks.csv"
    file.write_text("path\nlying/01.png\nlying/03.png\nstanding/00.png\nstanding/02.png\n")
    return file


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_from_picks_to_predictions(folder, picks, tmp_path, capsys):
    asked = ["fixmatch", str(folder), "--labelled", str(picks), "--out", str(tmp_path / "out"), *TINY]
    assert main(asked) == 0
    said = capsys.readouterr()
    assert "of 12 images without a label" in said.err
    lines = said.out.splitlines()
    assert lines[0].split() == ["epoch", "labelled_loss", "unlabelled_loss", "used", "accuracy", "seconds"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]

    rows = _read(tmp_path / "out" / "predictions.csv")
    assert [row["path"] for row in rows] == sorted(f"{('standing', 'lying')[n % 2]}/{n:02d}.png" for n in range(16))
    assert {row["path"] for row in rows if row["had_label"] == "yes"} == set(picks.read_text().split()[1:])
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in rows)
    told = json.loads((tmp_path / "out" / "training.json").read_text())
    right = [row["predicted"] == row["path"].split("/")[0] for row in rows if row["had_label"] == "no"]
    assert told["accuracy"] == pytest.approx(np.mean(right))
    assert (told["n_labelled"], told["n_judged"], told["epochs"], told["params"]["depth"]) == (4, 12, 2, 10)
    history = _read(tmp_path / "out" / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert float(history[-1]["accuracy"]) == pytest.approx(told["accuracy"], abs=1e-5)

    assert main(asked) == 0
    assert "read back" in capsys.readouterr().err
    assert _read(tmp_path / "out" / "predictions.csv") == rows


def test_labels_that_came_back_and_a_folder_held_out(folder, tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\nlying/01.png,flat\nstanding/00.png,standing\n")
    asked = ["fixmatch", str(folder), "--labels", str(labels), "--rename", "flat=lying", "--held-out", str(folder), *TINY]
    assert main(asked) == 0
    assert "of 14 held-out images" in capsys.readouterr().err
    assert main([*asked[:4], *asked[6:]]) == 2
    assert "have the class 'lying', which no label names; the labels know flat, standing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([], "which images have a label?"),
        (["--labels", "a.csv", "--labelled", "b.csv"], "not both"),
        (["--labelled", "PICKS", "--rename", "a=b"], "--rename is about the classes of --labels"),
        (["--labelled", "missing.csv"], "missing.csv"),
        (["--labelled", "PICKS", "--tau", "1"], "confidence_threshold must be below 1"),
        (["--labelled", "PICKS", "--seed", "-1"], "--seed"),
        (["--labelled", "ONE"], "all that are given are class 0"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(folder, picks, tmp_path, capsys, extra, said):
    one = tmp_path / "one.csv"
    one.write_text("path\nlying/01.png\n")
    named = {"PICKS": str(picks), "ONE": str(one)}
    assert main(["fixmatch", str(folder), *(named.get(word, word) for word in extra), *TINY]) == 2
    assert said in capsys.readouterr().err


def test_picks_without_class_folders_are_no_labels(folder, tmp_path, capsys):
    (tmp_path / "list.txt").write_text("lying/01.png\n")
    assert main(["fixmatch", str(folder / "lying"), "--labelled", str(tmp_path / "list.txt"), *TINY]) == 2
    assert "give a table path,label with --labels" in capsys.readouterr().err
