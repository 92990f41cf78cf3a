"""The marker of a method as a small inline SVG, in the shape that the maps draw."""

from __future__ import annotations

import math

from markupsafe import Markup

from ..figures.palette import method_style

_POLYGONS = {  # corners and the angle of the first one; 270 degrees is up
    "square": (4, 225),
    "diamond": (4, 270),
    "triangle-up": (3, 270),
    "triangle-down": (3, 90),
    "pentagon": (5, 270),
    "hexagon": (6, 270),
}


def mark(method: str) -> Markup:
    """The marker of a method, hidden from screen readers, which read the name beside it."""
    style = method_style(method)
    shape = _shape(style.symbol, style.colour)
    return Markup(f'<svg class="mark" viewBox="0 0 20 20" aria-hidden="true">{shape}</svg>')  # noqa: S704  (from the palette)


def _shape(symbol: str, colour: str) -> str:
    if symbol in ("cross", "x"):
        turned = ' transform="rotate(45 10 10)"' if symbol == "x" else ""
        return f'<path d="M7 2h6v5h5v6h-5v5h-6v-5h-5v-6h5z" fill="{colour}"{turned}/>'
    if symbol == "star":
        corners = [_corner(270 + 36 * index, 9 if index % 2 == 0 else 3.8) for index in range(10)]
    elif symbol in _POLYGONS:
        count, first = _POLYGONS[symbol]
        corners = [_corner(first + 360 / count * index, 9.5) for index in range(count)]
    else:
        return f'<circle cx="10" cy="10" r="8" fill="{colour}"/>'
    return f'<polygon points="{" ".join(corners)}" fill="{colour}"/>'


def _corner(degrees: float, radius: float) -> str:
    angle = math.radians(degrees)
    return f"{10 + radius * math.cos(angle):.1f},{10 + radius * math.sin(angle):.1f}"
