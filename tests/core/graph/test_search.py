"""However candidates are found, by rows, by tiles or by a GPU: the same neighbours, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from usl_core import find_neighbors
from usl_core.graph import cuda, neighbors, search, tiles
from usl_core.graph.search import NOBODY, keys_of_pairs, margin, nearest, rounding, search_rows, unpacked
from usl_core.types import Neighbors
from usl_core.validation import unit_rows

SIDE = 32


def _cases() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    clump = rng.normal(size=(1, 8)) + 1e-5 * rng.normal(size=(400, 8))
    return {
        "normal": rng.normal(size=(900, 16)),
        "wide": rng.normal(size=(701, 300)),
        "sorted": np.sort(rng.normal(size=(800, 4)), axis=0),
        "a crowd of copies": np.concatenate([np.repeat(rng.normal(size=(1, 8)), 300, axis=0), rng.normal(size=(500, 8))]),
        "copies everywhere": np.repeat(rng.normal(size=(100, 8)), 8, axis=0)[rng.permutation(800)],
        "all the same": np.ones((600, 5)),
        "a tight clump": np.concatenate([clump, rng.normal(size=(400, 8))]),
        "on a lattice": rng.integers(0, 2, size=(900, 9)) + np.eye(9)[rng.integers(9, size=900)],
        "of lengths that are 1 up to rounding to a thousandth": unit_rows(rng.normal(size=(700, 64))).astype(np.float16),
    }


CASES = _cases()


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "SIDE", SIDE)
    monkeypatch.setattr(tiles, "_ONE_OF", 8)


def _by_rows(monkeypatch: pytest.MonkeyPatch, x: np.ndarray, k: int) -> Neighbors:
    with monkeypatch.context() as patched:
        patched.setattr(tiles, "pays", lambda n, k: False)
        return find_neighbors(x, k)


def _exhaustively(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All distances by the same function, ordered by (distance, row)."""
    n = len(x)
    rows, others = np.divmod(np.arange(n * n), n)
    keys = (keys_of_pairs(x, rows, others) | others.astype(np.uint64)).reshape(n, n)
    keys[np.arange(n), np.arange(n)] = NOBODY
    return unpacked(np.sort(keys, axis=1)[:, :k])


def _same(graph: Neighbors, indices: np.ndarray, distances: np.ndarray) -> None:
    np.testing.assert_array_equal(graph.indices, indices)
    np.testing.assert_array_equal(graph.distances, distances)


@pytest.mark.parametrize("k", [1, 6, 40])
@pytest.mark.parametrize("name", CASES)
def test_rows_and_tiles_find_what_all_distances_say(small_tiles, monkeypatch, name, k):
    x = unit_rows(CASES[name])
    assert tiles.pays(len(x), k)
    expected = _exhaustively(x, k)
    _same(find_neighbors(x, k), *expected)
    _same(_by_rows(monkeypatch, x, k), *expected)


@pytest.mark.parametrize("name", ["normal", "copies everywhere"])
def test_tiles_that_serve_one_side_only_change_nothing(small_tiles, monkeypatch, name):
    whole = find_neighbors(CASES[name], 6)
    monkeypatch.setattr(tiles, "_HELD", 1000)
    x = unit_rows(CASES[name])
    assert SIDE <= tiles.Tiles(x, 6)._span < len(x) // 4
    _same(find_neighbors(x, 6), whole.indices, whole.distances)


def test_a_sample_that_misleads_is_found_out(small_tiles, monkeypatch):
    """Thresholds far too high: no row has enough candidates, or not the right ones."""
    x = unit_rows(CASES["normal"])
    expected = _exhaustively(x, 6)
    searched: list[int] = []

    def counted(x: np.ndarray, rows: np.ndarray, k: int, slack: float) -> object:
        searched.extend(rows.tolist())
        return search_rows(x, rows, k, slack)

    monkeypatch.setattr(neighbors, "search_rows", counted)
    monkeypatch.setattr(tiles, "_rank", lambda k: 1)
    _same(find_neighbors(x, 6), *expected)
    assert len(searched) > 200


def test_few_rows_are_searched_twice(small_tiles, monkeypatch):
    searched: list[int] = []
    monkeypatch.setattr(neighbors, "search_rows", lambda x, rows, *rest: searched.extend(rows) or search_rows(x, rows, *rest))
    find_neighbors(np.random.default_rng(0).normal(size=(3000, 32)), 20)
    assert len(searched) < 100


@pytest.mark.parametrize("name", CASES)
def test_a_device_of_torch_gives_the_same(monkeypatch, name):
    x = unit_rows(CASES[name])
    here = find_neighbors(x, 6)
    monkeypatch.setattr(neighbors, "gpu_for", lambda n: "cpu")
    monkeypatch.setattr(cuda, "_PRODUCTS", 50 * len(x))
    _same(find_neighbors(x, 6), here.indices, here.distances)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("k", [20, 400])
