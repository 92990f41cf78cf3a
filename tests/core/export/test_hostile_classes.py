"""Classes with hostile names, known and predicted, stay text in every format; and every format comes with the run."""

from __future__ import annotations

import ast
import csv
import io
import json
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest
from pyarrow import parquet

from usl_core.errors import UslError
from usl_core.export.formats import export_formats
from usl_core.export.labelling import xml_text
from usl_core.export.picked import Guess
from usl_core.export.plain_names import encodable
from usl_core.names import unguarded
from usl_core.report.picked import write_picked_report

from .export_helpers import HOSTILE, PLAIN, exported, made

CLASSES = (
    *("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../evil", '"""+exit(1)+"""', "\u202egnp.exe\u2028", "]]><x/>"),
    *("| [x](javascript:alert(1)) |", "-rf $(touch pwned)", "@SUM(A1)", "caf\udce9"),
)
GUESSES = {
    row: Guess(label=name, score=None if row % 2 else 0.75, origin="=1+1<b>")
    for row, name in enumerate(CLASSES[: len(HOSTILE)])
}
LABELS = [guess.label for guess in GUESSES.values()][::-1]
KNOWN = [guess.label if guess.score is None else "" for guess in GUESSES.values()][::-1]
PREDICTED = ["" if guess.score is None else guess.label for guess in GUESSES.values()][::-1]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOLD_THE_RUN = {
    "json": lambda out: json.loads((out / "picks.json").read_text())["run"],
    "parquet": lambda out: json.loads(parquet.read_metadata(out / "picks.parquet").metadata[b"run.json"]),
    "zip": lambda out: json.loads(zipfile.ZipFile(out / "images.zip").read("run.json")),
    "cvat": lambda out: json.loads(zipfile.ZipFile(out / "cvat.zip").read("run.json")),
    "coco": lambda out: json.loads((out / "coco.json").read_text())["info"]["run"],
    "embedding-atlas": lambda out: json.loads(parquet.read_metadata(out / "atlas.parquet").metadata[b"run.json"]),
}
"""Formats whose one file may travel alone, and how the run is read from it."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile images under the hostile classes in every format, the report too."""
    root = tmp_path_factory.mktemp("hostile")
    features = made(root / "photos", HOSTILE)
    return exported(
        *(features, root / "out", *export_formats(), "html"),
        guesses=GUESSES,
        more={"html": write_picked_report},
        classes=CLASSES,
        notes={0: "</td><script>alert(1)</script>\u202e", 1: "=cmd|' /C calc'!A0", 2: "[x](javascript:alert(1)) `a` | b\n# c"},
    )


def cells(data: bytes, separator: str = ",", encoding: str = "utf-8") -> dict[str, list[str]]:
    """Columns by header."""
    header, *rows = csv.reader(io.StringIO(data.decode(encoding, "surrogateescape"), newline=""), delimiter=separator)
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def known_in(table: dict[str, list[str]]) -> list[str]:
    """Labels of the picks whose class is known; beside a prediction there may be what a folder says."""
    return [name for name, known in zip(table["label"], KNOWN, strict=True) if known]


def escaped(names: list[str]) -> list[str]:
    return [name.encode("utf-8", "backslashreplace").decode() for name in names]


@pytest.mark.parametrize("name", export_formats())
def test_every_format_comes_with_the_run(tmp_path, name):
    out = exported(made(tmp_path / "photos", PLAIN), tmp_path / "out", name, rows=[2, 0])
    run = json.loads((out / "run.json").read_text())
    assert run["budget"] == 2
    if name in HOLD_THE_RUN:
        assert HOLD_THE_RUN[name](out) == run


