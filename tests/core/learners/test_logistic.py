"""The classifier that the labels give: against scikit-learn, and where scikit-learn gives up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core.learners.logistic import DEFAULT_STRENGTH, FEWEST_TRIED, STRENGTHS, _folds, fit_logistic
from usl_core.validation import unit_rows


def blobs(n: int, n_classes: int, d: int, seed: int = 0, noise: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return unit_rows(rng.normal(size=(n_classes, d))[y] + noise * rng.normal(size=(n, d))), y


@pytest.mark.parametrize(("n", "n_classes", "d"), [(30, 3, 5), (12, 4, 40), (60, 5, 8)])
@pytest.mark.parametrize("strength", [1.0, 100.0])
def test_it_is_scikit_learns_where_that_has_one(n, n_classes, d, strength):
    from sklearn.linear_model import LogisticRegression

    x, y = blobs(n, n_classes, d)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x.astype(np.float64), y).predict_proba(x)
    ours = fit_logistic(x, y, strength=strength).probabilities(x)
    assert np.abs(theirs - ours).max() < 1e-3


@pytest.mark.parametrize("strength", [0.5, 50.0])
def test_two_classes_are_at_the_minimum_of_the_formula(strength):
    x, y = blobs(20, 2, 6, noise=1.0)
    fitted = fit_logistic(x, y, strength=strength)

    def loss(weights: np.ndarray, intercepts: np.ndarray) -> float:
        logits = x @ weights.T + intercepts
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y].sum() + (weights**2).sum() / (2 * strength)

    least, rng = loss(fitted.weights, fitted.intercepts), np.random.default_rng(1)
    for _ in range(50):
        step = 0.01 * rng.normal(size=(2, 7))
        assert loss(fitted.weights + step[:, :6], fitted.intercepts + step[:, 6]) > least - 1e-6


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_any_labels_give_probabilities(n_labelled, n_classes, seed):
    rng = np.random.default_rng(seed)
    x = unit_rows(rng.normal(size=(30, 6)))
    labels = np.full(30, -1)
    labels[:n_labelled] = rng.integers(n_classes, size=n_labelled) * 7
    fitted = fit_logistic(x, labels)
    p = fitted.probabilities(x)
    assert fitted.classes.tolist() == sorted(set(labels.tolist()) - {-1})
    assert p.shape == (30, len(fitted.classes))
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    again = fit_logistic(x, labels)
    assert again.weights.tobytes() == fitted.weights.tobytes()


def test_one_class_is_certain():
    fitted = fit_logistic(np.eye(3), [-1, 5, -1])
    assert fitted.classes.tolist() == [5]
    assert fitted.probabilities(np.eye(3)).tolist() == [[1.0], [1.0], [1.0]]


def test_one_label_per_class_of_many():
    x = unit_rows(np.random.default_rng(0).normal(size=(200, 64)))
    fitted = fit_logistic(x, np.arange(200))
    assert fitted.strength == DEFAULT_STRENGTH
    assert fitted.tried == ()
    assert (fitted.probabilities(x).argmax(axis=1) == np.arange(200)).mean() > 0.99


def test_the_strength_is_chosen_by_held_out_labels_alone():
    x, y = blobs(80, 4, 12, noise=1.5)
    labels = np.where(np.arange(80) < 40, y, -1)
    fitted = fit_logistic(x, labels)
    assert [strength for strength, _ in fitted.tried] == list(STRENGTHS)
    assert fitted.strength == min(fitted.tried, key=lambda one: one[1])[0]
    shuffled = x.copy()
    shuffled[40:] = shuffled[40:][::-1]  # what has no label does not count
    assert fit_logistic(shuffled, labels).weights.tobytes() == fitted.weights.tobytes()


def test_few_labels_are_not_split():
    x, y = blobs(FEWEST_TRIED - 1, 3, 8)
    assert fit_logistic(x, y).tried == ()
    assert fit_logistic(*blobs(FEWEST_TRIED, 3, 8)).tried != ()


def test_every_class_stays_in_training():
    targets = np.array([0] * 7 + [1] * 2 + [2] + [3] * 2)
    fold = _folds(targets, np.bincount(targets))
    assert fold[9] == -1
    for number in range(5):
        assert set(targets[fold != number].tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("labels", "strength", "said"),
    [
        ([-1, -1, -1], None, "all are -1"),
        ([0, 1], None, r"one entry per image \(3\)"),
        ([0.5, 1, 2], None, "whole number"),
        ([0, 1, 2], 0.0, "strength must be above 0"),
        ([0, 1, 2], float("nan"), "finite"),
    ],
)
def test_mistakes_are_told(labels, strength, said):
    with pytest.raises(usl.UslError, match=said):
        fit_logistic(np.eye(3), labels, strength=strength)


def test_features_of_another_encoder_are_refused():
    with pytest.raises(usl.UslError, match="fitted on 3 dimensions, but the features have 2"):
        fit_logistic(np.eye(3), [0, 1, 2]).probabilities(np.eye(2))
