"""The torture folder: everything in it is loaded, or is one line of the report, or was passed over; and nothing ever fails."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tests import torture
from tests.torture import ALONE, LOADED, PASSED, PROBLEM, Case
from usl_core.cli.parser import main
from usl_core.export.files import picks_csv, write_picks_zip
from usl_core.features.encode import encode
from usl_core.graph.neighbors import find_neighbors
from usl_core.images.lists import read_image_list
from usl_core.images.scan import read_bytes, scan, thumbnail
from usl_core.selection.registry import select
from usl_core.types import Features, ImageSet

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Tortured:
    """The folder, what is in it, and what a scan finds."""

    folder: Path
    cases: list[Case]
    cache: Path
    images: ImageSet

    def of(self, *ends: str) -> list[Case]:
        return [case for case in self.cases if case.end in ends]


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Tortured:
    root = tmp_path_factory.mktemp("torture")
    shared = ROOT.parent / "shared" / "cases" / "images"
    cases = torture.make(root / "folder", shared if shared.is_dir() else None)
    return Tortured(root / "folder", cases, root / "cache", scan(root / "folder", cache_dir=root / "cache"))


def test_it_has_what_it_should(tortured: Tortured) -> None:
    assert len(tortured.cases) >= 100
    assert len({case.name for case in tortured.cases}) == len(tortured.cases)
    assert Counter(case.end for case in tortured.cases)[PROBLEM] >= 30


def ends(images: ImageSet, cases: list[Case]) -> None:
    """Every case ended as it must, and nothing else is there."""
    causes = {problem.path: problem.cause for problem in images.problems}
    assert len(causes) == len(images.problems), "one line each"
    assert set(images.paths) == {case.path for case in cases if case.end == LOADED}
    assert set(causes) == {case.path for case in cases if case.end == PROBLEM}
    for case in cases:
        if case.end == PROBLEM:
            assert case.word in causes[case.path], case.path
            assert causes[case.path].isprintable(), case.path
            assert 10 < len(causes[case.path]) < 300, case.path


def test_everything_ends_as_it_must(tortured: Tortured) -> None:
    ends(tortured.images, tortured.cases)
    counted = " ".join(map(str, tortured.images.skipped))
    for case in tortured.of(PASSED):
        assert case.word in counted, case.path
    assert sum(line.count for line in tortured.images.skipped) == len(tortured.of(PASSED))
    assert scan(tortured.folder, cache_dir=tortured.cache).fingerprint == tortured.images.fingerprint


def test_with_closed_borders_only_the_links_that_lead_out_are_lost(tortured: Tortured) -> None:
    inside = scan(tortured.folder, within=[tortured.folder.resolve()], cache_dir=tortured.cache)
    assert set(tortured.images.paths) - set(inside.paths) <= {"link.png"}
    assert {problem.path for problem in inside.problems} - {problem.path for problem in tortured.images.problems} <= {
        "link.png"
    }


def test_the_same_files_in_an_archive_end_the_same(tortured: Tortured, tmp_path: Path) -> None:
    cases = [case for case in tortured.cases if case.is_file and "\\" not in case.name]  # in archives, these are slashes
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for case in cases:
            archive.writestr(zipfile.ZipInfo(case.name), (tortured.folder / case.name).read_bytes())
    ends(scan(tmp_path / "x.zip", cache_dir=tmp_path / "cache"), cases)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_same_files_in_a_list_end_the_same(tortured: Tortured, tmp_path: Path, form: str) -> None:
    cases = [case for case in tortured.cases if case.is_file]
    names = [str(tortured.folder.resolve() / case.name) for case in cases]
    if form == "parquet":
        parquet.write_table(pa.table({"path": names}), tmp_path / "x.parquet")
    else:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("path",), *((name,) for name in names)])
        (tmp_path / "x.csv").write_bytes(text.getvalue().encode())
    found = scan(tmp_path / f"x.{form}", cache_dir=tmp_path / "cache")
    start = f"{tortured.folder.resolve()}/"
    assert [path.removeprefix(start) for path in found.paths] != list(found.paths)
    assert {path.removeprefix(start) for path in found.paths} == {case.name for case in cases if case.end == LOADED}
    assert {problem.path.removeprefix(start) for problem in found.problems} == {
        case.name for case in cases if case.end == PROBLEM
    }


def test_every_image_can_be_shown(tortured: Tortured) -> None:
    for row in range(len(tortured.images)):
        picture = Image.open(io.BytesIO(thumbnail(tortured.images, row, 64)))
        assert picture.mode == "RGB"
        assert max(picture.size) <= 64


@pytest.fixture(scope="module", params=["pixels:pca", "bundled:mini"])
def features(request: pytest.FixtureRequest, tortured: Tortured) -> Features:
    return encode(tortured.images, request.param, cache_dir=tortured.cache)


def test_what_is_loaded_can_be_encoded(features: Features, tortured: Tortured) -> None:
    assert features.images.paths == tortured.images.paths
    assert features.images.problems == tortured.images.problems
    assert np.isfinite(features.values).all()


def test_picks_of_all_of_them_are_exported_and_found_again(features: Features, tortured: Tortured, tmp_path: Path) -> None:
    graph = find_neighbors(features, 5)
    picked = select(features, len(features), "random", seed=1)
    for spreadsheet in (False, True):
        path = tmp_path / f"picks-{spreadsheet}.csv"
        path.write_bytes(picks_csv(picked, features, graph, 5, spreadsheet=spreadsheet))
        found = read_image_list(path, features.images, "--labelled", [str(tortured.folder)])
        assert found.rows == tuple(range(len(features)))
    write_picks_zip(tmp_path / "picks.zip", features.images, picked.indices.tolist())
    with zipfile.ZipFile(tmp_path / "picks.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(features)
        names = [name.replace("\\", "/") for name in archive.namelist()]
        assert not any(name.startswith("/") or ".." in name.split("/") for name in names)
        for name, row in zip(archive.namelist(), picked.indices, strict=True):
            assert archive.read(name) == read_bytes(features.images, int(row))


def test_the_command_line_bears_it(tortured: Tortured, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    n = len(tortured.images)
    command = ["select", str(tortured.folder), "-m", str(n), "--method", "random", "--encoder", "pixels:pca", "--spreadsheet"]
    assert main([*command, "--out", str(tmp_path / "out"), "--cache-dir", str(tortured.cache)]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == n, "one line each, whatever it is called"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", printed.out), "nothing acts on the terminal"
    assert "Traceback" not in printed.err
    with (tmp_path / "out" / "problems.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows if row["kind"] == "problem"] == [problem.path for problem in tortured.images.problems]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(record["problems"]) == record["n_problems"] == len(tortured.of(PROBLEM))


def test_what_nobody_takes_for_an_image_is_left_alone(tortured: Tortured) -> None:
    said = {*tortured.images.paths, *(problem.path for problem in tortured.images.problems)}
    assert not said & {case.path for case in tortured.of(ALONE)}
