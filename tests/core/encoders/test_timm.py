"""timm's networks: the table that stands for them, their preprocessing and features, and files that are no such weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from usl_core.encoders import timm as encoder_timm
from usl_core.encoders.registry import BETTER, card_of, default_encoder, encoder_cards, get_encoder
from usl_core.encoders.timm import CURATED, PREFIX, TimmEncoder, search, timm_facts
from usl_core.encoders.timm_table import COLUMNS, TimmFacts, timm_table
from usl_core.encoders.weights import weights_dir
from usl_core.errors import UslError

SMALL = "resnet10t.c3_in1k"
CLASSES = {SMALL: 1000, "vit_tiny_patch16_224.augreg_in21k_ft_in1k": 1000, "vit_xsmall_patch16_clip_224.tinyclip_yfcc15m": 512}


@pytest.fixture(autouse=True)
def _empty_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("USL_ENCODER")


def quiet(note: str) -> None:
    pass


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def publish(name: str, seed: int = 1, **settings: object) -> torch.nn.Module:
    """A network with random weights, its file where a user would put it by hand."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        network: torch.nn.Module = timm.create_model(name, pretrained=False, **settings).eval()  # type: ignore[arg-type]
    weights_dir().mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in network.state_dict().items()}, weights_dir() / f"timm-{name}.safetensors"
    )
    return network


def test_the_table_is_of_the_networks_that_timm_has() -> None:
    published = set(timm.list_pretrained())
    assert set(timm_table()) <= published
    assert len(timm_table()) > 1_700
    for name, facts in timm_table().items():
        theirs = timm.get_pretrained_cfg(name).to_dict()  # type: ignore[union-attr]
        assert (facts.hub, facts.mean, facts.std) == (theirs["hf_hub_id"], tuple(theirs["mean"]), tuple(theirs["std"])), name
        assert facts.resized_input or facts.side == theirs["input_size"][1], name
        assert facts.interpolation == theirs["interpolation"], name
        assert (facts.resize is None) == (theirs["crop_mode"] == "squash"), name
        assert facts.dim > 0 and facts.size_mb > 0, name  # noqa: PT018 - either says which


def test_a_row_reads_as_it_was_written() -> None:
    facts = TimmFacts(
        name="a.b",
        dim=3,
        side=5,
        resize=None,
        resized_input=True,
        interpolation="bilinear",
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.5, 0.5),
        projected=True,
        size_mb=0.5,
        licence="mit",
        hub="x/y",
        file="z.bin",
    )
    row = facts.row()
    assert len(row) == len(COLUMNS)
    from usl_core.encoders.timm_table import _facts

    assert _facts(row) == facts


@pytest.mark.parametrize("name", CURATED)
def test_a_curated_network_has_the_dimensions_of_its_card(name: str) -> None:
    facts = timm_facts(PREFIX + name)
    with torch.device("meta"):
        network = encoder_timm.new_timm(facts, None).eval()
        assert network(torch.empty(2, 3, facts.side, facts.side)).shape == (2, facts.dim)


def test_the_curated_stand_in_the_list_and_the_rest_is_found_by_words() -> None:
    listed = [card.name for card in encoder_cards()]
    assert [name for name in listed if name.startswith(PREFIX)] == [PREFIX + name for name in CURATED]
    assert set(BETTER) <= set(listed)
    assert card_of(PREFIX + SMALL).dim == 512
    found = [card.name for card in search("VIT small dinov2")]
    assert "timm:vit_small_patch14_dinov2.lvd142m" in found
    assert all("small" in name and "dinov2" in name for name in found)
    assert search("no such thing at all") == []
    assert len(search("", most=7)) == 7


