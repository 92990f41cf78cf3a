"""Accuracy by budget, one curve per method with its band, and numbers that others published, as plotly figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UslError
from .curves import axis_lines
from .layout import base_layout
from .palette import Theme, ThemeName, method_style, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TOP, _BOTTOM, _LINE, _ROW = 26, 50, 20, 46  # pixels: above the axes, below them, per line of the legend, per published line
_LETTER, _MARK, _NARROWEST = 6, 42, 320  # pixels: of a letter, of a line with its marker, of a legend on a phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a method reaches at one budget.

    Args:
        budget: m, at least 1.
        mean: over the seeds, as it is to be shown.
        low: of the interval around the mean; NaN without one.
        high: see `low`.
        said: what stands behind the numbers when one points at them, e.g. the number of seeds.
    """

    budget: int
    mean: float
    low: float = math.nan
    high: float = math.nan
    said: str = ""


def budget_curves(
    curves: Mapping[str, Sequence[Point]],
    *,
    unit: str,
    budgets: Sequence[int],
    span: tuple[float, float] | None = None,
    digits: int = 1,
    theme: ThemeName = "light",
    height: int = 330,
) -> go.Figure:
    """One line per method over a logarithmic axis of budgets, in the method's colour and marker shape, with the band of its
    intervals.

    Args:
        curves: points by method, in any order; a method without points stands in the legend.
        unit: title of the vertical axis.
        budgets: that the horizontal axis names; it does not move while points are added.
        span: of the vertical axis; None: as the values are.
        digits: decimals that are shown.
        theme: "light" or "dark".
        height: pixels of the axes, without the legend.

    Raises:
        UslError: no budgets, or one below 1.

    >>> its = [Point(budget=10, mean=71.0, low=69.0, high=73.0)]
    >>> figure = budget_curves({"usl": its}, unit="accuracy, %", budgets=[10, 40])
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['USL']
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    ticks = _ticks(budgets)
    ordered = {method: sorted(points, key=lambda point: point.budget) for method, points in curves.items()}
    bands = [_band(method, points) for method, points in ordered.items() if any(not math.isnan(one.low) for one in points)]
    lines = [_line(method, points, look, digits) for method, points in ordered.items()]
    layout = _layout(look, [method_style(method).label for method in curves], height)
    layout["xaxis"] = _budget_axis(look, ticks)
    layout["yaxis"] = {"title": {"text": unit}, **axis_lines(look), "zeroline": False} | ({"range": list(span)} if span else {})
    return go.Figure({"data": [*bands, *lines], "layout": layout})


def published_points(
    rows: Mapping[str, Sequence[tuple[str, Point]]],
    *,
    unit: str,
    theme: ThemeName = "light",
) -> go.Figure:
    """What others published, one line per setting, hollow markers with their deviations: who comes before whom in it.

    Args:
        rows: methods and their points by what the line is called, from the top; lines of the name are divided by newlines.
        unit: title of the horizontal axis.
        theme: "light" or "dark".

    Raises:
        UslError: no points.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    found = [(place, method, point) for place, its in enumerate(rows.values()) for method, point in its]
    if not found:
        raise UslError("published points must be at least one but are none")
    methods = list(dict.fromkeys(method for _, method, _ in found))
    traces = [
        _published(method, [(place, point) for place, other, point in found if other == method], look) for method in methods
    ]
    layout = _layout(look, [method_style(method).label for method in methods], _ROW * len(rows))
    layout["xaxis"] = {"title": {"text": unit, "standoff": 6}, **axis_lines(look), "zeroline": False}
    layout["yaxis"] = {
        **axis_lines(look),
        **{"zeroline": False, "range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows)))},
        "ticktext": [escape(name).replace("\n", "<br>") for name in rows],
    }
    return go.Figure({"data": traces, "layout": layout})


def _published(method: str, points: Sequence[tuple[int, Point]], look: Theme) -> dict[str, Any]:
    style = method_style(method)
    spreads = [0.0 if math.isnan(point.high) else point.high - point.mean for _, point in points]
    error = {"type": "data", "array": spreads, "thickness": 1.2, "width": 3, "color": style.colour}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.array([point.mean for _, point in points]),
        "y": np.array([place for place, _ in points]),
        **({"error_x": error} if any(spreads) else {}),
        "name": escape(style.label),
        **{"legendgroup": method, "showlegend": True},  # plotly gives entries without groups columns of one width
        "customdata": [escape(point.said) for _, point in points],
        "hovertemplate": "%{x:.1f} %{customdata}<extra>" + escape(style.label) + "</extra>",
        "marker": {"symbol": f"{style.symbol}-open", "size": 11, "color": style.colour, "line": {"width": 2}},
    }


