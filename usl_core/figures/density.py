"""Density as plotly figures: how utilities are spread, how two estimates agree, how far the neighbours of an image lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..names import hover_name
from ..types import FloatArray, IntArray
from ..validation import index_set, whole_number
from .curves import MARGIN, axis_lines
from .layout import base_layout
from .palette import Theme, ThemeName, method_style, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TAIL = 99.5  # percentile; utilities of exact copies lie a thousand times higher and would flatten all the rest
_CURVE_POINTS = 1_000
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def utility_histogram(
    utility: FloatArray, *, marked: int | None = None, bins: int = 60, theme: ThemeName = "light", height: int = 240
) -> go.Figure:
    """How many images have which utility; the last bar holds everything beyond the 99.5th percentile.

    Args:
        utility: (n,) U.
        marked: a row whose place is marked.
        bins: number of bars.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: no images, or a row that is none of them.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    u, row = _checked(utility, marked)
    low, tail, high = float(u.min()), float(np.percentile(u, _TAIL)), float(u.max())
    top = tail if tail > low and high > tail + 0.5 * (tail - low) else high
    edges = np.linspace(low, top if top > low else low + 1, whole_number(bins, "bins", 1) + 1)
    counts = np.histogram(np.minimum(u, edges[-1]), edges)[0]
    beyond = int((u > edges[-1]).sum())
    said = [f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges.tolist())]
    if beyond:
        said[-1] = f"over {edges[-2]:.3g}, up to {high:,.3g}"
    middles = (edges[:-1] + edges[1:]) / 2
    bars = {
        "type": "bar",
        "x": middles,
        "y": counts,
        "width": np.diff(edges) * 0.9,
        "customdata": said,
        "hovertemplate": "U %{customdata}: %{y:,} images<extra></extra>",
        "marker": {"color": look.accent},
    }
    layout = _chart(look, height, "U = 1 / mean distance", "images")
    layout["yaxis"]["rangemode"] = "tozero"
    if row is not None:
        x = min(float(u[row]), float(middles[-1]))
        layout["shapes"] = [_line(x, look)]
        layout["annotations"] = [_label("pinned", x, look)]
    return go.Figure({"data": [bars], "layout": layout})


def rank_plot(
    utility: FloatArray,
    *,
    picks: IntArray | Sequence[int] = (),
    method: str = "usl",
    marked: int | None = None,
    theme: ThemeName = "light",
    height: int = 240,
) -> go.Figure:
    """U over its rank, the densest image first, with the places of picks.

    Args:
        utility: (n,) U.
        picks: rows.
        method: that picked them.
        marked: a row whose place is marked.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: no images, or rows that are none of them.
    """
    import plotly.graph_objects as go

    look, style = theme_of(theme), method_style(method)
    u, row = _checked(utility, marked)
    rows = index_set(picks, len(u), "picks")
    order = np.argsort(-u, kind="stable")
    rank = np.empty(len(u), dtype=np.int64)
    rank[order] = np.arange(1, len(u) + 1)
    shown = np.unique(np.linspace(0, len(u) - 1, min(len(u), _CURVE_POINTS)).astype(np.int64))
    traces: list[dict[str, Any]] = [
        {
            **{"type": "scatter", "mode": "lines", "x": shown + 1, "y": u[order[shown]], "name": "all images"},
            "hovertemplate": "rank %{x:,}: U = %{y:.4g}<extra></extra>",
            "line": {"color": look.accent, "width": 2},
        },
        {
            **{"type": "scatter", "mode": "markers", "x": rank[rows], "y": u[rows], "name": f"picks of {style.label}"},
            "hovertemplate": f"rank %{{x:,}}: U = %{{y:.4g}}<extra>pick of {style.label}</extra>",
            "marker": {
                **{"symbol": style.symbol, "size": 9, "color": style.colour},
                "line": {"color": look.outline, "width": 1},
            },
        },
    ]
    tail = float(np.percentile(u, _TAIL))
    layout = _chart(look, height, "rank, densest first", "U")
    layout["xaxis"]["range"] = [0.5 - 0.01 * len(u), len(u) * 1.01 + 0.5]
    low, high = float(u.min()), max(tail, float(u[rows].max(initial=0)) if len(rows) < len(u) else tail)
    if u.max() > 3 * high > 0:
        layout["yaxis"]["range"] = [low - 0.05 * (high - low), 1.05 * high]
    if row is not None:
        layout["shapes"] = [_line(float(rank[row]), look)]
        layout["annotations"] = [_label("pinned", float(rank[row]), look)]
    return go.Figure({"data": traces if len(rows) else traces[:1], "layout": {**layout, "showlegend": bool(len(rows))}})


