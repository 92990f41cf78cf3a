"""Which encoder is recommended for which images, and what a machine may say about that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.encoders.weights import NETWORKS, weights_dir
from usl_core.errors import UslError
from usl_core.features.recommended import recommended_encoder, recommended_for
from usl_core.images.looks import Looks, looks_of
from usl_core.pipeline.prepared import find_images, usual_encoder

MINI, LITE0, LITE0_160 = "bundled:mini", "efficientnet:lite0", "efficientnet:lite0-160"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USL_ENCODER")


def write(folder: Path, size: tuple[int, int], *, grey: bool = False, count: int = 20) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels[..., 0] if grey else pixels).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("size", "grey", "encoder"),
    [
        ((28, 28), True, MINI),
        ((64, 64), True, MINI),
        ((32, 32), False, LITE0_160),
        ((64, 20), False, LITE0_160),
        ((65, 20), False, LITE0),
        ((65, 65), True, LITE0),
        ((400, 300), False, LITE0),
    ],
)
def test_size_and_colour_decide(size: tuple[int, int], grey: bool, encoder: str, tmp_path: Path) -> None:
    images = usl.scan(write(tmp_path / "a", size, grey=grey), cache_dir=tmp_path)
    assert looks_of(images) == Looks(max(size), grey and max(size) <= 64)
    found = recommended_encoder(images)
    assert found.encoder == encoder
    assert found.why
    source = str(tmp_path / "a")
    assert usual_encoder(source, cache_dir=tmp_path).encoder == LITE0, "nobody has looked yet"
    find_images(source, cache_dir=tmp_path)
    assert usual_encoder(source, cache_dir=tmp_path) == found


def test_one_image_in_colour_or_of_size_counts(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", (8, 8), grey=True, count=3)
    Image.fromarray(np.full((8, 8, 3), (200, 10, 10), np.uint8)).save(folder / "z.png")
    assert looks_of(usl.scan(folder, cache_dir=tmp_path)) == Looks(8, False)
    Image.new("L", (100, 8)).save(folder / "zz.png")
    assert looks_of(usl.scan(folder, cache_dir=tmp_path)) == Looks(100, False)


def test_images_that_cannot_be_read_any_more_say_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", (8, 8), grey=True, count=3)
    images = usl.scan(folder, cache_dir=tmp_path)
    (folder / "0.png").unlink()
    assert looks_of(images) == Looks(8, True)
    for name in ("1.png", "2.png"):
        (folder / name).unlink()
    assert looks_of(images) is None
    assert recommended_encoder(images).encoder == LITE0


def test_better_weights_that_are_here_come_first_but_not_for_small_grey_images() -> None:
    weights_dir().mkdir(parents=True)
    (weights_dir() / NETWORKS["torchvision:resnet50"].file).touch()
    assert recommended_for(Looks(300, False)).encoder == "torchvision:resnet50"
    assert recommended_for(Looks(30, False)).encoder == "torchvision:resnet50"
    assert recommended_for(Looks(30, True)).encoder == MINI


def test_a_machine_may_have_an_encoder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USL_ENCODER", " pixels:pca ")
    assert usl.default_encoder() == "pixels:pca"
    for looks in (None, Looks(8, True), Looks(900, False)):
        assert recommended_for(looks).encoder == "pixels:pca"
    assert usual_encoder("demo:digits").encoder == MINI, "the features of a demo come with it"
    monkeypatch.setenv("USL_ENCODER", "pixels:pcb")
    with pytest.raises(UslError, match="USL_ENCODER names no encoder: there is no encoder 'pixels:pcb'; did you mean"):
        usl.default_encoder()
