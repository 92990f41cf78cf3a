"""All files of an export in one archive."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import usl_core as usl
from usl_core.export.bundle import export_bundle
from usl_core.jobs.export_task import told, write_export


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


@pytest.fixture(scope="module")
def picks(digits):
    return usl.select(digits.features, 6, "usl", neighbors=digits.neighbors)


def test_it_holds_what_the_export_writes_and_leaves_nothing_else(digits, picks, tmp_path):
    loose, path = tmp_path / "loose", tmp_path / "new" / "all.zip"
    formats = ["csv", "txt", "tree"]
    usl.export_picks(picks, digits.features, digits.neighbors, loose, formats)
    names = export_bundle(path, picks, digits.features, digits.neighbors, formats)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == names
        assert {name: archive.read(name) for name in names} == {
            file.relative_to(loose).as_posix(): file.read_bytes() for file in loose.rglob("*") if file.is_file()
        }
    assert any(name.startswith("labelled/") for name in names)
    assert [file.name for file in path.parent.iterdir()] == ["all.zip"]


def test_where_one_format_fails_nothing_is_written(digits, picks, tmp_path):
    path = tmp_path / "all.zip"
    path.write_bytes(b"of before")
    with pytest.raises(usl.UslError, match="no format"):
        export_bundle(path, picks, digits.features, digits.neighbors, ["csv", "docx"])
    assert path.read_bytes() == b"of before"
    assert [file.name for file in tmp_path.iterdir()] == ["all.zip"]


def test_the_job_writes_what_a_review_says(digits, picks, tmp_path):
    row = int(picks.indices[2])
    plain = told(picks, {row: usl.Guess(label="vier", origin="review")}, {row: "blurred"})
    arguments = {"formats": ["json"], "classes": ["vier"], "record": {"run": 7}, "n_neighbors": 20, "out": str(tmp_path)}
    made = write_export("demo:digits", "bundled:mini", **plain, **arguments, on_progress=lambda fraction, note: None)
    with zipfile.ZipFile(made["file"]) as archive:
        text = archive.read("picks.json").decode()
    assert "blurred" in text
    assert "vier" in text
    assert '"run": 7' in text


def test_scores_that_are_not_known_survive_json(digits, tmp_path):
    drawn = usl.select(digits.features, 4, "random")
    assert np.isnan(drawn.scores).all()
    assert told(drawn, {}, {})["picked"]["scores"] == [None] * 4
