"""Contrastive learning: losses and views against oracles, trainings that can be gone on with, networks that become encoders."""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional as reference

import usl_core as usl
from usl_core.arithmetic import blas_threads, torch_threads
from usl_core.cli.parser import main
from usl_core.encoders.registry import encoder_cards, get_encoder
from usl_core.encoders.small import SMALL_NETWORKS, SmallEncoder, new_network, normalised, small_pixels
from usl_core.encoders.trained import encoders_dir, export_encoder
from usl_core.encoders.whitening import Stage, fit_whitening
from usl_core.errors import Cancelled, UslError
from usl_core.pretrain import trainer as trainer_module
from usl_core.pretrain.knn_probe import knn_accuracy, probe_sample, spread
from usl_core.pretrain.losses import info_nce, nt_xent
from usl_core.pretrain.params import PretrainParams
from usl_core.pretrain.pixels import load_pixels, training_rows
from usl_core.pretrain.projection import unit
from usl_core.pretrain.records import PretrainRecord
from usl_core.pretrain.train import Pretrained, export_pretrained, pretrain
from usl_core.pretrain.trainer import Pretraining, weights_of
from usl_core.pretrain.views import N_DRAWS, random_views

SHORT = PretrainParams(n_epochs=3, batch_size=16, queue=40)
METHODS = ("simclr", "moco")


def colours(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32, 3) noisy pictures of four patterns, and which."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    ramp = np.linspace(-60, 60, 32)
    patterns = [
        ramp[:, None] + 0 * ramp,
        ramp[None] + 0 * ramp[:, None],
        np.outer(ramp, ramp) / 60,
        np.abs(np.add.outer(ramp, ramp)),
    ]
    pictures = 128 + np.stack([patterns[label] for label in labels])[..., None] + rng.normal(0, 20, (n, 32, 32, 3))
    return pictures.clip(0, 255).astype(np.uint8), labels


def unit_vectors(n: int, d: int, seed: int) -> torch.Tensor:
    return unit(torch.randn(n, d, generator=torch.Generator().manual_seed(seed))).double()


# ---------------------------------------------------------------- losses


def test_nt_xent_is_the_formula_of_the_paper():
    first, second, temperature = unit_vectors(5, 7, 0), unit_vectors(5, 7, 1), 0.3
    views = torch.cat([first, second]).numpy()
    found = nt_xent(first, second, temperature).numpy()
    for at in range(10):
        likeness = np.exp(views @ views[at] / temperature)
        others = likeness.sum() - likeness[at]
        assert found[at] == pytest.approx(-math.log(likeness[(at + 5) % 10] / others), abs=1e-12)


def test_info_nce_is_the_formula_of_the_paper_and_moves_the_query_alone():
    query, key, queue = (unit_vectors(4, 6, seed).requires_grad_() for seed in (0, 1, 2))
    found = info_nce(query, key, queue, 0.2)
    for at in range(4):
        right = math.exp((query[at] @ key[at]).item() / 0.2)
        wrong = sum(math.exp((query[at] @ other).item() / 0.2) for other in queue)
        assert float(found[at].detach()) == pytest.approx(-math.log(right / (right + wrong)), abs=1e-12)
    found.sum().backward()
    assert query.grad is not None
    assert key.grad is None
    assert queue.grad is None


@pytest.mark.parametrize("b", [2, 16])
def test_the_losses_of_collapsed_features_are_those_of_guessing(b: int):
    same = torch.ones(b, 8).div(math.sqrt(8))
    assert nt_xent(same, same, 0.5).numpy() == pytest.approx(math.log(2 * b - 1), abs=1e-5)
    assert info_nce(same, same, torch.ones(9, 8).div(math.sqrt(8)), 0.5).numpy() == pytest.approx(math.log(10), abs=1e-5)


# ---------------------------------------------------------------- views

PLAIN = [1 - 1e-9, 0.5, 0.5, 0.5, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.9]  # the whole picture, not mirrored, its own colours


