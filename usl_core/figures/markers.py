"""The shapes of markers, one table for the maps in the browser and for the icons of the report; figures leave theirs to plotly,
whose names these are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

Corners = tuple[tuple[float, float], ...]

CIRCLE: Corners = ()


def _ring(radii: tuple[float, ...], count: int, first: float = -90) -> Corners:
    """`count` corners around the middle at these distances in turn; the first at that angle in degrees, -90 is up."""
    angles = [math.radians(first + 360 * index / count) for index in range(count)]
    far = [radii[index % len(radii)] for index in range(count)]
    return tuple((round(r * math.cos(a), 3), round(r * math.sin(a), 3)) for r, a in zip(far, angles, strict=True))


_HOURGLASS: Corners = ((-1.15, -1.25), (1.15, -1.25), (0.15, 0), (1.15, 1.25), (-1.15, 1.25), (-0.15, 0))

MARKERS: Mapping[str, Corners] = MappingProxyType(
    {
        "circle": CIRCLE,
        "square": _ring((1.2,), 4, -45),
        "diamond": _ring((1.3,), 4),
        "triangle-up": _ring((1.3,), 3),
        "triangle-down": _ring((1.3,), 3, 90),
        "triangle-left": _ring((1.3,), 3, 180),
        "triangle-right": _ring((1.3,), 3, 0),
        "pentagon": _ring((1.1,), 5),
        "hexagon": _ring((1.1,), 6),
        "star": _ring((1.55, 0.62), 10),
        "star-diamond": _ring((1.65, 0.65), 8),
        "star-triangle-up": _ring((1.75, 0.5), 6),
        "star-triangle-down": _ring((1.75, 0.5), 6, 90),
        "cross": _ring((1.2, 1.2, 0.55), 12, -105),
        "x": _ring((1.2, 1.2, 0.55), 12, -60),
        "hourglass": _HOURGLASS,
        "bowtie": tuple((y, x) for x, y in _HOURGLASS),
        "diamond-tall": ((0, -1.65), (0.75, 0), (0, 1.65), (-0.75, 0)),
        "diamond-wide": ((0, -0.75), (1.65, 0), (0, 0.75), (-1.65, 0)),
        "triangle-sw": ((-1.05, -1.05), (1.05, 1.05), (-1.05, 1.05)),
    }
)
"""Corners of each shape around (0, 0), y downwards, in units of the marker's radius; none: a circle. Shapes cover about the
same area at the same radius."""
