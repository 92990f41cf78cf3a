"""Data sets with train and val: the choice between them on Data, and what the whole app then is about."""

from __future__ import annotations

import os

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.ui import addresses
from pages.ui.access import sources
from pages.ui.server import pictures as served
from pages.ui.server import routes
from usl_core.errors import UslError
from usl_core.images.subsets import with_split
from usl_core.pipeline.prepared import find_images, known_images, prepare, prepared_fingerprint

from .conftest import name_of, write_images


@pytest.fixture
def album(root):
    for number, (split, kind, count) in enumerate(
        (("train", "cats", 8), ("train", "dogs", 7), ("val", "cats", 5), ("val", "dogs", 4))
    ):
        write_images(root / "album" / split / kind, count, seed=number)
    write_images(root / "album" / "train" / "cats" / "@eaDir", 1)
    find_images(str(root / "album"))
    return root / "album"


def test_classes_and_splits_are_told_apart(app, album):
    app.open("data", data=name_of(album)).fine()
    assert "Images 24" in app.text
    assert "Classes 2" in app.text
    box = app.widget("selectbox", "choose-split")
    assert (box.label, box.options, box.value) == ("Split", ["All splits", "train", "val"], "")


def test_what_was_passed_over_is_said(app, album):
    app.open("data", data=name_of(album)).fine()
    assert "Passed over: 1 folder of thumbnails, trash or the system." in app.plain


def test_a_split_is_chosen_and_goes_into_the_address(app, album):
    app.open("data", data=name_of(album), pin="3").fine()
    app.widget("selectbox", "choose-split").set_value("val").run()
    app.fine()
    assert app.test.query_params["split"] == "val"
    assert "pin" not in app.test.query_params, "rows are numbered within a split"
    assert "Images 9" in app.text
    assert "Classes 2" in app.text
    assert len(app.gallery("Images of the data set")) == 9
    app.widget("selectbox", "choose-split").set_value("").run()
    app.fine()
    assert "split" not in app.test.query_params
    assert "Images 24" in app.text


def test_a_link_to_a_split_opens_it_everywhere(app, album):
    prepare(with_split(str(album), "train"), "pixels:pca")
    link = {"data": name_of(album), "split": "train", "encoder": "pixels:pca", "m": "4"}
    app.open("data", **link).fine()
    assert "Images 15" in app.text
    assert app.widget("selectbox", "choose-split").value == "train"
    app.open("compare", **link).fine()
    assert "album, train" in app.plain
    assert "15 images" in app.plain
    assert "--split train" in app.plain


def test_another_data_set_forgets_the_split(app, album):
    app.open("data", data=name_of(album), split="val", choose="true").fine()
    app.press("open-digits").fine()
    assert "split" not in app.test.query_params
    assert "Images 1,797" in app.text


def test_a_split_that_is_not_there_says_so(app, album):
    app.open("data", data=name_of(album), split="test")
    assert not app.test.exception
    assert "there is no split 'test'" in app.plain
    assert "choose one of train, val" in app.plain
    app.widget("selectbox", "choose-split").set_value("train").run()
    assert "Images 15" in app.text


@pytest.mark.parametrize("split", ["../x", "<script>", "x::train", "train/..", "cats"])
def test_what_is_no_name_of_a_split_is_refused(app, album, split):
    app.open("data", data=name_of(album), split=split)
    assert not app.test.exception
    assert "knows no data set" in app.plain
    assert "<script>" not in app.text


def test_data_sets_without_splits_offer_none(app, root):
    write_images(root / "plain" / "cats", 3)
    write_images(root / "plain" / "dogs", 3, seed=1)
    find_images(str(root / "plain"))
    app.open("data", data=name_of(root / "plain")).fine()
    assert "choose-split" not in app.keys("selectbox")


def test_splits_of_which_one_has_no_classes(app, root):
    write_images(root / "half" / "train" / "cats", 3)
    write_images(root / "half" / "train" / "dogs", 4, seed=1)
    write_images(root / "half" / "test", 5, seed=2)
    find_images(str(root / "half"))
    app.open("data", data=name_of(root / "half")).fine()
    assert "Classes unknown" in app.text
    assert "choose a split that has class subfolders" in app.plain
    app.widget("selectbox", "choose-split").set_value("train").run()
    app.fine()
    assert "Classes 2" in app.text


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes and devices")
def test_a_picture_that_became_a_pipe_or_a_device_is_answered(root):
    folder = write_images(root / "odd", 3)
    images = find_images(str(folder))
    for at, replace in enumerate((os.mkfifo, lambda path: path.symlink_to("/dev/zero"))):
        (folder / f"{at:03d}.png").unlink()
        replace(folder / f"{at:03d}.png")
    client = TestClient(Starlette(routes=list(routes.ROUTES)), base_url="http://127.0.0.1")
    answers = [client.get("/" + addresses.image_url(name_of(folder), digest)).status_code for digest in images.digests]
    assert answers == [404, 404, 200]


def test_names_with_a_split(album):
    name = name_of(album)
    assert sources.source_of(f"{name}~val") == f"{album}::val"
    assert sources.whole_of(f"{name}~val") == sources.whole_of(name) == name
    assert sources.title_of(f"{name}~val") == "album, val"
    for bad in (f"{name}~", f"{name}~a~b", f"{name}~nonsense", "digits~train"):
        with pytest.raises(UslError, match="knows no data set"):
            sources.source_of(bad)


def test_pictures_of_a_split_are_served(album):
    made = prepare(with_split(str(album), "val"), "pixels:pca")
    name, key = f"{name_of(album)}~val", made.features.fingerprint
    assert prepared_fingerprint(with_split(str(album), "val"), "pixels:pca") == key
    assert prepared_fingerprint(with_split(str(album), "train"), "pixels:pca") is None
    assert served.image_of(name, made.images.digests[0], "small").startswith(b"\xff\xd8")
    assert served.words_of_row(name, key, 8, "pixels:pca") == {"file": "val/dogs/003.png", "class": "dogs"}
    with pytest.raises(LookupError):
        served.words_of_row(name, key, 9, "pixels:pca")


def test_what_is_known_of_a_split(album):
    assert find_images(with_split(str(album), "val")).paths == known_images(with_split(str(album), "val")).paths
    assert len(known_images(str(album))) == 24, "finding one split keeps the others"
