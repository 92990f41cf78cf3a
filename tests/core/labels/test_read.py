"""Labels come back in every form that people and tools give them; nothing of a file is lost without a word."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import usl_core as usl
from usl_core.labels.read import read_labels
from usl_core.labels.returned import ReturnedLabels
from usl_core.types import ImageSet

PATHS = ("a/cat 1.jpg", "a/dog.jpg", "b/dog.jpg", "b/Ünï.png", "c.png", "d.png", "=e.png")
"""Two files are called dog.jpg; c.png and d.png are the same, byte for byte."""


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    digests = ("00", "11", "22", "33", "44", "44", "55")
    return ImageSet(root=tmp_path / "photos", paths=PATHS, digests=digests, fingerprint="images")


@pytest.fixture
def read(tmp_path: Path, images: ImageSet) -> Callable[..., ReturnedLabels]:
    def reading(content: object, name: str = "labels.json") -> ReturnedLabels:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return read_labels(path, images)

    return reading


def found(labels: ReturnedLabels) -> dict[str, str]:
    return {PATHS[row]: name for row, name in labels.named()}


ALL = {"a/cat 1.jpg": "cat", "a/dog.jpg": "dog", "c.png": "cat"}
TABLES = {
    "commas": ("labels.csv", "path,label\na/cat 1.jpg,cat\na/dog.jpg,dog\nc.png, cat \n", "utf-8"),
    "byte order mark": ("labels.csv", "path,label\r\na/cat 1.jpg,cat\r\na/dog.jpg,dog\r\nc.png,cat\r\n", "utf-8-sig"),
    "utf-16": ("labels.csv", "path,label\na/cat 1.jpg,cat\na/dog.jpg,dog\nc.png,cat\n", "utf-16"),
    "tabs": ("labels.tsv", "File Name\tClass\na/cat 1.jpg\tcat\na/dog.jpg\tdog\nc.png\tcat\n", "utf-8"),
    "semicolons": ("labels.csv", "sep=;\nimage;category\na/cat 1.jpg;cat\na/dog.jpg;dog\nc.png;cat\n", "utf-8"),
    "windows": ("labels.csv", "Image Path,Target\na\\cat 1.jpg,cat\na\\dog.jpg,dog\nc.png,cat\n", "utf-8"),
    "other columns": ("labels.csv", "id,label,note,path\n1,cat,x,a/cat 1.jpg\n2,dog,,a/dog.jpg\n3,cat,,c.png\n", "utf-8"),
}


@pytest.mark.parametrize(("name", "text", "encoding"), TABLES.values(), ids=TABLES)
def test_a_table_in_any_dress(read, name, text, encoding):
    labels = read(text.encode(encoding), name)
    assert found(labels) == ALL
    assert labels.class_names == ("cat", "dog")
    assert labels.ids(len(PATHS)).tolist() == [0, 1, -1, -1, 0, -1, -1]
    assert not any(lines for _, lines in labels.report.lists())


def test_what_a_table_lacks_is_listed_by_line(read):
    rows = "path,label\na/dog.jpg,dog\nnowhere.png,cat\nb/dog.jpg,\n,cat\ndog.jpg,cat\na/dog.jpg,cat\nc.png,cat\nd.png,dog\n"
    labels = read(rows.encode(), "labels.csv")
    report = labels.report
    assert [(one.name, one.where) for one in report.unknown] == [("nowhere.png", "line 3"), ("dog.jpg", "line 6")]
    assert "any of 2 images" in report.unknown[1].why
    assert [(one.where, one.why) for one in report.unreadable] == [("line 5", "it has no path")]
    assert report.empty == ("b/dog.jpg",)
    assert [(one.paths, one.classes) for one in report.conflicts] == [
        (("a/dog.jpg",), (("dog", "line 2"), ("cat", "line 7"))),
    ]
    assert [one.paths for one in report.copies] == [("c.png", "d.png")]
    assert found(labels) == {"c.png": "cat", "d.png": "dog"}
    assert labels.undecided.tolist() == [1]
    assert labels.labelled.tolist() == [1, 4, 5]
    assert report.n_entries == 8
    said = [line for _, lines in report.lists() for line in lines]
    assert len(said) == 6


def _task(image: str, *choices: str, **more: object) -> dict[str, object]:
    result = [{"type": "choices", "from_name": "c", "to_name": "image", "value": {"choices": list(choices)}}] if choices else []
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": result, "was_cancelled": False}], **more}


def test_tasks_of_label_studio(read):
    cancelled = _task("/data/local-files/?d=photos/b/dog.jpg", "dog")
    cancelled["annotations"][0]["was_cancelled"] = True
    guessed = _task("c.png")
    guessed["predictions"] = [{"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}]
    shapes = {"data": {"img": "d.png"}, "completions": [{"result": [{"value": {"rectanglelabels": ["box"]}}]}]}
    labels = read(
        [
            _task("/data/upload/3/1a2b3c4d-cat_1.jpg", "cat"),  # it takes blanks out of names
            _task("https://example.org/photos/a/dog.jpg?X-Sig=1%2F2", "dog"),
            cancelled,
            _task("http://example.org/b/%C3%9Cn%C3%AF.png", "cat", file_upload="x"),
            guessed,
            shapes,
            "nonsense",
            {"data": {"text": "no image"}},
        ]
    )
    assert found(labels) == {"a/cat 1.jpg": "cat", "a/dog.jpg": "dog", "b/Ünï.png": "cat", "d.png": "box"}
    assert labels.report.empty == ("b/dog.jpg", "c.png")
    assert [one.where for one in labels.report.unreadable] == ["task 7", "task 8"]
    assert labels.kind == "tasks of Label Studio"


def test_two_people_may_disagree(read):
    task = _task("c.png", "cat")
    task["annotations"].append({"result": [{"value": {"choices": ["dog"]}}]})
    labels = read([task, _task("d.png", "cat", "dog"), _task("a/dog.jpg", "dog"), _task("a/dog.jpg", "dog")])
    assert [one.paths[0] for one in labels.report.conflicts] == ["c.png", "d.png"]
    assert found(labels) == {"a/dog.jpg": "dog"}


def test_the_short_form_of_label_studio(read):
    labels = read(
        [
            {"image": "/data/upload/1/0a1b2c3d-c.png", "id": 1, "animal": "cat", "annotator": 1, "lead_time": 2.5},
            {"image": "a/dog.jpg", "id": 2, "animal": {"choices": ["dog", "cat"]}, "created_at": "2026"},
            {"image": "b/dog.jpg", "id": 3, "annotator": 1},
        ]
    )
    assert found(labels) == {"c.png": "cat"}
    assert len(labels.report.conflicts) == 1
    assert labels.report.empty == ("b/dog.jpg",)
    with pytest.raises(usl.UslError, match="may stand under any of 'animal', 'mood'; call one of them label"):
        read([{"image": "c.png", "animal": "cat", "mood": "good"}])


def test_coco(read):
    labels = read(
        {
            "images": [
                {"id": 1, "file_name": "cat 1.jpg"},
                {"id": 2, "file_name": "a/dog.jpg"},
                {"id": 3, "file_name": "c.png"},
                {"id": 4},
            ],
            "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}, {"name": "bird"}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 7},
                {"id": 2, "image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]},
                {"id": 3, "image_id": 2, "category_id": 7},
                {"id": 4, "image_id": 2, "category_id": 8},
                {"id": 5, "image_id": 99, "category_id": 8},
                {"id": 6, "image_id": 1, "category_id": [8]},
            ],
        }
    )
    assert found(labels) == {"a/cat 1.jpg": "cat"}
    assert labels.report.conflicts[0].classes == (("cat", "image 2"), ("dog", "image 2"))
    assert labels.report.empty == ("c.png",)
    assert {one.where for one in labels.report.unreadable} == {"category 3", "annotation 5", "annotation 6", "image 4"}


def test_datumaro(read):
    labels = read(
        {
            "categories": {"label": {"labels": [{"name": "cat"}, {"name": "dog"}]}},
            "items": [
                {"id": "c", "annotations": [{"type": "label", "label_id": 1}], "image": {"path": "c.png"}},
                {"id": "a/dog.jpg", "annotations": [{"type": "bbox", "label_id": 0}, {"type": "label", "label_id": -1}]},
            ],
        }
    )
    assert found(labels) == {"c.png": "dog", "a/dog.jpg": "cat"}
    assert [one.where for one in labels.report.unreadable] == ["item 2"]


XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>cat</name></label></labels></task></meta>
<image id="0" name="cat 1.jpg" width="1" height="1"><tag label="cat" source="manual"></tag><box label="dog" xtl="0"/></image>
<image id="1" name="a/dog.jpg"><polygon label="dog" points="0,0"/></image>
<image id="2" name="b/dog.jpg"/>
<image id="3" name="c.png"><tag label="cat"/><tag label="dog"/></image>
<image id="4" name=""><tag label="cat"/></image>
<image id="5" name="d.png"><tag/></image>
</annotations>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_of_cvat(read, encoding):
    labels = read(XML.replace("utf-8", encoding).encode(encoding), "annotations.xml")
    assert found(labels) == {"a/cat 1.jpg": "cat", "a/dog.jpg": "dog"}
    assert labels.report.empty == ("b/dog.jpg", "d.png")
    assert labels.report.conflicts[0].paths == ("c.png",)
    assert [one.where for one in labels.report.unreadable] == ["line 7", "line 8"]


def test_an_export_may_stay_in_its_archive(images, tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../annotations.xml", XML)
        archive.writestr("images/c.png", b"")
    assert found(read_labels(path, images)) == {"a/cat 1.jpg": "cat", "a/dog.jpg": "dog"}
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(usl.UslError, match="no readable archive"):
        read_labels(path, images)


def test_class_subfolders_are_matched_by_content_and_by_name(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    photos, sorted_ = tmp_path / "photos", tmp_path / "sorted"
    photos.mkdir()
    pictures = [Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)) for _ in range(5)]
    for number, picture in enumerate(pictures):
        picture.save(photos / f"{number}.png")
    for kind, name, number in (("cat", "renamed.png", 0), ("dog", "1.png", 1), ("dog", "3.png", 2)):
        (sorted_ / kind).mkdir(parents=True, exist_ok=True)
        (sorted_ / kind / name).write_bytes((photos / f"{number}.png").read_bytes())
    pictures[4].rotate(90).save(sorted_ / "cat" / "4.png")
    images = usl.scan(photos)
    labels = read_labels(sorted_, images)
    assert {images.paths[row]: name for row, name in labels.named()} == {
        "0.png": "cat",
        "1.png": "dog",
        "2.png": "dog",  # by its content, though another image has its name
        "4.png": "cat",  # by its name
    }
    (tmp_path / "one").mkdir()
    (sorted_ / "cat").rename(tmp_path / "one" / "cat")
    only = read_labels(tmp_path / "one", images)
    assert only.class_names == ("cat",)


def test_plain_records_and_pairs(read):
    assert found(read([{"path": "c.png", "label": 3}, {"path": "d.png", "label": 3.0}])) == {"c.png": "3", "d.png": "3"}
    labels = read({"c.png": " a  cat ", "=e.png": "=1+1", "a/dog.jpg": None, "b/dog.jpg": ["x", "y"]})
    assert found(labels) == {"c.png": "a cat", "=e.png": "=1+1"}
    assert labels.report.empty == ("a/dog.jpg",)
    assert labels.report.conflicts[0].paths == ("b/dog.jpg",)


def test_an_exact_name_is_not_overruled_by_one_that_looks_like_it(read):
    labels = read({"c.png": "cat", "elsewhere/c.png": "dog"})
    assert found(labels) == {"c.png": "cat"}
    assert [one.name for one in labels.report.unknown] == ["elsewhere/c.png"]
    assert "named by another entry" in labels.report.unknown[0].why


def test_the_digest_is_of_the_content(read):
    first, second = read({"c.png": "cat"}), read({"c.png": "cat"}, "other.json")
    assert first.digest == second.digest != read({"c.png": "dog"}).digest
    assert first.digest


BAD = {
    "no json": (b'{"a":\n nonsense}', "labels.json", "line 2, column 2"),
    "cut off": (b'[{"data": {', "labels.json", "line 1"),
    "deep": (b"[" * 100_000, "labels.json", "no readable JSON"),
    "deep objects": (b'{"a":' * 100_000, "labels.json", "no readable JSON"),
    "digits": (b"[" + b"9" * 10_000 + b"]", "labels.json", "no readable JSON"),
    "no text": (b"\xff\xfe\x00\xd8[", "labels.json", "JSON"),
    "a number": (b"7", "labels.json", "this JSON is a int"),
    "empty list": (b"[]", "labels.json", "a list of 0"),
    "empty object": (b"{}", "labels.json", "nothing in it"),
    "nested object": (b'{"a": {"b": 1}}', "labels.json", "an object with a"),
    "categories": (b'{"images": [], "annotations": {}, "categories": []}', "labels.json", "annotations must be a list"),
    "datumaro": (b'{"items": [], "categories": []}', "labels.json", "categories.label.labels must be a list"),
    "no classes": (b"path\nc.png\n", "labels.csv", "no column of classes"),
    "no paths": (b"name,label\nc,cat\n", "labels.csv", "no column of paths"),
    "workbook": (b"PK\x03\x04 and so on", "labels.csv", "workbook"),
    "quotes": (b'path,label\nc.png,"' + b"x" * 200_000 + b"\n", "labels.csv", "line"),
    "not xml": (b"<annotations>\n<image>\n", "labels.xml", "from line 3 on"),
    "other xml": (b"<svg/>", "labels.xml", "but that is 'svg'"),
    "deep xml": (b"<annotations>" + b"<a>" * 1000, "labels.xml", "more than 100 deep"),
    "ending": (b"", "labels.doc", "by its ending, but that is '.doc'"),
    "unknown encoding": (b'<?xml version="1.0" encoding="martian"?><annotations/>', "labels.xml", "no readable XML"),
}


@pytest.mark.parametrize(("content", "name", "said"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_sentence_that_says_where(read, content, name, said):
    with pytest.raises(usl.UslError) as error:
        read(content, name)
    assert said in str(error.value)
    assert "labels." in str(error.value)


ENTITIES = {
    "expansion": '<!DOCTYPE a [<!ENTITY a "' + "x" * 100 + '"><!ENTITY b "&a;&a;">]><annotations>&b;</annotations>',
    "file": '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotations><image name="&a;"/></annotations>',
    "network": '<!DOCTYPE annotations SYSTEM "http://127.0.0.1:9/a.dtd"><annotations/>',
}


@pytest.mark.parametrize("text", ENTITIES.values(), ids=ENTITIES)
def test_entities_are_refused(read, text):
    with pytest.raises(usl.UslError, match="line 1: it has a document type"):
        read(text.encode(), "labels.xml")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "<script>.png", "=cmd|' /C calc'!A0", "a\0b", "x" * 10_000]
)
def test_hostile_names_are_listed_and_lead_nowhere(read, name):
    labels = read({name: "<b>=1+1</b>", "c.png": "<b>=1+1</b>"})
    assert found(labels) == {"c.png": "<b>=1+1</b>"}
    assert labels.report.unknown[0].name == name
    for _, lines in labels.report.lists():
        assert all(len(line) < 500 and line.isprintable() for line in lines)


def test_missing_and_strange_files_are_told(images, tmp_path):
    with pytest.raises(usl.UslError, match=r"cannot be read .*; give a table with columns path and label"):
        read_labels(tmp_path / "nowhere.json", images)


def test_ten_thousand_entries_of_one_name_are_no_trouble(tmp_path):
    paths = tuple(f"{number}/0.png" for number in range(5000))
    images = ImageSet(root=tmp_path, paths=paths, digests=tuple(map(str, range(5000))), fingerprint="many")
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({f"x{number}/0.png": "cat" for number in range(3000)}))
    labels = read_labels(path, images)
    assert len(labels) == 0
    assert len(labels.report.unknown) == 3000
