"""USL-T end to end: the encoder is trained, can be gone on with, and becomes an encoder like any other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import usl_core as usl
from usl_core.arithmetic import torch_threads
from usl_core.cli.parser import main
from usl_core.encoders import torchvision as encoder_torchvision
from usl_core.encoders.network import behead
from usl_core.encoders.registry import encoder_cards, get_encoder
from usl_core.encoders.trained import encoders_dir, export_encoder, get_trained, trained_cards
from usl_core.errors import Cancelled, UslError
from usl_core.types import Features, Views
from usl_core.uslt.finetune import FinetuneTraining, network_of
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
from usl_core.uslt.train import train_uslt

SMALL = "torchvision:mobilenet_v3_small"
PARAMS = UsltParams(n_neighbors=3, n_epochs=2, batch_size=8, learning_rate=1e-3, n_heads=2)


@pytest.fixture(autouse=True, scope="module")
def _random_weights():
    """Published weights cannot be had here; seeded random ones take their place. And of each picture its middle is enough."""
    with pytest.MonkeyPatch.context() as patch:

        def without_weights(self, network, on_note):
            behead(network, self.facts.head)

        patch.setattr(encoder_torchvision.TorchvisionEncoder, "_fill", without_weights)
        patch.setattr(encoder_torchvision, "CROP", 64)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twenty pictures of four colours."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for at in range(20):
        colour = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40)][at % 4])
        noisy = np.clip(colour + rng.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / f"{at:02d}.png")
    return root


@pytest.fixture(scope="module")
def features(folder, tmp_path_factory) -> Features:
    return usl.encode(folder, SMALL, cache_dir=tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def whole(features):
    return train_uslt(features, 4, PARAMS, mode="finetune", seed=1)


def same_state(one, other) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_the_network_learns_with_the_heads(features, whole):
    assert [report.epoch for report in whole.history] == [1, 2]
    assert len(set(whole.last.picks.tolist())) == 4
    assert whole.notes == ()
    before = get_encoder(SMALL).trainable().state_dict()
    after = network_of(whole.state)
    assert after.keys() == before.keys()
    moved = [name for name in before if not np.array_equal(before[name].numpy(), after[name])]
    weights = [name for name, _ in get_encoder(SMALL).trainable().named_parameters()]
    assert set(weights) <= set(moved)
    assert any("running_mean" in name for name in moved)


def outputs(training, features) -> np.ndarray:
    """What the trained network makes of the images, worked out beside the code under test."""
    encoder = get_encoder(SMALL)
    network = encoder.trainable()
    network.load_state_dict({name: torch.tensor(array) for name, array in network_of(training.state).items()})
    pixels = np.stack([encoder.prepare(usl.open_image(features.images, row)) for row in range(len(features))])
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, spread = (torch.tensor(value).view(1, 3, 1, 1) for value in encoder.preprocessing.colours)
    x = (x - mean) / spread
    with torch.inference_mode():
        return network.eval()(x).numpy()


def test_the_report_is_of_the_trained_network_on_the_images_as_they_are(features, whole):
    weight, bias = (torch.tensor(whole.state[name]) for name in ("weight", "bias"))
    z = (torch.from_numpy(outputs(whole, features)) @ weight.T + bias).view(20, 2, 4)
    top, clusters = z.softmax(-1).max(-1)
    assert np.array_equal(whole.last.clusters, clusters[:, 0])
    assert np.allclose(whole.last.confidence, top.mean(1), atol=1e-3)


@pytest.mark.parametrize("similarity", ["cosine", "neg_sq_l2"])
def test_every_similarity_can_be_finetuned(features, similarity):
    params = dataclasses.replace(PARAMS, n_epochs=1, similarity=similarity, start="features")
    training = train_uslt(features, 4, params, mode="finetune")
    vectors = outputs(training, features)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centroids = training.state["weight"][:4]
    if similarity == "cosine":
        centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    dist = np.linalg.norm(vectors[:, None] - centroids, axis=2)
    assert np.array_equal(training.last.clusters, dist.argmin(axis=1))


def test_nothing_is_dropped_at_random():
    for name, kinds in ((SMALL, 1), ("torchvision:convnext_tiny", 1)):
        dropping = [layer for layer in get_encoder(name, "random").trainable().modules() if hasattr(layer, "p")]
        assert len({type(layer) for layer in dropping}) == kinds
        assert all(layer.p == 0 for layer in dropping)


def test_it_repeats_itself(features, whole):
    again = train_uslt(features, 4, PARAMS, mode="finetune", seed=1)
    assert same_state(again.state, whole.state)
    assert np.array_equal(again.last.clusters, whole.last.clusters)


def test_an_interrupted_training_goes_on_from_disk_and_ends_like_an_uninterrupted_one(features, whole):
    def stop(report):
        raise Cancelled("enough")

    record = TrainingRecord(features, 4, PARAMS, seed=1, mode="finetune")
    with pytest.raises(Cancelled):
        record.train(on_epoch=stop)
    assert [report.epoch for report in record.epochs()] == [1]
    resumed = TrainingRecord(features, 4, PARAMS, seed=1, mode="finetune").train()
    assert same_state(resumed.state, whole.state)
    assert np.array_equal(resumed.last.picks, whole.last.picks)
    assert TrainingRecord(features, 4, PARAMS, seed=1).load() is None


def test_a_training_goes_on_with_the_threads_that_it_was_begun_with(features):
    def stop(report):
        raise Cancelled("enough")

    with torch_threads(2):
        whole = train_uslt(features, 4, PARAMS, mode="finetune")
        record = TrainingRecord(features, 4, PARAMS, mode="finetune")
        with pytest.raises(Cancelled):
            record.train(on_epoch=stop)
    with torch_threads(1):
        alone = train_uslt(features, 4, PARAMS, mode="finetune")
        resumed = TrainingRecord(features, 4, PARAMS, mode="finetune").train()
    assert same_state(resumed.state, whole.state)
    assert not same_state(alone.state, whole.state), "the number of threads makes no difference, and this test tells nothing"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_repeats_itself_too(features):
    one, other = (train_uslt(features, 4, PARAMS, mode="finetune", seed=1, device="cuda") for _ in range(2))
    assert same_state(one.state, other.state)


def test_the_seed_decides(features, whole):
    other = train_uslt(features, 4, PARAMS, mode="finetune", seed=2)
    assert not same_state(other.state, whole.state)


def test_an_exported_network_is_an_encoder_like_any_other(folder, features, whole, tmp_path):
    assert trained_cards() == []
    card = export_encoder("pictures", SMALL, network_of(whole.state), "USL-T on pictures")
    assert [known.name for known in encoder_cards()][-1] == "trained:pictures" == card.name
    encoded = usl.encode(folder, "trained:pictures", cache_dir=tmp_path)
    assert encoded.values.shape == features.values.shape
    assert not np.allclose(encoded.values, features.values, atol=1e-3)
    expected = outputs(whole, features)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(encoded.values, expected, atol=1e-3)
    before = get_trained("trained:pictures").identity("float32")
    export_encoder("pictures", SMALL, {name: array * 0 for name, array in network_of(whole.state).items()}, "other")
    assert get_trained("trained:pictures").identity("float32") != before
    assert usl.load_demo("digits").features.encoder not in [card.name for card in trained_cards()]


def test_damaged_exports_are_named(folder, whole, tmp_path):
    export_encoder("x", SMALL, network_of(whole.state), "")
    home = encoders_dir()
    weights = home / "x.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-10])
    with pytest.raises(UslError, match=r"x\.safetensors is not the one that its card describes"):
        usl.encode(folder, "trained:x", cache_dir=tmp_path / "a")
    weights.unlink()
    with pytest.raises(UslError, match=r"x\.safetensors cannot be read .*; train and export it again"):
        usl.encode(folder, "trained:x", cache_dir=tmp_path / "a")
    (home / "x.json").write_text("{")
    assert trained_cards() == []
    with pytest.raises(UslError, match=r"x\.json of a trained encoder is damaged"):
        get_encoder("trained:x")
    with pytest.raises(UslError, match=r"there is no trained encoder 'trained:y' in .*; there are: none"):
        get_encoder("trained:y")


@pytest.mark.parametrize("name", ["", "../x", "x\n", "a b", "x" * 41, "ä"])
def test_names_of_exports_are_plain(name):
    with pytest.raises(UslError, match="1 to 40 letters"):
        export_encoder(name, SMALL, {}, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": np.eye(20, dtype=np.float32)}, "give the Features that it made"),
        ({"values": usl.load_demo("digits").features}, "bundled:mini cannot be trained"),
        ({"views": Views(values=np.zeros((20, 5, 1024), np.float32), fingerprint="")}, "views must be None"),
        ({"mode": "half"}, "mode must be 'frozen' or 'finetune' but is 'half'"),
        ({"device": "tpu"}, "device must be 'auto'"),
        ({"device": "cuda:9"}, "device 'cuda:9' does not exist"),
    ],
)
def test_what_cannot_be_trained_is_refused(features, changes, said):
    with pytest.raises(UslError, match=said):
        train_uslt(**{"values": features, "budget": 4, "params": PARAMS, "mode": "finetune", **changes})


def test_memory_that_runs_out_names_the_batch_size(features, monkeypatch):
    def burst(self, *batch):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(FinetuneTraining, "_step", burst)
    with pytest.raises(UslError, match="memory ran out with batch_size = 2; try 1"):
        train_uslt(features, 4, PARAMS, mode="finetune")


def test_an_image_that_is_gone_is_named(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    mine = usl.encode(tmp_path, SMALL, cache_dir=tmp_path / "cache")
    (tmp_path / "07.png").unlink()
    with pytest.raises(UslError, match=r"07\.png"):
        train_uslt(mine, 4, PARAMS, mode="finetune")


def test_the_command_line_trains_exports_and_encodes(folder, tmp_path, capsys):
    words = ["train-uslt", str(folder), "-m", "4", "--encoder", SMALL, "--epochs", "1", "--k", "3", "-q"]
    assert main([*words, "--mode", "finetune", "--export", "mine", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "exported trained:mine" in said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"picks.csv", "picks.npy", "history.csv"}
    assert main(["select", str(folder), "-m", "4", "--encoder", "trained:mine", "--k", "3", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main([*words, "--export", "mine"]) == 2
    assert "add --mode finetune" in capsys.readouterr().err
