"""The kNN graph among images that differ, against brute force."""

import numpy as np
import pytest

from usl_core import find_neighbors
from usl_core.projection.distinct import distinct, neighbors_among
from usl_core.validation import unit_rows


def copied(n: int, copies: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = unit_rows(rng.normal(size=(n, 6)))
    return x[rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=copies)]))]


def brute_force(x: np.ndarray, k: int) -> np.ndarray:
    dist = np.sqrt(((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2))
    np.fill_diagonal(dist, np.inf)
    return np.sort(dist, axis=1)[:, :k]


@pytest.mark.parametrize("k", [1, 4, 14])
@pytest.mark.parametrize("k_max", [None, 1, 14, 20, 60, 400])
@pytest.mark.parametrize("copies", [0, 5, 200])
def test_the_graph_is_that_of_the_distinct_rows(k, k_max, copies):
    x = copied(30, copies)
    graph = None if k_max is None else find_neighbors(x, k_max)
    found = distinct(x, graph)
    different = x[found.rows]
    assert len(np.unique(different, axis=0)) == len(found) == 30
    np.testing.assert_array_equal(different[found.places], x)
    near = neighbors_among(x, found, k, graph)
    assert near.indices.shape == (30, k)
    np.testing.assert_allclose(near.distances, brute_force(different, k), atol=1e-5)
    ends = different[near.indices].astype(np.float64) - different[:, None]
    np.testing.assert_allclose(near.distances, np.sqrt((ends**2).sum(axis=2)), atol=1e-5)


def test_a_graph_that_is_large_enough_is_not_searched_again(monkeypatch):
    x = copied(30, 5)
    graph = find_neighbors(x, 34)
    monkeypatch.setattr("usl_core.projection.distinct.find_neighbors", lambda *given: pytest.fail("searched again"))
    neighbors_among(x, distinct(x, graph), 14, graph)


def test_without_copies_the_graph_is_a_prefix_of_the_one_given():
    x = copied(30, 0)
    graph = find_neighbors(x, 20)
    near = neighbors_among(x, distinct(x, graph), 14, graph)
    assert np.shares_memory(near.indices, graph.indices)
    np.testing.assert_array_equal(near.indices, graph.indices[:, :14])
