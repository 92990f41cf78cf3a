"""Labelling tools, other programs and the published code: what they read, checked against what they publish of it.

`test_tools` has the tools themselves read the same files.
"""

from __future__ import annotations

import ast
import csv
import json
import runpy
import shlex
import zipfile
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from usl_core.errors import UslError
from usl_core.export.labelling import LOCAL_FILES, cvat_words
from usl_core.export.picked import Guess
from usl_core.export.published import class_root
from usl_core.images.scan import scan
from usl_core.types import Features

from .export_helpers import HOSTILE, PLAIN, exported, made


@pytest.fixture
def hostile(tmp_path: Path) -> Features:
    return made(tmp_path / "photos", HOSTILE)


@pytest.fixture
def plain(tmp_path: Path) -> Features:
    return made(tmp_path / "photos", PLAIN)


# ---------------------------------------------------------------- Index, ImageID


def test_index_is_the_place_in_an_image_folder(plain, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    pandas = pytest.importorskip("pandas")
    (plain.images.root / "cat" / "broken.png").write_bytes(b"no image")
    (plain.images.root / "empty").mkdir()
    images = scan(plain.images.root)
    rows = [0, 3, 5]
    features = Features(values=plain.values, fingerprint="f", encoder="e", images=images)
    out = exported(features, tmp_path / "out", "index-csv", rows=rows)
    there = datasets.ImageFolder(images.root, allow_empty=True)
    chosen, rest = (pandas.read_csv(out / name) for name in ("picked_index.csv", "rest_index.csv"))
    for table, wanted in ((chosen, rows), (rest, sorted(set(range(len(images))) - set(rows)))):
        assert list(table.columns) == ["Index", "ImageID"]
        assert table["Index"].is_monotonic_increasing
        found = [Path(there.samples[index][0]).relative_to(images.root).as_posix() for index in table["Index"]]
        assert set(found) == {images.paths[row] for row in wanted}
        assert table["ImageID"].tolist() == ["/".join(path.split("/")[-2:]) for path in found]


def test_an_archive_is_counted_as_it_unpacks(plain, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in plain.images.paths:
            archive.write(plain.images.root / path, path)
    images = scan(tmp_path / "photos.zip")
    features = Features(values=plain.values, fingerprint="f", encoder="e", images=images)
    out = exported(features, tmp_path / "out", "index-csv", "torchvision", rows=[1, 7])
    there = datasets.ImageFolder(plain.images.root)
    with (out / "picked_index.csv").open(newline="", encoding="utf-8") as file:
        found = {
            Path(there.samples[int(row["Index"])][0]).relative_to(plain.images.root).as_posix() for row in csv.DictReader(file)
        }
    assert found == {images.paths[1], images.paths[7]}
    subset = runpy.run_path(str(out / "picks_torchvision.py"))["picked"]()  # the archive lies unpacked beside itself
    assert [Path(there.samples[index][0]).name for index in subset.indices] == [Path(images.paths[row]).name for row in (1, 7)]


def test_no_cell_is_a_formula(hostile, tmp_path):
    out = exported(hostile, tmp_path / "out", "index-csv", rows=[0, 1, 2])
    for name in ("picked_index.csv", "rest_index.csv"):
        with (out / name).open(newline="", encoding="utf-8") as file:
            assert not [row for row in csv.DictReader(file) if row["ImageID"].startswith(("=", "-", "+", "@", "\t"))]


def test_a_split_has_a_root_of_its_own(tmp_path):
    names = tuple(f"{split}/{kind}/{at}.png" for split in ("train", "val") for kind in ("cat", "dog") for at in range(3))
    made(tmp_path / "photos", names)
    assert class_root(scan(tmp_path / "photos", split="train")) == "train/"
    assert class_root(scan(tmp_path / "photos")) is None


# ---------------------------------------------------------------- Label Studio


def test_tasks_name_files_and_classes(hostile, tmp_path):
    guesses = {0: Guess(label='<b>"&\x00 class', score=0.5, origin="model 1")}
    out = exported(hostile, tmp_path / "out", "label-studio", guesses=guesses)
    tasks = json.loads((out / "label-studio-tasks.json").read_text())
    view = ElementTree.parse(out / "label-studio-config.xml").getroot()
    assert not (out / "label-studio-config.xml").read_text().startswith("<?xml"), "its parser refuses that"
    choices = [choice.get("value") for choice in view.iter("Choice")]
    assert len(set(choices)) == len(choices)
    for task, row in zip(tasks, range(len(HOSTILE))[::-1], strict=True):
        place = unquote_to_bytes(task["data"]["image"].removeprefix(LOCAL_FILES))
        assert (tmp_path / place.decode()).read_bytes() == (hostile.images.root / hostile.images.paths[row]).read_bytes()
        assert set(task) == ({"data", "predictions"} if row == 0 else {"data"})
    (prediction,) = tasks[-1]["predictions"]
    (result,) = prediction["result"]
    assert (prediction["score"], prediction["model_version"]) == (0.5, "model 1")
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "image", "choices")
    assert result["value"]["choices"][0] in choices
    line = (out / "label-studio.txt").read_text().splitlines()[-1]
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={tmp_path}" in shlex.split(line)


def test_images_may_be_served_elsewhere(plain, tmp_path):
    out = exported(plain, tmp_path / "out", "label-studio", rows=[0], url_prefix="https://example.org/my images/")
    (task,) = json.loads((out / "label-studio-tasks.json").read_text())
    assert task["data"]["image"] == f"https://example.org/my images/{plain.images.paths[0]}"
    assert not (out / "label-studio.txt").exists()


# ---------------------------------------------------------------- CVAT and COCO


def test_cvat_has_an_image_and_a_tag_per_pick(hostile, tmp_path):
    out = exported(hostile, tmp_path / "out", "cvat")
    names = {label["name"] for label in json.loads((out / "cvat-labels.json").read_text())}
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        root = ElementTree.fromstring(archive.read("annotations.xml"))
        assert {label.text for label in root.iter("name")} >= names
        for image, row in zip(root.iter("image"), range(len(HOSTILE))[::-1], strict=True):
            content = archive.read(f"images/{image.get('name')}")
            path = hostile.images.root / hostile.images.paths[row]
            assert content == path.read_bytes()
            assert (int(image.get("width")), int(image.get("height"))) == Image.open(path).size
            assert [tag.get("label") in names for tag in image.iter("tag")] == [True]


@pytest.mark.parametrize("title", ["photos", "-rf", "$(touch x); `id`", "a\nb", "'"])
def test_a_title_is_one_word_of_the_line(title):
    words = cvat_words(title)
    assert shlex.split(shlex.join(words)) == words
    assert not words[-1].startswith("-")
    assert "\n" not in words[-1]


def test_coco_counts_from_one(plain, tmp_path):
    guesses = {0: Guess(label="cow", score=0.75), 2: Guess(label="dog")}
    out = exported(plain, tmp_path / "out", "coco", rows=[2, 1, 0], guesses=guesses)
    document = json.loads((out / "coco.json").read_text())
    assert [image["file_name"] for image in document["images"]] == [plain.images.paths[row] for row in (2, 1, 0)]
    named = {category["id"]: category["name"] for category in document["categories"]}
    assert set(named) == set(range(1, len(named) + 1))
    assert [(box["image_id"], named[box["category_id"]], box.get("score")) for box in document["annotations"]] == [
        *((1, "dog", None), (3, "cow", 0.75)),
    ]
    assert document["info"]["run"] == json.loads((out / "run.json").read_text())


# ---------------------------------------------------------------- Python and Embedding Atlas


@pytest.mark.parametrize("name", ["picks_fiftyone.py", "picks_torchvision.py"])
def test_no_name_becomes_code(hostile, tmp_path, name):
    out = exported(hostile, tmp_path / "out", "fiftyone", "torchvision")
    tree = ast.parse((out / name).read_text(encoding="ascii"))
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.ClassDef, ast.If)
    assert all(isinstance(node, allowed) for node in tree.body[1:])
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    picks = [pick if isinstance(pick, str) else pick["path"] for pick in ast.literal_eval(values["PICKS"])]
    assert picks == list(hostile.images.paths)[::-1]
    assert ast.literal_eval(values["ROOT"].args[0]) == str(hostile.images.root)


