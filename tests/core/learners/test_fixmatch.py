"""FixMatch on features: a step against torch, thresholds by hand, and what must hold whatever it is given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import usl_core as usl
from usl_core.errors import Cancelled, UslError
from usl_core.learners.fixmatch import _Training, flexible_thresholds
from usl_core.learners.fixmatch_params import FixmatchParams
from usl_core.learners.task import LearningTask
from usl_core.types import Views

SHORT = FixmatchParams(n_steps=40)


def blobs(n: int = 90, d: int = 8, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    x = np.eye(d)[labels] + 0.25 * rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


def few(labels: np.ndarray, count: int) -> np.ndarray:
    known = np.full(len(labels), -1)
    known[:count] = labels[:count]
    return known


def task_of(x: np.ndarray, known: np.ndarray, **more: object) -> LearningTask:
    usual = {"targets": None, "seed": 0, "neighbors": None, "views": None, "report": lambda share, note: None}
    return LearningTask(values=x, labels=known, n_classes=int(known.max()) + 1, **{**usual, **more})  # type: ignore[arg-type]


def test_the_first_steps_are_those_of_torch(monkeypatch):
    x, labels = blobs()
    known = few(labels, 6)
    p = FixmatchParams(batch_size=4, unlabelled_ratio=3, confidence_threshold=0.4, unlabelled_weight=0.7, noise=0.3, n_steps=9)
    rows = np.arange(6)
    ours = _Training(task_of(x, known), p, rows, labels[:6], 3)
    steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    real_views = ours._strongly
    real_guess = ours._pseudo_labels

    def strongly(some: np.ndarray) -> np.ndarray:
        found = real_views(some)
        steps[-1] = (*steps[-1][:1], some, found.copy())
        return found

    class Draws:
        """The generator, which remembers which labelled images it drew."""

        def __init__(self) -> None:
            self._rng = np.random.default_rng(1)

        def integers(self, *args: int, size: int) -> np.ndarray:
            found = self._rng.integers(*args, size=size)
            if size == p.batch_size:
                steps.append((found, found, found))
            return found

    monkeypatch.setattr(ours, "_strongly", strongly)
    monkeypatch.setattr(ours, "_rng", Draws())
    head = torch.zeros(9, 3, dtype=torch.float64, requires_grad=True)
    sgd = torch.optim.SGD([head], lr=1.0, momentum=0.9, nesterov=True)
    scaled = torch.from_numpy(((x - ours._mean) * ours._scale).astype(np.float64))

    def logits(points: torch.Tensor) -> torch.Tensor:
        return points @ head[:-1] + head[-1]

    average, taught_ever = torch.zeros(9, 3, dtype=torch.float64), 0
    for step in range(9):
        ours.step(step / 9)
        some, of, strong = steps[-1]
        answers = logits(scaled[of]).softmax(1).detach()
        sure, guess = answers.max(1)
        taught = (sure >= 0.4).double()
        taught_ever += int(taught.sum())
        loss = torch.nn.functional.cross_entropy(logits(scaled[some]), torch.from_numpy(labels[some]))
        strong_loss = torch.nn.functional.cross_entropy(logits(torch.from_numpy(strong).double()), guess, reduction="none")
        loss = loss + 0.7 * (strong_loss * taught).mean() + 0.5 * p.weight_decay * head[:-1].square().sum()
        sgd.param_groups[0]["lr"] = p.learning_rate * np.cos(7 * np.pi * step / 9 / 16)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        keep = min(p.ema_decay, (step + 1) / (10 + step))
        average += (1 - keep) * (head.detach() - average)
    assert taught_ever > 0
    np.testing.assert_allclose(ours._head, head.detach().numpy(), atol=2e-5)
    np.testing.assert_allclose(ours._average, average.numpy(), atol=2e-5)
    assert real_guess(np.arange(5))[0].shape == (5,)


def test_flexmatch_lowers_the_threshold_of_what_is_learned_more_slowly():
    sure_of = np.array([0] * 6 + [1] * 3 + [-1] * 2)
    assert flexible_thresholds(sure_of, 3, 0.9) == pytest.approx([0.9, 0.9 * 0.5 / 1.5, 0])
    assert flexible_thresholds(np.full(4, -1), 2, 0.95).tolist() == [0, 0]


@pytest.mark.parametrize("flexible", [False, True])
@pytest.mark.parametrize("with_views", [False, True])
def test_blobs_are_told_apart_from_two_labels_each(flexible, with_views):
    x, labels = blobs(n=150)
    rng = np.random.default_rng(1)
    strong = x[:, None] + 0.2 * rng.standard_normal((150, 3, 8)).astype(np.float32)
    stacked = np.concatenate([x[:, None], strong / np.linalg.norm(strong, axis=2, keepdims=True)], axis=1).astype(np.float32)
    views = Views(values=stacked, fingerprint="made up") if with_views else None
    found = usl.learn(x, few(labels, 6), "fixmatch", params=dataclasses.replace(SHORT, flexible=flexible), views=views)
    assert (found.argmax(axis=1) == labels)[6:].mean() > 0.95
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_probabilities_on_any_number_of_threads():
    from usl_core.arithmetic import torch_threads

    x, labels = blobs()
    one = usl.learn(x, few(labels, 6), "fixmatch", params=SHORT, seed=4)
    with torch_threads(2):
        same = usl.learn(x, few(labels, 6), "fixmatch", params=SHORT, seed=4)
    other = usl.learn(x, few(labels, 6), "fixmatch", params=SHORT, seed=5)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_targets_are_told_apart_in_place_of_the_images():
    x, labels = blobs()
    whole = usl.learn(x, few(labels, 6), "fixmatch", params=SHORT)
    some = usl.learn(x, few(labels, 6), "fixmatch", params=SHORT, targets=x[10:20])
    np.testing.assert_allclose(some, whole[10:20], atol=1e-6)


def test_classes_without_a_label_get_nothing_and_one_class_everything():
    x, labels = blobs()
    known = few(np.where(labels == 1, 5, labels), 6)
    found = usl.learn(x, known, "fixmatch", params=SHORT, n_classes=7)
    assert found.shape == (90, 7)
    assert not found[:, [1, 3, 4, 6]].any()
    alone = usl.learn(x, few(np.full(90, 2), 3), "fixmatch", params=SHORT)
    assert (alone == [0, 0, 1]).all()


@pytest.mark.parametrize("n", [2, 3])
def test_hardly_any_images(n):
    x = blobs(n=3)[0][:n]
    found = usl.learn(x, [0, 1, -1][:n], "fixmatch", params=SHORT)
    assert np.isfinite(found).all()
    same = usl.learn(np.ones((n, 4)), [0, 1, -1][:n], "fixmatch", params=SHORT)
    np.testing.assert_allclose(same.sum(axis=1), 1, atol=1e-5)


def test_the_features_stay_as_they_are():
    x, labels = blobs()
    before = x.copy()
    usl.learn(x, few(labels, 6), "fixmatch", params=SHORT)
    np.testing.assert_array_equal(x, before)


def test_it_can_be_cancelled():
    def stop(share: float, note: str) -> None:
        if share > 0.3:
            raise Cancelled

    x, labels = blobs()
    with pytest.raises(Cancelled):
        usl.learn(x, few(labels, 6), "fixmatch", on_progress=stop)


def test_a_rate_that_is_too_high_is_named():
    x, labels = blobs()
    with pytest.raises(UslError, match=r"try a tenth of learning_rate = 10"):
        usl.learn(x, few(labels, 6), "fixmatch", params=FixmatchParams(learning_rate=10, weight_decay=1e30))


@pytest.mark.parametrize(
    "change",
    [
        {"confidence_threshold": 1.1},
        {"unlabelled_weight": -1},
        {"n_steps": 0},
        {"noise": -0.1},
        {"batch_size": 0},
        {"unlabelled_ratio": 0},
        {"learning_rate": 0},
        {"weight_decay": -1},
        {"ema_decay": 1},
        {"flexible": "yes"},
    ],
)
def test_settings_out_of_range(change):
    with pytest.raises(UslError, match=next(iter(change))):
        FixmatchParams(**change)
