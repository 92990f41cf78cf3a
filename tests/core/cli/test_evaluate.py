"""`evaluate` on the command line: its tables are those of the library, labels may come from a file, mistakes come first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

import usl_core as usl
from usl_core.cli.parser import main

QUICK = ["--methods", "random,usl", "--budgets", "4,8", "--seeds", "3", "--learners", "1-nn", "--workers", "1", "-q"]
ENCODER = ["--encoder", "pixels:pca"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(36):
        place = tmp_path / "images" / f"class {number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        colour = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])[number % 3]
        picture = colour + rng.normal(0, 25, (16, 16, 3))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(place / f"{number:02d}.png")
    return tmp_path / "images"


def test_the_tables_are_those_of_the_library(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["evaluate", str(folder), *QUICK, *ENCODER, "--out", str(out)]) == 0
    said = capsys.readouterr()
    features = usl.encode(usl.scan(folder), "pixels:pca")
    frame = usl.evaluate(features, None, ("random", "usl"), (4, 8), range(3), ("1-nn",))
    kept = pandas.read_parquet(out / "evaluation.parquet")
    assert kept.drop(columns=["class_accuracy", "picks"]).equals(frame.drop(columns=["class_accuracy", "picks"]))
    assert [tuple(picks) for picks in kept.picks] == frame.picks.tolist()
    flat = pandas.read_csv(out / "evaluation.csv", dtype={"picks": str})
    assert [tuple(map(int, picks.split())) for picks in flat.picks] == frame.picks.tolist()
    np.testing.assert_allclose(flat.accuracy, frame.accuracy)
    differences = pandas.read_csv(out / "differences.csv")
    assert set(differences.method) == {"usl"}
    assert len(differences) == 2
    lines = said.out.splitlines()
    assert lines[0].split() == ["accuracy", "by", "1-nn", "(%)", "m", "=", "4", "m", "=", "8"]
    mean = 100 * frame[(frame.method == "usl") & (frame.budget == 8)].accuracy.mean()
    assert f"{mean:.1f}" in next(line for line in lines if line.startswith("usl"))
    told = json.loads((out / "evaluation.json").read_text())
    assert told["classes"] == ["class 0", "class 1", "class 2"]
    assert told["params"]["usl"]["n_neighbors"] == 20
    assert "evaluate" in (out / "evaluation.html").read_text(encoding="utf-8")

    assert main(["evaluate", str(folder), *QUICK, *ENCODER]) == 0
    assert "12 of 12 runs are known from before" in capsys.readouterr().err


def test_labels_from_a_file_make_the_data_set(folder, tmp_path, capsys):
    paths = usl.scan(folder).paths[:24]
    rows = "".join(f"{path},{path[6]}\n" for path in paths)
    (tmp_path / "labels.csv").write_text(f"path,label\n{rows}")
    out = tmp_path / "out"
    asked = ["evaluate", str(folder), *QUICK, *ENCODER, "--labels", str(tmp_path / "labels.csv"), "--out", str(out)]
    assert main(asked) == 0
    assert "the 24 images with a label take part" in capsys.readouterr().err
    kept = pandas.read_parquet(out / "evaluation.parquet")
    assert set(kept.n_tested) == {20, 16}
    assert all(row < 24 for picks in kept.picks for row in picks)


def test_other_images_may_be_held_out(folder, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["evaluate", str(folder), *QUICK, *ENCODER, "--held-out", str(folder), "--out", str(out)]
    assert main(asked) == 0
    assert set(pandas.read_parquet(out / "evaluation.parquet").n_tested) == {36}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--budgets", "4,x"], "--budgets must be whole numbers"),
        (["--budgets", ""], "--budgets must be whole numbers"),
        (["--budgets", "36"], r"budgets must be in [1, 35]"),
        (["--against", "k-center"], "--against must be one of --methods"),
        (["--methods", "random,best"], "methods must be among"),
        (["--learners", "svm"], "learners must be among"),
        (["--seeds", "0"], "--seeds"),
        (["--workers", "0"], "--workers"),
        (["--rename", "a=b"], "--rename is about the classes of --labels"),
    ],
)
def test_mistakes_are_named(folder, capsys, extra, said):
    assert main(["evaluate", str(folder), *QUICK, *ENCODER, *extra]) == 2
    assert said in capsys.readouterr().err


def test_without_classes_the_error_says_what_to_do(folder, capsys):
    assert main(["evaluate", str(folder / "class 0"), *QUICK, *ENCODER, "--budgets", "4"]) == 2
    assert "sort the images into class subfolders" in capsys.readouterr().err
