"""Features that were made elsewhere on the command line: added, listed, used by every command, recorded and repeated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.cli.parser import main

N = 40


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for at in range(N):
        path = tmp_path / "photos" / "ab"[at % 2] / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(at).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    return tmp_path / "photos"


def table(path: Path, n: int = N, seed: int = 0) -> Path:
    rows = np.random.default_rng(seed).normal(size=(n, 3))
    lines = [f"{'ab'[at % 2]}/{at}.png,{','.join(map(repr, row.tolist()))}" for at, row in enumerate(rows)]
    path.write_text("path,x,y,z\n" + "\n".join(lines) + "\n")
    return path


def run(*arguments: str | Path | int) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_it_is_added_listed_and_encoded(folder, tmp_path, capsys):
    assert run("add-vectors", table(tmp_path / "mine.csv")) == 0
    assert capsys.readouterr().out == f"vectors:mine: 40 vectors of 3 numbers, matched by path, of {tmp_path / 'mine.csv'}\n"
    assert run("add-vectors", table(tmp_path / "mine.csv"), "--name", "two") == 0
    capsys.readouterr()
    assert run("encoders") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("vectors:two"))
    assert "3 dimensions" in line
    assert "ready" in line
    assert "yours: vectors from mine.csv" in line
    assert run("encode", folder, "--encoder", "vectors:two", "-q") == 0
    out = capsys.readouterr().out
    assert "images       40" in out
    assert "encoder      vectors:two" in out


def test_a_run_is_recorded_and_repeated(folder, tmp_path, capsys):
    run("add-vectors", table(tmp_path / "mine.csv", N - 3))
    out = tmp_path / "out"
    capsys.readouterr()
    assert run("select", folder, "--budget", 5, "--encoder", "vectors:mine", "--out", out, "-q") == 0
    first = capsys.readouterr().out
    record = json.loads((out / "run.json").read_text())
    assert (record["encoder"], record["n"], record["n_problems"]) == ("vectors:mine", N - 3, 3)
    assert "there is no vector for it in mine.csv" in (out / "problems.csv").read_text()
    assert run("select", "--from", out / "run.json", "-q") == 0
    assert capsys.readouterr().out == first
    run("add-vectors", table(tmp_path / "mine.csv", N - 3, seed=1))
    assert run("select", "--from", out / "run.json", "-q") == 2
    assert "the vectors of vectors:mine are others than those of the run" in capsys.readouterr().err


def test_an_image_without_a_vector_can_be_repeated_though_nothing_is_decoded(folder, tmp_path, capsys, monkeypatch):
    run("add-vectors", table(tmp_path / "mine.csv", N - 1))
    run("select", folder, "--budget", 5, "--encoder", "vectors:mine", "--out", tmp_path / "out", "-q")
    first = capsys.readouterr().out.splitlines()[-5:]
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "another cache"))
    assert run("select", folder.rename(tmp_path / "moved"), "--from", tmp_path / "out" / "run.json", "-q") == 0
    assert capsys.readouterr().out.splitlines() == first


def test_methods_are_compared(folder, tmp_path, capsys):
    run("add-vectors", table(tmp_path / "mine.csv"))
    assert run("compare", folder, "--budget", 4, "--methods", "random,usl", "--encoder", "vectors:mine", "-q") == 0
    assert "Coverage" in capsys.readouterr().out


def test_usl_t_trains_without_views_only(folder, tmp_path, capsys):
    run("add-vectors", table(tmp_path / "mine.csv"))
    train = ("train-uslt", folder, "--budget", 4, "--encoder", "vectors:mine", "--epochs", 1, "--k", 5, "-q")
    assert run(*train) == 2
    assert "could encode augmented views; train USL-T without any (n_views=0, --views 0)" in capsys.readouterr().err
    assert run(*train, "--views", 0, "--out", tmp_path / "out") == 0
    assert run(*train, "--mode", "finetune", "--export", "mine") == 2
    assert "vectors:mine cannot be trained" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.npy",), "cannot be read"),
        (("mine.csv", "--order", "plain"), "matched by the paths beside them"),
        (("mine.csv", "--name", "??"), "name must be"),
    ],
)
def test_a_mistake_is_one_line(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "mine.csv")
    assert run("add-vectors", *words) == 2
    assert said in capsys.readouterr().err


def test_an_encoder_that_was_not_added_says_how(folder, capsys):
    assert run("encode", folder, "--encoder", "vectors:none") == 2
    assert "there are no vectors 'vectors:none'; add their file first (add-vectors FILE)" in capsys.readouterr().err
