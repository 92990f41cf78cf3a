"""Data in every state: nothing open, unknown, not scanned, scanning, scanned, encoding, failed, encoded; and bad input."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from pages.ui.access import folders
from pages.ui.data import cache_size, pick
from pages.ui.data.inventory import PER_PAGE
from pages.ui.jobs.pool import pool
from usl_core.cache.store import Store
from usl_core.demos.bundled import demo_cards
from usl_core.encoders import registry as core_encoders
from usl_core.pipeline.prepared import find_images, prepare

from .conftest import name_of, write_images

HOSTILE = ["<img src=x onerror=alert(1)>.png", "![x](http_y).png", "line\nbreak.png", "**b** :red[x] $x$.png", "‮evil.png"]


def states(app) -> dict[str, str]:
    """What the buttons of the cards say, by key."""
    return {button.key: button.label for button in app.test.button if button.key}


def test_it_opens_on_the_demo(app):
    app.open("data").fine()
    assert app.heading == "What do I have?"
    for card in demo_cards():
        assert card.title in app.plain
    assert states(app)["open-digits"] == "Is open"
    assert states(app)["open-shapes"] == "Open"
    assert "Images 1,797" in app.text
    assert "Compare the methods on these images" in app.plain


def test_it_says_how_large_the_cache_is_without_counting_at_every_rerun(app, monkeypatch):
    counted, real = [], cache_size.look_through
    monkeypatch.setattr(cache_size, "look_through", lambda root: (counted.append(root), real(root))[1])
    monkeypatch.setenv("USL_CACHE_MAX_GB", "3")
    Store().save("features", "ab" * 16, {"a": np.zeros(1_234_000, np.uint8)})
    app.open("data").fine()
    assert "The cache of this server holds 1.2 MB, of at most 3 GB." in app.plain
    app.press("open-shapes").fine()
    monkeypatch.setenv("USL_CACHE_MAX_GB", "none")
    app.press("open-digits").fine()
    assert "holds 1.2 MB, without a limit." in app.plain
    assert len(counted) == 1


def test_a_limit_of_the_cache_that_is_none_is_told(app, monkeypatch):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "plenty")
    app.open("data")
    assert not app.test.exception
    assert "USL_CACHE_MAX_GB must be a number of gigabytes" in app.plain


def test_another_demo_is_one_click_away_and_goes_into_the_address(app):
    app.open("data", pin="5").press("open-shapes").fine()
    assert states(app)["open-shapes"] == "Is open"
    shapes = usl.load_demo("shapes")
    assert f"Images {len(shapes.images):,}" in app.text
    assert app.test.query_params["data"] == "shapes"
    assert "pin" not in app.test.query_params, "the pinned row is another image there"


@pytest.mark.parametrize("name", ["nothing", "folder-0123456789abcdef", "../../etc/passwd", "<script>", "x" * 190])
def test_an_unknown_data_set_says_so_and_leaves_a_way_on(app, name):
    app.open("data", data=name)
    assert not app.test.exception
    assert "knows no data set" in app.plain
    assert "<script>" not in app.text
    app.press("open-digits").fine()
    assert "Images 1,797" in app.text


def test_an_unknown_encoder_says_so(app):
    app.open("data", encoder="nonsense:net")
    assert not app.test.exception
    assert "there is no encoder 'nonsense:net'" in app.plain


def test_a_folder_is_scanned_encoded_and_ready(app, root):
    write_images(root / "album" / "cats", 12, seed=1)
    write_images(root / "album" / "dogs", 9, seed=2)
    (root / "album" / "dogs" / "broken.jpg").write_bytes(b"no picture")
    (root / "album" / "dogs" / "copy.png").write_bytes((root / "album" / "cats" / "000.png").read_bytes())
    app.open("data").fine()
    app.widget("text_input", pick._FIELD).set_value(str(root / "album")).run()
    app.press("use-folder")
    assert app.test.query_params["data"].startswith("folder-")
    assert str(root) not in str(app.test.query_params)
    app.until_done().fine()  # the scan
    assert "Images 22" in app.text
    assert "Problems 1" in app.text
    assert "Exact copies 1" in app.text
    assert "broken.jpg" in app.text
    assert "cats/000.png" in app.text
    (start,) = [key for key, label in states(app).items() if label.startswith("Encode with")]
    app.press(start)
    app.until_done().fine()
    assert "again" in app.keys("button")
    app.go("compare").fine()
    assert "22 images" in app.plain


def test_notes_are_shown_as_such_and_are_no_problems(app, root):
    write_images(root / "camera", 2)
    for at, largest in enumerate((4000, 1000)):  # 12 and 10 bits in files of 16
        picture = Image.fromarray(np.linspace(0, largest, 64).astype(np.uint16).reshape(8, 8))
        picture.save(root / "camera" / f"deep {at}.tif")
    app.open("data", data=name_of(root / "camera"))
    app.until_done().fine()
    assert "Images 4" in app.text
    assert "Problems 0" in app.text
    assert "Files that could not be used" not in app.text
    assert "Notes on files that are used: 2" in [expander.label for expander in app.test.expander]
    assert "deep 0.tif" in app.text
    assert "had to be guessed" in app.text
    assert "problems.csv" in app.text
    assert "problems-spreadsheet.csv" in app.text


def test_a_folder_that_is_empty_says_so_and_can_be_tried_again(app, root):
    (root / "empty").mkdir()
    app.open("data", data=name_of(root / "empty"))
    app.until_done()
    assert not app.test.exception
    assert "no usable image" in app.plain or "no image" in app.plain
    write_images(root / "empty", 3)
    (again,) = [key for key, label in states(app).items() if label == "Try again"]
    app.press(again)
    app.until_done().fine()
    assert "Images 3" in app.text


def test_a_folder_that_vanished_is_named(app, root):
    write_images(root / "album", 5)
    name = name_of(root / "album")
    find_images(str(root / "album"))
    shutil.rmtree(root / "album")
    app.open("data", data=name).fine()
    (start,) = [key for key, label in states(app).items() if label.startswith("Encode with")]
    app.press(start).until_done()
    assert "does not exist" in app.plain
    assert not app.test.exception


@pytest.mark.parametrize("typed", ["/etc", "../..", "~root/../..", "/nowhere/at/all", "\0", "", "x" * 5000])
def test_what_is_typed_and_refused_stays_to_be_mended(app, root, typed):
    app.open("data")
    app.widget("text_input", pick._FIELD).set_value(typed).run()
    assert not app.test.exception
    assert len(app.test.error) == 1
    assert app.widget("text_input", pick._FIELD).value == typed


def test_a_folder_that_does_not_exist_cannot_be_used(app, root):
    app.open("data")
    app.widget("text_input", pick._FIELD).set_value(str(root / "nothing")).run()
    app.press("use-folder")
    assert "does not exist" in app.plain
    assert app.test.query_params.get("data") is None


def test_the_browser_of_folders_goes_in_and_out_and_not_beyond(app, root):
    write_images(root / "album" / "deep", 2)
    app.open("data").fine()
    labels = states(app)
    assert labels["enter-0"] == "album"
    app.press("enter-0").fine()
    assert states(app)["enter-0"] == "deep"
    assert app.widget("text_input", pick._FIELD).value == str(root / "album")
    app.press("enter-0").fine()
    assert "2 image files right here" in app.plain
    app.press("trail-0").fine()
    assert states(app)["enter-0"] == "album"
    assert app.widget("button", "trail-0").disabled


def test_an_archive_is_used_by_one_click(app, root):
    (root / "pack.zip").write_bytes((usl.load_demo("digits").images.root).read_bytes())
    app.open("data").press("archive-0")
    app.until_done().fine()
    assert "Images 1,797" in app.text
    assert app.test.query_params["data"].startswith("folder-")


def test_hostile_names_never_act(app, root):
    folder = write_images(root / "<i>one![x](y)", len(HOSTILE), names=HOSTILE)
    (folder / "<b>broken.jpg").write_bytes(b"")
    prepare(str(folder))
    app.open("data", data=name_of(folder)).fine()
    for element in app.test.get("html"):
        assert "<img src=x" not in element.proto.body
        assert "<b>broken" not in element.proto.body
        assert "<i>one" not in element.proto.body
    for kind in ("markdown", "caption", "button", "info"):
        for element in getattr(app.test, kind):
            words = element.label if kind == "button" else element.value
            for markup in ("<i>", "![x](", "**b**", ":red[x]"):
                assert markup not in words, words
    assert "&lt;b&gt;broken.jpg" in app.text
    shown = app.gallery("Images of the data set")
    assert {item["row"] for item in shown} == set(range(len(HOSTILE)))
    assert all("\n" not in line for item in shown for line in item["lines"])


def test_the_mosaic_pages_and_filters(app, root):
    write_images(root / "album" / "cats", PER_PAGE + 5, seed=1)
    write_images(root / "album" / "dogs", 4, seed=2)
    find_images(str(root / "album"))
    app.open("data", data=name_of(root / "album")).fine()
    assert [item["row"] for item in app.gallery("Images of the data set")] == list(range(PER_PAGE))
    assert f"1 to {PER_PAGE} of {PER_PAGE + 9}" in app.text
    app.widget("selectbox", "mosaic-class").set_value(2).run()
    assert len(app.gallery("Images of the data set")) == 4


def test_problems_and_classes_have_tables(app, root):
    write_images(root / "album" / "<u>cats", 3, seed=1)
    write_images(root / "album" / "dogs", 4, seed=2)
    find_images(str(root / "album"))
    app.open("data", data=name_of(root / "album")).fine()
    assert "&lt;u&gt;cats" in app.text
    assert "<u>cats" not in app.text
    assert all(len(chart.proto.alt) > 30 for chart in app.test.get("plotly_chart"))


def test_without_classes_it_says_how_to_have_some(app, root):
    write_images(root / "album", 3)
    find_images(str(root / "album"))
    app.open("data", data=name_of(root / "album")).fine()
    assert "The classes are unknown" in app.text
    assert not app.test.get("plotly_chart")


def test_every_encoder_is_in_the_table_with_its_facts(app):
    app.open("data").fine()
    assert "encoder-pixels:pca" not in app.keys("button"), "it is folded"
    app.open("data", encoders="true").fine()
    for card in core_encoders.encoder_cards():
        assert card.name in app.plain
        assert card.training in app.plain
    app.press("encoder-torchvision:resnet18").fine()
    assert app.test.query_params["encoder"] == "torchvision:resnet18"
    assert any(label == "Encode with torchvision:resnet18" for label in states(app).values())
    app.press("encoder-pixels:pca").fine()
    assert app.test.query_params["encoder"] == "pixels:pca"
    app.press("encoder-bundled:mini").fine()
    assert "encoder" not in app.test.query_params, "what is the default stays out of the address"


def test_weights_that_cannot_be_had_are_a_sentence(app, monkeypatch):
    """The worker looks for them on this machine and finds neither file nor network."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    app.open("data", encoder="torchvision:mobilenet_v3_small").fine()
    (start,) = [key for key, label in states(app).items() if label.startswith("Encode with")]
    app.press(start).until_done()
    assert len(app.test.error) == 1
    assert "Traceback" not in app.text
    assert any(label == "Try again" for label in states(app).values())


