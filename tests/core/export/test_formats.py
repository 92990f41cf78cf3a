"""Every format holds the picks exactly, whatever they are called, and an export that fails leaves nothing."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.export.files import load_run_record
from usl_core.export.formats import export_formats, export_picks
from usl_core.export.markdown import marked
from usl_core.export.picked import Guess
from usl_core.export.plain_names import encodable, folder_name, inside
from usl_core.images.lists import read_image_list
from usl_core.names import taken_back, unguarded
from usl_core.types import Features

from .export_helpers import HOSTILE, PLAIN, exported, made, picked_of


@pytest.fixture
def hostile(tmp_path: Path) -> Features:
    return made(tmp_path / "photos", HOSTILE)


@pytest.fixture
def plain(tmp_path: Path) -> Features:
    return made(tmp_path / "photos", PLAIN)


def backwards(features: Features) -> list[str]:
    return list(features.images.paths)[::-1]


# ---------------------------------------------------------------- the picks alone


def test_every_table_holds_every_path(hostile, tmp_path):
    out = exported(hostile, tmp_path / "out", "csv", "tsv", "json", "npy", "txt", "parquet")
    paths = backwards(hostile)
    text = (out / "picks.csv").read_bytes().decode("utf-8", "surrogateescape")
    assert [row["path"] for row in csv.DictReader(io.StringIO(text, newline=""))] == paths
    for name, separator in (("picks.tsv", "\t"), ("picks-spreadsheet.csv", ",")):
        text = (out / name).read_bytes().decode("utf-8-sig")
        cells = [row["path_as_text"] for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)]
        assert [unguarded(cell) for cell in cells] == [path.encode("utf-8", "backslashreplace").decode() for path in paths]
        assert not [cell for cell in cells if cell.startswith(("=", "-", "+", "@"))]
    assert [pick["path"] for pick in json.loads((out / "picks.json").read_text())["picks"]] == paths
    assert np.load(out / "picks.npy").tolist() == list(range(len(paths)))[::-1]
    from pyarrow import parquet

    table = parquet.read_table(out / "picks.parquet")
    assert table["path"].to_pylist() == [encodable(path) for path in paths]
    assert json.loads(table.schema.metadata[b"run.json"]) == json.loads((out / "run.json").read_text())


@pytest.mark.parametrize("name", ["picks.csv", "picks.tsv", "picks-spreadsheet.csv", "picks.txt"])
def test_labelled_takes_every_list_back(hostile, tmp_path, name):
    out = exported(hostile, tmp_path / "out", "csv", "tsv", "txt", rows=[1, 3, 6])
    assert set(read_image_list(out / name, hostile.images, "--labelled", []).rows) == {1, 3, 6}


def test_a_guess_and_a_note_are_said(plain, tmp_path):
    guesses = {0: Guess(label="cow", score=0.25, origin="my model")}
    out = exported(plain, tmp_path / "out", "json", "markdown", rows=[0, 1], guesses=guesses, notes={1: "blurred | <b>"})
    first, second = json.loads((out / "picks.json").read_text())["picks"]
    assert first["guess"] == {"label": "cow", "score": 0.25, "origin": "my model"}
    assert (second["note"], "guess" in second) == ("blurred | <b>", False)
    assert "blurred \\| &lt;b&gt;" in (out / "picks.md").read_text()


@pytest.mark.parametrize("wrong", [{"label": " "}, {"label": "x", "score": 1.5}, {"label": "x", "score": float("nan")}])
def test_a_guess_is_checked(wrong):
    with pytest.raises(UslError, match=r"of a guess must"):
        Guess(**wrong)


# ---------------------------------------------------------------- files


def test_the_archive_says_which_file_is_which(hostile, tmp_path):
    out = exported(hostile, tmp_path / "out", "zip")
    with zipfile.ZipFile(out / "images.zip") as archive:
        assert archive.testzip() is None
        text = archive.read("manifest.csv").decode("utf-8", "surrogateescape")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["path"] for row in rows] == backwards(hostile)
        for row in rows:
            assert archive.read(row["file"]) == (hostile.images.root / row["path"]).read_bytes()
            assert "\\" not in row["file"]
        assert json.loads(archive.read("run.json")) == json.loads((out / "run.json").read_text())
        archive.extractall(tmp_path / "unpacked")
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "out", "unpacked"}


def test_each_class_is_a_folder(hostile, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    names = ("..", "../../evil", "a/b", "a_b", "A_B", "CON.", "", "x" * 300)
    guesses = {row: Guess(label=label or "empty") for row, label in enumerate(names)}
    out = exported(hostile, tmp_path / "out", "tree", guesses=guesses)
    read = torchvision.datasets.ImageFolder(out / "labelled")
    assert len(read) == len(read.classes) == len(names)
    assert len({name.casefold() for name in read.classes}) == len(names)
    text = (out / "labelled.csv").read_bytes().decode("utf-8", "surrogateescape")
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert (out / "labelled" / row["file"]).read_bytes() == (hostile.images.root / row["path"]).read_bytes()
    assert {path.name for path in out.iterdir()} == {"labelled", "labelled.csv", "labelled-spreadsheet.csv", "run.json"}


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=6))
def test_no_name_leads_out(names):
    taken: set[str] = set()
    for made_of in names:
        name = inside(made_of, taken)
        parts = name.split("/")
        assert name
        assert "\\" not in name
        assert not {"", ".", ".."} & set(parts)
        assert not name.startswith("/")
    assert len(taken) == len(names)
    folders: set[str] = set()
    for label in names:
        one = folder_name(label, folders)
        assert one not in ("", ".", "..")
        assert not set("/:\0\n") & set(one)
    assert len({one.casefold() for one in folders}) == len(names)


@pytest.mark.parametrize("name", ["C:/x.png", "C:\\x.png", "..\\..\\x.png", "//server/x.png", "a/../../x.png"])
def test_windows_stays_inside_too(name):
    from pathlib import PureWindowsPath

    found = PureWindowsPath(inside(name, set()))
    assert not found.drive
    assert not found.root
    assert ".." not in found.parts


# ---------------------------------------------------------------- Markdown


def test_markdown_has_no_mark_of_a_name(hostile, tmp_path):
    text = (exported(hostile, tmp_path / "out", "markdown") / "picks.md").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "\\[x\\]\\(javascript\\:alert\\(1\\)\\)" in text
    rows = [line for line in text.split("## Picks")[1].splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(HOSTILE)
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}


def test_a_mark_is_a_character():
    assert marked("a|b") == "a\\|b"
    assert marked("http://x www.y <b>") == "http\\://x www\\.y &lt;b&gt;"


# ---------------------------------------------------------------- all or nothing


def test_every_format_carries_the_run(plain, tmp_path):
    out = exported(plain, tmp_path / "out", *export_formats(), rows=[5, 0, 2])
    record = load_run_record(out / "run.json")
    assert (record.budget, record.n, record.method) == (3, len(PLAIN), "random")
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_what_fails_leaves_nothing(plain, tmp_path):
    out = exported(plain, tmp_path / "out", "csv", rows=[0])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (plain.images.root / plain.images.paths[1]).write_bytes(b"another")
    with pytest.raises(UslError, match="not the file that was scanned"):
        exported(plain, out, "csv", "zip", rows=[1])

    def stop(fraction: float, note: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        exported(plain, out, "csv", "zip", rows=[0], on_progress=stop)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UslError, match="cannot be written"):
        exported(plain, tmp_path / "file" / "sub", "csv")


def test_a_folder_that_is_there_is_not_replaced(plain, tmp_path):
    out = exported(plain, tmp_path / "out", "tree", rows=[0])
    with pytest.raises(UslError, match="labelled is there already"):
        exported(plain, out, "npy", "tree", rows=[1])
    assert not (out / "picks.npy").exists()
    (out / "picks.npy").mkdir()
    with pytest.raises(UslError, match=r"picks\.npy is there already"):
        exported(plain, out, "npy", "csv", rows=[1])
    assert not (out / "picks.csv").exists()


@pytest.mark.parametrize(
    ("formats", "more", "said"),
    [
        (["exe"], {}, "'exe' is no format; choose from csv, "),
        ([], {}, "no format is named"),
        (["csv"], {"guesses": {99: Guess(label="x")}}, "row of a guess or note"),
        (["csv"], {"notes": {-1: "x"}}, "row of a guess or note"),
        (["csv"], {"classes": ["cat", " "]}, "is empty"),
    ],
)
def test_what_is_wrong_is_said(plain, tmp_path, formats, more, said):
    with pytest.raises(UslError, match=said):
        exported(plain, tmp_path / "out", *formats, **more)
    assert not (tmp_path / "out").exists()


def test_labels_are_needed_where_they_are(tmp_path):
    flat = made(tmp_path / "photos", ("1.png", "2.png", "3.png", "4.png"))
    for name, said in (("tree", "label them first"), ("cvat", "--classes cat,dog"), ("label-studio", "--classes cat,dog")):
        with pytest.raises(UslError, match=said):
            exported(flat, tmp_path / "out", name)
    with pytest.raises(UslError, match="no folder of class subfolders"):
        exported(flat, tmp_path / "out", "index-csv")
    exported(flat, tmp_path / "out", "cvat", "label-studio", "coco", "torchvision", classes=["cat", "dog", "cat"])
    labels = json.loads((tmp_path / "out" / "cvat-labels.json").read_text())
    assert [label["name"] for label in labels] == ["cat", "dog"]


def test_picks_of_other_images_are_refused(plain, tmp_path):
    selection, graph = picked_of(plain)
    few = usl.load_demo("digits").features
    with pytest.raises(UslError):
        export_picks(selection, few, graph, tmp_path / "out")
    assert taken_back(encodable("caf\udce9")) == "caf\udce9"
