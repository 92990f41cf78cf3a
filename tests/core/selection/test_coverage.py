"""Greedy coverage picks what a loop over the formula picks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from usl_core.selection import coverage
from usl_core.selection.coverage import gaussian, greedy_coverage
from usl_core.validation import unit_rows


def kernel_of(x: np.ndarray, scale: float) -> np.ndarray:
    x = x.astype(np.float64)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.exp(-(((x[:, None] - x[None]) ** 2).sum(axis=2)) / scale**2)


def plain_greedy(k, budget, candidates, fixed, u):
    """The formula, row by row: picks, and f after each; of equals (up to 1e-5 of the largest gain) the lowest row."""
    chosen, values, largest = [], [], None
    for _ in range(budget):
        covered = k[[*fixed, *chosen]].max(axis=0) if [*fixed, *chosen] else np.zeros(len(k))
        gains = {row: float((u * np.maximum(k[row], covered)).mean()) for row in candidates if row not in chosen}
        base = float((u * covered).mean())
        largest = max(gains.values()) - base if largest is None else largest
        best = max(gains.values())
        chosen.append(next(row for row in candidates if row in gains and gains[row] >= best - 1e-6 * largest))
        values.append(gains[chosen[-1]])
    return chosen, values


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.2, 0.5, 1.0, 2.0]), st.booleans(), st.booleans())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_lazy_is_plain(seed, scale, weighted, labelled):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    x = unit_rows(rng.normal(size=(n, 4)))
    rows = rng.permutation(n)
    fixed = np.sort(rows[:2]) if labelled else np.empty(0, dtype=np.int64)
    candidates = np.sort(rows[3:])
    u = rng.random(n) if weighted else np.ones(n)
    budget = int(rng.integers(1, len(candidates) + 1))
    found = greedy_coverage(x, budget, gaussian(scale), candidates=candidates, fixed=fixed, weights=u if weighted else None)
    chosen, values = plain_greedy(kernel_of(x, scale), budget, candidates.tolist(), fixed.tolist(), u)
    mine = [float((u * kernel_of(x, scale)[[*fixed, *found.picks[: r + 1]]].max(axis=0)).mean()) for r in range(budget)]
    np.testing.assert_allclose(mine, values, rtol=1e-4, atol=1e-6)  # equally good at every rank
    if np.diff(values, prepend=0).min() > 1e-4:  # beyond rounding, the same
        assert found.picks.tolist() == chosen
    assert len(set(found.picks.tolist())) == budget
    np.testing.assert_allclose(found.covered, values[-1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("tile", [1, 3, 7, 64])
def test_tiles_do_not_change_the_picks(tile, monkeypatch):
    rng = np.random.default_rng(3)
    x, u = unit_rows(rng.normal(size=(50, 6))), rng.random(50)
    arguments = {"candidates": np.arange(5, 50), "fixed": np.arange(4), "weights": u}
    usual = greedy_coverage(x, 20, gaussian(0.7), **arguments)
    monkeypatch.setattr(coverage, "_TILE", tile)
    other = greedy_coverage(x, 20, gaussian(0.7), **arguments)
    assert other.picks.tolist() == usual.picks.tolist()
    np.testing.assert_allclose(other.gains, usual.gains, rtol=1e-4, atol=1e-7)


def test_symmetric_images_tie_to_the_lowest_row():
    x = np.concatenate([np.eye(6), -np.eye(6)])
    assert greedy_coverage(unit_rows(x), 12, gaussian(1.0), candidates=np.arange(12), fixed=np.arange(0)).picks[0] == 0


def test_most_gains_are_computed_once():
    rng = np.random.default_rng(0)
    x = unit_rows(rng.normal(size=(40, 8))[rng.integers(40, size=600)] + 0.1 * rng.normal(size=(600, 8)))
    found = greedy_coverage(x, 20, gaussian(0.3), candidates=np.arange(600), fixed=np.arange(0))
    assert found.n_evaluations < 20 * 600 / 3


def test_beyond_the_limit_a_seeded_sample_is_picked_from(monkeypatch):
    x = unit_rows(np.random.default_rng(0).normal(size=(60, 5)))
    monkeypatch.setattr(coverage, "MOST_PAIRS", 60 * 20)
    runs = [greedy_coverage(x, 5, gaussian(1.0), candidates=np.arange(60), fixed=np.arange(0), seed=s) for s in (0, 0, 1)]
    assert {run.n_candidates for run in runs} == {20}
    assert runs[0].picks.tolist() == runs[1].picks.tolist()
    assert runs[0].picks.tolist() != runs[2].picks.tolist()
    whole = greedy_coverage(x, 40, gaussian(1.0), candidates=np.arange(60), fixed=np.arange(0))
    assert whole.n_candidates == 40  # never fewer than are to be picked


def test_gains_that_follow_the_picks_are_those_computed_anew():
    rng = np.random.default_rng(5)
    x = unit_rows(rng.normal(size=(30, 8))[rng.integers(30, size=900)] + 0.4 * rng.normal(size=(900, 8)))
    u, fixed = rng.random(900), np.arange(3)
    found = greedy_coverage(x, 60, gaussian(0.8), candidates=np.arange(5, 900), fixed=fixed, weights=u)
    k = kernel_of(x, 0.8)
    best = k[fixed].max(axis=0)
    for rank, pick in enumerate(found.picks):
        gains = (u * np.maximum(k - best, 0)).mean(axis=1)
        np.testing.assert_allclose(found.gains[rank], gains[pick], rtol=1e-4, atol=1e-7)
        gains[[0, 1, 2, 3, 4, *found.picks[:rank]]] = -1
        assert gains[pick] >= gains.max() - 2e-6, rank
        best = np.maximum(best, k[pick])


@pytest.mark.parametrize("labelled", [0, 20])
def test_any_number_of_threads_gives_the_same_bits(labelled, monkeypatch):
    monkeypatch.setattr(coverage, "_TILE", 64)
    rng = np.random.default_rng(2)
    x = unit_rows(rng.normal(size=(20, 8))[rng.integers(20, size=1200)] + 0.4 * rng.normal(size=(1200, 8)))
    runs = []
    for count in (1, 2, 5):
        with threadpool_limits(count, user_api="blas"):
            runs.append(greedy_coverage(x, 30, gaussian(0.9), candidates=np.arange(labelled, 1200), fixed=np.arange(labelled)))
    for run in runs[1:]:
        np.testing.assert_array_equal(run.picks, runs[0].picks)
        np.testing.assert_array_equal(run.gains, runs[0].gains)
