"""Plain state dicts: those that authors published, under their own names and prefixes, and files of the user's own."""

from __future__ import annotations

import argparse
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

import usl_core as usl
from usl_core.encoders import checkpoints
from usl_core.encoders.checkpoints import PUBLISHED
from usl_core.encoders.cifar import CIFAR_RESNET18
from usl_core.encoders.own_checkpoints import add_checkpoint, own_checkpoints
from usl_core.encoders.registry import card_of, encoder_cards, get_encoder
from usl_core.encoders.trained import encoders_dir
from usl_core.encoders.weights import weights_dir
from usl_core.errors import UslError

from .web import Web, serving

RESNET18 = "torchvision:resnet18"
Tensors = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def _empty_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def resnet50() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(7)
        return torchvision.models.resnet50(weights=None).eval()


@pytest.fixture(scope="module")
def resnet18() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(7)
        return torchvision.models.resnet18(weights=None).eval()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def quiet(note: str) -> None:
    pass


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (240, 260, 3), dtype=np.uint8))


def headless(network: torch.nn.Module) -> Tensors:
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("fc.")}


def prefixed(tensors: Tensors, prefix: str) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def content_of(name: str, network: torch.nn.Module) -> object:
    """What the authors' file holds, as their training programs write it."""
    tensors, other = headless(network), torch.zeros(3)
    if name == "ssl:moco-v2":
        queries = prefixed({**tensors, "fc.0.weight": other, "fc.2.bias": other}, "module.encoder_q.")
        keys = prefixed({name: tensor + 1 for name, tensor in tensors.items()}, "module.encoder_k.")
        return {"epoch": 800, "arch": "resnet50", "state_dict": {**keys, **queries, "module.queue": other}, "optimizer": {}}
    if name == "ssl:moco-v3":
        base = prefixed({**tensors, "fc.0.weight": other}, "module.base_encoder.")
        momentum = prefixed({name: tensor + 1 for name, tensor in tensors.items()}, "module.momentum_encoder.")
        return {"epoch": 1000, "state_dict": {**momentum, **base}, "scaler": {"scale": 65536.0}}
    if name == "ssl:swav":
        return prefixed({**tensors, "projection_head.0.weight": other, "prototypes.weight": other}, "module.")
    return tensors


@pytest.mark.parametrize("name", [name for name, facts in PUBLISHED.items() if facts.architecture != CIFAR_RESNET18])
def test_published_tensors_come_from_under_their_prefix(
    name: str, web: Web, resnet50: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(content_of(name, resnet50), tmp_path / "w")
    facts = PUBLISHED[name]
    web.files["/w.pth"] = (tmp_path / "w").read_bytes()
    monkeypatch.setitem(
        checkpoints.PUBLISHED,  # type: ignore[arg-type]
        name,
        checkpoints.Checkpoint(
            url=f"{web.url}/w.pth", architecture=facts.architecture, prefix=facts.prefix, training="", licence=""
        ),
    )
    encoder = get_encoder(name)
    pixels = np.stack([encoder.prepare(picture(seed)) for seed in range(2)])
    values = encoder.load("cpu", "float32", quiet)(pixels)
    expected = headless(resnet50)
    loaded = encoder.network(quiet).state_dict()  # type: ignore[attr-defined]
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)
    assert values.shape == (2, 2048)
    assert web.asked == ["/w.pth"], "it is kept"


