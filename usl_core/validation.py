"""Checks that every public function shares; behind them, the computing code may take its input for granted."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import UslError
from .read_only import KnownOfArrays
from .types import Features, FloatArray, IntArray, Neighbors

UNIT_TOLERANCE = 1e-4
"""A row whose length is this near to 1 counts as a unit row and is passed through unchanged, bit for bit."""


_ROWS = 4096
_UNIT_ROWS = KnownOfArrays(limit=1 << 12)
"""Read-only arrays of which all rows were found to be finite and of length 1."""
_YES = np.ones(1, dtype=np.bool_)


def unit_rows(values: Any) -> FloatArray:
    """The features as an (n, d) float32 C-contiguous array of unit rows.

    Args:
        values: `Features`, or anything numpy takes for an (n, d) array of finite numbers without a zero row.

    Returns:
        (n, d) float32; the very same memory if it already fits.

    Raises:
        UslError: not 2-D, no rows or columns, not numeric, not finite, or a row of zeros.
    """
    given = values.values if isinstance(values, Features) else values
    if isinstance(given, np.ndarray) and _UNIT_ROWS.get(given, (0,)):
        return given
    matrix = finite_matrix(values)
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    unit = np.abs(lengths - 1.0) <= UNIT_TOLERANCE
    if unit.all():
        if matrix is given:
            _UNIT_ROWS.put(matrix, {0: _YES})
        return matrix
    largest = np.maximum(matrix.max(axis=1), -matrix.min(axis=1))
    if not np.all(largest):
        row = int(np.argmin(largest > 0))
        raise UslError(f"row {row} of the features is all zeros and has no direction; remove that image and try again")
    result = np.empty_like(matrix)
    for start in range(0, len(matrix), _ROWS):
        rows = slice(start, start + _ROWS)
        # Tiny or huge rows over- or underflow float32 when squared, so they are scaled by their largest entry first.
        scaled = matrix[rows] / largest[rows, None]
        scaled /= np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
        result[rows] = np.where(unit[rows, None], matrix[rows], scaled)
    return result


def finite_matrix(values: Any, what: str = "features") -> FloatArray:
    """`values` as an (n, d) float32 C-contiguous array with n, d >= 1 and finite entries, not normalised.

    Raises:
        UslError: it is none.
    """
    if isinstance(values, Features):
        return values.values
    try:
        matrix = np.asarray(values)
        if matrix.dtype.kind not in "fiub":
            raise TypeError(f"entries of type {matrix.dtype}")
    except (TypeError, ValueError) as error:
        raise UslError(f"{what} must be a rectangular array of real numbers, but: {error}") from error
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise UslError(f"{what} must have shape (n, d) with n >= 1 and d >= 1, but the shape is {matrix.shape}")
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes inf and is named below
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise UslError(f"{what} must be finite, but {len(rows)} of {len(matrix)} rows are not; the first is row {rows[0]}")
    return matrix


def whole_number(value: Any, name: str, low: int, high: int | None = None, high_name: str = "") -> int:
    """`value` as an int in [low, high].

    Raises:
        UslError: it is not a whole number, or outside; the message says what `high` stands for.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise UslError(f"{name} must be a whole number but is {value!r}")
    number = int(value)
    if number < low or (high is not None and number > high):
        bound = f"at least {low}" if high is None else f"in [{low}, {high}]" + (f" ({high_name})" if high_name else "")
        raise UslError(f"{name} must be {bound} but is {number}")
    return number


def real_number(value: Any, name: str, low: float, high: float = float("inf"), *, open_low: bool = False) -> float:
    """`value` as a finite float in [low, high], or in (low, high] with `open_low`.

    Raises:
        UslError: it is not a finite number, or outside.
    """
    try:
        number = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else float("nan")
    except OverflowError:  # a whole number beyond 1e308
        number = float("inf")
    if not np.isfinite(number):
        raise UslError(f"{name} must be a finite number but is {value!r:.80}")
    if number < low or number > high or (open_low and number == low):
        bracket = "(" if open_low else "["
        bound = f"in {bracket}{low:g}, {high:g}]" if np.isfinite(high) else ("above" if open_low else "at least") + f" {low:g}"
        raise UslError(f"{name} must be {bound} but is {number:g}")
    return number


def index_set(indices: Iterable[int] | None, n: int, name: str) -> IntArray:
    """Sorted distinct row numbers in [0, n).

    Raises:
        UslError: an entry is not a whole number or lies outside.
    """
    if indices is None:
        return np.empty(0, dtype=np.int64)
    try:
        array = np.asarray(list(indices))
    except (TypeError, ValueError):  # not a list, or a ragged one
        array = np.empty((), dtype=object)
    if array.shape == (0,):
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UslError(f"{name} must be a list of image indices (whole numbers) but is {indices!r:.80}")
    outside = array[(array < 0) | (array >= n)]
    if outside.size:
        raise UslError(f"{name} must hold indices in [0, {n - 1}] but holds {outside[0]}")
    return np.unique(array.astype(np.int64))


def class_ids(labels: Any, n: int, name: str = "labels") -> IntArray:
    """One whole number per image, as (n,) int64.

    Raises:
        UslError: wrong length, or not whole numbers.
    """
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise UslError(f"{name} must be one whole number per image, but: {error}") from error
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UslError(f"{name} must be one whole number per image but has shape {array.shape} and type {array.dtype}")
    if len(array) != n:
        raise UslError(f"{name} must have one entry per image ({n}) but has {len(array)}")
    return array.astype(np.int64)


def same_images(neighbors: Any, n: int) -> Neighbors:
    """A kNN graph of n images.

    Raises:
        UslError: it is no graph, or one of another number of images.
    """
    if not isinstance(neighbors, Neighbors):
        raise UslError(f"neighbors must be what find_neighbors returns but is a {type(neighbors).__name__}")
    if len(neighbors) != n:
        raise UslError(f"neighbors must belong to the same {n} images but holds {len(neighbors)}")
    return neighbors


def each_once(given: Any, name: str) -> list[Any]:
    """One or more things as a list.

    Raises:
        UslError: it is no list, is empty, or holds something twice.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UslError(f"{name} must be a list but is {given!r:.80}")
    items = list(given)
    if not items or any(item in items[:index] for index, item in enumerate(items)):
        raise UslError(f"{name} must be one or more, each once, but are {', '.join(map(str, items)) or 'none'}")
    return items
