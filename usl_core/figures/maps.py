"""Arrays -> plotly figures: linked maps and class bars, for notebooks, reports and pages. Nothing here computes results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..names import hover_name
from ..validation import finite_matrix, index_set, whole_number
from .framing import map_frame, outside
from .layers import MEASURES, ColourBy, MapFacts, Panel, background, peak_layer, pick_layers
from .layout import base_layout, caption, map_layout
from .palette import METHOD_STYLE, Theme, ThemeName, method_style, theme_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["METHOD_STYLE", "ColourBy", "MapFacts", "Panel", "class_bars", "class_histogram", "map_figure", "method_style"]

MAX_PANELS = 9


def map_figure(
    xy: Any,
    panels: Sequence[Panel],
    *,
    facts: MapFacts,
    colour: ColourBy = "density",
    theme: ThemeName = "light",
    columns: int | None = None,
    panel_height: int = 400,
    max_points: int = 20_000,
    webgl: bool = True,
    seed: int = 0,
) -> go.Figure:
    """The same map once per method: linked zoom and pan, one unit of x as long as one of y, picks on top.

    Every background point and every pick carries its row as `customdata`, so that a click can be mapped back. Few points that
    are far from all others lie outside the first view, as `framing.map_frame` has it, and the figure counts them.

    Args:
        xy: (n, 2) coordinates.
        panels: one to nine.
        facts: what colours and hover texts are made of.
        colour: "density" (percentile) or "confidence", both with a colour bar, "cluster", or "class" (with a legend up to 20
            classes).
        theme: "light" or "dark"; the background is transparent in both.
        columns: panels per row; default: all in one row up to four.
        panel_height: pixels.
        max_points: background points drawn at most; beyond, a seeded uniform sample without replacement, which the figure
            says. Picks and peaks are always drawn.
        webgl: draw the background by WebGL; False: as SVG, slower, for browsers that have none.
        seed: of the sample.

    Returns:
        Figure with subplots in reading order.

    Raises:
        UslError: arrays that do not belong together, or a colour without its data.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    flat = finite_matrix(xy, "map coordinates")
    n = len(flat)
    if flat.shape[1] != 2:
        raise UslError(f"map coordinates must have shape (n, 2) but have {flat.shape}")
    if not 1 <= len(panels) <= MAX_PANELS:
        raise UslError(f"panels must be 1 to {MAX_PANELS} but are {len(panels)}")
    whole_number(max_points, "max_points", 1)
    per_row = whole_number(columns if columns is not None else min(len(panels), 4), "columns", 1, MAX_PANELS)
    facts.check(n, colour)
    picks = [_rows(panel.picks, n, f"picks of {panel.method}") for panel in panels]
    shown = _sample(n, np.unique(np.concatenate(picks)), max_points, seed)
    peaks = index_set(facts.peaks, n, "peaks")
    traces = []
    for index, (panel, rows) in enumerate(zip(panels, picks, strict=True)):
        layers = background(flat, shown, facts, colour, theme, legend=index == 0)
        if len(peaks):
            layers.append(peak_layer(flat, peaks, facts, look, legend=index == 0))
        layers.extend(pick_layers(flat, rows, panel, facts, look))
        suffix = index + 1 if index else ""
        if not webgl:  # what repeats the look of the picks above the background is not needed there
            layers = [{**layer, "type": "scatter"} for layer in layers if layer.get("hoverinfo") != "skip"]
        traces += [{**layer, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"} for layer in layers]
    notes = [caption(facts.note(colour), look, "left")] if colour not in MEASURES else []
    frame, hints = map_frame(flat), []
    if beyond := outside(flat, frame).nonzero()[0].tolist():
        far = len(np.intersect1d(beyond, np.concatenate(picks)))
        some = f", {_count(far, 'pick')} among them" if far else ""
        hints.append(f"{_count(len(beyond), 'image')} beyond the frame{some}:<br>a double click shows all")
    if len(shown) < n:
        sampled = f"{len(shown):,} of {n:,} images drawn:<br>uniform sample (seed {seed}), all picks"
        hints.append(sampled)
    if hints:
        notes.append(caption("<br>".join(hints), look, "right"))
    layout = map_layout(
        panels,
        frame,
        look,
        columns=min(per_row, len(panels)),
        panel_height=panel_height,
        measure=facts.measured or MEASURES.get(colour, ""),
        entries=[trace["name"] for trace in traces if trace["showlegend"]],
        notes=notes,
    )
    return go.Figure({"data": traces, "layout": layout})


def class_bars(
    counts: Mapping[str, Sequence[float] | NDArray[np.number]],
    class_names: Sequence[str],
    *,
    expected: Sequence[float] | NDArray[np.number] | None = None,
    theme: ThemeName = "light",
    height: int = 320,
) -> go.Figure:
    """Picks per class, one bar per method; methods differ by pattern as well as by colour.

    Args:
        counts: by method, a number of picks per class (a mean over seeds may be fractional).
        class_names: the classes, in order of their ids.
        expected: what a uniform draw would give each class; drawn as a dotted line.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: another number of counts than of classes, or no classes.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    if not class_names or not counts:
        raise UslError("class bars need at least one class and one method")
    series = {**counts, **({"expected": expected} if expected is not None else {})}
    for name, values in series.items():
        if len(values) != len(class_names):
            raise UslError(f"counts of {name} must be one per class ({len(class_names)}) but are {len(values)}")
    names = [hover_name(name, 40) for name in class_names]
    places = np.arange(len(names))
    traces: list[dict[str, Any]] = []
    for method, values in counts.items():
        style = method_style(method)
        pattern = {"shape": style.pattern, "fgcolor": look.outline, "fillmode": "overlay", "size": 5, "solidity": 0.2}
        traces.append(
            {
                "type": "bar",
                "x": places,
                "y": np.asarray(values, dtype=np.float32),
                "name": escape(style.label),
                "customdata": names,
                "hovertemplate": "%{customdata}<br>%{y:.3~g} picks<extra>" + escape(style.label) + "</extra>",
                "marker": {"color": style.colour, "line": {"color": look.outline, "width": 1}, "pattern": pattern},
            }
        )
    if expected is not None:
        edges = np.stack([places - 0.4, places + 0.4, np.full(len(places), np.nan)], axis=1).ravel()
        traces.append(
            {
                "type": "scatter",
                "x": edges.astype(np.float32),
                "y": np.repeat(np.asarray(expected, dtype=np.float32), 3),
                "mode": "lines",
                "name": "uniform draw",
                "hovertemplate": "%{y:.3~g} expected<extra>uniform draw</extra>",
                "line": {"color": look.text, "width": 2, "dash": "2px,2px"},
            }
        )
    return go.Figure({"data": traces, "layout": _bar_layout(look, class_names, height, "picks")})


def class_histogram(
    sizes: Sequence[int] | NDArray[np.integer],
    class_names: Sequence[str],
    *,
    theme: ThemeName = "light",
    height: int = 260,
) -> go.Figure:
    """Images per class, in the order of the classes.

    Args:
        sizes: one number per class.
        class_names: the classes, in order of their ids.
        theme: "light" or "dark".
        height: pixels.

    Raises:
        UslError: another number of sizes than of classes, or no classes.
    """
    import plotly.graph_objects as go

    look = theme_of(theme)
    if not class_names or len(sizes) != len(class_names):
        raise UslError(f"sizes must be one per class ({len(class_names)}), of at least one class, but are {len(sizes)}")
    bars = {
        "type": "bar",
        "x": np.arange(len(class_names)),
        "y": np.asarray(sizes, dtype=np.int32),
        "customdata": [hover_name(name, 40) for name in class_names],
        "hovertemplate": "%{customdata}<br>%{y:,} images<extra></extra>",
        "marker": {"color": look.accent},
    }
    return go.Figure({"data": [bars], "layout": _bar_layout(look, class_names, height, "images")})


def _bar_layout(look: Theme, class_names: Sequence[str], height: int, counted: str) -> dict[str, Any]:
    ticks = {"tickvals": np.arange(len(class_names)), "ticktext": [hover_name(name, 18) for name in class_names]}
    return {
        **base_layout(look),
        **{"height": height, "barmode": "group", "bargap": 0.25, "margin": {"l": 44, "r": 8, "t": 36, "b": 8}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"},
        # Plotly would leave the names out that reach beyond the figure, instead of making room for them.
        "xaxis": {**ticks, "ticklabeloverflow": "allow", "showgrid": False, "linecolor": look.rule, "automargin": True},
        "yaxis": {
            **{"title": {"text": counted}, "rangemode": "tozero", "fixedrange": True},
            **{"gridcolor": look.rule, "zerolinecolor": look.rule},
        },
    }


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _rows(rows: Any, n: int, name: str) -> NDArray[np.int64]:
    index_set(rows, n, name)
    return np.asarray(rows, dtype=np.int64)


def _sample(n: int, keep: NDArray[np.int64], max_points: int, seed: int) -> NDArray[np.int64]:
    """At most `max_points` rows, ascending; those of `keep` are always among them."""
    if n <= max_points:
        return np.arange(n)
    others = np.setdiff1d(np.arange(n), keep, assume_unique=True)
    drawn = np.random.default_rng(seed).choice(others, max(max_points - len(keep), 0), replace=False)
    return np.sort(np.concatenate([keep, drawn]))