@pytest.mark.parametrize("normed", [False, True])
def test_the_authors_cifar_network(normed: bool, tmp_path: Path) -> None:
    """Its projection worked out by hand, be it plain or of the kind that compares directions."""
    weights_dir().mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(3)
        body = torchvision.models.resnet18(weights=None)
        body.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
        body.maxpool = torch.nn.Identity()
        body.fc = torch.nn.Identity()
        weight, bias = torch.randn(128, 512), torch.randn(128)
    tensors = {name.replace("downsample", "shortcut"): tensor for name, tensor in body.eval().state_dict().items()}
    head = {"linear.weight": weight.T.contiguous()} if normed else {"linear.weight": weight, "linear.bias": bias}
    model = prefixed({**tensors, **head, "groupDis.0.weight": torch.zeros(128, 512)}, "module.")
    content = {"opt": argparse.Namespace(lr=0.03), "model": model, "epoch": 200}
    torch.save(content, weights_dir() / "cld-cifar10-cifar10_ckpt_epoch_200.pth")
    encoder = get_encoder("ssl:cld-cifar10")
    pixels = np.stack([encoder.prepare(picture(seed)) for seed in range(3)])
    assert pixels.shape == (3, 32, 32, 3)
    values = encoder.load("cpu", "float32", quiet)(pixels)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)))
    with torch.inference_mode():
        pooled = body((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std)
        expected = pooled @ (weight / weight.norm(dim=1, keepdim=True)).T if normed else pooled @ weight.T + bias
    np.testing.assert_allclose(unit(values), unit(expected.numpy()), atol=1e-4)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_a_published_file_that_cannot_be_had_is_said_where_to_put(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = PUBLISHED["ssl:vicreg"]
    gone = checkpoints.Checkpoint(
        url="http://127.0.0.1:9/resnet50.pth", architecture=facts.architecture, prefix="", training="", licence=""
    )
    monkeypatch.setitem(checkpoints.PUBLISHED, "ssl:vicreg", gone)  # type: ignore[arg-type]
    with pytest.raises(UslError, match=r"ssl:vicreg needs the weights file vicreg-resnet50\.pth") as caught:
        get_encoder("ssl:vicreg").load("cpu", "float32", quiet)
    assert f"put it into {weights_dir()} as vicreg-resnet50.pth" in str(caught.value)


# --- files of the user's own -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".ckpt"])
def test_a_file_of_ones_own(ending: str, resnet18: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / f"My run (3){ending}"
    tensors = prefixed({**headless(resnet18), "projector.weight": torch.zeros(2)}, "backbone.")
    if ending == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "best": np.float64(0.9), "hyper_parameters": argparse.Namespace(lr=1)}, path)
    known = add_checkpoint(path, RESNET18, "backbone.")
    assert known.name == "file:My-run-3"
    assert [one.name for one in own_checkpoints()] == [known.name]
    card = card_of(known.name)
    assert (card.dim, card.input_size, card.cached) == (512, 224, True)
    assert "My run (3)" in card.training
    encoder = get_encoder(known.name)
    values = encoder.load("cpu", "float32", quiet)(encoder.prepare(picture())[None])
    theirs = get_encoder(RESNET18, "random").load("cpu", "float32", quiet)
    assert values.shape == (1, 512)
    assert not np.array_equal(values, theirs(encoder.prepare(picture())[None]))
    loaded = encoder.network(quiet).state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(loaded[key], tensor) for key, tensor in headless(resnet18).items())