def _ticks(budgets: Sequence[int]) -> list[int]:
    ticks = sorted(set(budgets))
    if not ticks or ticks[0] < 1:
        raise UslError(f"budgets must be at least one, each 1 or more, but are {', '.join(map(str, ticks)) or 'none'}")
    return ticks


def _budget_axis(look: Theme, ticks: Sequence[int]) -> dict[str, Any]:
    """Named where there is room: on a phone, 40 and 50 would lie on each other."""
    room = math.log10(ticks[-1] / ticks[0]) / 9 if len(ticks) > 1 else 0.0
    named: list[int] = []
    for tick in reversed(ticks):  # the largest is always named
        if not named or math.log10(named[-1] / tick) >= room:
            named.append(tick)
    ends = math.log10(ticks[0]), math.log10(ticks[-1])
    beside = 0.06 * (ends[1] - ends[0]) or 0.3
    return {
        "title": {"text": "labels m (logarithmic)", "standoff": 6},
        **axis_lines(look),
        **{"type": "log", "range": [ends[0] - beside, ends[1] + beside]},
        **{"tickvals": ticks, "ticktext": [f"{tick:,}" if tick in named else "" for tick in ticks]},
    }


def _layout(look: Theme, entries: Sequence[str], height: int) -> dict[str, Any]:
    """Room for the legend below: as many lines as it takes on a phone, so that it never lies on the axis."""
    used, lines = 0, 1 if entries else 0
    for entry in entries:
        width = len(entry) * _LETTER + _MARK
        if used and used + width > _NARROWEST:
            used, lines = 0, lines + 1
        used += width
    return {
        **base_layout(look),
        "height": height + _TOP + _BOTTOM + lines * _LINE,
        "margin": {"l": 52, "r": 8, "t": _TOP, "b": _BOTTOM + lines * _LINE},
        "legend": {
            **{"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"},
            **{"itemsizing": "trace", "tracegroupgap": 0},
        },
        "hovermode": "closest",
        "showlegend": True,
        "uirevision": "budgets",
    }


def _band(method: str, points: Sequence[Point]) -> dict[str, Any]:
    style, known = method_style(method), [point for point in points if not math.isnan(point.low)]
    budgets = [point.budget for point in known]
    red, green, blue = (int(style.colour[start : start + 2], 16) for start in (1, 3, 5))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": np.array([*budgets, *reversed(budgets)]),
        "y": np.array([*(point.high for point in known), *(point.low for point in reversed(known))], dtype=np.float32),
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},.16)",
        "line": {"width": 0},
        "name": escape(style.label),
        **{"legendgroup": method, "showlegend": False, "hoverinfo": "skip"},
    }


def _line(method: str, points: Sequence[Point], look: Theme, digits: int) -> dict[str, Any]:
    style = method_style(method)
    spread = ["" if math.isnan(one.low) else f" ({one.low:.{digits}f} to {one.high:.{digits}f})" for one in points]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": np.array([point.budget for point in points]),
        "y": np.array([point.mean for point in points], dtype=np.float32),
        "name": escape(style.label),
        "customdata": [f"{beside}{escape(one.said)}" for beside, one in zip(spread, points, strict=True)],
        "hovertemplate": f"m = %{{x:,}}: %{{y:.{digits}f}}%{{customdata}}<extra>{escape(style.label)}</extra>",
        "line": {"color": style.colour, "width": 2},
        "marker": {"symbol": style.symbol, "size": 9, "color": style.colour, "line": {"color": look.outline, "width": 0.8}},
        **{"legendgroup": method, "showlegend": True},
    }
