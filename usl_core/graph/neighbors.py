"""The kNN graph: one exact search at k_max; every smaller k is a prefix of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, TypeVar

import numpy as np

from ..arithmetic import blas_threads, openmp_threads
from ..read_only import read_only
from ..types import FloatArray, IntArray, Neighbors, Progress
from ..validation import unit_rows, whole_number
from . import tiles
from .cuda import Gpu, gpu_for
from .search import Keys, candidates, margin, nearest_others, search_rows, unpacked

T = TypeVar("T")
ALGORITHM = 2
"""Part of a graph's fingerprint. Up to 1, distances were faiss's, made from products, with other last bits."""

BLOCK_ROWS = 256
"""Compared with all others at a time by one thread, if not for tiles."""
_PRODUCTS = 1 << 21  # 8 MB at a time; in a crowd each of them is a candidate
_NOTHING = np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.uint64)


def find_neighbors(values: Any, n_neighbors: int = 400, *, on_progress: Progress | None = None) -> Neighbors:
    """The k nearest neighbours of every row by Euclidean distance, the row itself excluded (exact, not approximate).

    Products of float32 find candidates, and the differences of rows decide among them (`graph.search`): exact duplicates are at
    distance 0, of equal distances the lower row comes first, a smaller k is a prefix of a larger one, and neither the number of
    threads nor a GPU changes a bit. From 16,384 rows on each product serves both of its rows (`graph.tiles`).

    Args:
        values: (n, d) features; rows are normalised to length 1.
        n_neighbors: k_max; reduced to n - 1 if it is larger (`Neighbors.k_max` tells).

    Returns:
        Neighbors with (n, min(k_max, n - 1)) arrays; rows ascend by (distance, index).

    Raises:
        UslError: invalid features, or n_neighbors < 1.

    >>> graph = usl.find_neighbors([[1, 0], [0.9, 0.1], [0, 1]], 2)
    >>> graph.indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    x = unit_rows(values)
    k = min(whole_number(n_neighbors, "n_neighbors", 1), len(x) - 1)
    indices = np.empty((len(x), k), dtype=np.int32)
    distances = np.empty((len(x), k), dtype=np.float32)
    if k == 0:
        return read_only(Neighbors(indices=indices, distances=distances))
    report: Progress = on_progress or (lambda fraction, note: None)
    report(0.0, f"neighbours of 0 of {len(x):,} images")
    device = gpu_for(len(x))
    if device is not None:
        search = _by_gpu(x, k, Gpu(x, device))
    else:
        search = _by_tiles(x, k) if tiles.pays(len(x), k) else _by_rows(x, k)
    done = 0
    with blas_threads(1), closing(search) as searched:  # at once, where `on_progress` raises
        for share, rows, keys in searched:
            if len(rows):
                indices[rows], distances[rows] = unpacked(keys)
            done += len(rows)
            report(share, f"neighbours of {done:,} of {len(x):,} images")
    return read_only(Neighbors(indices=indices, distances=distances))


Found = Generator[tuple[float, IntArray, Keys], None, None]
"""The share of the work that is done, some rows, and the keys of their neighbours."""


def _by_rows(x: FloatArray, k: int) -> Found:
    """Each block of rows is compared with all rows."""
    slack = margin(x)

    def search(rows: IntArray) -> tuple[IntArray, Keys]:
        return rows, nearest_others(x, rows, candidates(x, rows, k, slack), k)

    with closing(_in_threads(search, _row_blocks(len(x), min(BLOCK_ROWS, max(_PRODUCTS // len(x), 1))))) as found:
        for rows, keys in found:
            yield (int(rows[-1]) + 1) / len(x), rows, keys


def _by_tiles(x: FloatArray, k: int) -> Found:
    """Each product is made once, see `tiles`."""
    n, search = len(x), tiles.Tiles(x, k)
    with closing(_in_threads(search.set_limits, search.starts)) as prepared:
        for at, _ in zip(search.starts, prepared, strict=True):
            yield 0.08 * at / n, *_NOTHING
    search.sort()
    unsure = _NOTHING[0]
    with closing(_in_threads(lambda start: (start, list(search.tile_row(start))), search.starts)) as found:
        for at, complete in found:
            share = 0.08 + 0.9 * (1 - (1 - at / n) ** 2)
            for rows, keys, sure in complete:
                unsure = np.concatenate([unsure, rows[~sure]])
                yield share, rows[sure], keys[sure]
    yield from _rest(x, unsure, k)


def _by_gpu(x: FloatArray, k: int, gpu: Gpu) -> Found:
    """Each block of rows is compared with all rows on the GPU, and its candidates are looked at here."""
    slack = margin(x)

    def search(rows: IntArray) -> tuple[IntArray, IntArray, Keys]:
        owners, others, crowded = gpu.candidates(rows, k, slack)
        keys = nearest_others(x, rows, (owners, others), k)
        return rows[crowded], rows[~crowded], keys[~crowded]

    unsure = _NOTHING[0]
    with closing(_in_threads(search, _row_blocks(len(x), gpu.block_rows))) as found:
        for crowd, rows, keys in found:
            unsure = np.concatenate([unsure, crowd])
            yield 0.98 * (max(crowd.max(initial=0), rows.max(initial=0)) + 1) / len(x), rows, keys
    yield from _rest(x, unsure, k)


def _rest(x: FloatArray, rows: IntArray, k: int) -> Found:
    """The rows that are left are compared with all rows."""
    done = 0
    for some, keys in search_rows(x, rows, k, margin(x)):
        done += len(some)
        yield 0.98 + 0.02 * done / len(rows), some, keys
    if not done:
        yield 1.0, *_NOTHING


def _row_blocks(n: int, step: int) -> Iterator[IntArray]:
    return (np.arange(start, min(start + step, n)) for start in range(0, n, step))


def _in_threads(step: Callable[[Any], T], arguments: Iterator[Any] | range) -> Generator[T, None, None]:
    """What the step returns for each argument, in order, on as many threads as OpenMP has, each with one of its own."""
    from concurrent.futures import ThreadPoolExecutor

    import faiss

    with ThreadPoolExecutor(openmp_threads(), "knn", faiss.omp_set_num_threads, (1,)) as pool:
        steps = deque(pool.submit(step, argument) for argument in arguments)
        try:
            while steps:
                yield steps.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
