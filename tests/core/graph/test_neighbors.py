"""The kNN graph and the distances under it against brute force in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usl_core import find_neighbors
from usl_core.distances import blocks, sq_distances, sq_distances_of_pairs
from usl_core.errors import Cancelled, UslError
from usl_core.graph import neighbors
from usl_core.validation import unit_rows


def _dense(x: np.ndarray) -> np.ndarray:
    """All pairwise distances in float64, from the differences."""
    x = x.astype(np.float64)
    return np.stack([np.sqrt(((x - row) ** 2).sum(axis=1)) for row in x])


def _brute_force(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    dist = _dense(x)
    np.fill_diagonal(dist, np.inf)
    indices = np.argsort(dist, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(dist, indices, axis=1)


def _cases() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "normal": rng.normal(size=(300, 16)),
        "wide": rng.normal(size=(120, 600)),
        "one dimension": np.repeat([[2.0], [-3.0]], 30, axis=0),
        "twenty copies of each": np.repeat(rng.normal(size=(15, 32)), 20, axis=0),
        "all the same": np.tile(rng.normal(size=(1, 32)), (200, 1)),
        "corners of a simplex": np.eye(150),
        "copies of corners": np.tile(np.eye(10), (15, 1)),
        "tight clump": rng.normal(size=(1, 32)) + 1e-3 * rng.normal(size=(200, 32)),
        "tighter clump": rng.normal(size=(1, 32)) + 1e-5 * rng.normal(size=(200, 32)),
        "clump, copies and others": np.concatenate(
            [
                np.ones((1, 32)) + 1e-4 * rng.normal(size=(80, 32)),
                np.tile(rng.normal(size=(1, 32)), (60, 1)),
                rng.normal(size=(60, 32)),
            ]
        ),
        "opposite": np.concatenate([np.ones((20, 8)), -np.ones((20, 8))]) + 0.01 * rng.normal(size=(40, 8)),
    }


CASES = _cases()


@pytest.mark.parametrize("k", [1, 5, 37])
@pytest.mark.parametrize("name", CASES)
def test_graph_equals_brute_force(name, k):
    x = unit_rows(CASES[name])
    graph = find_neighbors(x, k)
    _, expected = _brute_force(x, k)
    np.testing.assert_allclose(graph.distances, expected, rtol=2e-5, atol=1e-8)
    listed = np.take_along_axis(_dense(x), graph.indices.astype(np.int64), axis=1)
    np.testing.assert_allclose(graph.distances, listed, rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_rows_list_distinct_others_in_order(name):
    x = unit_rows(CASES[name])
    graph = find_neighbors(x, 37)
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32
    assert not (graph.indices == np.arange(len(x))[:, None]).any()
    assert all(len(set(row)) == 37 for row in graph.indices.tolist())
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    copies = graph.distances[:, 1:] == 0
    assert (np.diff(graph.indices, axis=1)[copies] > 0).all(), "copies are in order of index"


@pytest.mark.parametrize("name", ["corners of a simplex", "copies of corners", "one dimension"])
def test_equal_distances_are_in_order_of_index(name):
    graph = find_neighbors(CASES[name], 29)
    np.testing.assert_array_equal(graph.indices, _brute_force(unit_rows(CASES[name]), 29)[0])


@pytest.mark.parametrize("name", CASES)
def test_a_smaller_k_is_a_prefix(name):
    large, small = find_neighbors(CASES[name], 36), find_neighbors(CASES[name], 20)
    np.testing.assert_array_equal(large.indices[:, :20], small.indices)
    np.testing.assert_array_equal(large.distances[:, :20], small.distances)


@pytest.mark.parametrize("copies", [3, 12, 90])
def test_of_more_than_k_copies_the_first_are_listed(copies):
    # Enough rows that faiss computes in blocks and its own choice among copies is arbitrary.
    rng = np.random.default_rng(1)
    x = np.concatenate([np.repeat(rng.normal(size=(20, 128)), copies, axis=0), rng.normal(size=(500, 128))])
    x = x[rng.permutation(len(x))]
    group = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    graph = find_neighbors(x, 10)
    for row in range(0, len(x), 7):
        same = np.flatnonzero(group == group[row])
        others = same[same != row][:10]
        assert graph.indices[row, : len(others)].tolist() == others.tolist()
        assert (graph.distances[row, : len(others)] == 0).all()
        assert (graph.distances[row, len(others) :] > 0).all()


def test_a_clump_in_a_large_set_is_exact():
    rng = np.random.default_rng(2)
    x = unit_rows(rng.normal(size=(1, 128)) + 1e-3 * rng.normal(size=(1500, 128)))
    graph = find_neighbors(x, 12)
    rows = np.arange(0, 1500, 50)
    wide = x.astype(np.float64)
    expected = np.stack([np.sort(np.sqrt(((wide - wide[row]) ** 2).sum(axis=1)))[1:13] for row in rows])
    np.testing.assert_allclose(graph.distances[rows], expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["normal", "twenty copies of each", "tight clump"])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_smaller_than_n_change_nothing(monkeypatch, name, block):
    whole = find_neighbors(CASES[name][:100], 9)
    monkeypatch.setattr(neighbors, "BLOCK_ROWS", block)
    pieces = find_neighbors(CASES[name][:100], 9)
    np.testing.assert_array_equal(pieces.indices, whole.indices)
    np.testing.assert_allclose(pieces.distances, whole.distances, rtol=1e-5)


@pytest.mark.parametrize(
    ("n", "k", "held"), [(1, 1, 0), (1, 400, 0), (2, 1, 1), (2, 9, 1), (7, 6, 6), (7, 7, 6), (7, 10**12, 6)]
)
def test_k_is_reduced_to_the_others(n, k, held):
    graph = find_neighbors(np.random.default_rng(0).normal(size=(n, 3)), k)
    assert graph.indices.shape == graph.distances.shape == (n, held)
    assert graph.k_max == held
    assert len(graph) == n
    if held == n - 1:
        assert all(sorted(row) == sorted(set(range(n)) - {i}) for i, row in enumerate(graph.indices.tolist()))


def test_the_graph_is_read_only():
    graph = find_neighbors(np.eye(4), 2)
    assert not graph.indices.flags.writeable
    assert not graph.distances.flags.writeable


def test_rows_are_normalised_first():
    x = CASES["normal"]
    scaled = x * np.random.default_rng(3).uniform(0.1, 50, size=(len(x), 1))
    a, b = find_neighbors(x, 5), find_neighbors(scaled, 5)
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_allclose(a.distances, b.distances, rtol=1e-5)


def test_progress_rises_to_one_and_may_cancel(monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK_ROWS", 50)
    seen: list[float] = []
    find_neighbors(CASES["normal"], 3, on_progress=lambda fraction, note: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 1
    assert len(seen) == 7

    def stop(fraction: float, note: str) -> None:
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_neighbors(CASES["normal"], 3, on_progress=stop)


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "n_neighbors must be at least 1 but is 0"),
        (-5, "n_neighbors must be at least 1 but is -5"),
        (2.5, "n_neighbors must be a whole number but is 2.5"),
        (None, "n_neighbors must be a whole number but is None"),
        (True, "n_neighbors must be a whole number but is True"),
    ],
)
def test_bad_k(k, message):
    with pytest.raises(UslError, match=message):
        find_neighbors(np.eye(3), k)


@pytest.mark.parametrize("values", [np.zeros((2, 2)), [[np.nan, 1]], [1, 2], "abc", None])
def test_bad_features(values):
    with pytest.raises(UslError, match="features"):
        find_neighbors(values, 1)


@given(st.integers(1, 200), st.integers(1, 300), st.integers(1, 5000))
@settings(max_examples=60, derandomize=True)
def test_blocks_cover_every_row_once(n, width, entries):
    rows = [row for part in blocks(n, width, entries) for row in range(n)[part]]
    assert rows == list(range(n))


@pytest.mark.parametrize(("d", "error"), [(2, 1e-4), (64, 1e-4), (512, 1e-4), (2048, 1e-3)])
def test_squared_distances_keep_their_digits_at_any_distance(d, error):
    rng = np.random.default_rng(d)
    near = unit_rows(np.ones((1, d)) + np.logspace(-7, 1, 60)[:, None] * rng.normal(size=(60, d)) / np.sqrt(d))
    measured = sq_distances(near, near)
    expected = _dense(near) ** 2
    np.testing.assert_allclose(measured, expected, rtol=error, atol=1e-30)
    assert (measured >= 0).all()
    assert (np.diag(measured) == 0).all()


def test_squared_distances_of_pairs(monkeypatch):
    from usl_core import distances

    monkeypatch.setattr(distances, "_PAIRS_AT_ONCE", 1)
    rng = np.random.default_rng(0)
    a, b = unit_rows(rng.normal(size=(50, 5))), unit_rows(rng.normal(size=(40, 5)))
    i, j = rng.integers(50, size=300), rng.integers(40, size=300)
    np.testing.assert_allclose(sq_distances_of_pairs(a, i, b, j), ((a[i].astype(float) - b[j]) ** 2).sum(axis=1), rtol=1e-5)
    assert len(sq_distances_of_pairs(a, i[:0], b, j[:0])) == 0
