"""Where the parts of a figure go: panels, titles, legend, colour bar, notes, as plain dicts of plotly's layout.

Plain, because plotly checks every step of a figure that is built up bit by bit; checking it once at the end takes a fraction
of the time, and a slider feels it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..names import display_name
from .layers import Panel
from .palette import Theme, method_style

_FONT = "'Source Sans', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"  # the app's own, where it is there
_TOP, _GAP, _BESIDE = 74, 30, 0.015  # pixels above, pixels between rows, share of the width between columns


def map_layout(
    panels: Sequence[Panel],
    frame: NDArray[np.float64],
    look: Theme,
    *,
    columns: int,
    panel_height: int,
    measure: str,
    entries: Sequence[str],
    notes: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Panels whose axes move together; room for colour bar and notes above, for a legend of `entries` below.

    Args:
        panels: in reading order.
        frame: (2, 2) lower and upper corner of what all panels show at first.
        look: the theme.
        columns: panels per row.
        panel_height: pixels.
        measure: title of the colour bar.
        entries: names in the legend.
        notes: from `caption`.
    """
    rows = -(-len(panels) // columns)
    inner = rows * panel_height + (rows - 1) * _GAP
    # Plotly would shrink the panels to make room; fixed margins keep them where they are whatever the colours show.
    per_row = max(columns * 370 // (8 * max(map(len, entries)) + 50), 1)
    bottom = 12 + 20 * -(-len(entries) // per_row)
    layout = {
        **base_layout(look),
        "height": inner + _TOP + bottom,
        "margin": {"l": 4, "r": 4, "t": _TOP, "b": bottom, "autoexpand": False},
        "dragmode": "pan",
        "uirevision": "map",  # a new colouring keeps the zoom
        "legend": {
            **{"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
            **{"itemsizing": "constant", "tracegroupgap": 0},
        },
        "coloraxis": _colour_axis(look, measure),
    }
    titles = []
    low, high = frame
    pad = np.where(high > low, (high - low) * 0.04, 1.0)
    for index, panel in enumerate(panels):
        left, right = _slot(index % columns, columns, _BESIDE)
        upper, lower = (1 - edge for edge in _slot(index // columns, rows, _GAP / inner))
        number = str(index + 1) if index else ""
        for axis, share, place, other in (("x", (left, right), 0, "y"), ("y", (lower, upper), 1, "x")):
            layout[f"{axis}axis{number}"] = {
                **{"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""},
                **{"showline": True, "mirror": True, "linecolor": look.rule, "domain": share, "anchor": f"{other}{number}"},
                "range": [low[place] - pad[place], high[place] + pad[place]],
                **({"matches": axis} if number else {}),
            }
        title = panel.title or f"{method_style(panel.method).label}, {len(panel.picks)} picks"
        font = {"size": 13, "color": look.text}
        titles.append(_annotation(escape(display_name(title)), (left + right) / 2, upper, "center", font))
    layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    return {**layout, "annotations": [*titles, *notes]}


def caption(text: str, look: Theme, side: Literal["left", "right"]) -> dict[str, Any]:
    """A note above the panels; at most half a phone wide."""
    note = _annotation(text, 0 if side == "left" else 1, 1, side, {"size": 11, "color": look.muted})
    return {**note, "align": side, "yshift": 22}


def base_layout(look: Theme) -> dict[str, Any]:
    """What all figures share: fonts, transparent background, hover boxes, buttons."""
    return {
        "font": {"family": _FONT, "size": 12, "color": look.text},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {
            **{"bgcolor": look.hover, "bordercolor": look.hover},
            "font": {"color": look.hover_text, "size": 12, "family": _FONT},
        },
        "modebar": {
            **{"bgcolor": "rgba(0,0,0,0)", "color": look.muted, "activecolor": look.accent},
            "remove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],  # the first uploads the figure
        },
        "template": None,
    }


def _slot(index: int, count: int, gap: float) -> tuple[float, float]:
    """Begin and end of slot `at` of `count` equal ones in [0, 1] with gaps between them."""
    size = (1 - (count - 1) * gap) / count
    begin = index * (size + gap)
    return begin, min(begin + size, 1.0)


def _annotation(text: str, x: float, y: float, anchor: str, font: dict[str, Any]) -> dict[str, Any]:
    place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": anchor, "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": font, **place}


def _colour_axis(look: Theme, measure: str) -> dict[str, Any]:
    steps = np.linspace(0, 1, len(look.scale)).tolist()
    bar = {
        "title": {"text": measure, "side": "top", "font": {"size": 12}},
        **{"orientation": "h", "len": 170, "lenmode": "pixels", "thickness": 8, "outlinewidth": 0},
        **{"x": 0, "xanchor": "left", "xpad": 0, "yref": "container", "y": 1, "yanchor": "top", "ypad": 0},
        "tickvals": [0, 50, 100],
    }
    return {"colorscale": list(zip(steps, look.scale, strict=True)), "cmin": 0, "cmax": 100, "colorbar": bar}
