"""How full the clusters of a training are, as a plotly figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .curves import MARGIN, axis_lines
from .layout import base_layout
from .palette import ThemeName, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


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
        **{"height": height, "margin": MARGIN, "bargap": 0.15, "showlegend": False},
        "xaxis": {
            "title": {"text": "cluster, largest first"},
            "range": [0.4, len(sizes) + 0.6],
            **axis_lines(look),
            "showgrid": False,
        },
        "yaxis": {"title": {"text": "images"}, "rangemode": "tozero", **axis_lines(look)},
    }
    return go.Figure({"data": [bars, even], "layout": layout})
