"""k-means: always exactly k clusters, and as good as scikit-learn's."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from usl_core import kmeans
from usl_core.clustering import assignment, sums
from usl_core.clustering import kmeans as clustering
from usl_core.clustering.assignment import assign
from usl_core.clustering.kmeans import Clustering
from usl_core.clustering.sums import means
from usl_core.errors import Cancelled, UslError
from usl_core.validation import unit_rows


def _blobs(n: int = 500, centers: int = 12) -> np.ndarray:
    return unit_rows(make_blobs(n, n_features=10, centers=centers, cluster_std=2.0, random_state=0)[0])


def _sq_dist(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return ((x[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)


def _check_partition(result: Clustering, n: int, k: int) -> None:
    sizes = np.bincount(result.labels, minlength=k)
    assert result.labels.shape == (n,)
    assert result.labels.dtype == np.int64
    assert len(sizes) == k
    assert (sizes > 0).all(), "every cluster has a member"
    assert (np.diff(sizes) <= 0).all(), "the largest come first"
    firsts = np.array([np.flatnonzero(result.labels == c)[0] for c in range(k)])
    ties = np.diff(sizes) == 0
    assert (np.diff(firsts)[ties] > 0).all(), "equal sizes are in order of their first row"
    assert np.isfinite(result.centroids).all()
    assert result.centroids.shape[0] == k


POINTS = hnp.arrays(np.float64, st.tuples(st.integers(1, 14), st.integers(1, 3)), elements=st.integers(-2, 2))


@given(POINTS, st.data(), st.sampled_from(["k-means++", "random"]), st.integers(0, 3), st.sampled_from([1, 2, 50]))
@settings(max_examples=200, derandomize=True)
def test_exactly_k_clusters_whatever_the_points(points, data, init, seed, steps):
    points = np.where(np.abs(points).sum(axis=1, keepdims=True) == 0, 1.0, points)
    k = data.draw(st.integers(1, len(points)))
    _check_partition(kmeans(points, k, init=init, seed=seed, n_iterations=steps), len(points), k)


@pytest.mark.parametrize("k", [1, 2, 7, 50])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_all_points_the_same(k, init):
    result = kmeans(np.tile(np.random.default_rng(0).normal(size=(1, 64)), (50, 1)), k, init=init)
    _check_partition(result, 50, k)
    assert result.inertia == pytest.approx(0, abs=1e-4)
    assert result.converged


def test_as_many_clusters_as_points():
    result = kmeans(_blobs(60), 60)
    assert sorted(result.labels) == list(range(60))
    assert result.labels.tolist() == list(range(60)), "single points come in order of their rows"


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_converged_labels_are_the_nearest_centroids(init, seed):
    x = _blobs()
    result = kmeans(x, 12, init=init, seed=seed)
    assert result.converged
    sq_dist = _sq_dist(x, result.centroids)
    own = sq_dist[np.arange(len(x)), result.labels]
    assert (own <= sq_dist.min(axis=1) + 1e-6).all()
    assert result.inertia == pytest.approx(own.sum(), rel=1e-4)
    for c in range(12):
        np.testing.assert_allclose(result.centroids[c], x[result.labels == c].mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_labels_are_those_of_the_centroids_where_the_limit_stops_the_search_too(init, steps):
    x = _blobs()
    result = kmeans(x, 40, init=init, n_iterations=steps, seed=1)
    assert not result.converged
    sq_dist = _sq_dist(x, result.centroids)
    own = sq_dist[np.arange(len(x)), result.labels]
    assert (own <= sq_dist.min(axis=1) + 1e-6).all()
    assert result.inertia == pytest.approx(own.sum(), rel=1e-4)
    np.testing.assert_array_equal(assign(x, result.centroids)[0], result.labels)


def test_a_refilled_cluster_is_its_rows_own_where_the_limit_stops_the_search():
    """Two of the starts coincide, so that a cluster is empty in the first and only step."""
    x = unit_rows(np.concatenate([np.tile([[1.0, 0.0]], (8, 1)), [[0.0, 1.0]], [[1.0, 1.0]]]))
    filled = 0
    for seed in range(20):
        result = kmeans(x, 3, init="random", n_iterations=1, seed=seed)
        own = _sq_dist(x, result.centroids)
        assert (own[np.arange(10), result.labels] <= own.min(axis=1) + 1e-6).all()
        filled += len(np.unique(np.round(result.centroids, 6), axis=0)) == 3
    assert filled


def test_a_centroid_that_was_moved_last_has_all_rows_near_it():
    rng = np.random.default_rng(0)
    for seed in range(300):
        n = int(rng.integers(5, 60))
        x = unit_rows(rng.normal(size=(n, 5)))[rng.integers(0, n // 3 + 1, n)]
        k = int(rng.integers(2, n))
        result = kmeans(x, k, init="random", n_iterations=int(rng.integers(1, 4)), seed=seed)
        _check_partition(result, n, k)
        sq_dist = _sq_dist(x, result.centroids)
        assert (sq_dist[np.arange(n), result.labels] <= sq_dist.min(axis=1) + 2e-6).all()


def test_a_step_limit_is_kept_and_reported():
    x = _blobs()
    short = kmeans(x, 12, init="random", n_iterations=2)
    assert short.n_iterations == 2
    assert not short.converged
    full = kmeans(x, 12, init="random")
    assert full.converged
    assert full.n_iterations > 2
    assert full.inertia < short.inertia
    assert kmeans(x, 1).converged


def test_inertia_never_rises_with_more_steps():
    x = _blobs()
    inertia = [kmeans(x, 12, init="random", n_iterations=steps, seed=4).inertia for steps in range(1, 15)]
    assert all(after <= before * (1 + 1e-5) for before, after in itertools.pairwise(inertia))


@pytest.mark.parametrize(("n", "k"), [(300, 6), (500, 12), (900, 25)])
def test_as_good_as_sklearn_on_blobs(n, k):
    x = _blobs(n, k)
    ours = [kmeans(x, k, seed=seed).inertia for seed in range(12)]
    theirs = [KMeans(k, n_init=1, random_state=seed).fit(x).inertia_ for seed in range(12)]
    assert np.mean(ours) <= 1.1 * np.mean(theirs)
    assert min(ours) <= 1.01 * min(theirs)


@pytest.mark.parametrize("k", [10, 40])
def test_as_good_as_sklearn_on_digits(digits, k):
    ours = [kmeans(digits.values, k, seed=seed).inertia for seed in range(3)]
    theirs = [KMeans(k, n_init=1, random_state=seed).fit(digits.values).inertia_ for seed in range(3)]
    assert np.mean(ours) <= 1.02 * np.mean(theirs)
    assert max(ours) <= 1.1 * min(theirs)


def test_spread_starts_beat_random_ones():
    x = unit_rows(make_blobs(600, n_features=10, centers=30, cluster_std=0.3, random_state=1)[0])
    spread = np.mean([kmeans(x, 30, seed=seed).inertia for seed in range(5)])
    random = np.mean([kmeans(x, 30, init="random", seed=seed).inertia for seed in range(5)])
    assert spread < 0.8 * random


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_same_seed_same_clusters_other_seed_others(init):
    x = _blobs()
    first, again, other = (kmeans(x, 12, init=init, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    assert not np.array_equal(first.labels, other.labels)


def test_global_randomness_is_left_alone():
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    kmeans(_blobs(50), 5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_well_separated_blobs_are_found():
    x, labels = make_blobs(300, n_features=8, centers=5, cluster_std=0.05, random_state=3)
    found = kmeans(x, 5).labels
    assert len({(a, b) for a, b in zip(labels, found, strict=True)}) == 5


def test_two_distinct_points_never_share_a_cluster_while_copies_split():
    x = np.concatenate([np.tile([[1.0, 0.0]], (9, 1)), [[0.0, 1.0]]])
    for seed in range(10):
        labels = kmeans(x, 2, seed=seed).labels
        assert labels.tolist() == [0] * 9 + [1]


def test_an_empty_cluster_is_seeded_at_the_farthest_point_that_has_company():
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    labels = np.array([0, 0, 0, 1, 0])
    sq_dist = np.array([0.1, 0.5, 0.2, 0.9, 0.5], dtype=np.float32)
    centroids = np.full((4, 2), -1, dtype=np.float32)
    clustering._fill_empty(x, labels, sq_dist, centroids)
    assert labels.tolist() == [0, 2, 0, 1, 3]
    assert sq_dist[[1, 4]].tolist() == [0, 0]
    assert centroids.tolist() == [[-1, -1], [-1, -1], [2, 3], [8, 9]]


def test_assign_takes_the_lowest_of_equal_centroids():
    x = np.eye(3, dtype=np.float32)
    labels, sq_dist = assign(x, np.repeat(np.eye(3, dtype=np.float32), 2, axis=0))
    assert labels.tolist() == [0, 2, 4]
    np.testing.assert_allclose(sq_dist, 0, atol=1e-6)


def test_blocks_change_neither_assignment_nor_means(monkeypatch):
    x = _blobs()
    centroids = x[:12]
    labels, sq_dist = assign(x, centroids)
    average = means(x, labels, 12)
    small = assignment.blocks
    monkeypatch.setattr(assignment, "blocks", lambda n, width, entries=1: small(n, width, 1))
    monkeypatch.setattr(assignment, "BLOCK_ROWS", 70)
    monkeypatch.setattr(sums, "_ROWS", 3)
    in_blocks, sq_in_blocks = assign(x, centroids)
    np.testing.assert_array_equal(in_blocks, labels)
    np.testing.assert_array_equal(sq_in_blocks, sq_dist)
    np.testing.assert_array_equal(means(x, labels, 12), average)


def test_progress_counts_steps_and_may_cancel():
    seen: list[float] = []
    result = kmeans(_blobs(), 12, on_progress=lambda fraction, note: seen.append(fraction))
    assert len(seen) == result.n_iterations
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1] <= 1

    def stop(fraction: float, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        kmeans(_blobs(), 12, on_progress=stop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_clusters": 0}, r"n_clusters must be in \[1, 30\] \(images\) but is 0"),
        ({"n_clusters": 31}, r"n_clusters must be in \[1, 30\] \(images\) but is 31"),
        ({"n_clusters": 2.0}, "n_clusters must be a whole number but is 2.0"),
        ({"n_iterations": 0}, "n_iterations must be at least 1 but is 0"),
        ({"init": "kmeans++"}, r"kmeans_init must be 'k-means\+\+' or 'random' but is 'kmeans\+\+'"),
        ({"seed": -1}, "seed must be at least 0 but is -1"),
        ({"seed": "x"}, "seed must be a whole number but is 'x'"),
        ({"seed": None}, "seed must be a whole number but is None"),
        ({"values": [[0.0, 0.0]]}, "row 0 of the features is all zeros"),
        ({"values": [[np.nan, 1.0]]}, "features must be finite"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UslError, match=message):
        kmeans(**{"values": _blobs(30), "n_clusters": 3, **arguments})