def test_it_encodes_like_any_other(resnet18: torch.nn.Module, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        picture(seed).save(folder / f"{seed}.png")
    torch.save(headless(resnet18), tmp_path / "w.pth")
    name = add_checkpoint(tmp_path / "w.pth", RESNET18, name="mine").name
    first = usl.encode(folder, name, cache_dir=tmp_path / "cache")
    assert first.encoder == "file:mine"
    torch.save({key: tensor * 1.1 for key, tensor in headless(resnet18).items()}, tmp_path / "w.pth")
    (tmp_path / "more").mkdir()
    picture(9).save(tmp_path / "more" / "9.png")
    with pytest.raises(UslError, match="is another one than was added as file:mine; add it again"):
        usl.encode(tmp_path / "more", name, cache_dir=tmp_path / "cache")
    add_checkpoint(tmp_path / "w.pth", RESNET18, name="mine")
    assert usl.encode(folder, name, cache_dir=tmp_path / "cache").fingerprint != first.fingerprint


def test_a_network_of_timm_may_be_the_architecture(tmp_path: Path) -> None:
    import timm

    torch.save(timm.create_model("resnet10t", pretrained=False).state_dict(), tmp_path / "w.pth")
    name = add_checkpoint(tmp_path / "w.pth", "timm:resnet10t.c3_in1k").name
    assert card_of(name).dim == 512
    encoder = get_encoder(name)
    assert encoder.load("cpu", "float32", quiet)(encoder.prepare(picture())[None]).shape == (1, 512)


class Touch:
    """Pickled, this would create a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(how: str, tmp_path: Path) -> None:
    path, touched = tmp_path / "w.pth", tmp_path / "touched"
    content = {"state_dict": {"a": torch.zeros(1)}, "b": Touch(touched)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(
        UslError, match=r"holds objects of other programs .* nothing in it is run; save the state dict alone|damaged"
    ):
        add_checkpoint(path, RESNET18)
    assert not touched.exists()
    assert own_checkpoints() == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("missing", "cannot be read"),
        ("folder", "cannot be read"),
        ("noise", "is damaged"),
        ("empty", "is damaged"),
        ("cut off", "is damaged"),
        ("list", "holds a list and no weights by name"),
        ("architecture", "there is no architecture 'resnet18'; choose one of torchvision:resnet18"),
        ("prefix", r"no tensor in .* begins with 'encoder.'; there are: bn1, conv1, layer1"),
        ("other network", r"does not fit torchvision:resnet50: .* are missing under the prefix ''"),
        ("shapes", r"has tensors of other shapes: conv1.weight has \(64, 3, 5, 5\) for \(64, 3, 7, 7\)"),
        ("name", "must be 1 to 60 letters"),
    ],
)
def test_a_file_that_will_not_do(fault: str, said: str, resnet18: torch.nn.Module, tmp_path: Path) -> None:
    path, tensors = tmp_path / "w.pth", headless(resnet18)
    if fault == "shapes":
        tensors["conv1.weight"] = torch.zeros(64, 3, 5, 5)
    torch.save([1] if fault == "list" else tensors, path)
    if fault in ("noise", "empty", "cut off"):
        path.write_bytes({"noise": b"no weights", "empty": b"", "cut off": path.read_bytes()[:5000]}[fault])
    if fault in ("missing", "folder"):
        path.unlink()
    if fault == "folder":
        path.mkdir()
    architecture = {"architecture": "resnet18", "other network": "torchvision:resnet50"}.get(fault, RESNET18)
    prefix = "encoder." if fault == "prefix" else ""
    with pytest.raises(UslError, match=said):
        add_checkpoint(path, architecture, prefix, name="??" if fault == "name" else None)
    assert own_checkpoints() == []


@pytest.mark.parametrize("name", ["file:none", "file:../w", "file:", "file:a/b"])
def test_a_name_that_was_not_added(name: str) -> None:
    with pytest.raises(UslError, match=r"there is no encoder .*; add the weights file first"):
        get_encoder(name)


def test_a_damaged_record_is_left_out_of_the_list_and_named_when_it_is_asked_for(
    resnet18: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save(headless(resnet18), tmp_path / "w.pth")
    known = add_checkpoint(tmp_path / "w.pth", RESNET18)
    record = next(encoders_dir().glob("*.checkpoint.json"))
    record.write_text(json.dumps({"format": 99}))
    assert own_checkpoints() == []
    assert known.name not in [card.name for card in encoder_cards()]
    with pytest.raises(UslError, match=r"record .* of an added encoder is damaged .*; add the weights file again"):
        get_encoder(known.name)


def test_a_file_that_has_gone_is_no_longer_ready(resnet18: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(headless(resnet18), tmp_path / "w.pth")
    name = add_checkpoint(tmp_path / "w.pth", RESNET18).name
    (tmp_path / "w.pth").unlink()
    assert not card_of(name).cached
    with pytest.raises(UslError, match="cannot be read"):
        get_encoder(name).load("cpu", "float32", quiet)
