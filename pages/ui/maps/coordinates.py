"""Coordinates as a browser gets them: 16 bits per axis for the first picture, 16 more for the very numbers.

Both together are a position among 2**32 equal steps from the least to the largest value of an axis, from which a browser
computes float32; the few numbers that this does not give back bit by bit, those near 0, travel as they are. So what is under
the pointer and inside a lasso is what the coordinates of Python say, however far one zooms in.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usl_core.figures.framing import map_fill, map_frame

from .arrays import ArrayStore

_BITS = 16
_STEPS = 2 ** (2 * _BITS) - 1
_REMEMBERED = 64
_PARTS = ("coarse", "fine", "rows", "exact")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The coordinates of a map in parts; axis by axis, a coordinate is `low + (65536 * coarse + fine) * step` as float32.

    Args:
        coarse: (n, 2) uint16, the upper half of the position.
        fine: (n, 2) uint16, the lower half.
        low: of both axes.
        high: of both axes.
        step: of both axes; 0 where all values are the same.
        rows: rows that the formula misses, ascending.
        exact: (r, 2) their coordinates.
    """

    coarse: NDArray[np.uint16]
    fine: NDArray[np.uint16]
    low: tuple[float, float]
    high: tuple[float, float]
    step: tuple[float, float]
    rows: NDArray[np.int32]
    exact: NDArray[np.float32]


def split(xy: NDArray[np.float32]) -> Places:
    """The parts of (n, 2) finite coordinates, n >= 1."""
    halves: list[tuple[NDArray[np.uint16], NDArray[np.uint16]]] = []
    ends: list[tuple[float, float, float]] = []
    missed = np.zeros(len(xy), dtype=bool)
    for axis in (0, 1):
        values = xy[:, axis].astype(np.float64)
        low, high = float(values.min()), float(values.max())
        step = (high - low) / _STEPS
        at = np.zeros(len(xy)) if step == 0 else np.clip(np.rint((values - low) / step), 0, _STEPS)
        missed |= (low + at * step).astype(np.float32) != xy[:, axis]
        whole = at.astype(np.uint32)
        halves.append(((whole >> _BITS).astype(np.uint16), (whole & 0xFFFF).astype(np.uint16)))
        ends.append((low, high, step))
    (x_low, x_high, x_step), (y_low, y_high, y_step) = ends
    rows = np.flatnonzero(missed).astype(np.int32)
    return Places(
        coarse=np.column_stack([halves[0][0], halves[1][0]]),
        fine=np.column_stack([halves[0][1], halves[1][1]]),
        low=(x_low, y_low),
        high=(x_high, y_high),
        step=(x_step, y_step),
        rows=rows,
        exact=np.ascontiguousarray(xy[rows]),
    )


class Coordinates:
    """Offers coordinates to a store, and remembers what it told of those that it has seen: a slider runs the page again with
    the same ones.

    Args:
        store: where browsers fetch arrays.
    """

    def __init__(self, store: ArrayStore) -> None:
        self._store = store
        self._lock = Lock()
        self._told: dict[str, dict[str, Any]] = {}

    def tell(self, xy: NDArray[np.float32]) -> dict[str, Any]:
        """For the script: digests of the parts, how to put them together, the frame of the first view, and how full it is."""
        digest = ArrayStore.digest(xy)
        with self._lock:
            told = self._told.get(digest)
        if told is None or not all(self._store.keeps(told[part]) for part in _PARTS if told[part]):
            told = self._offer(xy)
            with self._lock:
                self._told[digest] = told
                while len(self._told) > _REMEMBERED:
                    self._told.pop(next(iter(self._told)))
        return told

    def _offer(self, xy: NDArray[np.float32]) -> dict[str, Any]:
        places = split(xy)
        parts = {part: self._store.offer(found) if len(found := getattr(places, part)) else None for part in _PARTS}
        frame = map_frame(xy)
        ends = {"low": places.low, "high": places.high, "step": places.step}
        return {**parts, **ends, "frame": frame.tolist(), "fill": map_fill(xy, frame)}