@pytest.mark.parametrize("name", [*CLASSES, "timm:resnet50.a1_in1k", "efficientnet:lite0"])
def test_preprocessing_is_timms_own(name: str) -> None:
    """To the last grey level: antialiased resizing of Pillow, then the crop."""
    facts = timm_facts(f"timm:{name.removeprefix('timm:')}") if name in CLASSES or name.startswith("timm:") else None
    architecture = facts.name if facts else "tf_efficientnet_lite0.in1k"
    encoder = TimmEncoder(PREFIX + facts.name) if facts else get_encoder(name)
    theirs = resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(architecture).to_dict())  # type: ignore[union-attr]
    transform = create_transform(**theirs, is_training=False)
    for size in ((256, 256), (500, 375), (333, 500), (40, 31), (301, 1199)):
        image = picture(*size)
        pixels = torch.from_numpy(encoder.prepare(image).copy()).permute(2, 0, 1) / 255
        mean, std = (torch.tensor(theirs[key]).view(3, 1, 1) for key in ("mean", "std"))
        published = transform(image) * std + mean
        np.testing.assert_allclose(pixels.numpy(), published.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", CLASSES)
def test_features_come_before_the_classes_or_are_what_captions_share(name: str) -> None:
    whole = publish(name)
    encoder = get_encoder(PREFIX + name)
    pixels = np.stack([encoder.prepare(picture(250, 240, seed)) for seed in range(2)])
    values = encoder.load("cpu", "float32", quiet)(pixels)
    facts = timm_facts(PREFIX + name)
    assert values.shape == (2, facts.dim)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (facts.mean, facts.std))
    with torch.inference_mode():
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
        expected = whole(x) if CLASSES[name] == 512 else whole.forward_head(whole.forward_features(x), pre_logits=True)  # type: ignore[operator]
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_position_embeddings_of_another_side_are_resampled() -> None:
    name = "vit_small_patch14_dinov2.lvd142m"
    publish(name)
    encoder = get_encoder(PREFIX + name)
    assert encoder.prepare(picture(300, 400)).shape == (224, 224, 3)
    values = encoder.load("cpu", "float32", quiet)(encoder.prepare(picture(300, 400))[None])
    assert values.shape == (1, 384)
    assert np.isfinite(values).all()


def test_random_weights_are_the_same_each_time_and_draw_from_nobody() -> None:
    state = torch.get_rng_state()
    encoder = get_encoder(PREFIX + SMALL, "random")
    pixels = encoder.prepare(picture(200, 200))[None]
    first, second = (encoder.load("cpu", "float32", quiet)(pixels) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert encoder.identity("float32") != get_encoder(PREFIX + SMALL).identity("float32")


def test_a_network_that_is_here_is_the_default_if_it_is_better() -> None:
    assert default_encoder() == "efficientnet:lite0"
    publish("resnet10t.c3_in1k")
    assert default_encoder() == "efficientnet:lite0"
    weights_dir().joinpath("timm-vit_small_patch14_dinov2.lvd142m.safetensors").touch()
    assert default_encoder() == "timm:vit_small_patch14_dinov2.lvd142m"


@pytest.mark.parametrize("fault", ["noise", "empty", "other network", "code"])
def test_a_file_that_is_no_such_weights(fault: str, tmp_path: Path) -> None:
    path = weights_dir() / f"timm-{SMALL}.safetensors"
    if fault == "other network":
        publish("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
        weights_dir().joinpath("timm-vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors").rename(path)
    else:
        weights_dir().mkdir(parents=True)
        path.write_bytes({"noise": b"no weights at all", "empty": b"", "code": b"\x80\x04cos\nsystem\n(S'touch x'\ntR."}[fault])
    with pytest.raises(UslError, match=r"weights file .* does not fit timm:resnet10t.c3_in1k .*; delete it"):
        get_encoder(PREFIX + SMALL).load("cpu", "float32", quiet)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm:resnet50", "timm has it with the tags timm:resnet50."),
        ("timm:vit_smal_patch16_224.dino", "timm:vit_small_patch16_224.dino"),
        ("timm:", "timm knows no network"),
        ("timm:../../etc/passwd", "timm knows no network"),
    ],
)
def test_a_name_that_timm_does_not_know(name: str, said: str) -> None:
    with pytest.raises(UslError, match="there is no encoder") as caught:
        get_encoder(name)
    assert said in str(caught.value)
