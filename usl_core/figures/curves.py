"""Curves that grow, told apart without colour too, as plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from .layout import base_layout
from .palette import Theme, ThemeName, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "x")
_MARKERS_UP_TO = 60  # points on a line; beyond, markers would hide it
MARGIN = {"l": 48, "r": 8, "t": 40, "b": 36}


def curves(
    series: Mapping[str, Sequence[float] | NDArray[np.floating]],
    *,
    length: int,
    unit: str,
    along: str = "epoch",
    mark: int | None = None,
    top: float | None = None,
    from_zero: bool = True,
    theme: ThemeName = "light",
    height: int = 240,
) -> go.Figure:
    """Numbers by epoch or by round, the first at 1; lines differ by dash and marker as well as by colour.

    Args:
        series: up to four, by name.
        length: of the axis, so that it stands still while the curves grow.
        unit: title of the vertical axis.
        along: what the horizontal axis counts.
        mark: a place on it to mark.
        top: the largest value that there can be; None: as the values are.
        from_zero: let the vertical axis begin at 0.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: more than four series.
    """
    import plotly.graph_objects as go

    if len(series) > len(_DASHES):
        raise UslError(f"curves must be at most {len(_DASHES)} but are {len(series)}")
    look = theme_of(theme)
    colours = (look.accent, look.text, look.muted, "#D55E00")
    mode = "lines+markers" if length <= _MARKERS_UP_TO else "lines"
    traces = [
        {
            "type": "scatter",
            "mode": mode,
            "x": np.arange(1, len(values) + 1),
            "y": np.asarray(values, dtype=np.float32),
            "name": name,
            "hovertemplate": along + " %{x}: %{y:.3~g}<extra>" + name + "</extra>",
            "line": {"color": colour, "width": 2, "dash": dash},
            "marker": {"symbol": symbol, "size": 5},
        }
        for (name, values), colour, dash, symbol in zip(series.items(), colours, _DASHES, _SYMBOLS, strict=False)
    ]
    vertical = {"title": {"text": unit}, **({"rangemode": "tozero"} if from_zero else {}), **axis_lines(look)}
    layout = {
        **base_layout(look),
        **{"height": height, "margin": MARGIN, "uirevision": "curves"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"},
        "xaxis": {"title": {"text": along}, "range": [0.5, length + 0.5], **axis_lines(look), "showgrid": False},
        "yaxis": vertical | ({"range": [0, 1.05 * top]} if top else {}),
        "showlegend": True,
        "shapes": [] if mark is None else [_mark(mark, look)],
    }
    return go.Figure({"data": traces, "layout": layout})


def count_bars(
    counts: Sequence[int],
    *,
    unit: str,
    along: str = "round",
    mark: int | None = None,
    theme: ThemeName = "light",
    height: int = 240,
) -> go.Figure:
    """One bar per round, the first at 1.

    Args:
        counts: whole numbers.
        unit: title of the vertical axis.
        along: what the horizontal axis counts.
        mark: a place on it to mark.
        theme: "light" or "dark".
        height: pixels.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    bars = {
        **{"type": "bar", "x": np.arange(1, len(counts) + 1), "y": np.asarray(counts), "marker": {"color": look.accent}},
        "hovertemplate": along + " %{x}: %{y:,} " + unit + "<extra></extra>",
    }
    layout = {
        **base_layout(look),
        **{"height": height, "margin": {**MARGIN, "t": 22}, "bargap": 0.3, "showlegend": False},
        "xaxis": {"title": {"text": along}, "range": [0.5, len(counts) + 0.5], **axis_lines(look), "showgrid": False},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero", **axis_lines(look)},
        "shapes": [] if mark is None else [_mark(mark, look)],
    }
    return go.Figure({"data": [bars], "layout": layout})


def axis_lines(look: Theme) -> dict[str, Any]:
    """How the axes of a chart look that is not zoomed."""
    return {"gridcolor": look.rule, "linecolor": look.rule, "zerolinecolor": look.rule, "fixedrange": True, "automargin": True}


def _mark(x: float, look: Theme) -> dict[str, Any]:
    return {
        **{"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1},
        "line": {"color": look.accent, "width": 1, "dash": "dot"},
    }
