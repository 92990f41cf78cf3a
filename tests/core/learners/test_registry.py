"""The one door to the learners: what every one of them promises, and mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import usl_core as usl
from usl_core.learners.registry import default_learner_params, learners
from usl_core.validation import unit_rows

NAMES = learners()


def blobs(n: int, n_classes: int, d: int, seed: int = 0, noise: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return unit_rows(rng.normal(size=(n_classes, d))[y] + noise * rng.normal(size=(n, d))), y


def some(y: np.ndarray, n_labelled: int) -> np.ndarray:
    """The labels of the first images alone."""
    return np.where(np.arange(len(y)) < n_labelled, y, -1)


def check_probabilities(p: np.ndarray, n: int, n_classes: int) -> None:
    assert p.shape == (n, n_classes)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1, dtype=np.float64), 1, atol=1e-5)


def test_the_cards_are_the_learners():
    assert [card.name for card in usl.learner_cards()] == NAMES
    assert all(card.title and card.summary.endswith(".") and card.reference for card in usl.learner_cards())
    for card in usl.learner_cards():
        assert type(default_learner_params(card.name)).__name__ == (card.params or "NoneType")


@pytest.mark.parametrize("learner", NAMES)
class TestEveryLearner:
    def test_easy_classes_are_learnt(self, learner):
        x, y = blobs(120, 4, 8)
        p = usl.learn(x, some(y, 12), learner)
        check_probabilities(p, 120, 4)
        assert (p.argmax(axis=1) == y).mean() > 0.95

    def test_held_out_images(self, learner):
        x, y = blobs(160, 4, 8)
        p = usl.learn(x[:120], some(y[:120], 12), learner, targets=x[120:])
        check_probabilities(p, 40, 4)
        assert (p.argmax(axis=1) == y[120:]).mean() > 0.9

    def test_the_same_again(self, learner):
        x, y = blobs(80, 3, 6, noise=1.0)
        first, again = (usl.learn(x, some(y, 9), learner, seed=3) for _ in range(2))
        assert first.tobytes() == again.tobytes()

    def test_one_label(self, learner):
        x, _ = blobs(30, 3, 6)
        labels = np.full(30, -1)
        labels[7] = 2
        p = usl.learn(x, labels, learner, n_classes=5, targets=x[:4])
        check_probabilities(p, 4, 5)
        assert (p.argmax(axis=1) == 2).all()

    def test_one_class(self, learner):
        x, _ = blobs(30, 3, 6)
        p = usl.learn(x, [0] * 10 + [-1] * 20, learner)
        check_probabilities(p, 30, 1)
        assert (p == 1).all()

    def test_classes_without_labels(self, learner):
        """Gaps below, between and above; and fewer labels than classes."""
        x, y = blobs(90, 3, 8)
        gapped = np.array([1, 4, 6])[y]
        p = usl.learn(x, some(gapped, 6), learner, n_classes=20)
        check_probabilities(p, 90, 20)
        assert (p.argmax(axis=1) == gapped).mean() > 0.9
        assert p[:, [0, 2, 3, 5, *range(7, 20)]].mean() < 0.1

    def test_every_image_labelled(self, learner):
        x, y = blobs(40, 4, 8)
        p = usl.learn(x, y, learner)
        check_probabilities(p, 40, 4)
        assert (p.argmax(axis=1) == y).mean() > 0.95

    def test_a_single_image(self, learner):
        check_probabilities(usl.learn([[1.0, 2.0]], [0], learner, n_classes=2), 1, 2)

    def test_copies_with_and_without_labels(self, learner):
        x = np.repeat(np.eye(3), 20, axis=0)
        labels = np.full(60, -1)
        labels[[3, 25, 55]] = [0, 1, 2]
        p = usl.learn(x, labels, learner)
        check_probabilities(p, 60, 3)
        assert p.argmax(axis=1).tolist() == [0] * 20 + [1] * 20 + [2] * 20

    def test_contradicting_labels_of_copies(self, learner):
        check_probabilities(usl.learn(np.ones((6, 2)), [0, 1, 2, -1, -1, -1], learner), 6, 3)

    def test_the_end_is_told_and_a_cancel_goes_through(self, learner):
        x, y = blobs(40, 4, 8)
        told: list[float] = []
        usl.learn(x, some(y, 8), learner, on_progress=lambda fraction, note: told.append(fraction))
        assert told[-1] == 1
        assert told == sorted(told)

        def cancel(fraction: float, note: str) -> None:
            raise usl.Cancelled

        with pytest.raises(usl.Cancelled):
            usl.learn(x, some(y, 8), learner, on_progress=cancel)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"labels": [-1] * 4}, "all are -1"),
            ({"labels": [0, 1]}, r"one entry per image \(4\)"),
            ({"labels": [0, -2, 1, 1]}, "that of row 1 is -2"),
            ({"labels": [0.5, 1, 1, 1]}, "whole number"),
            ({"labels": [0, 1, 2, 10**9]}, "number the classes from 0 on"),
            ({"n_classes": 2}, r"below n_classes \(2\) but hold 2"),
            ({"n_classes": 0}, "n_classes must be"),
            ({"n_classes": 2.5}, "n_classes must be a whole number"),
            ({"targets": np.eye(3)}, "4 dimensions of the features but have 3"),
            ({"targets": np.zeros((2, 4))}, "targets do not fit: row 0"),
            ({"targets": np.full((2, 4), np.nan)}, "targets do not fit: features must be finite"),
            ({"values": np.full((4, 4), np.inf)}, "must be finite"),
            ({"seed": -1}, "seed must be at least 0"),
            ({"params": {"tau": 1}}, "params of learner"),
            ({"neighbors": "none"}, "find_neighbors"),
            ({"neighbors": usl.find_neighbors(np.eye(3), 2)}, "same 4 images"),
            ({"views": np.zeros((4, 2, 4))}, "encode_views"),
            ({"views": usl.Views(values=np.zeros((3, 2, 4), dtype=np.float32), fingerprint="")}, "same 4 images"),
            ({"views": usl.Views(values=np.zeros((4, 2, 9), dtype=np.float32), fingerprint="")}, "in 4 dimensions"),
        ],
    )
    def test_mistakes_are_told(self, learner, changed, said):
        given = {"values": np.eye(4), "labels": [0, 1, 2, -1], "learner": learner} | changed
        with pytest.raises(usl.UslError, match=said):
            usl.learn(**given)


def test_an_unknown_learner_is_told():
    with pytest.raises(usl.UslError, match="learner must be one of 1-nn, linear"):
        usl.learn(np.eye(2), [0, 1], "svm")
    with pytest.raises(usl.UslError, match="but is None"):
        usl.learn(np.eye(2), [0, 1], None)


def test_parameters_of_another_are_refused():
    @dataclass
    class Other:
        threshold: float = 0.5

    for learner in NAMES:
        with pytest.raises(usl.UslError, match="params of learner"):
            usl.learn(np.eye(2), [0, 1], learner, params=Other())