def view(pictures: torch.Tensor, **changes: float) -> torch.Tensor:
    names = ("share", "ratio", "left", "top", "mirror", "changed", "brightness", "contrast", "saturation", "hue", "grey")
    draws = np.array([[changes.get(name, usual) for name, usual in zip(names, PLAIN, strict=True)]] * len(pictures))
    return random_views(pictures, draws, 0.2)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Middling colours, so that nothing is cut off at black or white."""
    smooth = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.35
    return torch.nn.functional.interpolate(smooth, size=32, mode="bilinear")


def test_a_view_that_changes_nothing_is_the_picture(pictures):
    assert torch.allclose(view(pictures), pictures, atol=1e-5)
    assert torch.allclose(view(pictures, mirror=0.1), pictures.flip(3), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("brightness", reference.adjust_brightness),
        ("contrast", reference.adjust_contrast),
        ("saturation", reference.adjust_saturation),
    ],
)
@pytest.mark.parametrize("drawn", [0.0, 0.3, 1.0])
def test_colours_change_as_torchvision_changes_them(pictures, name, oracle, drawn):
    found = view(pictures, changed=0.0, **{name: drawn})
    assert torch.allclose(found, oracle(pictures, 0.6 + 0.8 * drawn), atol=2e-3)


def test_all_colour_changes_follow_one_another(pictures):
    found = view(pictures, changed=0.0, brightness=0.7, contrast=0.2, saturation=0.9)
    expected = reference.adjust_brightness(pictures, 1.16)
    expected = reference.adjust_saturation(reference.adjust_contrast(expected, 0.76), 1.32)
    assert torch.allclose(found, expected, atol=3e-3)


def test_hue_turns_colours_about_the_grey_axis(pictures):
    turned = view(pictures, changed=0.0, hue=1.0)
    luminance = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose((turned * luminance).sum(1), (pictures * luminance).sum(1), atol=1e-4)
    assert (turned - pictures).abs().max() > 0.03
    back = view(turned, changed=0.0, hue=0.0)
    assert torch.allclose(back, pictures, atol=1e-4)
    grey = pictures[:, :1].expand(-1, 3, -1, -1)
    assert torch.allclose(view(grey, changed=0.0, hue=0.9), grey, atol=1e-4)


def test_grey_views_are_grey(pictures):
    found = view(pictures, grey=0.1)
    assert torch.allclose(found, reference.rgb_to_grayscale(pictures, 3), atol=2e-3)


def test_a_crop_is_that_part_of_the_picture_at_full_size(pictures):
    share = (0.25 - 0.2) / 0.8  # a quarter of the area: half the side
    found = view(pictures, share=share, left=0.0, top=1.0)
    part = pictures[:, :, 16:, :16]
    whole = torch.nn.functional.interpolate(part, size=32, mode="bilinear", align_corners=False)
    assert torch.allclose(found[..., 2:-2, 2:-2], whole[..., 2:-2, 2:-2], atol=1e-4)


def test_a_view_depends_on_its_own_draws_and_picture_alone():
    rng = np.random.default_rng(0)
    pictures, draws = torch.rand(6, 3, 32, 32), rng.random((6, N_DRAWS))
    kept, together = pictures.clone(), random_views(pictures, draws, 0.2)
    assert torch.equal(pictures, kept)
    assert together.min() >= 0
    assert together.max() <= 1
    for at in range(6):
        assert torch.allclose(together[at], random_views(pictures[at : at + 1], draws[at : at + 1], 0.2)[0], atol=1e-5)
    assert len({tuple(one.flatten()[:50].tolist()) for one in together}) == 6


# ---------------------------------------------------------------- judging


@pytest.mark.parametrize("k", [1, 5, 200])
def test_knn_accuracy_is_a_weighted_vote_of_the_nearest(k):
    rng = np.random.default_rng(3)
    known, asked = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rng.normal(size=(60, 5)), rng.normal(size=(30, 5))))
    labels, truth = rng.integers(3, size=60), rng.integers(4, size=30)
    right = 0
    for row, wanted in zip(asked, truth, strict=True):
        cosine = known @ row
        nearest = np.argsort(-cosine)[:k]
        votes = [sum(math.exp(cosine[i] / 0.1) for i in nearest if labels[i] == of) for of in range(4)]
        right += int(np.argmax(votes)) == wanted
    assert knn_accuracy(known, labels, asked, truth, k=k) == pytest.approx(right / 30)


def test_spread_tells_a_collapse_from_a_sphere():
    rng = np.random.default_rng(0)
    sphere = rng.normal(size=(4000, 64))
    assert spread(sphere / np.linalg.norm(sphere, axis=1, keepdims=True)) == pytest.approx(1, abs=0.02)
    assert spread(np.tile(sphere[:1], (100, 1))) == pytest.approx(0, abs=1e-6)


def test_the_sample_mixes_a_folder_that_is_sorted_by_class():
    sample = probe_sample(20_000, np.repeat(np.arange(2), 10_000))
    assert len(sample.rows) == len(set(sample.rows.tolist())) == 6000
    assert sample.labels is not None
    assert 0.4 < sample.labels.mean() < 0.6
    assert probe_sample(50, np.zeros(50, dtype=np.int64)).accuracy(np.ones((50, 2))) is None
    assert probe_sample(50, None).accuracy(np.ones((50, 2))) is None


# ---------------------------------------------------------------- training


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def likeness_of_classes(training: Pretraining, labels: np.ndarray) -> float:
    """Mean cosine of two pictures of one class, less that of two pictures of different classes."""
    features = unit(torch.from_numpy(training.pooled(np.arange(len(labels)))[:, -128:])).numpy()
    cosine, alike = features @ features.T, labels[:, None] == labels[None]
    other = ~np.eye(len(labels), dtype=bool)
    return float(cosine[alike & other].mean() - cosine[~alike].mean())


def encoder_of(trained: Pretrained):
    """The model of the encoder that would be exported."""
    backbone = trained.params.backbone
    return SmallEncoder("it", backbone, "", lambda: trained.weights).load("cpu", "float32", lambda note: None)


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_patterns_without_labels(method):
    pixels, labels = colours(96)
    params = dataclasses.replace(SHORT, method=method, n_epochs=6)
    trained = pretrain(pixels, params, labels=labels, seed=1)
    assert [report.epoch for report in trained.history] == list(range(1, 7))
    training = Pretraining(pixels, params, 1, "cpu", probe_sample(len(pixels), None))
    before = likeness_of_classes(training, labels)
    training.restore(trained.state)
    assert before < 0.05
    assert likeness_of_classes(training, labels) > 0.2
    if method == "simclr":  # MoCo's queue starts as noise, which is easily told apart
        assert trained.history[-1].loss < trained.history[0].loss - 0.3
    assert trained.history[-1].knn_accuracy is not None
    assert all(0 < report.spread < 1.1 for report in trained.history)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("narrow")
def test_the_same_seed_gives_the_same_training_whatever_the_labels(method):
    pixels, labels = colours(96)
    params = dataclasses.replace(SHORT, method=method, n_epochs=2)
    one, again, other = (
        pretrain(pixels, params, labels=given, seed=seed) for given, seed in ((labels, 1), (None, 1), (None, 2))
    )
    assert same(one.state, again.state), "labels change nothing"
    assert not same(other.state, one.state)


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_training_ends_as_if_it_had_not_been(method, tmp_path):
    pixels, labels = colours(40)
    params = dataclasses.replace(SHORT, method=method)
    whole = pretrain(pixels, params, labels=labels)
    record = PretrainRecord("patterns", params, cache_dir=tmp_path)

    def stop(report):
        if report.epoch == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        record.train(pixels, labels=labels, on_epoch=stop)
    assert [report.epoch for report in record.epochs()] == [1, 2]
    told = []
    found = PretrainRecord("patterns", params, cache_dir=tmp_path).train(pixels, labels=labels, on_epoch=told.append)
    assert [report.epoch for report in told] == [3]
    assert same(found.state, whole.state)
    assert [(r.epoch, r.loss, r.knn_accuracy) for r in found.history] == [
        (r.epoch, r.loss, r.knn_accuracy) for r in whole.history
    ]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.usefixtures("narrow")
def test_a_training_goes_on_with_the_threads_that_it_was_begun_with(tmp_path, kept):
    """`kept` False: an earlier version wrote the state, without their number; it goes on all the same."""
    pixels, labels = colours(48)
    states, reports = [], []
    with torch_threads(2), blas_threads(2):
        whole = pretrain(pixels, SHORT, labels=labels, on_state=states.append, on_epoch=reports.append)
    begun = {name: value for name, value in states[0].items() if kept or name != "threads"}
    with torch_threads(1), blas_threads(1):
        alone = pretrain(pixels, SHORT, labels=labels)
        resumed = pretrain(pixels, SHORT, labels=labels, resume=(reports[:1], begun))
    assert [report.epoch for report in resumed.history] == [1, 2, 3]
    assert (same(resumed.state, whole.state) and same(resumed.weights, whole.weights)) == kept
    assert not same(alone.state, whole.state), "the number of threads makes no difference, and this test tells nothing"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_goes_on_with_the_same_bits_and_learns_what_a_cpu_learns(method):
    pixels, labels = colours(96)
    params = dataclasses.replace(SHORT, method=method, n_epochs=6)
    states = []
    whole = pretrain(pixels, params, labels=labels, device="cuda", on_state=states.append)
    assert same(pretrain(pixels, params, device="cuda", resume=(whole.history[:3], states[2])).state, whole.state)
    on_cpu = pretrain(pixels, params, labels=labels, device="cpu")
    assert [r.loss for r in whole.history] == pytest.approx([r.loss for r in on_cpu.history], rel=0.2)


@pytest.mark.usefixtures("narrow")
def test_a_damaged_state_gives_way_to_the_one_before(tmp_path):
    pixels, _ = colours(40)
    record = PretrainRecord("patterns", SHORT, cache_dir=tmp_path)
    whole = record.train(pixels)
    newest = max((tmp_path / "pretrain-states.partial").rglob("meta.json"), key=lambda path: path.stat().st_mtime_ns)
    for file in newest.parent.glob("*.npy"):
        file.write_bytes(file.read_bytes()[:-7])
    told = []
    again = PretrainRecord("patterns", SHORT, cache_dir=tmp_path).train(pixels, on_epoch=told.append)
    assert [report.epoch for report in told] == [3]
    assert same(again.state, whole.state)
    record.forget()
    assert record.epochs() == []


def test_the_learning_rate_rises_and_falls_to_nothing():
    training = Pretraining(colours(4)[0], PretrainParams(n_epochs=100, learning_rate=2), 0, "cpu", probe_sample(4, None))
    rates = [training._rate(epoch) for epoch in np.linspace(0, 99.999, 400)]
    top = int(np.argmax(rates))
    assert rates[0] < 0.01
    assert rates[top] == pytest.approx(2, rel=0.01)
    assert 4 <= top / 4 <= 6
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a > b for a, b in pairwise(rates[top:]))
    assert rates[-1] < 1e-6


@pytest.mark.usefixtures("narrow")
def test_mocos_slower_network_follows_and_its_queue_holds_the_newest():
    pixels, _ = colours(32)
    training = Pretraining(pixels, dataclasses.replace(SHORT, method="moco", queue=20), 0, "cpu", probe_sample(32, None))
    before = training.state()
    assert same(
        weights_of(before),
        {name.replace("key.0.", "network."): value for name, value in before.items() if name.startswith("key.0.")},
    )
    training.run_epoch(lambda *_: None)
    after = training.state()
    name = next(name for name in weights_of(before) if before[name].ndim == 4).removeprefix("network.")
    quick = np.abs(after[f"network.{name}"] - before[f"network.{name}"]).sum()
    slow = np.abs(after[f"key.0.{name}"] - before[f"key.0.{name}"]).sum()
    assert 0 < slow < 0.2 * quick
    assert after["queue"].shape == (20, 128)
    assert np.linalg.norm(after["queue"], axis=1) == pytest.approx(1, abs=1e-5)
    assert not (after["queue"][:, None] == before["queue"][None]).all(axis=2).any(), "32 pictures have pushed out all 20"


@pytest.mark.usefixtures("narrow")
def test_shuffled_keys_come_back_in_order():
    pixels, _ = colours(48)
    training = Pretraining(pixels, dataclasses.replace(SHORT, method="moco"), 0, "cpu", probe_sample(48, None))
    assert training._key is not None
    training._key.eval()  # so that a picture's key does not depend on its neighbours
    views = normalised(training._on_device(np.arange(48)))
    with torch.no_grad():
        expected = training._key(views)
        found = training._shuffled_key(views, np.random.default_rng(0))
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("narrow")
def test_half_precision_learns_nearly_the_same(monkeypatch, method):
    pixels, _ = colours(64)
    losses = []
    for half in (False, True):
        monkeypatch.setattr(trainer_module, "has_bfloat16", lambda device, half=half: half)
        trained = pretrain(pixels, dataclasses.replace(SHORT, method=method, learning_rate=1e-3))
        assert {value.dtype for value in trained.weights.values() if value.dtype.kind == "f"} == {np.dtype(np.float32)}
        losses.append([report.loss for report in trained.history])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("broken_from", [1, 2])
@pytest.mark.usefixtures("narrow")
def test_a_loss_that_is_not_finite_stops_the_training(monkeypatch, broken_from):
    calls = []

    def broken(first, second, temperature):
        calls.append(1)
        steps = 2
        return nt_xent(first, second, temperature) * (float("nan") if len(calls) > steps * (broken_from - 1) else 1)

    monkeypatch.setattr(trainer_module, "nt_xent", broken)
    pixels, _ = colours(32)
    if broken_from == 1:
        with pytest.raises(UslError, match=r"no longer finite in epoch 1.*learning_rate = 0\.12; try a tenth"):
            pretrain(pixels, SHORT)
    else:
        trained = pretrain(pixels, SHORT)
        assert len(trained.history) == 1
        assert "The result is that of epoch 1" in trained.notes[0]
        assert all(np.isfinite(value).all() for value in trained.weights.values())


def test_memory_that_runs_out_names_the_batch_size(monkeypatch):
    def out_of_memory(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(trainer_module, "random_views", out_of_memory)
    with pytest.raises(UslError, match="memory ran out with batch_size = 16; try 8"):
        pretrain(colours(32)[0], SHORT)


@pytest.mark.usefixtures("narrow")
def test_a_probe_tells_about_how_long_an_epoch_takes():
    training = Pretraining(colours(96)[0], SHORT, 0, "cpu", probe_sample(96, None))
    assert 0 < training.seconds(96) < training.seconds(96_000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "byol"}, "'simclr', 'moco'"),
        ({"backbone": "vit"}, "'mini', 'resnet18-32'"),
        ({"n_epochs": 0}, "n_epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"temperature": -1}, "temperature"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"warmup_epochs": -1}, "warmup_epochs"),
        ({"queue": 0}, "queue"),
        ({"key_momentum": 1}, "key_momentum"),
        ({"min_crop": 0}, "min_crop"),
        ({"projection_dim": 1}, "projection_dim"),
    ],
)
def test_settings_out_of_range_are_named(changes, words):
    with pytest.raises(UslError, match=words):
        PretrainParams(**changes)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((5, 16, 16, 3), np.uint8), r"\(n, 32, 32, 3\)"),
        (np.zeros((5, 32, 32, 3), np.float32), "float32"),
        (np.zeros((1, 32, 32, 3), np.uint8), "there must be 2 or more"),
    ],
)
def test_pixels_of_another_kind_are_refused(pixels, words):
    with pytest.raises(UslError, match=words):
        pretrain(pixels, SHORT)


@pytest.mark.usefixtures("narrow")
def test_images_that_are_all_the_same_do_not_break_it():
    pixels = np.full((12, 32, 32, 3), 90, np.uint8)
    trained = pretrain(pixels, SHORT)
    assert all(np.isfinite(report.loss) for report in trained.history)
    features = encoder_of(trained)(pixels)
    assert np.isfinite(features).all()
    assert (np.linalg.norm(features, axis=1) > 0).all(), "an image without a direction would be left out"


# ---------------------------------------------------------------- networks and encoders


def staged(network: torch.nn.Sequential, x: torch.Tensor) -> tuple[np.ndarray, tuple[Stage, ...]]:
    """What the stages of mini give, by a loop over the cells of each grid."""
    stages, columns, at = SMALL_NETWORKS["mini"].stages, [], 0
    for stage in stages:
        x = network[at : stage.layer + 1](x)
        at, side = stage.layer + 1, x.shape[-1] // stage.grid
        cells = [x[:, :, i : i + side, j : j + side] for i in range(0, x.shape[2], side) for j in range(0, x.shape[3], side)]
        columns.append(torch.stack([cell.mean(dim=(2, 3)) for cell in cells], dim=2).flatten(1))
    return torch.cat(columns, dim=1).numpy(), stages


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_networks_have_the_size_that_their_table_says(name):
    network = new_network(name, 0).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, SMALL_NETWORKS[name].width)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert f"{millions:.1f} million" in SMALL_NETWORKS[name].title or f"{millions:.0f} million" in SMALL_NETWORKS[name].title
    state = torch.random.get_rng_state()
    again = new_network(name, 0)
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's generator must not notice"
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True))


def test_mini_fits_the_bundle():
    assert sum(p.numel() for p in new_network("mini", 0).parameters()) <= 2_000_000
    assert SMALL_NETWORKS["mini"].dim == 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Forty pictures of four patterns, a folder each, and one file that is broken."""
    root = tmp_path_factory.mktemp("patterns")
    for at, (picture, label) in enumerate(zip(*colours(40), strict=True)):
        (root / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture).resize((48, 40)).save(root / str(label) / f"{at:02d}.png")
    return root


