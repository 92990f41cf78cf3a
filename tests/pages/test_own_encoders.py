"""Vectors and weights of the visitor's own on the page Data: added once, chosen, and then an encoder like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pages.ui.data import own_encoders
from usl_core.encoders.own_vectors import add_vectors, own_vectors
from usl_core.pipeline.prepared import find_images, prepare

from .conftest import name_of, unescaped, write_images


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))


@pytest.fixture
def album(root) -> Path:
    folder = write_images(root / "album", 24)
    find_images(str(folder))
    return folder


def vectors(path: Path, n: int = 24) -> Path:
    np.save(path, np.random.default_rng(1).normal(size=(n, 6)))
    return path


def opened(app, album: Path):
    return app.open("data", data=name_of(album), own="true").fine()


def give(app, path: Path | str):
    app.widget("text_input", own_encoders._FILE).set_value(str(path)).run()
    return app


def test_it_is_folded_and_makes_nothing(app, album):
    app.open("data", data=name_of(album)).fine()
    assert own_encoders._FILE not in app.keys("text_input")


def test_vectors_are_added_chosen_and_encoded(app, album, root):
    vectors(root / "mine.npy")
    give(opened(app, album), root / "mine.npy").fine()
    app.press("start add-own").until_done().fine()
    assert [known.name for known in own_vectors()] == ["vectors:mine"]
    assert app.test.query_params["encoder"] == "vectors:mine"
    assert "vectors:mine is among the encoders: 24 vectors of 6 numbers, matched by natural order." in unescaped(
        app.test.success[0].value
    )
    assert "yours: vectors from mine.npy" in app.plain
    assert "sees no image" in app.plain
    assert "No image is opened for it" in app.plain
    app.press("start prepare").until_done().fine()
    assert "Compare the methods on these images" in app.plain
    app.go("compare").fine()
    app.go("uslt").fine()
    assert "there are no augmented views of the images" in app.plain


def test_another_encoder_may_be_chosen_afterwards(app, album, root):
    vectors(root / "mine.npy")
    give(opened(app, album), root / "mine.npy").press("start add-own").until_done().fine()
    app.open("data", data=name_of(album), own="true", encoders="true")
    app.press("encoder-pixels:pca").fine()
    assert app.test.query_params["encoder"] == "pixels:pca"
    app.run().fine()
    assert app.test.query_params["encoder"] == "pixels:pca"


def test_a_name_and_an_order(app, album, root):
    vectors(root / "mine.npy")
    opened(app, album)
    app.widget("text_input", own_encoders._NAME).set_value("other name").run()
    give(app, root / "mine.npy").widget("radio", own_encoders._ORDER).set_value("plain").run()
    app.press("start add-own").until_done().fine()
    assert [(known.name, known.matched) for known in own_vectors()] == [("vectors:other-name", "plain")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/passwd", "is not inside a folder that this server may open"),
        ("../secret.npy", "is not inside a folder that this server may open"),
        ("none.npy", "there is no file"),
        ("album", "there is no file"),
        ("x\0y.npy", "none of them NUL"),
    ],
)
def test_a_path_that_may_not_be_read_is_refused(app, album, path, said):
    give(opened(app, album), path)
    assert not app.test.exception
    assert said in app.plain
    assert "start add-own" not in app.keys("button")


def test_a_link_that_leads_out_is_refused(app, album, root, tmp_path):
    vectors(tmp_path / "secret.npy")
    (root / "link.npy").symlink_to(tmp_path / "secret.npy")
    give(opened(app, album), root / "link.npy")
    assert "is not inside a folder that this server may open" in app.plain


def test_a_file_that_will_not_do_says_why_and_can_be_tried_again(app, album, root):
    (root / "mine.csv").write_text("path,label\n000.png,1\n")
    give(opened(app, album), root / "mine.csv").press("start add-own").until_done()
    assert not app.test.exception
    assert "has no columns of numbers" in app.plain
    assert own_vectors() == []
    (root / "mine.csv").write_text("path,a,b\n" + "".join(f"{at:03}.png,{at},1\n" for at in range(24)))
    app.run().press("start add-own").until_done().fine()
    assert app.test.query_params["encoder"] == "vectors:mine"


def test_vectors_that_do_not_match_say_so_where_they_are_encoded(app, album, root):
    add_vectors(vectors(root / "mine.npy", 23))
    app.open("data", data=name_of(album), encoder="vectors:mine").fine()
    app.press("start prepare").until_done()
    assert not app.test.exception
    assert "has 23 vectors, but there are 24 images" in app.plain


def test_a_name_that_another_file_has_is_refused(app, album, root):
    (root / "sub").mkdir()
    add_vectors(vectors(root / "sub" / "mine.npy"))
    give(opened(app, album), vectors(root / "mine.npy"))
    assert "vectors:mine is made of another file on this server; give this one another name" in app.plain
    assert "start add-own" not in app.keys("button")


def test_weights_want_an_architecture(app, album, root):
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    torch.save(torchvision.models.resnet18().state_dict(), root / "net.pth")
    give(opened(app, album), root / "net.pth").fine()
    assert "start add-own" not in app.keys("button")
    app.widget("text_input", own_encoders._ARCHITECTURE).set_value("torchvision:resnet18").run()
    app.press("start add-own").until_done().fine()
    assert app.test.query_params["encoder"] == "file:net"


def test_a_closed_server_offers_nothing(app, monkeypatch):
    monkeypatch.setenv("USL_READ_ONLY", "1")
    app.open("data", own="true").fine()
    assert own_encoders._FILE not in app.keys("text_input")


def test_in_the_table_it_opens_no_image(app, album, root):
    add_vectors(vectors(root / "mine.npy"))
    prepare(str(album), "vectors:mine")
    app.open("data", data=name_of(album), encoders="true").fine()
    assert "6 dimensions  \nno image" in app.plain
    assert "encoder-vectors:mine" in app.keys("button")
    app.press("encoder-vectors:mine").fine()
    assert "Compare the methods on these images" in app.plain
