"""The encoder that comes with the program: its card, its weights, and what it makes of images."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load

import usl_core as usl
from tools import build_mini
from tools.build_mini import main, split
from usl_core.encoders import bundled as encoder_bundled
from usl_core.encoders.bundled import ASSETS, bundled_card
from usl_core.encoders.registry import BUNDLED, encoder_cards, get_encoder
from usl_core.encoders.small import SMALL_NETWORKS, new_network, normalised, small_pixels
from usl_core.encoders.whitening import pool_stages
from usl_core.errors import UslError
from usl_core.images.scan import open_image
from usl_core.pretrain.knn_probe import knn_accuracy


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """A copy that may be spoilt."""
    folder = tmp_path / "encoders"
    shutil.copytree(ASSETS, folder)
    monkeypatch.setattr(encoder_bundled, "ASSETS", folder)
    bundled_card.cache_clear()
    yield folder
    bundled_card.cache_clear()


def test_the_card_tells_what_it_is():
    card = bundled_card()
    assert {"data", "recipe", "hours", "machine", "knn_accuracy", "licence", "command"} <= card.keys()
    assert "without labels" in card["data"]
    assert "CIFAR-10" in card["licence"]
    assert 0.5 < card["knn_accuracy"] < 1
    listed = next(card for card in encoder_cards() if card.name == BUNDLED)
    assert (listed.dim, listed.input_size, listed.cached) == (128, 32, True)
    assert listed.training.startswith(f"SimCLR, {card['recipe']['n_epochs']} epochs on 45,000 CIFAR-10 training images")


def test_the_weights_are_small_and_of_half_precision():
    content = (ASSETS / "mini.safetensors").read_bytes()
    assert len(content) <= 4e6
    assert {value.dtype for value in load(content).values() if value.dtype.kind == "f"} == {np.dtype(np.float16)}
    assert all(np.isfinite(value).all() for value in load(content).values())


def test_features_are_what_the_network_says(tmp_path):
    images = usl.load_demo("shapes").images
    features = usl.encode(images, BUNDLED, cache_dir=tmp_path)
    assert features.values.shape == (len(images), 128)
    assert np.linalg.norm(features.values, axis=1) == pytest.approx(1, abs=1e-5)
    network, stages = new_network("mini", 9).eval(), SMALL_NETWORKS["mini"].stages
    weights = {name: torch.tensor(value) for name, value in load((ASSETS / "mini.safetensors").read_bytes()).items()}
    mean, axes = weights.pop("mean").numpy(), weights.pop("axes").numpy()
    network.load_state_dict({name.removeprefix("network."): value.float() for name, value in weights.items()})
    rows = [0, 100, 2000]
    pixels = np.stack([small_pixels(open_image(images, row)) for row in rows])
    with torch.no_grad():
        x = normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
        raw = (pool_stages(network, stages, x).numpy() - mean.astype(np.float32)) @ axes.astype(np.float32)
    assert features.values[rows] == pytest.approx(raw / np.linalg.norm(raw, axis=1, keepdims=True), abs=2e-4)


def test_it_knows_more_of_coloured_shapes_than_a_random_network(tmp_path):
    images = usl.load_demo("shapes").images
    labels = np.asarray(images.labels, dtype=np.int64)
    asked = np.arange(len(images)) % 5 == 0
    worth = {}
    for weights in (None, "random"):
        values = usl.encode(images, BUNDLED, weights=weights, cache_dir=tmp_path).values
        worth[weights] = knn_accuracy(values[~asked], labels[~asked], values[asked], labels[asked], k=20)
    assert worth[None] > worth["random"]


def test_a_damaged_bundle_is_told(assets):
    weights, card = assets / "mini.safetensors", assets / "mini.json"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(UslError, match="is not the one that its card describes; install the program again"):
        get_encoder(BUNDLED).load("cpu", "float32", print)
    weights.unlink()
    with pytest.raises(UslError, match=r"mini\.safetensors cannot be read"):
        get_encoder(BUNDLED).load("cpu", "float32", print)
    for content in ("{", json.dumps({"format": 99}), "[]"):
        card.write_text(content)
        bundled_card.cache_clear()
        with pytest.raises(UslError, match=r"mini\.json of the bundled encoder is damaged"):
            get_encoder(BUNDLED)


def test_the_held_out_images_are_always_the_same_and_never_learned_from():
    learn, held_out = split(50_000)
    assert len(held_out) == 5000
    assert not set(learn.tolist()) & set(held_out.tolist())
    assert len(learn) + len(held_out) == 50_000
    assert np.array_equal(split(50_000)[1], held_out)
    assert held_out[:3].tolist() == sorted(held_out[:3].tolist())


@pytest.mark.parametrize("words", [[], ["--gpu"], ["--gpu", "--backbone", "resnet18-32"], ["--epochs", "7"]])
def test_the_card_names_the_command_that_was_given(words, monkeypatch):
    asked = []
    monkeypatch.setattr(build_mini, "build", lambda archive, params, *others: asked.append(params))
    assert main(["images.zip", *words]) == 0
    command = build_mini._command(asked[0]).split()
    assert command[:4] == ["python", "-m", "tools.build_mini", "cifar10-train.zip"]
    assert main(command[3:]) == 0
    assert asked[1] == asked[0]


def test_the_command_trains_judges_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    from PIL import Image

    for label in ("dark", "light"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for at in range(20):
            picture = rng.normal(60 if label == "dark" else 200, 20, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "images" / label / f"{at}.png")
    monkeypatch.setattr("tools.build_mini._demo_pixels", lambda: {"none": np.zeros((0, 32, 32, 3), np.uint8)})
    out = tmp_path / "out"
    assert main([str(tmp_path / "images"), "--epochs", "1", "--out", str(out)]) == 0
    card = json.loads((out / "mini.json").read_text())
    assert card["data"].startswith("36 CIFAR-10 training images")
    assert card["knn_protocol"].endswith("4 held-out images by the 36 others")
    assert (out / "mini.safetensors").stat().st_size < 4e6
    assert main([str(tmp_path / "nothing"), "--epochs", "1", "--out", str(out)]) == 1
