"""FixMatch on images: views, thresholds and steps against oracles; trainings that can be gone on with; what is judged."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.features.augment import N_DRAWS as STRONG_DRAWS
from usl_core.features.augment import strong_views
from usl_core.fixmatch import image_set, trainer
from usl_core.fixmatch.image_set import LabelledSet
from usl_core.fixmatch.network import wide_resnet
from usl_core.fixmatch.params import ImageFixMatchParams
from usl_core.fixmatch.records import FixMatchRecord
from usl_core.fixmatch.thresholds import UNKNOWN, class_thresholds
from usl_core.fixmatch.train import train_fixmatch
from usl_core.fixmatch.trainer import FixMatchTraining, Judged
from usl_core.fixmatch.views import WEAK_DRAWS, strong, weak_views

SHORT = ImageFixMatchParams(n_epochs=3, batch_size=4, ratio=2, depth=10, width=1)


def stripes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32, 3) noisy pictures of stripes, lying or standing, and which."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    wave = 60 * np.sign(np.sin(np.arange(32) * math.pi / 4))
    lying = np.broadcast_to(wave[:, None], (32, 32))
    pictures = 128 + np.stack([lying if label else lying.T for label in labels])[..., None] + rng.normal(0, 20, (n, 32, 32, 3))
    return pictures.clip(0, 255).astype(np.uint8), labels


def few(labels: np.ndarray, count: int) -> np.ndarray:
    known = np.full(len(labels), -1)
    known[:count] = labels[:count]
    return known


def training(pixels: np.ndarray, labels: np.ndarray, **changes: object) -> FixMatchTraining:
    params = dataclasses.replace(SHORT, **changes)  # type: ignore[arg-type]
    return FixMatchTraining(pixels, labels, int(labels.max()) + 1, params, 0, "cpu", None)


# ---------------------------------------------------------------- the network


def test_the_network_has_the_weights_of_a_wideresnet_28_2():
    network = wide_resnet(10, 28, 2, 0)
    kernels = [part.weight for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    # By hand: the first; three groups of four blocks of two; a 1 x 1 past the first block of each, whose shape changes.
    by_hand = 9 * 3 * 16
    for channels, out in ((16, 32), (32, 64), (64, 128)):
        by_hand += 9 * channels * out + 9 * out * out + channels * out + 3 * 2 * 9 * out * out
    assert sum(kernel.numel() for kernel in kernels) == by_hand
    assert len(kernels) == 1 + 3 * (4 * 2 + 1)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_same_seed_gives_the_same_weights_and_nobody_elses_numbers_change():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (wide_resnet(3, 10, 1, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["0.weight"], other["0.weight"])


# ---------------------------------------------------------------- views


def test_a_weak_view_is_the_picture_moved_and_mirrored():
    pictures = torch.arange(2 * 3 * 32 * 32, dtype=torch.float32).view(2, 3, 32, 32)
    rng = np.random.default_rng(0)
    for mirror in (True, False):
        draws = rng.random((2, WEAK_DRAWS))
        found = weak_views(pictures, draws, mirror=mirror).numpy()
        for picture, view, (flip, down, right) in zip(pictures.numpy(), found, draws, strict=True):
            padded = np.pad(picture, ((0, 0), (4, 4), (4, 4)), mode="reflect")
            top, left = int(down * 9), int(right * 9)
            cut = padded[:, top : top + 32, left : left + 32]
            np.testing.assert_array_equal(view, cut[:, :, ::-1] if mirror and flip < 0.5 else cut)


def test_a_strong_view_is_a_weak_one_through_two_operations_and_cutout():
    pictures = torch.from_numpy(stripes(40)[0]).permute(0, 3, 1, 2).float()
    draws = np.random.default_rng(0).random((40, WEAK_DRAWS + STRONG_DRAWS))
    found = strong(pictures, draws, mirror=False)
    behind = draws[:, WEAK_DRAWS:].copy()
    behind[:, 0], behind[:, 3:5] = 1, 0
    assert torch.equal(found, strong_views(weak_views(pictures, draws[:, :WEAK_DRAWS], mirror=False), behind))
    changed = draws.copy()
    changed[:, WEAK_DRAWS] = 1 - draws[:, WEAK_DRAWS]  # the mirror of the published strong views
    changed[:, WEAK_DRAWS + 3 : WEAK_DRAWS + 5] = 0.99  # their third and fourth operation
    assert torch.equal(found, strong(pictures, changed, mirror=False))


# ---------------------------------------------------------------- thresholds


def test_flexmatch_lowers_the_threshold_of_what_is_learned_more_slowly():
    learned = torch.tensor([0] * 6 + [1] * 3 + [UNKNOWN] * 2)
    found = class_thresholds(learned, 3, 0.9)
    assert found.tolist() == pytest.approx([0.9, 0.9 * 0.5 / 1.5, 0.0])


def test_at_the_beginning_every_guess_teaches_and_unknown_images_keep_the_thresholds_low():
    assert class_thresholds(torch.full((7,), UNKNOWN), 2, 0.95).tolist() == [0.0, 0.0]
    beta = 2 / 8  # two images of class 0, eight of none
    assert class_thresholds(torch.tensor([0] * 2 + [UNKNOWN] * 8), 2, 0.95)[0] == pytest.approx(0.95 * beta / (2 - beta))


# ---------------------------------------------------------------- steps


@pytest.mark.parametrize("flex", [False, True])
def test_the_losses_of_a_step_are_the_formulas(flex, monkeypatch):
    pixels, labels = stripes(12)
    tau, weight = 0.6, 0.7
    made = training(pixels, few(labels, 4), flex=flex, confidence_threshold=tau, unlabelled_weight=weight)
    rows, labelled = np.array([5, 6, 7, 8, 9]), np.array([0, 1, 2])
    logits = torch.randn(3 + 5 + 5, 2, generator=torch.Generator().manual_seed(3)).requires_grad_()
    monkeypatch.setattr(made, "_logits", lambda *_: logits)
    if flex:
        made._learned[:4] = torch.tensor([0, 0, 0, 1])
    found = made._step((rows, labelled), None, np.random.default_rng(0), 0.0)

    p = np.exp(logits.detach().double().numpy())
    p /= p.sum(axis=1, keepdims=True)
    known = -np.mean([math.log(p[at, labels[row]]) for at, row in enumerate(labelled)])
    beta = np.array([3, 1]) / 8  # eight of the twelve are unknown
    thresholds = tau * beta / (2 - beta) if flex else np.array([tau, tau])
    losses, taught = [], []
    for at in range(5):
        guess = int(p[3 + at].argmax())
        taught.append(p[3 + at, guess] >= thresholds[guess])
        losses.append(-math.log(p[8 + at, guess]) * taught[-1])
    assert found == pytest.approx((known, np.mean(losses), np.mean(taught)), abs=1e-6)
    assert 0 < np.mean(taught) <= 1
    slope = logits.grad
    assert slope is not None
    assert not slope[3:8].any()  # guesses are not learned from
    if flex:
        sure = [row for at, row in enumerate(rows) if p[3 + at].max() >= tau]
        assert [row for row in rows if made._learned[row] != UNKNOWN] == sure


def test_a_step_moves_the_averaged_weights_nine_tenths_of_the_way_at_first():
    pixels, labels = stripes(12)
    made = training(pixels, few(labels, 4))
    before = [tensor.clone() for tensor in made._averaged.parameters()]
    batch = made._batches(np.arange(12), np.random.default_rng(0))[0]
    made._step(batch, None, np.random.default_rng(0), 0.0)
    for old, mean, now in zip(before, made._averaged.parameters(), made._network.parameters(), strict=True):
        assert torch.allclose(mean, 0.1 * old + 0.9 * now, atol=1e-6)
    assert any(not torch.equal(old, now) for old, now in zip(before, made._network.parameters(), strict=True))


def test_every_label_is_seen_before_any_is_seen_again():
    pixels, labels = stripes(40)
    made = training(pixels, few(labels, 6))
    batches = made._batches(np.arange(40), np.random.default_rng(0))
    assert sorted(np.concatenate([rows for rows, _ in batches])) == list(range(40))
    drawn = np.concatenate([labelled for _, labelled in batches])
    assert all(len(labelled) == SHORT.batch_size for _, labelled in batches)
    assert len(drawn) == 20
    for start in range(0, 18, 6):
        assert sorted(drawn[start : start + 6]) == list(range(6))


# ---------------------------------------------------------------- trainings


def test_stripes_are_told_apart_from_two_labels_each():
    pixels, labels = stripes(96)
    params = dataclasses.replace(SHORT, n_epochs=4, batch_size=8, ratio=1)
    found = train_fixmatch(pixels, few(labels, 4), params, device="cpu", judged=Judged(pixels=pixels[4:], labels=labels[4:]))
    assert np.allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    right = (found.probabilities.argmax(axis=1) == labels)[4:].mean()
    assert right > 0.95
    assert found.history[-1].accuracy == pytest.approx(right)
    assert [report.epoch for report in found.history] == [1, 2, 3, 4]


@pytest.mark.parametrize("flex", [False, True])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(flex, tmp_path):
    pixels, labels = stripes(24)
    params = dataclasses.replace(SHORT, flex=flex)
    whole = train_fixmatch(pixels, few(labels, 4), params, device="cpu")

    def record() -> FixMatchRecord:
        return FixMatchRecord("stripes", few(labels, 4), 2, params, cache_dir=tmp_path)

    def cut(report: trainer.FixMatchReport) -> None:
        if report.epoch == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        record().train(pixels, device="cpu", on_epoch=cut)
    assert [report.epoch for report in record().epochs()] == [1, 2]
    seen: list[int] = []
    resumed = record().train(pixels, device="cpu", on_epoch=lambda report: seen.append(report.epoch))
    assert seen == [3]
    np.testing.assert_array_equal(resumed.probabilities, whole.probabilities)
    for name, array in whole.state.items():
        np.testing.assert_array_equal(resumed.state[name], array, err_msg=name)


def test_targets_are_told_apart_in_place_of_the_images():
    pixels, labels = stripes(24)
    short = dataclasses.replace(SHORT, n_epochs=1)
    own = train_fixmatch(pixels, few(labels, 4), short, device="cpu")
    theirs = train_fixmatch(pixels, few(labels, 4), short, device="cpu", targets=pixels[5:8])
    np.testing.assert_allclose(theirs.probabilities, own.probabilities[5:8], atol=1e-6)
    three = train_fixmatch(pixels, few(labels, 4), short, device="cpu", n_classes=3)
    assert three.probabilities.shape == (24, 3)


@pytest.mark.parametrize(
    ("labels", "changes", "said"),
    [
        ([-1] * 6, {}, "no image has one"),
        ([0, 0, -1, -1, -1, -1], {}, "all that are given are class 0"),
        ([0, 1, -2, -1, -1, -1], {}, "hold -2"),
        ([0, 5, -1, -1, -1, -1], {"n_classes": 3}, "below n_classes"),
        ([0, 1, -1], {}, "labels"),
        ([0, 1, -1, -1, -1, -1], {"seed": -1}, "seed"),
        ([0, 1, -1, -1, -1, -1], {"device": "tpu"}, "device"),
        ([0, 1, -1, -1, -1, -1], {"targets": np.zeros((0, 32, 32, 3), np.uint8)}, "targets"),
    ],
)
def test_mistakes_are_named(labels, changes, said):
    with pytest.raises(UslError, match=said):
        train_fixmatch(stripes(6)[0], labels, SHORT, **changes)
    with pytest.raises(UslError, match="pixels must be"):
        train_fixmatch(stripes(6)[0].astype(np.float32), [0, 1, -1, -1, -1, -1], SHORT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 12}, "depth must be"),
        ({"depth": 4}, "depth"),
        ({"confidence_threshold": 1.0}, "confidence_threshold must be below 1"),
        ({"ema_decay": 1.5}, "ema_decay"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"ratio": 0}, "ratio"),
        ({"unlabelled_weight": -1.0}, "unlabelled_weight"),
    ],
)
def test_settings_out_of_range_are_named(changes, said):
    with pytest.raises(UslError, match=said):
        ImageFixMatchParams(**changes)


def test_a_loss_that_is_not_finite_names_the_likely_cause(monkeypatch):
    pixels, labels = stripes(24)
    monkeypatch.setattr(FixMatchTraining, "_logits", lambda *_: torch.full((4 + 8 + 8, 2), math.nan))
    with pytest.raises(UslError, match=r"no longer finite in epoch 1.*learning_rate = 10; try a tenth"):
        train_fixmatch(pixels, few(labels, 4), dataclasses.replace(SHORT, learning_rate=10.0), device="cpu")


# ---------------------------------------------------------------- image sets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels, labels = stripes(12)
    for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
        place = tmp_path / "images" / ("standing", "lying")[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:02d}.png")
    first = sorted((tmp_path / "images" / "lying").iterdir())[0]
    (first.parent / "copy.png").write_bytes(first.read_bytes())
    return tmp_path / "images"


def test_what_had_a_label_and_its_copies_are_not_judged(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    known = np.full(len(images), -1)
    first = images.paths.index("lying/01.png")
    known[first] = 0
    task = LabelledSet(images, known, ("lying", "standing"))
    judged = task.judged_classes()
    assert {images.paths[row] for row in np.flatnonzero(judged < 0)} == {"lying/01.png", "lying/copy.png"}
    assert all(("lying", "standing")[judged[row]] == images.paths[row].split("/")[0] for row in np.flatnonzero(judged >= 0))


def test_classes_are_matched_by_name_and_unknown_ones_are_not_judged(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    known = np.full(len(images), -1)
    known[0] = 1
    judged = LabelledSet(images, known, ("other", "standing")).judged_classes()
    assert {images.paths[row].split("/")[0] for row in np.flatnonzero(judged >= 0)} <= {"standing"}
    assert set(judged) == {-1, 1}


def test_held_out_images_need_the_classes_of_the_labels(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    known = few(images.labels.astype(np.int64), 3)
    with pytest.raises(UslError, match="'lying', which no label names"):
        LabelledSet(images, known, ("flat", "standing"), images)
    plain = dataclasses.replace(images, labels=None, class_names=())
    with pytest.raises(UslError, match="have no labels"):
        LabelledSet(images, known, images.class_names, plain)
    with pytest.raises(UslError, match="class names"):
        LabelledSet(images, known, ("one",)[:0])


def test_every_image_gets_a_class_and_held_out_ones_judge(folder, tmp_path, monkeypatch):
    images = usl.scan(folder, cache_dir=tmp_path)
    known = np.full(len(images), -1)
    known[[0, 1, 7, 8]] = images.labels[[0, 1, 7, 8]]
    short = dataclasses.replace(SHORT, n_epochs=1)
    task = LabelledSet(images, known, images.class_names)
    found = task.classify(short, device="cpu", cache_dir=tmp_path)
    truth = task.judged_classes()
    assert found.n_judged == (truth >= 0).sum()
    guessed = found.probabilities.argmax(axis=1)
    assert found.accuracy == pytest.approx((guessed == truth)[truth >= 0].mean())
    held = LabelledSet(images, known, images.class_names, usl.scan(folder, cache_dir=tmp_path))
    assert held.classify(short, device="cpu", cache_dir=tmp_path).n_judged == found.n_judged  # the same files had labels

    monkeypatch.setattr(image_set, "training_rows", lambda n: np.array([2, 4]))  # of very many, those with a label stay
    assert LabelledSet(images, known, images.class_names).rows.tolist() == [0, 1, 2, 4, 7, 8]


def test_images_that_are_gone_are_said(folder, tmp_path):
    images = usl.scan(folder, cache_dir=tmp_path)
    known = few(images.labels.astype(np.int64), 13)
    (folder / images.paths[3]).unlink()
    with pytest.raises(UslError, match="1 of the 13 images can no longer be read"):
        LabelledSet(images, known, images.class_names).classify(SHORT, cache_dir=tmp_path)
