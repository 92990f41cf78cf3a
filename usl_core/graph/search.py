"""Exact neighbours out of float32 products: a product only says who may be near, differences decide who is.

The last bits of a product depend on the processor, the library and the size of its blocks. So every row gets candidates, all
whose product is not too small by more than any rounding, and the distance to each candidate is computed from the difference of
the two rows, which depends on these two alone. What finds the candidates can therefore be chosen for its speed: neighbours,
order and distances come out the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, squared_lengths
from ..types import FloatArray, IntArray
from .copies import first_of_equals

Keys: TypeAlias = NDArray[np.uint64]
"""A squared distance and a row in one number that sorts like the pair of them: floats >= 0 are in the order of their bits."""

_UNIT_ROUNDOFF = 2.0**-24  # of float32
_ROW_BITS = np.uint64(32)
_ROW = np.uint64((1 << 32) - 1)
NOBODY = np.uint64((1 << 64) - 1)
"""Behind every key."""


def rounding(dim: int) -> float:
    """By how much half a squared distance of unit rows, made from their product or from their difference, may be off, at most.

    A sum of d terms of either is off by d + 4 units of roundoff of the sum of their magnitudes, in whatever order it is made:
    1 for a product of unit rows, 4 for the square of a difference, and 1/2 of either squared length.

    Reference:
        Higham: Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 3.1.
    """
    return 4.1 * (dim + 4) * _UNIT_ROUNDOFF


def margin(x: FloatArray) -> float:
    """What a product may lack to the k-th largest of its row and still belong to one of the k nearest: rounding on both sides,
    and what the squared lengths of rows, 1 up to 2e-4, differ by."""
    sq_lengths = squared_lengths(x)
    return 2 * rounding(x.shape[1]) + float(sq_lengths.max() - sq_lengths.min()) / 2


def keys_of_pairs(x: FloatArray, rows: IntArray, others: IntArray) -> Keys:
    """(p,) squared distances between rows, from the differences, as keys that name no row yet; copies are at distance 0."""
    import faiss

    sq_dist = np.empty(len(rows), dtype=np.float32)
    rows, others = (np.ascontiguousarray(side, dtype=np.int64) for side in (rows, others))
    at = faiss.swig_ptr
    faiss.pairwise_indexed_L2sqr(  # type: ignore[attr-defined]
        x.shape[1], len(rows), at(x), at(rows), at(x), at(others), at(sq_dist)
    )
    keys = sq_dist.view(np.uint32).astype(np.uint64)
    keys <<= _ROW_BITS
    return keys


def nearest(owners: NDArray[np.integer], keys: Keys, n_rows: int, k: int) -> Keys:
    """The k smallest keys of each of some rows.

    Args:
        owners: (p,) whose candidate each key is, in [0, n_rows), ascending.
        keys: (p,) candidates.

    Returns:
        (n_rows, k) ascending; `NOBODY` where a row has fewer.
    """
    counts = np.bincount(owners, minlength=n_rows)
    width = max(int(counts.max()), k)
    table = np.full((n_rows, width), NOBODY)
    ends = np.cumsum(counts)
    table.ravel()[np.arange(len(keys)) + np.repeat(np.arange(n_rows) * width - (ends - counts), counts)] = keys
    if width > 4 * k:
        table = np.partition(table, k - 1, axis=1)[:, :k]
    table.sort(axis=1)
    return table[:, :k]


def unpacked(keys: Keys) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The rows and plain distances in keys."""
    return (keys & _ROW).astype(np.int32), np.sqrt(sq_distances_in(keys))


def sq_distances_in(keys: Keys) -> NDArray[np.float32]:
    """Squared distances; NaN in `NOBODY`."""
    return (keys >> _ROW_BITS).astype(np.uint32).view(np.float32)


def candidates(x: FloatArray, rows: slice | IntArray, k: int, slack: float) -> tuple[IntArray, IntArray]:
    """All that may be among the k + 1 nearest of some rows, themselves included.

    Args:
        x: (n, d) unit rows.
        rows: some rows, whose products with all n are held at once.
        k: < n.
        slack: `margin(x)`.

    Returns:
        (p,) places in `rows`, ascending, and (p,) rows.
    """
    products = x[rows] @ x.T
    least = np.partition(products, len(x) - k - 1, axis=1)[:, len(x) - k - 1]
    return np.divmod(np.flatnonzero(products >= (least - np.float32(slack))[:, None]), len(x))


def nearest_others(x: FloatArray, rows: IntArray, found: tuple[IntArray, IntArray], k: int) -> Keys:
    """(len(rows), k) keys of the nearest others of some rows.

    Args:
        x: (n, d) unit rows.
        rows: some rows.
        found: their `candidates`.
        k: < n.
    """
    owners, others = found
    return without_itself(
        nearest(owners, keys_of_pairs(x, rows[owners], others) | others.view(np.uint64), len(rows), k + 1), rows
    )


def without_itself(keys: Keys, rows: IntArray) -> Keys:
    """(b, k) of (b, k + 1) ascending keys; where a row's own is not among them, pushed out by copies, the last goes."""
    own = (keys & _ROW) == rows[:, None].astype(np.uint64)
    own[~own.any(axis=1), -1] = True
    return keys[~own].reshape(len(keys), -1)


def search_rows(x: FloatArray, rows: IntArray, k: int, slack: float) -> Iterator[tuple[IntArray, Keys]]:
    """The nearest others of a few rows among many; rows that are equal share one search.

    Yields:
        Some of the rows, and their (b, k) keys.
    """
    first = first_of_equals(x, rows)[rows]
    heads, head_of = np.unique(first, return_inverse=True)
    by_head = np.argsort(head_of, kind="stable")
    ends = np.cumsum(np.bincount(head_of))
    for part in blocks(len(heads), len(x)):
        owners, others = candidates(x, heads[part], k, slack)
        keys = keys_of_pairs(x, heads[part][owners], others) | others.view(np.uint64)
        keys = nearest(owners, keys, part.stop - part.start, k + 1)
        members = by_head[ends[part.start - 1] if part.start else 0 : ends[part.stop - 1]]
        for some in blocks(len(members), k + 1):
            yield rows[members[some]], without_itself(keys[head_of[members[some]] - part.start], rows[members[some]])
