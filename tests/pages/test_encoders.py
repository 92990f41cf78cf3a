"""The page Data: which encoder is recommended, what it would take, and all others in a table with search."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages.ui.jobs import work
from usl_core.pipeline.prepared import find_images, prepare

from .conftest import App, name_of, write_images

MINI = "bundled:mini"


@pytest.fixture
def album(root: Path) -> str:
    """A folder of small pictures in colour that was scanned."""
    write_images(root / "album", 12)
    find_images(str(root / "album"))
    return name_of(root / "album")


def cost_of(app: App) -> App:
    """The page once it has measured, which it begins after it has stood still for a while."""
    time.sleep(work._STILL + 0.1)
    return app.run().until_done()


def test_the_next_step_says_which_encoder_why_and_how_long(app: App, album: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODER", "pixels:pca")
    app.open("data", data=album).fine()
    assert "Encoder **pixels:pca**" in app.plain
    assert "recommended" in app.plain
    assert "Recommended because whoever runs this machine has chosen it." in app.plain
    assert "measuring how long it would take for these 12 images" in app.plain
    cost_of(app).fine()
    assert "for these 12 images on this machine." in app.plain
    app.press("start prepare").until_done().fine()
    assert "encoded" in app.plain
    assert "Compare the methods on these images" in app.text
    assert "start prepare" not in app.keys("button")


def test_small_pictures_in_colour_are_seen_through_lite0(app: App, album: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USL_ENCODER")
    app.open("data", data=album).fine()
    assert "Encoder **efficientnet:lite0-160**" in app.plain
    assert "supervised on ImageNet-1k" in app.plain
    assert "Recommended because the images are small, and at 160 pixels it tells such apart best." in app.plain
    assert "encoder" not in app.test.query_params
    app.open("data", encoders="true").press(f"encoder-{MINI}").fine()
    assert app.test.query_params["encoder"] == MINI
    assert "Recommended because" not in app.plain
    app.press("encoder-efficientnet:lite0-160").fine()
    assert "encoder" not in app.test.query_params, "what is usual stays out of the address"


def test_an_encoder_that_learned_from_labels_is_said_so_on_every_page(
    app: App, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USL_ENCODER")
    write_images(root / "album", 12)
    prepare(str(root / "album"))
    for page in ("compare", "density", "diversity", "uslt", "data"):
        app.open(page, data=name_of(root / "album")).fine()
        assert "efficientnet:lite0-160, 1280 dimensions, supervised on ImageNet-1k" in app.plain, page


def test_words_find_what_timm_has(app: App, album: str) -> None:
    app.open("data", data=album, encoders="true").fine()
    shown = {key for key in app.keys("button") if key.startswith("encoder-")}
    assert {"encoder-pixels:pca", f"encoder-{MINI}", "encoder-ssl:vicreg"} <= shown
    app.widget("text_input", "encoder-search").set_value("ViT tiny augreg").run()
    found = {key for key in app.fine().keys("button") if key.startswith("encoder-")}
    assert found
    assert all("vit_tiny" in key and "augreg" in key for key in found)
    app.widget("text_input", "encoder-search").set_value("self-supervised vicreg").run()
    assert {key for key in app.fine().keys("button") if key.startswith("encoder-")} == {"encoder-ssl:vicreg"}
    app.widget("text_input", "encoder-search").set_value("<b>nothing</b> of the kind").run()
    assert "No encoder is named or described so" in app.fine().plain


def test_what_each_would_take_is_measured_when_asked(app: App, album: str) -> None:
    app.open("data", data=album, encoders="true").fine()
    app.widget("text_input", "encoder-search").set_value("pixels").run()
    app.press("start measure-all").until_done().fine()
    assert "images/s" in app.plain
    assert "about " in app.plain


def test_images_that_have_gone_cannot_be_measured(app: App, root: Path, album: str) -> None:
    for path in (root / "album").iterdir():
        path.unlink()
    app.open("data", data=album)
    cost_of(app)
    assert not app.test.exception
    assert "cannot be read" in app.plain or "no longer there" in app.plain


def test_a_choice_of_the_server_that_is_none_is_said(app: App, album: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODER", "nonsense:x")
    for page in ("data", "compare"):
        app.open(page, data=album)
        assert not app.test.exception
        assert "USL_ENCODER names no encoder" in app.plain


def test_grey_digits_stay_with_the_bundled_encoder(app: App, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USL_ENCODER")
    (root / "grey").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (28, 28), dtype=np.uint8)).save(root / "grey" / f"{number}.png")
    find_images(str(root / "grey"))
    app.open("data", data=name_of(root / "grey")).fine()
    assert f"Encoder **{MINI}**" in app.plain
    assert "tells small grey images apart best" in app.plain