def test_a_public_demo_neither_opens_folders_nor_encodes(app, root, monkeypatch):
    write_images(root / "album", 3)
    name = name_of(root / "album")
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    app.open("data", encoder="torchvision:resnet18").fine()
    assert "use-folder" not in app.keys("button")
    assert "does not encode" in app.text
    assert not any(label.startswith("Encode with") for label in states(app).values())
    app.test.text_input(key="data").set_value(name).run()
    assert "knows no data set" in app.plain
    assert pool().find(f"scan  {root / 'album'}") is None


def test_looking_for_changes_finds_a_new_image(app, root):
    write_images(root / "album", 6)
    prepare(str(root / "album"))
    app.open("data", data=name_of(root / "album")).fine()
    assert "Images 6" in app.text
    write_images(root / "album", 8, seed=3)
    app.press("again").until_done().fine()
    assert "Images 8" in app.text
    app.go("compare").fine()
    assert "8 images" in app.plain


def test_a_folder_whose_name_is_no_text_can_be_looked_into(app, root):
    odd = root / "caf\udce9 \udcff"
    try:
        write_images(odd / "inner ", 3)
    except OSError:
        pytest.skip("this file system keeps names as text")
    app.open("data").fine()
    labels = [button.label for button in app.test.button]
    at = next(number for number, label in enumerate(labels) if "caf" in label)
    app.test.button[at].click().run()
    app.fine()
    assert "1 subfolder," in app.plain
    next(button for button in app.test.button if button.label.startswith("inner")).click().run()
    app.fine()
    app.press("use-folder").fine()
    app.until_done().fine()
    assert "3 images" in app.plain or "Images 3" in app.plain
