"""Learning features on the page Data: folded, timed, trained, chosen; and bad input."""

from __future__ import annotations

import pytest

from pages.ui.access import folders
from pages.ui.state import Key
from usl_core.encoders.trained import trained_cards
from usl_core.pipeline.prepared import find_images

from .conftest import name_of, unescaped, write_images


@pytest.fixture
def album(root, tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))
    write_images(root / "album", 12)
    find_images(str(root / "album"))
    return name_of(root / "album")


def opened(app, name: str):
    """The section unfolded, and the time that it takes measured."""
    app.open("data", data=name, learn="true").fine()
    return app.until_done().fine()


def press(app, label: str) -> None:
    (button,) = [button for button in app.test.button if unescaped(button.label) == label]
    app.press(button.key)


def test_it_is_folded_and_makes_nothing_before_it_is_opened(app, album):
    app.open("data", data=album).fine()
    assert "Learn features from these images" in [expander.label for expander in app.test.expander]
    assert "lepochs" not in app.keys("number_input")


def test_from_the_estimate_to_an_encoder_that_encodes(app, album):
    opened(app, album)
    assert "12 images are few to learn from" in app.plain
    app.test.number_input(key="lepochs").set_value(2).run()
    assert "on this machine" in app.plain
    assert "for each of 2 epochs" in app.plain
    press(app, "Learn features")
    app.until_done().fine()
    assert [unescaped(said.value) for said in app.test.success] == ["trained:album is among the encoders above."]
    assert [card.name for card in trained_cards()] == ["trained:album"]
    assert trained_cards()[0].training == "SimCLR, 2 epochs on 12 images of album, without labels"
    assert [trace["name"] for at in (0, 1) for trace in app.figure(at)["data"]] == ["loss", "spread"]
    assert all(len(app.figure(at)["data"][0]["x"]) == 2 for at in (0, 1))
    press(app, "Choose it")
    assert app.test.query_params["encoder"] == "trained:album"
    press(app, "Encode with trained:album")
    app.until_done().fine()
    assert "128" in app.plain


def test_a_name_that_cannot_be_is_told(app, album):
    opened(app, album)
    app.test.text_input(key=Key.LEARN_NAME).set_value("../evil").run()
    assert "must be 1 to 40 letters" in app.plain
    assert "Learn features" not in [button.label for button in app.test.button]


def test_a_public_demo_does_not_learn(app, album, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    app.open("data").fine()
    assert "Learn features from these images" not in [expander.label for expander in app.test.expander]
