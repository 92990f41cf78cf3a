"""The coverage family against plain greedy search in loops, against the best there is, and where balls or images run out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.selection.covering import SHARE, MaxherdingParams, ProbcoverParams, usual_radius

METHODS = ("facility-location", "maxherding", "probcover")


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def kernel_of(method: str, x: np.ndarray, budget: int) -> np.ndarray:
    dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    if method == "facility-location":
        return dist.max() - dist
    return np.exp(-(dist**2)) if method == "maxherding" else (dist < usual_radius(x, budget)).astype(float)


def plain(k: np.ndarray, budget: int, labelled=(), barred=(), order=None) -> list[int]:
    """Of equal gains, the row that comes first in `order`."""
    order = list(range(len(k))) if order is None else order.tolist()
    best = k[list(labelled)].max(axis=0) if labelled else np.zeros(len(k))
    picks: list[int] = []
    for _ in range(budget):
        gains = {i: np.maximum(k[i] - best, 0).sum() for i in range(len(k)) if i not in {*picks, *labelled, *barred}}
        highest = max(gains.values())
        pick = next(i for i in order if i in gains and gains[i] >= highest - 1e-6 * len(k))
        picks.append(pick)
        best = np.maximum(best, k[pick])
    return picks


def order_of(method: str, n: int, seed: int) -> np.ndarray | None:
    return np.random.default_rng(seed).permutation(n) if method == "probcover" else None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_picks_are_those_of_plain_greedy_search(method, seed):
    x = unit(60, 4, seed)
    found = usl.select(x, 9, method, seed=seed)
    assert found.indices.tolist() == plain(kernel_of(method, x, 9), 9, order=order_of(method, 60, seed))
    k = kernel_of(method, x, 9) if method != "facility-location" else 2 - np.linalg.norm(x[:, None] - x[None], axis=2)
    assert found.info["covered"] == pytest.approx(k[found.indices].max(axis=0).mean(), rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_labelled_images_cover_and_vetoed_ones_are_never_picked(method):
    x = unit(50, 4, 3)
    labelled, vetoed = [4, 20], [1, 7, 9]
    found = usl.select(x, 8, method, labelled=labelled, vetoed=vetoed)
    assert found.indices.tolist() == plain(kernel_of(method, x, 10), 8, labelled, vetoed, order_of(method, 50, 0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_the_coverage_is_at_least_1_minus_1_over_e_of_the_best(method, seed):
    x, budget = unit(12, 3, seed), 3
    k = kernel_of(method, x, budget)
    best = max(k[list(rows)].max(axis=0).mean() for rows in itertools.combinations(range(12), budget))
    own = k[usl.select(x, budget, method).indices].max(axis=0).mean()
    assert own >= (1 - 1 / np.e) * best - 1e-6


def test_uherding_with_nothing_labelled_is_maxherding():
    x = unit(80, 5, 1)
    herded = usl.select(x, 12, "maxherding")
    unsure = usl.select(x, 12, "uherding", labels=np.full(80, -1))
    assert herded.indices.tolist() == unsure.indices.tolist()
    np.testing.assert_array_equal(herded.scores, unsure.scores)


def test_a_ball_of_the_usual_radius_holds_half_of_its_share_of_the_images():
    x = unit(400, 3)
    for count in (5, 20):
        dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
        held = (dist < usual_radius(x, count)).sum(axis=1) - 1
        assert held.mean() == pytest.approx(SHARE * 399 / count, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_images(method, n):
    assert sorted(usl.select(unit(n, 3), n, method).indices.tolist()) == list(range(n))
    assert sorted(usl.select(np.ones((n, 3)), n, method).indices.tolist()) == list(range(n))


def test_a_radius_decides_and_a_tiny_one_covers_nothing_but_picks():
    x = unit(60, 3, 2)
    wide, narrow = (usl.select(x, 6, "probcover", ProbcoverParams(radius=radius)) for radius in (1.0, 1e-6))
    assert wide.info["radius"] == 1.0
    assert wide.info["covered"] > 0.9
    assert narrow.info["covered"] == pytest.approx(6 / 60)
    assert narrow.indices.tolist() == np.random.default_rng(0).permutation(60)[:6].tolist()  # all gains are alike


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["copies", "arc", "one point and others"])
@pytest.mark.parametrize("budget", [4, 15])
def test_gains_are_the_highest_there_are_where_distances_repeat(method, kind, budget):
    rng = np.random.default_rng(2)
    if kind == "copies":
        x = unit(20, 4, 1)[rng.integers(20, size=60)]
    elif kind == "arc":
        angle = np.arange(60) * 0.03
        x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    else:
        x = np.concatenate([np.repeat(unit(1, 4), 30, axis=0), unit(30, 4, 6)])
    radius = usual_radius(x, budget)
    dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    assert np.abs(dist - radius).min() > 1e-6
    k = kernel_of(method, x, budget) if method != "facility-location" else 2 - dist
    rows = usl.select(x, budget, method).indices
    first = {tuple(row): place for place, row in reversed(list(enumerate(x.tolist())))}
    able = sorted(first.values())
    best = np.zeros(60)
    for rank, row in enumerate(rows):
        gains = np.maximum(k - best, 0).sum(axis=1)
        if rank < len(able):
            left = [other for other in able if not (x[rows[:rank]] == x[other]).all(axis=1).any()]
            assert gains[row] >= gains[left].max() - 1e-5 * k.sum(axis=1).max()
        best = np.maximum(best, k[row])


def test_many_copies_do_not_make_the_radius_zero():
    x = np.concatenate([np.repeat(unit(1, 3), 90, axis=0), unit(10, 3, 5)])
    assert usual_radius(x, 20) > 0
    assert len(set(usl.select(x, 8, "probcover").indices.tolist())) == 8


@pytest.mark.parametrize("make", [lambda: MaxherdingParams(scale=0), lambda: ProbcoverParams(radius=-1)])
def test_settings_out_of_range(make):
    with pytest.raises(UslError, match=r"scale|radius"):
        make()
