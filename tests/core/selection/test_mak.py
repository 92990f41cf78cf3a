"""MAK against the rule written out, with and without views, labels and anything to choose from."""

from __future__ import annotations

import math

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.selection import mak
from usl_core.selection.mak import MakParams, tailness
from usl_core.threads import one_by_one
from usl_core.types import Views


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def views_of(x: np.ndarray, count: int, seed: int = 5) -> Views:
    rng = np.random.default_rng(seed)
    made = [x] + [x + 0.3 * rng.standard_normal(x.shape) for _ in range(count)]
    stacked = np.stack([one / np.linalg.norm(one, axis=1, keepdims=True) for one in made], axis=1)
    return Views(values=stacked.astype(np.float32), fingerprint="made up")


def nt_xent_by_loops(one: np.ndarray, other: np.ndarray, t: float) -> np.ndarray:
    n, both = len(one), np.concatenate([one, other]).astype(float)
    losses = np.zeros(2 * n)
    for i in range(2 * n):
        others = sum(math.exp(both[i] @ both[k] / t) for k in range(2 * n) if k != i)
        losses[i] = -math.log(math.exp(both[i] @ both[(i + n) % (2 * n)] / t) / others)
    return (losses[:n] + losses[n:]) / 2


def written_out(x, views, labelled, budget, *, barred=(), w=0.5, ratio=1.5, seed=0):
    pool = [i for i in range(len(x)) if i not in labelled]
    strong = [views[:, v] for v in range(1, views.shape[1])] if views.shape[1] > 2 else [views[:, 0], views[:, 1]]
    pairs = [(a, b) for a in range(len(strong)) for b in range(a + 1, len(strong))]
    hard = np.mean([nt_xent_by_loops(strong[a][pool], strong[b][pool], 0.2) for a, b in pairs], axis=0)
    centers = usl.kmeans(x[list(labelled)], min(10, len(labelled)), seed=seed).centroids.astype(float)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    far = 1 - (x[pool].astype(float) @ centers.T).max(axis=1)
    score = w * (hard - hard.mean()) / hard.std() - (1 - w) * (far - far.mean()) / far.std()
    able = [k for k, i in enumerate(pool) if i not in barred]
    top = sorted(able, key=lambda k: -score[k])[: math.ceil(ratio * budget)]
    rows, chosen, picks = sorted(pool[k] for k in top), list(labelled), []
    for _ in range(budget):
        gaps = {i: min(np.linalg.norm(x[i].astype(float) - x[j]) for j in chosen) for i in rows if i not in picks}
        highest = max(gaps.values())
        pick = min(i for i, gap in gaps.items() if gap >= highest - 1e-6)
        picks.append(pick)
        chosen.append(pick)
    return picks, dict(zip(pool, score, strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_is_the_rule(seed, count):
    x = unit(50, 6, seed)
    views, labelled, vetoed = views_of(x, count), [3, 8, 20, 21], [5, 6]
    found = usl.select(x, 7, "mak", labelled=labelled, vetoed=vetoed, views=views, seed=seed)
    picks, score = written_out(x, views.values, labelled, 7, barred=vetoed, seed=seed)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, [score[row] for row in picks], atol=1e-4)
    assert not found.notes


def test_settings_reach_the_rule():
    x = unit(60, 5, 1)
    views, labelled = views_of(x, 2), [0, 1, 2]
    found = usl.select(x, 5, "mak", MakParams(tail_weight=0.1, candidate_ratio=3), labelled=labelled, views=views)
    assert found.indices.tolist() == written_out(x, views.values, labelled, 5, w=0.1, ratio=3)[0]


def test_without_labels_a_random_tenth_is_known_and_that_is_said():
    x = unit(80, 5)
    found = usl.select(x, 6, "mak", views=views_of(x, 2), seed=3)
    known = np.random.default_rng(3).choice(80, 8, replace=False)
    assert not set(found.indices.tolist()) & set(known.tolist())
    assert found.notes == ("nothing is labelled, so 8 images drawn by the seed stand for what is known already",)
    assert found.info["seed_images"] == 8


def test_without_views_noise_stands_in_and_that_is_said():
    x = unit(40, 5)
    one, same, other = (usl.select(x, 5, "mak", labelled=[0, 1], seed=seed) for seed in (1, 1, 2))
    assert one.notes == ("without augmented views, noise on the features took their place",)
    assert one.indices.tolist() == same.indices.tolist()
    np.testing.assert_array_equal(one.scores, same.scores)
    assert not np.array_equal(one.scores, other.scores)


def test_batches_are_told_apart_each_by_itself(monkeypatch):
    monkeypatch.setattr(mak, "BATCH", 20)
    views = [unit(60, 4, seed) for seed in (0, 1)]
    told: list[float] = []
    found = tailness(views, 0.2, np.random.default_rng(7), one_by_one, lambda share, note: told.append(share))
    wanted = np.empty(60)
    for rows in np.array_split(np.random.default_rng(7).permutation(60), 3):
        wanted[rows] = nt_xent_by_loops(views[0][rows], views[1][rows], 0.2)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert told[-1] == 1


def test_a_tail_image_is_hard_to_tell_from_others():
    clear = np.eye(30, 40, dtype=np.float32)
    alike = np.zeros((10, 40), dtype=np.float32)
    alike[:, 39] = 1
    x = np.concatenate([clear, alike])
    found = tailness([x, x], 0.2, np.random.default_rng(0), one_by_one)
    assert found[30:].min() > found[:30].max()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_images(n):
    assert sorted(usl.select(unit(n, 3), n, "mak").indices.tolist()) == list(range(n))
    assert sorted(usl.select(np.ones((n, 3)), n, "mak").indices.tolist()) == list(range(n))


def test_all_of_them():
    x = unit(30, 4)
    assert sorted(usl.select(x, 30, "mak").indices.tolist()) == list(range(30))
    assert sorted(usl.select(x, 28, "mak", labelled=[0, 1]).indices.tolist()) == list(range(2, 30))


@pytest.mark.parametrize(
    "change",
    [
        {"tail_weight": 2},
        {"candidate_ratio": 0.5},
        {"temperature": 0},
        {"n_views": -1},
        {"view_strength": 0},
        {"noise": -1},
    ],
)
def test_settings_out_of_range(change):
    with pytest.raises(UslError, match=next(iter(change))):
        MakParams(**change)