def test_a_gpu_gives_the_same(monkeypatch, k):
    x = unit_rows(np.random.default_rng(0).normal(size=(cuda.FROM_ROWS, 64)))
    assert cuda.gpu_for(len(x)) == "cuda"
    on_gpu = find_neighbors(x, k)
    monkeypatch.setattr(neighbors, "gpu_for", lambda n: None)
    here = find_neighbors(x, k)
    _same(on_gpu, here.indices, here.distances)


def test_no_gpu_is_looked_for_where_there_are_few_rows_no_driver_or_rough_products(monkeypatch):
    monkeypatch.setattr(cuda, "_has_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert cuda.gpu_for(cuda.FROM_ROWS) == "cuda"
    assert cuda.gpu_for(cuda.FROM_ROWS - 1) is None
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert cuda.gpu_for(cuda.FROM_ROWS) is None
    monkeypatch.undo()
    monkeypatch.setattr(cuda, "_has_driver", lambda: False)
    assert cuda.gpu_for(cuda.FROM_ROWS) is None


def test_progress_of_tiles_rises_to_one_and_counts_each_row(small_tiles):
    seen: list[tuple[float, str]] = []
    find_neighbors(CASES["a crowd of copies"], 6, on_progress=lambda fraction, note: seen.append((fraction, note)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert seen[-1] == (1.0, "neighbours of 800 of 800 images")


@pytest.mark.parametrize("dim", [1, 2, 7, 128, 2048])
def test_the_rounding_allowed_is_more_than_what_is_seen(dim):
    rng = np.random.default_rng(dim)
    x = unit_rows(np.abs(rng.normal(size=(200, dim))) + 1e-3)  # of one sign, where errors add up
    exact = x.astype(np.float64) @ x.astype(np.float64).T
    lengths = np.diag(exact)
    half = (lengths[:, None] + lengths) / 2 - exact
    by_product = (lengths[:, None] + lengths) / 2 - (x @ x.T)
    rows, others = np.divmod(np.arange(200 * 200), 200)
    by_difference = search.sq_distances_in(keys_of_pairs(x, rows, others)).reshape(200, 200) / 2
    assert np.abs(by_product - half).max() + np.abs(by_difference - half).max() < rounding(dim) < 1e-2
    assert margin(x) >= 2 * rounding(dim)


def test_a_distance_depends_on_its_two_rows_alone():
    rng = np.random.default_rng(0)
    x = unit_rows(rng.normal(size=(60, 37)))
    rows, others = rng.integers(60, size=(2, 500))
    together = keys_of_pairs(x, rows, others)
    alone = [keys_of_pairs(x, rows[[at]], others[[at]])[0] for at in range(500)]
    assert together.tolist() == alone
    assert together.tolist() == keys_of_pairs(x, others, rows).tolist()
    assert (keys_of_pairs(x, rows, rows) == 0).all()
    exact = ((x[rows].astype(np.float64) - x[others]) ** 2).sum(axis=1)
    np.testing.assert_allclose(search.sq_distances_in(together), exact, rtol=1e-5)


@given(st.data())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_nearest_are_the_smallest_keys_of_each(data):
    n, k = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    owners = np.array(sorted(data.draw(st.lists(st.integers(0, n - 1), max_size=60))), dtype=np.int64)
    keys = np.array(data.draw(st.lists(st.integers(0, 99), min_size=len(owners), max_size=len(owners))), dtype=np.uint64)
    found = nearest(owners, keys, n, k)
    assert found.shape == (n, k)
    for row in range(n):
        assert found[row].tolist() == (sorted(keys[owners == row].tolist()) + [int(NOBODY)] * k)[:k]


@given(st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=60, derandomize=True)
def test_true_marks_are_found(eights, seed):
    marks = np.random.default_rng(seed).random(8 * eights) < 0.1
    assert tiles._true(marks).tolist() == np.flatnonzero(marks).tolist()


def test_equal_rows_share_a_search_and_no_row_lists_itself(monkeypatch):
    x = unit_rows(CASES["copies everywhere"])
    rows = np.arange(0, 800, 3)
    looked_at: list[int] = []
    monkeypatch.setattr(search, "candidates", _recording(looked_at, search.candidates))
    found = list(search_rows(x, rows, 5, margin(x)))
    assert len(looked_at) <= 100
    assert sorted(np.concatenate([some for some, _ in found]).tolist()) == rows.tolist()
    indices, distances = _exhaustively(x, 5)
    for some, keys in found:
        np.testing.assert_array_equal(unpacked(keys)[0], indices[some])
        np.testing.assert_array_equal(unpacked(keys)[1], distances[some])


def _recording(seen: list[int], function):  # type: ignore[no-untyped-def]
    def recorded(x, rows, k, slack):  # type: ignore[no-untyped-def]
        seen.extend(rows.tolist())
        return function(x, rows, k, slack)

    return recorded
