"""margin, uherding and dropquery: against their formulas, and with what is labelled, vetoed and alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core.learners.logistic import fit_logistic
from usl_core.selection.dropquery import DROPOUT_RATE, N_PASSES
from usl_core.selection.second_round import margins
from usl_core.selection.uherding import labelled_scale
from usl_core.validation import unit_rows

from .test_coverage import kernel_of, plain_greedy

METHODS = [card.name for card in usl.method_cards(second_round=True) if card.second_round]


def scene(n: int = 60, seed: int = 0, n_labelled: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of three kinds, the kinds, and some rows."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    x = unit_rows(rng.normal(size=(3, 8))[kind] + 0.7 * rng.normal(size=(n, 8)))
    return x, kind, np.sort(rng.choice(n, n_labelled, replace=False))


def test_they_are_listed_apart():
    assert METHODS == ["margin", "uherding", "dropquery"]
    assert not set(METHODS) & set(usl.methods())
    assert usl.methods(second_round=True) == usl.methods() + METHODS


@given(st.integers(0, 1000))
@settings(max_examples=20, derandomize=True, deadline=None)
def test_margin_is_its_formula(seed):
    x, kind, rows = scene(seed=seed)
    chosen = usl.select(x, 7, "margin", labels=kind, labelled=rows)
    p = fit_logistic(x, np.where(np.isin(np.arange(60), rows), kind, -1)).probabilities(x).astype(np.float64)
    first_two = -np.sort(-p, axis=1)[:, :2] if p.shape[1] > 1 else np.tile([1.0, 0.0], (60, 1))
    margin = first_two[:, 0] - first_two[:, 1]
    left = np.setdiff1d(np.arange(60), rows)
    if p.shape[1] > 1:
        assert chosen.indices.tolist() == left[np.argsort(margin[left], kind="stable")[:7]].tolist()
    np.testing.assert_allclose(chosen.scores, margin[chosen.indices], atol=1e-6)


@given(st.integers(0, 1000))
@settings(max_examples=20, derandomize=True, deadline=None)
def test_uherding_is_its_formula(seed):
    x, kind, rows = scene(n=40, seed=seed)
    chosen = usl.select(x, 6, "uherding", labels=kind, labelled=rows)
    p = fit_logistic(x, np.where(np.isin(np.arange(40), rows), kind, -1)).probabilities(x)
    u = 1 - margins(p) if p.shape[1] > 1 else np.ones(40)
    apart = [float(np.linalg.norm(x[i].astype(float) - x[j])) for i in rows for j in rows if i < j]
    assert chosen.info["scale"] == pytest.approx(min(apart), rel=1e-4)
    k = kernel_of(x, min(apart))
    left = np.setdiff1d(np.arange(40), rows).tolist()
    _, values = plain_greedy(k, 6, left, rows.tolist(), u)
    mine = [float((u * k[[*rows, *chosen.indices[: rank + 1]]].max(axis=0)).mean()) for rank in range(6)]
    np.testing.assert_allclose(mine, values, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(chosen.info["covered"], values[-1], rtol=1e-4)


def test_uherding_of_nothing_labelled_is_maxherding():
    x, _, _ = scene()
    chosen = usl.select(x, 8, "uherding")
    k = kernel_of(x, 1.0)
    picks, _ = plain_greedy(k, 8, list(range(60)), [], np.ones(60))
    assert chosen.indices.tolist() == picks
    assert "maxherding" in chosen.notes[0]


def test_the_scale_skips_copies():
    x = unit_rows(np.array([[1, 0], [1, 0], [0, 1], [1, 1]], dtype=float))
    assert labelled_scale(x, np.array([0, 1])) == 1.0
    assert labelled_scale(x, np.array([2])) == 1.0
    assert labelled_scale(x, np.array([0, 1, 2])) == pytest.approx(np.sqrt(2))
    assert labelled_scale(x, np.arange(4)) == pytest.approx(np.sqrt(2 - np.sqrt(2)))


def test_dropquery_takes_what_flips_and_the_centres_of_its_clusters():
    x, kind, rows = scene(n=400, n_labelled=12)
    chosen = usl.select(x, 4, "dropquery", labels=kind, labelled=rows, seed=3)
    fitted = fit_logistic(x, np.where(np.isin(np.arange(400), rows), kind, -1))
    left = np.setdiff1d(np.arange(400), rows)
    rng, points = np.random.default_rng(3), x[left].astype(np.float64)
    flips = np.zeros(len(left), dtype=int)
    usual = (points @ fitted.weights.T + fitted.intercepts).argmax(axis=1)
    for _ in range(N_PASSES):
        dropped = points * (rng.random(points.shape) >= DROPOUT_RATE) / (1 - DROPOUT_RATE)
        flips += (dropped @ fitted.weights.T + fitted.intercepts).argmax(axis=1) != usual
    unsure = np.flatnonzero(flips > 1)
    assert len(unsure) >= 100  # so the milder rule is not needed
    found = usl.kmeans(x[left[unsure]], 4, seed=3)
    away = ((x[left[unsure]][:, None] - found.centroids[None]) ** 2).sum(axis=2)
    expected = [int(left[unsure[min(np.flatnonzero(found.labels == c), key=lambda i, c=c: away[i, c])]]) for c in range(4)]
    assert chosen.indices.tolist() == expected
    assert (chosen.scores > 1).all()


def test_dropquery_fills_up_where_too_few_flip():
    x = unit_rows(np.repeat(np.eye(2), 10, axis=0) + 0.001 * np.random.default_rng(0).normal(size=(20, 2)))
    chosen = usl.select(x, 16, "dropquery", labels=np.repeat([0, 1], 10), labelled=[0, 10])
    assert len(set(chosen.indices.tolist()) - {0, 10}) == 16


@pytest.mark.parametrize("method", METHODS)
def test_only_labels_of_labelled_rows_are_looked_at(method):
    x, kind, rows = scene()
    chosen = usl.select(x, 6, method, labels=kind, labelled=rows)
    hidden = np.full(60, -1)
    hidden[rows] = kind[rows]
    assert usl.select(x, 6, method, labels=hidden, labelled=rows).indices.tolist() == chosen.indices.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_fitted_classifier_may_be_given(method):
    x, kind, rows = scene()
    fitted = fit_logistic(x, np.where(np.isin(np.arange(60), rows), kind, -1))
    usual = usl.select(x, 6, method, labels=kind, labelled=rows)
    assert usl.select(x, 6, method, labelled=rows, classifier=fitted).indices.tolist() == usual.indices.tolist()
    with pytest.raises(usl.UslError, match="fitted on 8 dimensions, but the features have 7"):
        usl.select(unit_rows(x[:, :7]), 6, method, labelled=rows, classifier=fitted)
    with pytest.raises(usl.UslError, match="classifier must be what fit_logistic returns but is a str"):
        usl.select(x, 6, method, labelled=rows, classifier="logistic")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [1, 5, 40])
def test_labelled_vetoed_and_copies_are_respected(method, budget):
    x, kind, rows = scene(n=80)
    picture = np.arange(80)
    x[70:], kind[70:], picture[70:] = x[rows[0]], kind[rows[0]], rows[0]  # copies of a labelled image
    x[60:65], picture[60:65] = x[30], 30  # copies of each other
    chosen = usl.select(x, budget, method, labels=kind, labelled=rows, vetoed=[1, 2])
    assert len(set(chosen.indices.tolist())) == budget
    assert not {*rows.tolist(), 1, 2} & set(chosen.indices.tolist())
    assert len(set(picture[chosen.indices].tolist()) - {int(rows[0])}) == budget
    assert usl.select(x, budget, method, labels=kind, labelled=rows, vetoed=[1, 2]).indices.tolist() == chosen.indices.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_at_most_one_of_near_duplicates_is_picked(method):
    x, kind, rows = scene()
    groups = usl.find_near_duplicates(x, 0.8, labelled=rows)
    budget = len(groups.open)
    chosen = usl.select(x, budget, method, labels=kind, labelled=rows, near_duplicates=0.8)
    assert sorted(chosen.indices.tolist()) == groups.open.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_one_class_is_said_and_all_that_is_left_can_be_picked(method):
    x, _, rows = scene(n=20)
    chosen = usl.select(x, 11, method, labels=np.zeros(20, dtype=int), labelled=rows)
    assert len(set(chosen.indices.tolist()) | set(rows.tolist())) == 20
    assert any("only one class" in note for note in chosen.notes)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_missing_is_told(method):
    x, kind, rows = scene()
    with pytest.raises(usl.UslError, match="what their labels are, but labels is None"):
        usl.select(x, 3, method, labelled=rows)
    with pytest.raises(usl.UslError, match=r"-1 \(unknown\) for all 9 labelled rows"):
        usl.select(x, 3, method, labels=np.full(60, -1), labelled=rows)
    if method != "uherding":
        with pytest.raises(usl.UslError, match="labelled is empty; pick a first round"):
            usl.select(x, 3, method, labels=kind)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_may_be_labelled_and_its_class_unknown(method):
    x, kind, rows = scene()
    labels = np.full(60, -1)
    labels[rows[1:]] = kind[rows[1:]]
    chosen = usl.select(x, 50, method, labels=labels, labelled=rows)
    assert rows[0] not in chosen.indices
