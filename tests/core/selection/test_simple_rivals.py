"""k-means centres, k-center and herding against loops over their formulas, and in hand-made geometry."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from usl_core import kmeans, select
from usl_core.errors import UslError
from usl_core.review.ranks import orders_of, ranked
from usl_core.selection.k_center import KCenterParams
from usl_core.types import Selection
from usl_core.validation import unit_rows

METHODS = ("kmeans-center", "k-center", "herding")


def points(n: int = 60, d: int = 5, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)))


def distances(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.linalg.norm(wide[:, None] - wide[None], axis=2)


@st.composite
def some(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int], int]:
    """Points without copies, labelled rows, vetoed rows and a budget."""
    n = draw(st.integers(2, 24))
    x = points(n, draw(st.integers(2, 6)), draw(st.integers(0, 999)))
    used = draw(st.lists(st.integers(0, n - 1), max_size=n - 1, unique=True))
    cut = draw(st.integers(0, len(used)))
    return x, sorted(used[:cut]), sorted(used[cut:]), draw(st.integers(1, n - len(used)))


# ---------------------------------------------------------------- what any input must give


@st.composite
def any_input(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int], int]:
    """Small whole numbers, so that there are copies and ties in plenty."""
    shape = st.tuples(st.integers(1, 12), st.integers(1, 3))
    x = draw(hnp.arrays(np.float64, shape, elements=st.integers(-1, 1)))
    x[np.abs(x).sum(axis=1) == 0] = 1
    used = draw(st.lists(st.integers(0, len(x) - 1), max_size=len(x) - 1, unique=True))
    return x, used[::2], used[1::2], draw(st.integers(1, len(x) - len(used)))


@pytest.mark.parametrize("method", METHODS)
@given(case=any_input(), seed=st.integers(0, 3))
@settings(max_examples=60, derandomize=True)
def test_m_distinct_rows_that_may_be_picked_and_copies_last(method, case, seed):
    x, labelled, vetoed, budget = case
    found = select(x, budget, method, seed=seed, labelled=labelled, vetoed=vetoed)
    assert found.indices.dtype == found.clusters.dtype == np.int64
    assert found.scores.dtype == np.float64
    assert found.indices.shape == found.clusters.shape == found.scores.shape == (budget,)
    rows = found.indices.tolist()
    assert len(set(rows)) == budget
    assert not {*labelled, *vetoed} & set(rows)
    unit = unit_rows(x)
    taken = {unit[row].tobytes() for row in (*labelled, *vetoed)}
    kinds = len({unit[row].tobytes() for row in range(len(x))} - taken)
    assert len({unit[row].tobytes() for row in rows} - taken) == min(budget, kinds), "a copy before all others are gone"
    again = select(x, budget, method, seed=seed, labelled=labelled, vetoed=vetoed)
    np.testing.assert_array_equal(again.indices, found.indices)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "x", [np.ones((7, 3)), np.array([[1.0, 2.0]] * 2), np.ones((1, 1)), points(7)], ids=["same", "two", "one", "any"]
)
def test_the_whole_set_and_equals_in_order_of_row(method, x):
    whole = select(x, len(x), method)
    assert sorted(whole.indices) == list(range(len(x)))
    if (x == x[0]).all():
        assert select(x, 1, method).indices.tolist() == [0]
        if method != "kmeans-center":  # which has a cluster of its own for each
            assert whole.indices.tolist() == list(range(len(x)))


@pytest.mark.parametrize("method", METHODS)
def test_inputs_and_global_randomness_are_left_alone(method):
    x = points()
    x.setflags(write=False)
    before = np.random.get_state()[1].copy()
    told: list[float] = []
    found = select(x, 5, method, labelled=[1, 2], vetoed=[3], on_progress=lambda share, note: told.append(share))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert told
    assert (min(told) >= 0, max(told) <= 1) == (True, True)
    assert (found.method, found.seed) == (method, 0)


# ---------------------------------------------------------------- k-means centres


@given(case=some(), seed=st.integers(0, 3))
@settings(max_examples=60, derandomize=True)
def test_kmeans_center_is_the_nearest_to_each_mean(case, seed):
    x, labelled, vetoed, budget = case
    clusters = kmeans(x, min(budget + len(labelled), len(x)), seed=seed).labels
    found = select(x, budget, "kmeans-center", seed=seed, labelled=labelled, vetoed=vetoed)
    if found.notes:
        return  # fewer clusters than picks held anything to pick: see below
    np.testing.assert_array_equal(found.cluster_labels, clusters)
    sizes, covered = np.bincount(clusters), set(clusters[labelled].tolist())
    able = [c for c in range(len(sizes)) if set(np.flatnonzero(clusters == c)) - {*labelled, *vetoed}]
    wanted = sorted(sorted(able, key=lambda c: (c in covered, -sizes[c], c))[:budget])
    assert found.clusters.tolist() == wanted
    for row, cluster, score in zip(found.indices, found.clusters, found.scores, strict=True):
        members = np.flatnonzero(clusters == cluster)
        gap = np.linalg.norm(x - x[members].astype(np.float64).mean(axis=0), axis=1)
        free = [member for member in members if member not in {*labelled, *vetoed}]
        assert gap[row] == pytest.approx(gap[free].min(), abs=1e-6)
        assert score == pytest.approx(gap[row], abs=1e-6)


def test_kmeans_center_begins_with_the_largest_cluster_and_ties_to_the_lower_row():
    x = unit_rows(np.concatenate([np.tile([0, 0, 1.0], (1, 1)), [[1, 0.1, 0], [1, -0.1, 0], [1, 0, 0.1], [1, 0, -0.1]]]))
    found = select(x, 2, "kmeans-center")
    assert found.clusters.tolist() == [0, 1]
    assert found.indices.tolist() == [1, 0]
    assert orders_of(found) == ("method", "cluster size", "score")
    assert ranked(found, "score").indices.tolist() == [0, 1], "the nearest to its centre first"


def test_of_a_cluster_of_two_kmeans_center_takes_the_lower_row():
    x = points(40, 64)
    assert select(x, 20, "kmeans-center", cluster_labels=np.arange(40) // 2).indices.tolist() == list(range(0, 40, 2))


def test_kmeans_center_over_given_clusters():
    x = points()
    clusters = np.repeat([5, -1, 7], [30, 20, 10])
    found = select(x, 3, "kmeans-center", cluster_labels=clusters)
    assert found.clusters.tolist() == [-1, 5, 7]
    for row, cluster in zip(found.indices, found.clusters, strict=True):
        members = np.flatnonzero(clusters == cluster)
        gap = np.linalg.norm(x[members] - x[members].mean(axis=0), axis=1)
        assert row == members[gap.argmin()]


def test_kmeans_center_without_enough_clusters_says_so():
    found = select(points(20), 4, "kmeans-center", cluster_labels=np.repeat([0, 1], 10))
    assert len(set(found.clusters.tolist())) == 4
    assert "2 clusters had no image left to pick" in found.notes[0]


# ---------------------------------------------------------------- k-center


def farthest_first(x: np.ndarray, budget: int, labelled: list[int], vetoed: list[int]) -> tuple[list[int], list[float]]:
    """The formula, row by row."""
    apart, chosen, scores = distances(x), list(labelled), []
    free = [row for row in range(len(x)) if row not in {*labelled, *vetoed}]
    for _ in range(budget):
        if chosen:
            gap = apart[:, chosen].min(axis=1)
            left = [row for row in free if row not in chosen]
            row = next(row for row in left if gap[row] ** 2 >= max(gap[left]) ** 2 * (1 - 1e-6))
            scores.append(gap[row])
        else:
            gap = np.linalg.norm(x - x.astype(np.float64).mean(axis=0), axis=1)
            row = next(row for row in free if gap[row] ** 2 <= min(gap[free]) ** 2 * (1 + 1e-6))
            scores.append(np.nan)
        chosen.append(row)
    return chosen[len(labelled) :], scores


@given(case=some())
@settings(max_examples=60, derandomize=True)
def test_k_center_is_farthest_first(case):
    x, labelled, vetoed, budget = case
    found = select(x, budget, "k-center", labelled=labelled, vetoed=vetoed)
    picks, scores = farthest_first(x, budget, labelled, vetoed)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, scores, rtol=1e-4)
    left = distances(x)[:, [*labelled, *picks]].min(axis=1).max()
    assert found.info["radius"] == pytest.approx(left, rel=1e-4, abs=1e-6)
    assert (found.clusters == -1).all()


@pytest.mark.parametrize("first", ["mean", "random"])
@pytest.mark.parametrize(("n", "m"), [(9, 2), (10, 3), (8, 5), (6, 6)])
def test_k_center_is_at_most_twice_the_optimum(first, n, m):
    for seed in range(6):
        x = points(n, 3, seed)
        apart = distances(x)
        best = min(apart[:, some_of].min(axis=1).max() for some_of in itertools.combinations(range(n), m))
        found = select(x, m, "k-center", KCenterParams(first=first), seed=seed)
        assert found.info["radius"] <= 2 * best + 1e-6


def test_the_seed_of_k_center_draws_the_first_pick_if_asked_to_and_from_everywhere():
    x, drawn = points(12), KCenterParams(first="random")
    firsts = {int(select(x, 3, "k-center", drawn, seed=seed, vetoed=[0]).indices[0]) for seed in range(100)}
    assert firsts == set(range(1, 12))
    usual = [select(x, 3, "k-center", seed=seed).indices.tolist() for seed in range(5)]
    assert usual == [usual[0]] * 5
    held = [select(x, 3, "k-center", drawn, seed=seed, labelled=[4]).indices.tolist() for seed in range(5)]
    assert held == [held[0]] * 5, "where something is labelled it begins there"


def test_k_center_ties_to_the_lower_row_and_takes_the_outlier_first():
    x = unit_rows([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1]])
    assert select(x, 5, "k-center", labelled=(), params=KCenterParams()).indices.tolist() == [0, 1, 2, 3, 4]
    crowd = np.concatenate([points(30, 3) * 0.05 + [1, 0, 0], [[-1, 0, 0]]])
    assert select(crowd, 2, "k-center").indices[1] == 30


def test_picks_of_a_smaller_budget_come_first():
    for method in ("k-center", "herding"):
        many = select(points(), 20, method).indices.tolist()
        assert select(points(), 7, method).indices.tolist() == many[:7]


@pytest.mark.parametrize("first", ["middle", None, 3])
def test_no_other_beginning(first):
    with pytest.raises(UslError, match="first must be 'mean' or 'random' but is"):
        KCenterParams(first=first)
    with pytest.raises(UslError, match="params of method 'k-center' must be a KCenterParams"):
        select(points(), 3, "k-center", {"first": "mean"})


# ---------------------------------------------------------------- herding


@given(case=some())
@settings(max_examples=60, derandomize=True)
def test_herding_follows_the_mean(case):
    x, labelled, vetoed, budget = case
    found = select(x, budget, "herding", labelled=labelled, vetoed=vetoed)
    wide = x.astype(np.float64)
    mean, chosen = wide.mean(axis=0), list(labelled)
    for row in found.indices.tolist():
        free = [other for other in range(len(x)) if other not in {*chosen, *vetoed}]
        gap = np.linalg.norm((len(chosen) + 1) * mean - wide[chosen].sum(axis=0) - wide, axis=1) ** 2
        assert gap[row] <= gap[free].min() + 1e-5 * (1 + gap[free].min())
        chosen.append(row)
    assert found.info["mean_gap"] == pytest.approx(np.linalg.norm(wide[chosen].mean(axis=0) - mean), abs=1e-6)
    assert np.isnan(found.scores).all()


def test_herding_takes_turns_and_ties_to_the_lower_row():
    x = np.eye(4)
    assert select(x, 4, "herding").indices.tolist() == [0, 1, 2, 3]
    pairs = unit_rows([[0, 1], [0, 1.01], [1, 0], [1.01, 0], [0.01, 1], [1, 0.01]])
    sides = (pairs[select(pairs, 4, "herding").indices][:, 0] > 0.5).tolist()
    assert sides in ([True, False] * 2, [False, True] * 2)


def test_herding_makes_up_for_what_is_labelled():
    x = np.concatenate([points(20, 3) * 0.1 + [1, 0, 0], points(20, 3, 1) * 0.1 + [0, 1, 0]])
    picks = select(x, 3, "herding", labelled=[0, 1, 2]).indices
    assert (picks >= 20).all()


def test_the_means_of_herding_come_nearer_than_those_of_draws():
    x = points(400, 8)
    mean = x.mean(axis=0)

    def gap(found: Selection) -> float:
        return float(np.linalg.norm(x[found.indices].mean(axis=0) - mean))

    assert gap(select(x, 20, "herding")) < 0.3 * min(gap(select(x, 20, "random", seed=seed)) for seed in range(5))


# ---------------------------------------------------------------- all of one class, and others' code


def test_kmeans_and_k_center_of_others(digits):
    sklearn_cluster = pytest.importorskip("sklearn.cluster")
    mine = select(digits.values, 10, "kmeans-center", seed=0)
    theirs = sklearn_cluster.KMeans(10, n_init=5, random_state=0).fit(digits.values)
    spread = ((digits.values - digits.values[mine.indices][mine.cluster_labels]) ** 2).sum()
    nearest = theirs.transform(digits.values).argmin(axis=0)
    reference = ((digits.values - digits.values[nearest][theirs.labels_]) ** 2).sum()
    assert spread < 1.05 * reference


def test_core_set_of_scikit_activeml(digits):
    pool = pytest.importorskip("skactiveml.pool")
    x = digits.values[:300].astype(np.float64)
    y = np.full(300, np.nan)
    y[:4] = 0
    theirs = pool.CoreSet(random_state=0).query(x, y, batch_size=10)
    assert select(x, 10, "k-center", labelled=range(4)).indices.tolist() == theirs.tolist()
