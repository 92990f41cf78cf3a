"""RDSS against the rule written out, and its kernel means against all pairs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import usl_core as usl
from usl_core.selection import kernel_means
from usl_core.selection.kernel_means import gaussian_means
from usl_core.selection.rdss import median_distance


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def written_out(x, budget, *, labelled=(), barred=()):
    x = x.astype(np.float64)
    n = len(x)
    dist = np.linalg.norm(x[:, None] - x[None], axis=2)
    scale = np.median(dist[np.triu_indices(n, 1)])
    k = np.exp(-((dist / scale) ** 2))
    mu = k.mean(axis=1)
    alpha = 1 - 1 / np.sqrt(budget + len(labelled))
    taken = [*labelled]
    picks: list[int] = []
    for _ in range(budget):
        near = k[taken].mean(axis=0) if taken else np.zeros(n)
        able = [i for i in range(n) if i not in taken and i not in barred]
        best = min(able, key=lambda i: (round(near[i] - alpha * mu[i], 9), i))
        picks.append(best)
        taken.append(best)
    return picks, mu


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "budget"), [(30, 1), (30, 7), (25, 25), (60, 20)])
def test_it_is_the_rule(seed, n, budget):
    x = unit(n, 5, seed)
    found = usl.select(x, budget, "rdss")
    picks, mu = written_out(x, budget)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, mu[picks], rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_labelled_images_count_as_picked_and_vetoed_ones_are_never(seed):
    x = unit(40, 4, seed)
    labelled, vetoed = [3, 9, 30], [1, 2, 12]
    found = usl.select(x, 10, "rdss", labelled=labelled, vetoed=vetoed)
    assert found.indices.tolist() == written_out(x, 10, labelled=labelled, barred=vetoed)[0]


def test_the_first_pick_is_nearest_to_all():
    x = unit(50, 6)
    found = usl.select(x, 5, "rdss")
    assert found.indices[0] == written_out(x, 5)[1].argmax()


def test_seeds_make_no_difference():
    x = unit(80, 6)
    assert (usl.select(x, 9, "rdss", seed=1).indices == usl.select(x, 9, "rdss", seed=2).indices).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_images(n):
    assert sorted(usl.select(unit(n, 3), n, "rdss").indices.tolist()) == list(range(n))
    assert sorted(usl.select(np.ones((n, 3)), n, "rdss").indices.tolist()) == list(range(n))


def test_the_median_is_that_of_all_pairs_or_near_it():
    x = unit(300, 4)
    dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    assert median_distance(x) == pytest.approx(np.median(dist[np.triu_indices(300, 1)]), rel=1e-5)
    many = unit(6_000, 3, 1)
    parts = [np.linalg.norm(many[at] - many, axis=1) for at in range(0, 6_000, 10)]
    assert median_distance(many) == pytest.approx(np.median(np.concatenate(parts)), rel=0.01)
    assert median_distance(np.ones((4, 2), dtype=np.float32)) == 1


@pytest.mark.parametrize("n", [1, 500, 1300])
def test_kernel_means_are_those_of_all_pairs(n, monkeypatch):
    x = unit(n, 7)
    dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    wanted = np.exp(-((dist / 0.8) ** 2)).mean(axis=1)
    np.testing.assert_allclose(gaussian_means(x, 0.8)[0], wanted, rtol=2e-6)
    monkeypatch.setattr(kernel_means, "_FEW", 0)
    monkeypatch.setattr(kernel_means, "_TILE", 300)
    told: list[float] = []
    found, notes = gaussian_means(x, 0.8, on_progress=lambda share, note: told.append(share))
    np.testing.assert_allclose(found, wanted, rtol=2e-6)
    assert not notes
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_read_only_features_raise_no_warning(monkeypatch):
    monkeypatch.setattr(kernel_means, "_FEW", 0)
    x = unit(400, 5)
    x.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gaussian_means(x, 1.0)
        monkeypatch.setattr(kernel_means, "MOST_ALL", 100)
        gaussian_means(x, 1.0)


def test_of_very_many_images_a_sample_stands_for_all_and_that_is_said(monkeypatch):
    monkeypatch.setattr(kernel_means, "_FEW", 0)
    monkeypatch.setattr(kernel_means, "MOST_ALL", 800)
    x = unit(1_000, 5)
    dist = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    found, notes = gaussian_means(x, 1.2, seed=3)
    np.testing.assert_allclose(found, np.exp(-((dist / 1.2) ** 2)).mean(axis=1), rtol=0.03)
    assert notes == ("how near the 1,000 images are to each other was taken over a sample of 800",)
    assert usl.select(x, 5, "rdss").notes == notes
