"""Data sets by name on the command line: wherever a folder may stand, in records, lists and names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from usl_core.cli.parser import main
from usl_core.demos import torchvision_sets as sets
from usl_core.demos.torchvision_sets import datasets_dir

from ..demos.test_torchvision_sets import publish, web

__all__ = ["web"]  # a fixture

QUICK = ["--encoder", "pixels:pca", "--quiet"]


@pytest.fixture
def cifar(web, monkeypatch):
    publish(web, "cifar10", monkeypatch)
    return web


def test_the_data_sets_are_listed_with_their_facts(capsys, cifar):
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [card.source for card in sets.dataset_cards()]
    assert all("downloads" in line for line in lines)
    assert main(["encode", "torchvision:cifar10", *QUICK]) == 0
    capsys.readouterr()
    main(["datasets"])
    first, *others = capsys.readouterr().out.splitlines()
    assert "ready" in first
    assert not any("ready" in line for line in others)


def test_one_stands_in_place_of_a_folder_and_is_downloaded_once(capsys, cifar, tmp_path):
    out = tmp_path / "out"
    assert main(["select", "torchvision:CIFAR10", "--budget", "3", "--split", "train", "--out", str(out), *QUICK]) == 0
    picked = capsys.readouterr().out.split("\n")[:3]
    assert all(line.startswith("train/") for line in picked)
    record = json.loads((out / "run.json").read_text())
    assert record["folder"] == "torchvision:cifar10", "a name that others have it by"
    asked = len(cifar.asked)
    assert main(["select", "--from", str(out / "run.json"), "--quiet"]) == 0
    assert capsys.readouterr().out.split("\n")[:3] == picked
    assert main(["select", "torchvision:cifar10", "--budget", "3", "--labelled", str(out / "picks.csv"), *QUICK]) == 0
    assert not set(capsys.readouterr().out.split("\n")[:3]) & set(picked)
    assert len(cifar.asked) == asked


def test_a_report_is_entitled_by_it(capsys, cifar, tmp_path):
    report = tmp_path / "report"
    command = ["compare", "torchvision:cifar10", "--budget", "3", "--methods", "random,stratified", "--map", "pca"]
    assert main([*command, "--report", str(report), *QUICK]) == 0
    page = (report / "report.html").read_text()
    assert "CIFAR-10" in page
    assert str(datasets_dir()) not in page


def test_an_encoder_is_called_after_it(capsys, cifar):
    from usl_core.cli.pretrain import _name

    assert _name("torchvision:cifar10", None) == "cifar10"
    assert _name("torchvision:FashionMNIST", None) == "fashion-mnist"


@pytest.mark.parametrize(("name", "said"), [("mnist", "there is no data set"), ("eurosat", "put it into")])
def test_what_cannot_be_had_is_one_line(capsys, monkeypatch, web, name, said):
    publish(web, "eurosat", monkeypatch)
    web.files.clear()
    assert main(["encode", f"torchvision:{name}", *QUICK]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_facts_of_a_table_row_fit_on_a_line(capsys):
    main(["datasets"])
    assert np.max([len(line) for line in capsys.readouterr().out.splitlines()]) < 400
    assert not Path(datasets_dir()).exists(), "looking makes nothing"