def test_a_subset_holds_the_picks_in_order(tmp_path):
    pytest.importorskip("torchvision")
    for names in (HOSTILE, tuple(f"{at}.png" for at in range(5))):
        folder = tmp_path / str(len(names)) / "photos"
        features = made(folder, names)
        out = exported(features, tmp_path / str(len(names)) / "out", "torchvision", rows=[3, 0, 2])
        subset = runpy.run_path(str(out / "picks_torchvision.py"))["picked"]()
        for item, row in zip(subset, (3, 0, 2), strict=True):
            image = item[0] if isinstance(item, tuple) else item
            wanted = Image.open(folder / features.images.paths[row]).convert("RGB")
            assert np.array_equal(np.asarray(image), np.asarray(wanted))


def test_the_map_has_a_row_per_image(hostile, tmp_path):
    from pyarrow import parquet

    out = exported(hostile, tmp_path / "out", "embedding-atlas", rows=[4, 1])
    table = parquet.read_table(out / "atlas.parquet").to_pylist()
    assert [row["rank"] for row in table] == [2 if at == 1 else 1 if at == 4 else None for at in range(len(HOSTILE))]
    for at, row in enumerate(table):
        assert (row["row"], row["picked"]) == (at, at in (1, 4))
        assert row["neighbors"]["ids"][0] == at
        assert row["neighbors"]["distances"] == sorted(row["neighbors"]["distances"])
        assert len(row["neighbors"]["ids"]) == len(row["neighbors"]["distances"]) == 4
        assert np.isfinite([row["projection_x"], row["projection_y"]]).all()
        assert row["image"]["bytes"].startswith(b"\xff\xd8")


def test_a_picked_image_that_is_gone_is_told(plain, tmp_path):
    (plain.images.root / plain.images.paths[2]).unlink()
    exported(plain, tmp_path / "out", "embedding-atlas", rows=[0])
    for name in ("embedding-atlas", "coco", "cvat"):
        with pytest.raises(UslError, match=r"b10\.png|no longer there|cannot be read"):
            exported(plain, tmp_path / "out", name, rows=[2])