def estimates_chart(
    mean: NDArray[np.floating],
    kth: NDArray[np.floating],
    *,
    marked: int | None = None,
    cells: int = 40,
    theme: ThemeName = "light",
    height: int = 320,
) -> go.Figure:
    """Density percentile by the mean distance against that by the k-th distance; on the diagonal both agree.

    Args:
        mean: (n,) percentiles in [0, 100] of one estimate.
        kth: (n,) of the other.
        marked: a row whose place is marked.
        cells: per side; images are counted in squares, so that any number is quick to draw.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: other lengths than one another, or a row that is none of them.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    a, row = _checked(mean, marked)
    b, _ = _checked(kth, marked)
    if len(a) != len(b):
        raise UslError(f"both estimates must be of the same images but are of {len(a)} and {len(b)}")
    edges = np.linspace(0, 100, whole_number(cells, "cells", 1) + 1)
    counts = np.histogram2d(b, a, bins=(edges, edges))[0]
    middles = (edges[:-1] + edges[1:]) / 2
    steps = np.linspace(0, 1, len(look.scale)).tolist()
    traces: list[dict[str, Any]] = [
        {
            **{"type": "heatmap", "x": middles, "y": middles, "showscale": False},
            "z": np.where(counts > 0, np.log1p(counts), np.nan),
            "customdata": counts,
            "colorscale": list(zip(steps, look.scale, strict=True)),
            "hovertemplate": "mean %{x:.0f} %, k-th %{y:.0f} %: %{customdata:,} images<extra></extra>",
        },
        {
            **{"type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "hoverinfo": "skip"},
            "line": {"color": look.text, "width": 1, "dash": "dot"},
        },
    ]
    if row is not None:
        traces.append(
            {
                **{"type": "scatter", "mode": "markers", "x": [a[row]], "y": [b[row]]},
                "hovertemplate": "pinned: mean %{x:.1f} %, k-th %{y:.1f} %<extra></extra>",
                "marker": {"symbol": "circle-open", "size": 14, "color": look.accent, "line": {"width": 3}},
            }
        )
    layout = _chart(look, height, "percentile by mean distance", "percentile by k-th distance")
    for axis in ("xaxis", "yaxis"):
        layout[axis]["range"] = [-1, 101]
    return go.Figure({"data": traces, "layout": {**layout, "showlegend": False}})


def neighborhood(
    distances: NDArray[np.floating], names: Sequence[str], mean: float, *, theme: ThemeName = "light", height: int = 320
) -> go.Figure:
    """An image in the middle and its k neighbours around it, each as far out as it is away in feature space.

    Distances are true, directions are not: many dimensions do not fit on a screen. The circles are the mean distance, which
    is what the utility is made of, and the distance to the k-th neighbour.

    Args:
        distances: (k,) to the neighbours, ascending.
        names: k names for the hover text.
        mean: their mean, as the density estimate takes it.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: another number of names than of distances, or none.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    far = np.asarray(distances, dtype=np.float64)
    if not len(far) or len(far) != len(names):
        raise UslError(f"a neighbourhood needs one name per neighbour, at least one, but has {len(names)} for {len(far)}")
    # The golden angle, so that neighbours that follow each other in rank never hide each other.
    angle = np.arange(len(far)) * _GOLDEN_ANGLE
    reach = max(float(far[-1]), float(mean), 1e-6) * 1.15
    points = {
        **{"type": "scatter", "mode": "markers", "x": far * np.cos(angle), "y": far * np.sin(angle)},
        "customdata": [[rank, hover_name(name), far[rank - 1]] for rank, name in enumerate(names, start=1)],
        "hovertemplate": "neighbour %{customdata[0]}<br>%{customdata[1]}<br>distance %{customdata[2]:.3f}<extra></extra>",
        "marker": {"size": 8, "color": look.accent, "line": {"color": look.outline, "width": 1}},
    }
    middle = {
        **{"type": "scatter", "mode": "markers", "x": [0], "y": [0], "hovertemplate": "the pinned image<extra></extra>"},
        "marker": {"symbol": "cross-thin-open", "size": 13, "color": look.text, "line": {"width": 2}},
    }
    hidden = {"visible": False, "fixedrange": True, "range": [-reach, reach]}
    layout = {
        **base_layout(look),
        **{"height": height, "margin": {"l": 4, "r": 4, "t": 8, "b": 8}, "showlegend": False},
        "xaxis": dict(hidden),
        "yaxis": {**hidden, "scaleanchor": "x", "scaleratio": 1},
        "shapes": [_circle(float(mean), look, "solid"), _circle(float(far[-1]), look, "dot")],
        "annotations": [
            _at_the_rim(float(mean), f"mean {mean:.3f}", "bottom", look),
            _at_the_rim(-float(far[-1]), f"k-th {far[-1]:.3f}", "top", look),
        ],
    }
    return go.Figure({"data": [points, middle], "layout": layout})


def _checked(values: NDArray[np.floating], marked: int | None) -> tuple[NDArray[np.floating], int | None]:
    array = np.asarray(values)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise UslError(f"expected one finite number per image, of at least one image, but got an array of shape {array.shape}")
    return array, None if marked is None else whole_number(marked, "marked", 0, len(array) - 1)


def _chart(look: Theme, height: int, across: str, up: str) -> dict[str, Any]:
    return {
        **base_layout(look),
        **{"height": height, "margin": {**MARGIN, "t": 22}, "bargap": 0},
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"},
        "xaxis": {"title": {"text": across}, **axis_lines(look), "showgrid": False},
        "yaxis": {"title": {"text": up}, **axis_lines(look)},
    }


def _line(x: float, look: Theme) -> dict[str, Any]:
    where = {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1}
    return {**where, "line": {"color": look.text, "width": 2, "dash": "dot"}}


def _label(text: str, x: float, look: Theme) -> dict[str, Any]:
    where = {"x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": "auto", "yanchor": "top", "showarrow": False}
    return {"text": text, "font": {"size": 12, "color": look.text}, **where}


def _circle(radius: float, look: Theme, dash: str) -> dict[str, Any]:
    box = {"type": "circle", "x0": -radius, "y0": -radius, "x1": radius, "y1": radius, "layer": "below"}
    return {**box, "line": {"color": look.muted, "width": 1.5, "dash": dash}}


def _at_the_rim(y: float, text: str, anchor: str, look: Theme) -> dict[str, Any]:
    return {
        **{"text": text, "x": 0, "y": y, "showarrow": False, "yanchor": anchor},
        "font": {"size": 12, "color": look.text},
        "bgcolor": look.background,
    }
