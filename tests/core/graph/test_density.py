"""Density and utility against the formulas of the paper, written out in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from usl_core import density_peaks, density_percentile, find_neighbors, log_density, utility
from usl_core.errors import UslError
from usl_core.graph.density import DISTANCE_FLOOR, mean_distance, usable_neighbors
from usl_core.types import Neighbors
from usl_core.validation import unit_rows

X = unit_rows(np.random.default_rng(0).normal(size=(80, 12)))


def _sorted_distances(x: np.ndarray) -> np.ndarray:
    """(n, n) float64; column 0 is the point itself."""
    x = x.astype(np.float64)
    return np.sort(np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2)), axis=1)


def _hand_made(rows: list[list[float]]) -> Neighbors:
    distances = np.array(rows, dtype=np.float32)
    indices = np.tile(np.arange(distances.shape[1], dtype=np.int32) + 1, (len(rows), 1))
    return Neighbors(indices=indices, distances=distances)


LINE = _hand_made([[1, 2, 3], [1, 1, 2], [0, 2, 4], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [2, 4 / 3, 2, 0.5]),
        ({"squared": True}, [14 / 3, 2, 20 / 3, 0.25]),
        ({"count_self": True}, [1, 2 / 3, 2 / 3, 1 / 3]),
        ({"count_self": True, "squared": True}, [5 / 3, 2 / 3, 4 / 3, 0.5 / 3]),
        ({"estimate": "kth"}, [3, 2, 4, 0.5]),
        ({"estimate": "kth", "squared": True}, [9, 4, 16, 0.25]),
        ({"estimate": "kth", "count_self": True}, [2, 1, 2, 0.5]),
    ],
)
def test_mean_distance_by_hand(options, expected):
    np.testing.assert_allclose(mean_distance(LINE, 3, **options), expected, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 10, 40, 79])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("count_self", [False, True])
@pytest.mark.parametrize("estimate", ["mean", "kth"])
def test_mean_distance_equals_brute_force(k, squared, count_self, estimate):
    dist = _sorted_distances(X)
    dist = (dist if count_self else dist[:, 1:])[:, :k] ** (2 if squared else 1)
    expected = dist.mean(axis=1) if estimate == "mean" else dist[:, -1]
    measured = mean_distance(find_neighbors(X, 79), k, squared=squared, count_self=count_self, estimate=estimate)
    assert measured.dtype == np.float32
    np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=1e-7)


def test_any_smaller_k_needs_no_new_search():
    large = find_neighbors(X, 79)
    for k in (1, 5, 33):
        np.testing.assert_array_equal(mean_distance(large, k), mean_distance(find_neighbors(X, k), k))


@pytest.mark.parametrize("count_self", [False, True])
def test_k_beyond_the_others_counts_them_all(count_self):
    graph = find_neighbors(X, 1000)
    expected = _sorted_distances(X).sum(axis=1) / (80 if count_self else 79)
    np.testing.assert_allclose(mean_distance(graph, 1000, count_self=count_self), expected, rtol=1e-5)


@pytest.mark.parametrize("k", [1, 20])
@pytest.mark.parametrize("count_self", [False, True])
def test_a_single_image_has_no_distance_and_a_finite_utility(k, count_self):
    graph = find_neighbors([[1.0, 2.0]], 20)
    assert mean_distance(graph, k, count_self=count_self).tolist() == [0]
    assert utility(graph, k, count_self=count_self).tolist() == [pytest.approx(1 / DISTANCE_FLOOR)]
    assert np.isfinite(log_density(graph, k, dim=2)).all()


def test_only_itself_as_first_neighbour():
    assert (mean_distance(LINE, 1, count_self=True) == 0).all()


@pytest.mark.parametrize("squared", [False, True])
def test_utility_is_one_over_the_mean_distance(squared):
    graph = find_neighbors(X, 20)
    u = utility(graph, 20, squared=squared)
    assert u.dtype == np.float32
    np.testing.assert_allclose(u, 1 / mean_distance(graph, 20, squared=squared).astype(np.float64), rtol=1e-6)


@pytest.mark.parametrize(("squared", "ceiling"), [(False, 1e4), (True, 1e8)])
def test_utility_of_copies_is_held_at_the_ceiling(squared, ceiling):
    rng = np.random.default_rng(1)
    x = np.concatenate([np.tile(rng.normal(size=(1, 8)), (6, 1)), rng.normal(size=(20, 8))])
    graph = find_neighbors(x, 10)
    u = utility(graph, 5, squared=squared)
    np.testing.assert_allclose(u[:6], ceiling, rtol=1e-6)
    assert (u <= ceiling).all()
    assert (u[6:] < 100).all()
    assert utility(graph, 10, squared=squared)[:6].max() < ceiling / 10, "with k beyond the copies, others count"


def _clips_at_the_floor(dist: float) -> float:
    return float(utility(_hand_made([[dist]] * 2), 1)[0])


def test_the_floor_is_where_it_says():
    assert _clips_at_the_floor(2e-4) == pytest.approx(5e3)
    assert _clips_at_the_floor(1e-5) == _clips_at_the_floor(0) == pytest.approx(1e4)


@pytest.mark.parametrize("estimate", ["mean", "kth"])
@pytest.mark.parametrize("dim", [1, 2, 3, 12, 128, 512, 2048])
def test_log_density_is_the_formula(dim, estimate):
    graph = find_neighbors(X, 20)
    k, n = 7, 80
    dist = _sorted_distances(X)[:, 1 : k + 1]
    dist = dist.mean(axis=1) if estimate == "mean" else dist[:, -1]
    # ln A_d from the recursion A_d = A_(d-2) 2 pi / d, with A_1 = 2 and A_2 = pi.
    log_ball = math.log(2.0 if dim % 2 else math.pi) + math.fsum(
        math.log(2 * math.pi / d) for d in range(3 if dim % 2 else 4, dim + 1, 2)
    )
    expected = math.log(k) - math.log(n) - log_ball - dim * np.log(dist)
    measured = log_density(graph, k, dim=dim, estimate=estimate)
    assert measured.dtype == np.float64
    np.testing.assert_allclose(measured, expected, rtol=1e-6, atol=1e-5 * dim)


def test_density_in_one_dimension_is_k_over_n_times_length():
    # 0.25 around the point holds k of the n points: p = k / (n 2 D).
    assert np.exp(log_density(_hand_made([[0.25]] * 4), 1, dim=1)) == pytest.approx(1 / (4 * 2 * 0.25))


def test_log_density_ranks_like_utility_and_stays_finite():
    x = np.concatenate([X[:40], np.tile(X[:1], (30, 1))])
    graph = find_neighbors(x, 20)
    log_p, u = log_density(graph, 20, dim=2048), utility(graph, 20)
    assert np.isfinite(log_p).all()
    assert (np.diff(log_p[np.argsort(u, kind="stable")]) >= 0).all()


def test_fewer_images_than_k_use_the_k_that_there_is():
    graph = find_neighbors(X[:5], 20)
    np.testing.assert_array_equal(log_density(graph, 20, dim=3), log_density(graph, 4, dim=3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be at least 1 but is 0"),
        ({"n_neighbors": 2.0}, "n_neighbors must be a whole number but is 2.0"),
        ({"n_neighbors": "3"}, "n_neighbors must be a whole number but is '3'"),
        ({"n_neighbors": 21}, r"n_neighbors is 21 but this graph holds only 20.*find_neighbors\(values, n_neighbors=21\)"),
        ({"estimate": "median"}, "estimate must be 'mean' or 'kth' but is 'median'"),
    ],
)
@pytest.mark.parametrize("function", [utility, mean_distance, lambda graph, **rest: log_density(graph, dim=3, **rest)])
def test_bad_arguments(function, arguments, message):
    with pytest.raises(UslError, match=message):
        function(find_neighbors(X, 20), **arguments)


@pytest.mark.parametrize("k", [0, -3, 1.5, True])
def test_bad_k_that_counts_the_image_itself(k):
    with pytest.raises(UslError, match="n_neighbors must be"):
        utility(find_neighbors(X, 20), k, count_self=True)


@pytest.mark.parametrize("dim", [0, -1, 2.5, None])
def test_bad_dim(dim):
    with pytest.raises(UslError, match="dim must be"):
        log_density(find_neighbors(X, 20), 5, dim=dim)


def test_a_graph_is_no_array():
    with pytest.raises(UslError, match="graph must be what find_neighbors returns but is a ndarray"):
        utility(X, 5)


def test_usable_neighbors():
    assert usable_neighbors(find_neighbors(X[:5], 9), 9) == 4
    assert usable_neighbors(find_neighbors(X[:1], 9), 9) == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5.0], [50]), ([1, 2, 3], [0, 50, 100]), ([2, 2], [50, 50]), ([1, 3, 3, 9, 3], [0, 50, 50, 100, 50])],
)
def test_percentiles_by_hand(values, expected):
    np.testing.assert_allclose(density_percentile(np.array(values)), expected)


@given(hnp.arrays(np.float32, st.integers(2, 30), elements=st.integers(-3, 3)))
@settings(max_examples=60, derandomize=True)
def test_percentiles_count_the_less_dense_and_half_of_the_equal(values):
    others = len(values) - 1
    expected = [100 * ((values < v).sum() + ((values == v).sum() - 1) / 2) / others for v in values]
    np.testing.assert_allclose(density_percentile(values), expected)
    assert density_percentile(values).mean() == pytest.approx(50)


@pytest.mark.parametrize("k", [1, 3, 10, 500])
def test_peaks_are_denser_than_all_their_neighbors(k):
    graph = find_neighbors(X, 79)
    u = utility(graph, k)
    expected = [i for i in range(80) if all(u[i] > u[j] or (u[i] == u[j] and i < j) for j in graph.indices[i, :k])]
    peaks = density_peaks(graph, k)
    assert sorted(peaks) == expected
    assert (np.diff(u[peaks]) <= 0).all(), "the densest first"
    assert peaks[0] == u.argmax()


@pytest.mark.parametrize(("values", "expected"), [(np.ones((1, 2)), [0]), (np.ones((9, 2)), [0])])
def test_peaks_of_copies(values, expected):
    assert density_peaks(find_neighbors(values, 20)).tolist() == expected


def test_bad_arguments_of_peaks():
    with pytest.raises(UslError, match="n_neighbors must be at least 1 but is 0"):
        density_peaks(find_neighbors(X, 20), 0)
    with pytest.raises(UslError, match="holds only 20"):
        density_peaks(find_neighbors(X, 20), 21)
