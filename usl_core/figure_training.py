"""A training of USL-T as plotly figures: curves that grow, and how full the clusters are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import UslError
from .figure_layout import base_layout
from .palette import Theme, ThemeName, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "x")
_MARKERS_UP_TO = 60  # epochs; beyond, markers would hide the line
_MARGIN = {"l": 48, "r": 8, "t": 40, "b": 36}


def curves(
    series: Mapping[str, Sequence[float] | NDArray[np.floating]],
    *,
    n_epochs: int,
    unit: str,
    top: float | None = None,
    theme: ThemeName = "light",
    height: int = 240,
) -> go.Figure:
    """Numbers by epoch, the first at epoch 1; lines differ by dash and marker as well as by colour.

    Args:
        series: up to four, by name.
        n_epochs: the whole training, so that the axis stands still while the curves grow.
        unit: title of the vertical axis.
        top: the largest value that there can be; None: as the values are.
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
    mode = "lines+markers" if n_epochs <= _MARKERS_UP_TO else "lines"
    traces = [
        {
            "type": "scatter",
            "mode": mode,
            "x": np.arange(1, len(values) + 1),
            "y": np.asarray(values, dtype=np.float32),
            "name": name,
            "hovertemplate": "epoch %{x}: %{y:.3~g}<extra>" + name + "</extra>",
            "line": {"color": colour, "width": 2, "dash": dash},
            "marker": {"symbol": symbol, "size": 5},
        }
        for (name, values), colour, dash, symbol in zip(series.items(), colours, _DASHES, _SYMBOLS, strict=False)
    ]
    vertical = {"title": {"text": unit}, "rangemode": "tozero", **_lines(look)}
    layout = {
        **base_layout(look),
        **{"height": height, "margin": _MARGIN, "uirevision": "curves"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"},
        "xaxis": {"title": {"text": "epoch"}, "range": [0.5, n_epochs + 0.5], **_lines(look), "showgrid": False},
        "yaxis": vertical | ({"range": [0, 1.05 * top]} if top else {}),
        "showlegend": True,
    }
    return go.Figure({"data": traces, "layout": layout})


def size_histogram(sizes: NDArray[np.integer], *, theme: ThemeName = "light", height: int = 240) -> go.Figure:
    """Images per cluster, the largest first; where a bar is missing, a cluster is empty.

    Args:
        sizes: (C,) whole numbers.
        theme: "light" or "dark".
        height: pixels.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    order = np.argsort(-sizes, kind="stable")
    bars = {
        "type": "bar",
        "x": np.arange(1, len(sizes) + 1),
        "y": sizes[order],
        "customdata": order,
        "hovertemplate": "cluster %{customdata}: %{y:,} images<extra></extra>",
        "marker": {"color": look.accent},
    }
    even = {
        "type": "scatter",
        "mode": "lines",
        "x": [0.5, len(sizes) + 0.5],
        "y": [sizes.sum() / len(sizes)] * 2,
        "hovertemplate": "%{y:.3~g} images if all were alike<extra></extra>",
        "line": {"color": look.text, "width": 2, "dash": "dot"},
    }
    layout = {
        **base_layout(look),
        **{"height": height, "margin": _MARGIN, "bargap": 0.15, "showlegend": False},
        "xaxis": {
            "title": {"text": "cluster, largest first"},
            "range": [0.4, len(sizes) + 0.6],
            **_lines(look),
            "showgrid": False,
        },
        "yaxis": {"title": {"text": "images"}, "rangemode": "tozero", **_lines(look)},
    }
    return go.Figure({"data": [bars, even], "layout": layout})


def _lines(look: Theme) -> dict[str, Any]:
    return {"gridcolor": look.rule, "linecolor": look.rule, "zerolinecolor": look.rule, "fixedrange": True}
