"""The marker of a method as a small inline SVG, in the shape that the maps draw."""

from __future__ import annotations

from markupsafe import Markup

from ..figures.markers import MARKERS
from ..figures.palette import method_style

_REACH = 9.5  # from the middle to the farthest corner, of 10


def mark(method: str) -> Markup:
    """The marker of a method, hidden from screen readers, which read the name beside it."""
    style = method_style(method)
    shape = _shape(style.symbol, style.colour)
    return Markup(f'<svg class="mark" viewBox="0 0 20 20" aria-hidden="true">{shape}</svg>')  # noqa: S704  (from the palette)


def _shape(symbol: str, colour: str) -> str:
    corners = MARKERS[symbol]
    if not corners:
        return f'<circle cx="10" cy="10" r="8" fill="{colour}"/>'
    scale = _REACH / max((x * x + y * y) ** 0.5 for x, y in corners)
    points = " ".join(f"{10 + scale * x:.1f},{10 + scale * y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'