def test_tables_are_exact_and_those_for_spreadsheets_run_nothing(out):
    with zipfile.ZipFile(out / "images.zip") as archive:
        manifest, guarded = archive.read("manifest.csv"), archive.read("manifest-spreadsheet.csv")
    assert cells(manifest)["label"] == KNOWN
    for exact in ((out / "picks.csv").read_bytes(), manifest):
        assert cells(exact)["predicted"] == PREDICTED
        assert known_in(cells(exact)) == known_in({"label": KNOWN})
    tables = [
        *(cells((out / "picks-spreadsheet.csv").read_bytes(), encoding="utf-8-sig"), cells(guarded, encoding="utf-8-sig")),
        *(cells((out / "picks.tsv").read_bytes(), "\t", "utf-8-sig"),),
    ]
    for table in tables:
        assert list(map(unguarded, known_in(table))) == escaped(known_in({"label": KNOWN}))
        assert list(map(unguarded, table["predicted"])) == escaped(PREDICTED)
    tables.append(cells((out / "labelled-spreadsheet.csv").read_bytes(), encoding="utf-8-sig"))
    numbers = {"rank", "index", "seed", "cluster", "density", "score", "confidence"}
    for table in tables:
        texts = [cell for column, found in table.items() if column not in numbers for cell in found]
        assert not [text for text in texts if text.lstrip(' "\u200b\ufeff').startswith(FORMULA)]


def test_only_known_classes_are_filed_and_nothing_leads_out(out):
    table = cells((out / "labelled.csv").read_bytes())
    assert table["label"] == [name for name in KNOWN if name]
    filed = sorted(path.relative_to(out / "labelled").as_posix() for path in (out / "labelled").rglob("*") if path.is_file())
    assert filed == sorted(table["file"])
    for archive in ("images.zip", "cvat.zip"):
        with zipfile.ZipFile(out / archive) as held:
            for name in held.namelist():
                assert not PurePosixPath(name).is_absolute()
                assert not {"..", "."} & set(name.replace("\\", "/").split("/"))


def test_binary_tables_hold_the_classes(out):
    table = parquet.read_table(out / "picks.parquet")
    assert [name or "" for name in table["predicted"].to_pylist()] == list(map(encodable, PREDICTED))
    atlas = parquet.read_table(out / "atlas.parquet")
    assert atlas["label"].to_pylist() == list(map(encodable, LABELS[::-1]))
    assert set(atlas["label_origin"].to_pylist()) == {"=1+1<b>"}


def test_labelling_tools_see_texts(out):
    config = ElementTree.parse(out / "label-studio-config.xml").getroot()
    assert {element.tag for element in config.iter()} == {"View", "Image", "Choices", "Choice"}
    tasks = json.loads((out / "label-studio-tasks.json").read_text())
    told = [task["predictions"][0]["result"][0]["value"]["choices"][0] for task in tasks]
    assert told == list(map(xml_text, LABELS))
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        root = ElementTree.fromstring(archive.read("annotations.xml"))
    assert [tag.get("label") for tag in root.iter("tag")] == list(map(xml_text, LABELS))
    assert "script" not in {element.tag for element in root.iter()}
    coco = json.loads((out / "coco.json").read_text())
    names = {kind["id"]: kind["name"] for kind in coco["categories"]}
    assert [names[box["category_id"]] for box in coco["annotations"]] == list(map(encodable, LABELS))


def test_code_and_markup_hold_them_as_texts(out):
    tree = ast.parse((out / "picks_fiftyone.py").read_text(encoding="ascii"))
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    assert [pick["label"] for pick in ast.literal_eval(values["PICKS"])] == LABELS
    for name in ("picks.md", "report.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "<script>alert(1)" not in text
        assert "\u202e" not in text


def test_no_link_stands_in_the_markdown(out):
    assert "](javascript:" not in (out / "picks.md").read_text(encoding="utf-8")


def test_predictions_alone_are_no_tree(tmp_path):
    features = made(tmp_path / "photos", ("1.png", "2.png", "3.png", "4.png"))
    guesses = {row: Guess(label="cat", score=0.9) for row in range(4)}
    with pytest.raises(UslError, match="label them first"):
        exported(features, tmp_path / "out", "tree", guesses=guesses)
