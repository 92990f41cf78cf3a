"""What a map shows at first: nearly all points, so that a few far ones do not shrink the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..validation import finite_matrix

OUTSIDE = 0.01
"""Share of the points that may be left outside."""
_FEW, _FEWEST = 100, 10  # below the first one point may stay outside, below the second none
_PAYS, _PAYS_FEW = 1.2, 2.0  # times that the rest must be larger for it
_ENOUGH = 1.2  # fewer points are left out where that makes the frame no more than so much larger


def map_frame(xy: Any) -> NDArray[np.float64]:
    """The box that the first view of a map shows, by its points alone, so that other picks do not move it.

    Each axis drops points from its two ends where the rest of the axis then is drawn at least a fifth larger, and no more of
    them than that takes. At most a hundredth of all points are dropped; of fewer than a hundred, one, if without it the others
    are drawn at least twice as large; of fewer than ten, none.

    Args:
        xy: (n, 2) coordinates, n >= 1.

    Returns:
        (2, 2) the lower and the upper corner, [[x, y], [x, y]].

    Raises:
        UslError: coordinates that are not finite or of another shape.

    >>> points = np.random.default_rng(0).random((1000, 2))
    >>> points[:3] = [[9, 9], [9, 9], [-5, 0.5]]
    >>> bool((map_frame(points) >= 0).all() and (map_frame(points) <= 1).all())
    True
    """
    points = finite_matrix(xy, "map coordinates")
    n = len(points)
    if points.shape[1] != 2:
        raise UslError(f"map coordinates must have shape (n, 2) but have {points.shape}")
    left = int(OUTSIDE * n) if n >= _FEW else int(n >= _FEWEST)
    kept, columns = np.ones(n, dtype=bool), np.ascontiguousarray(points.T)
    pays = _PAYS if n >= _FEW else _PAYS_FEW
    gains = [_trim(columns[axis], left)[0] for axis in (0, 1)]
    for axis in sorted((0, 1), key=lambda axis: -gains[axis]):
        gain, low, high = _trim(columns[axis][kept], left)  # what the first axis dropped no longer counts here
        if gain >= pays:
            inside = (columns[axis] >= low) & (columns[axis] <= high)
            left -= int(np.count_nonzero(kept & ~inside))
            kept &= inside
    shown = columns[:, kept]
    return np.stack([shown.min(axis=1), shown.max(axis=1)]).astype(np.float64)


def _trim(values: NDArray[np.floating], left: int) -> tuple[float, float, float]:
    """The span that drops the fewest values, `left` at most, and is nearly as narrow as any that drops as many as that; and
    how many times narrower than the whole one it is: (gain, low, high)."""
    low, high = float(values.min()), float(values.max())
    count = min(left, len(values) - 1)
    if count < 1 or high == low:
        return 1.0, low, high
    ordered = np.sort(values)
    lows, highs = ordered[: count + 1].astype(np.float64), ordered[: -count - 2 : -1].astype(np.float64)
    narrowest = float((highs[::-1] - lows).min())  # a from below, count - a from above
    if narrowest <= 0:  # all but a few lie on one spot: nothing to draw larger
        return 1.0, low, high
    wide_enough = _ENOUGH * narrowest
    # For so many dropped from below: the fewest from above that make the rest no wider.
    above = np.searchsorted(-highs, -(lows + wide_enough), side="left")
    dropped = np.arange(count + 1) + above
    dropped[above > count] = 2 * len(values)
    best = int(dropped.argmin())
    return (high - low) / float(highs[above[best]] - lows[best]), float(lows[best]), float(highs[above[best]])


def outside(xy: Any, frame: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(n,) which points lie beyond a frame.

    Args:
        xy: (n, 2) coordinates.
        frame: (2, 2) from `map_frame`.

    >>> outside([[0, 0], [1, 1], [9, 1]], np.array([[0, 0], [1, 1]])).tolist()
    [False, False, True]
    """
    points = finite_matrix(xy, "map coordinates")
    return ((points < frame[0]) | (points > frame[1])).any(axis=1)


def map_fill(xy: Any, frame: NDArray[np.floating]) -> float:
    """How much of the square around a frame is filled: the share of the cells of a grid that hold points, in (0, 1].

    Args:
        xy: (n, 2) coordinates, of which at least one is inside.
        frame: (2, 2) from `map_frame`.

    >>> corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> map_fill(corners, map_frame(corners))
    0.0625
    """
    points = finite_matrix(xy, "map coordinates")
    side = int(np.clip(np.sqrt(len(points)) / 1.5, 8, 64))  # few points could not fill many cells
    length = float((frame[1] - frame[0]).max()) or 1.0
    cells = np.minimum((points[~outside(points, frame)] - frame[0]) / length * side, side - 1).astype(np.int64)
    return float(np.count_nonzero(np.bincount(cells[:, 0] * side + cells[:, 1], minlength=side * side)) / side**2)