def test_pixels_are_the_images_in_order(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    pixels, rows = load_pixels(images)
    assert rows.tolist() == list(range(40))
    for at in (0, 17, 39):
        assert np.array_equal(pixels[at], small_pixels(Image.open(folder / images.paths[at]).convert("RGB")))
    some, asked = load_pixels(images, [7, 3])
    assert asked.tolist() == [7, 3]
    assert np.array_equal(some, pixels[[7, 3]])


def test_images_that_went_away_are_left_out(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for at in range(4):
        Image.fromarray(colours(4)[0][at]).save(copy / f"{at}.png")
    images = usl.scan(copy, cache_dir=tmp_path / "cache")
    (copy / "1.png").unlink()
    pixels, rows = load_pixels(images)
    assert rows.tolist() == [0, 2, 3]
    assert len(pixels) == 3
    for at in (0, 2, 3):
        (copy / f"{at}.png").unlink()
    with pytest.raises(UslError, match="none of the 4 images can be read; the first: "):
        load_pixels(images)


def test_a_large_set_gives_an_even_sample():
    assert training_rows(5).tolist() == [0, 1, 2, 3, 4]
    rows = training_rows(1_000_000)
    assert len(rows) == len(set(rows.tolist())) == 200_000
    assert rows[0] == 0
    assert rows[-1] == 999_999


@pytest.fixture
def encoders(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("USL_ENCODERS_DIR", str(tmp_path / "encoders"))
    return tmp_path / "encoders"


@pytest.mark.usefixtures("narrow")
def test_a_trained_network_is_an_encoder_like_any_other(folder, encoders, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    pixels, _ = load_pixels(images)
    trained = pretrain(pixels, dataclasses.replace(SHORT, n_epochs=1))
    card = export_pretrained("mine", trained, "patterns")
    assert card.training == "SimCLR, 1 epoch on 40 images of patterns, without labels"
    listed = next(card for card in encoder_cards() if card.name == "trained:mine")
    assert (listed.dim, listed.input_size, listed.cached) == (128, 32, True)
    assert "yours" in listed.licence
    features = usl.encode(images, "trained:mine", cache_dir=tmp_path)
    network = new_network("mini", 5).eval()
    network.load_state_dict({name.removeprefix("network."): torch.tensor(v) for name, v in weights_of(trained.state).items()})
    with torch.no_grad():
        x = normalised(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
        expected = fit_whitening(*staged(network, x), 128)(staged(network, x)[0])
    assert features.values == pytest.approx(expected, abs=1e-3)
    other = pretrain(pixels, dataclasses.replace(SHORT, n_epochs=1), seed=3)
    export_pretrained("mine", other, "patterns")
    assert usl.encode(images, "trained:mine", cache_dir=tmp_path).fingerprint != features.fingerprint, "other weights"


@pytest.mark.usefixtures("narrow")
def test_damaged_weights_are_told(folder, encoders, tmp_path):
    trained = pretrain(colours(8)[0], dataclasses.replace(SHORT, n_epochs=1))
    export_pretrained("mine", trained, "patterns")
    weights = encoders / "mine.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UslError, match="is not the one that its card describes; train and export it again"):
        usl.encode(folder, "trained:mine", cache_dir=tmp_path)
    weights.unlink()
    with pytest.raises(UslError, match="cannot be read"):
        get_encoder("trained:mine").load("cpu", "float32", print)


@pytest.mark.usefixtures("narrow")
def test_weights_of_another_network_are_told(folder, encoders, tmp_path):
    trained = pretrain(colours(8)[0], dataclasses.replace(SHORT, n_epochs=1))
    name = next(name for name, value in trained.weights.items() if value.ndim == 4)
    for weights in (
        trained.weights | {name: trained.weights[name][:, :1]},
        {key: value for key, value in trained.weights.items() if key != "axes"},
    ):
        export_encoder("mine", "mini", weights, "an older program")
        with pytest.raises(UslError, match=r"weights of trained:mine do not fit the network 'mini'.*train it again"):
            usl.encode(folder, "trained:mine", cache_dir=tmp_path)


def test_random_weights_are_always_the_same(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    one, other = (usl.encode(images, SmallEncoder("random", "mini", "random"), cache_dir=tmp_path / name) for name in "ab")
    assert np.array_equal(one.values, other.values)
    assert one.values.shape == (40, 128)


# ---------------------------------------------------------------- command line


def run(*words: str, capsys) -> tuple[int, str, str]:
    status = main(["pretrain", *words, "--quiet"])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("narrow")
def test_the_command_trains_goes_on_and_writes(folder, encoders, tmp_path, capsys, method):
    usual = [str(folder), "--method", method, "--batch-size", "16", "--cache-dir", str(tmp_path / "cache"), "--seed", "1"]
    status, out, err = run(*usual, "--epochs", "2", "--out", str(tmp_path / "mine.safetensors"), capsys=capsys)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["epoch", "loss", "knn_accuracy", "spread", "seconds"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    assert "an epoch takes about" in err
    assert "use it with --encoder trained:mine" in err
    assert encoders_dir() == encoders
    for name in ("mine.safetensors", "mine.json"):
        assert (tmp_path / name).read_bytes() == (encoders / name).read_bytes()
    card = json.loads((tmp_path / "mine.json").read_text())
    assert card["network"] == "mini"
    status, again, err = run(*usual, "--epochs", "2", "--out", str(tmp_path / "mine.safetensors"), capsys=capsys)
    assert status == 0
    assert again == out
    assert "this training was finished before and is read back" in err
    assert json.loads((tmp_path / "mine.json").read_text())["digest"] == card["digest"]
    status, longer, err = run(*usual, "--epochs", "3", capsys=capsys)
    assert (status, len(longer.splitlines())) == (0, 4)
    assert "finished before" not in err, "other settings are another training"
    status, _, err = run(*usual, "--epochs", "2", "--restart", capsys=capsys)
    assert status == 0
    assert "an epoch takes about" in err
    assert "finished before" not in err
    assert main(["select", str(folder), "-m", "4", "--encoder", "trained:mine", "--cache-dir", str(tmp_path / "c"), "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "n_epochs"),
        (["--out", "mine.pt"], "must end in .safetensors"),
        (["--out", "nowhere/mine.safetensors"], "does not exist"),
        (["--out", "my net.safetensors"], "1 to 40 letters"),
        (["--device", "cuda:99"], "device"),
        (["--temperature", "0"], "temperature"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(folder, encoders, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(str(folder), *words, "--cache-dir", str(tmp_path), capsys=capsys)
    assert status == 2
    assert message in err
    assert err.startswith("error:")
    assert out == ""
    assert not encoders.exists()


@pytest.mark.usefixtures("narrow")
def test_without_a_name_the_encoder_is_called_as_the_folder(encoders, tmp_path, capsys):
    named = tmp_path / "Meine Fotos (2)"
    named.mkdir()
    for at, picture in enumerate(colours(6)[0]):
        Image.fromarray(picture).save(named / f"{at}.png")
    status, out, err = run(str(named), "--epochs", "1", "--cache-dir", str(tmp_path / "cache"), capsys=capsys)
    assert status == 0, err
    assert "exported trained:Meine-Fotos-2," in err
    assert out.splitlines()[1].split()[2] == "-", "no classes, no accuracy"
