"""The layers of a map figure: background points, density peaks and picks as plotly traces, with their hover texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..names import display_name, hover_name
from ..types import FloatArray, IntArray
from ..validation import class_ids
from .categories import category_palette, places_on_map, sharing
from .palette import CATEGORICAL, Theme, ThemeName, category_places, method_style, theme_of

ColourBy = Literal["density", "cluster", "class", "confidence"]
MEASURES = {"density": "density percentile", "confidence": "confidence, %"}
"""What is coloured by a scale from 0 to 100, and the scale's title."""
MAX_LEGEND = len(CATEGORICAL)  # classes; the names of more are told on hover only
MAX_CATEGORIES = 65_534  # as on the pages
PICK_SIZES = {
    **{"star": 15, "star-diamond": 15, "star-triangle-up": 15, "star-triangle-down": 15, "triangle-up": 13, "diamond": 12},
    **{"triangle-left": 13, "triangle-right": 13, "hourglass": 12, "bowtie": 12, "diamond-tall": 13, "diamond-wide": 13},
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapFacts:
    """What the maps show about each image.

    Args:
        paths: n names for the hover text.
        percentile: (n,) density percentile in [0, 100], NaN where it is not known.
        clusters: (n,) cluster ids, -1 for none, or None.
        n_clusters: how many clusters there are, with or without images; at least as many as the ids tell.
        labels: (n,) class ids, or None.
        class_names: the name of each class id; needed with `labels`.
        peaks: rows to mark as density peaks.
        confidence: (n,) how sure each image is of its cluster, in [0, 1], or None.
        measured: what `percentile` really is where it is another share of 100; titles the colour bar.
    """

    paths: Sequence[str]
    percentile: NDArray[np.floating]
    clusters: NDArray[np.integer] | None = None
    n_clusters: int = 0
    labels: NDArray[np.integer] | None = None
    class_names: Sequence[str] = ()
    peaks: Iterable[int] = ()
    confidence: NDArray[np.floating] | None = None
    measured: str = ""
    _named: dict[int, tuple[str, list[str]]] = field(
        default_factory=dict, init=False, repr=False
    )  # several panels and figures ask again

    def check(self, n: int, colour: str) -> None:
        """Make sure that all is there, for `n` images, to colour them.

        Raises:
            UslError: an array of another length, ids without a name, or a colour without its data.
        """
        if colour not in get_args(ColourBy):
            raise UslError(f"colour must be 'density', 'cluster', 'class' or 'confidence' but is {colour!r}")
        for name in ("paths", "percentile", "confidence"):
            known = getattr(self, name)
            if known is None:
                if colour == name:
                    raise UslError(f"the maps cannot be coloured by {name}: it is not known for these images")
            elif len(known) != n:
                raise UslError(f"{name} must have one entry per image ({n}) but has {len(known)}")
        for name, asked in (("clusters", "cluster"), ("labels", "class")):
            ids = getattr(self, name)
            if ids is not None:
                class_ids(ids, n, name)
            elif colour == asked:
                raise UslError(f"the maps cannot be coloured by {asked}: {name} are not known for these images")
        if self.labels is not None and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise UslError(f"labels must be in [0, {len(self.class_names) - 1}] (class_names) but hold others")

    def measure(self, colour: ColourBy) -> NDArray[np.floating]:
        """(n,) what a colour bar shows, in the units of `MEASURES`."""
        if colour == "density":
            return self.percentile
        assert self.confidence is not None  # check has seen to that
        return 100 * self.confidence

    def note(self, colour: ColourBy) -> str:
        """What the colours of a map say, in a line or two of plotly markup."""
        shared = ""
        if colour not in MEASURES:
            ids, count = self.categories(colour)
            shared = sharing(len(np.unique(ids[ids >= 0])), len(category_palette(count, "light")))
        return f"coloured by {colour}" + (f":<br>{shared}" if shared else "")

    def categories(self, colour: ColourBy) -> tuple[NDArray[np.integer], int]:
        """(n,) ids of the classes or clusters that colour a map, and how many there may be."""
        ids = self.labels if colour == "class" else self.clusters
        assert ids is not None  # check has seen to that
        known = len(self.class_names) if colour == "class" else self.n_clusters
        return ids, max(known, int(ids.max(initial=-1)) + 1)

    def describe(self, row: int, cluster: int | None = None) -> str:
        """Hover text of one image, safe as plotly markup: name, class, density percentile, cluster.

        Args:
            row: the image.
            cluster: its cluster by the method at hand; None takes `clusters`.
        """
        if row not in self._named:
            known = [hover_name(self.class_names[self.labels[row]], 40)] if self.labels is not None else []
            if not self.measured and not np.isnan(self.percentile[row]):
                known.append(f"density percentile {self.percentile[row]:.0f}")
            self._named[row] = hover_name(self.paths[row]), known
        name, known = self._named[row]
        if cluster is None:
            cluster = -1 if self.clusters is None else int(self.clusters[row])
        return f"{name}<br>{' · '.join([*known, *([f'cluster {cluster}'] if cluster >= 0 else [])])}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One map: the picks of one method.

    Args:
        method: its name, which decides the look of the picks.
        picks: (m,) rows in rank order.
        clusters: (m,) cluster of each pick (-1: none), or None.
        title: above the map; default: the method's label and the number of picks.
    """

    method: str
    picks: NDArray[np.integer]
    clusters: NDArray[np.integer] | None = None
    title: str | None = None


def background(
    flat: FloatArray, rows: IntArray, facts: MapFacts, colour: ColourBy, theme: ThemeName, *, legend: bool
) -> list[dict[str, Any]]:
    """The images that are no picks, small and translucent.

    Args:
        flat: (n, 2) coordinates.
        rows: which images to draw.
        facts: about all n.
        colour: what the colour says.
        theme: of the figure.
        legend: let this panel's traces stand in the legend.
    """
    size = float(np.clip(160 / np.sqrt(len(rows)), 2.5, 5))
    texts = np.array([facts.describe(row) for row in rows.tolist()], dtype=object)
    base: dict[str, Any] = {"opacity": 0.65, "size": size}
    if colour in MEASURES:
        values = facts.measure(colour)[rows].astype(np.float32)
        return [_points(flat, rows, texts, {**base, "color": values, "coloraxis": "coloraxis"}, name="images")]
    ids, count = facts.categories(colour)
    of_rows = ids[rows]
    if colour == "cluster" or count > MAX_LEGEND:
        marker = {**base, **_categories(flat, ids, count, of_rows, theme)}
        return [_points(flat, rows, texts, marker, name="images")]
    traces = []
    for number, name in enumerate(facts.class_names):
        mine = of_rows == number
        marker = {**base, "color": CATEGORICAL[number]}
        # In the legend of one panel, acting on all of them.
        group = {"legendgroup": f"class {number}", "showlegend": legend}
        traces.append(_points(flat, rows[mine], texts[mine], marker, name=hover_name(name, 24), **group))
    return traces


def peak_layer(flat: FloatArray, rows: IntArray, facts: MapFacts, look: Theme, *, legend: bool) -> dict[str, Any]:
    """Thin crosses on the density peaks."""
    texts = [facts.describe(row) for row in rows.tolist()]
    marker = {"symbol": "cross-thin-open", "size": 9, "color": look.text, "line": {"width": 1.25}}
    trace = _points(flat, rows, texts, marker, name="density peak", legendgroup="peaks", showlegend=legend)
    return {**trace, "hovertemplate": "density peak<br>%{text}<extra></extra>", "opacity": 0.8}


def pick_layers(flat: FloatArray, rows: IntArray, panel: Panel, facts: MapFacts, look: Theme) -> list[dict[str, Any]]:
    """The picks: large, outlined, in the method's colour and shape, on top of everything.

    They are drawn twice. The first trace carries legend, hover text and rows; being no WebGL trace it counts a marker's whole
    area as the pick, and it is there where WebGL is not. The second one repeats only the look, since plotly lays WebGL over
    all else and the background would cover the first.
    """
    style = method_style(panel.method)
    clusters = [None] * len(rows) if panel.clusters is None else [int(cluster) for cluster in panel.clusters]
    texts = [
        f"<b>pick {rank}</b> {facts.describe(row, cluster)}"
        for rank, (row, cluster) in enumerate(zip(rows.tolist(), clusters, strict=True), start=1)
    ]
    scale = float(np.clip(np.sqrt(100 / max(len(rows), 1)), 0.5, 1))  # hundreds of full size would hide the map
    marker = {
        "symbol": style.symbol,
        "size": round(scale * PICK_SIZES.get(style.symbol, 11), 1),
        "color": style.colour,
        "opacity": 1.0,
        "line": {"color": look.outline, "width": 1.5 if scale == 1 else 1},
    }
    group = {"legendgroup": f"method {panel.method}", "name": f"{escape(display_name(style.label))} pick"}
    trace = _points(flat, rows, texts, marker, showlegend=True, **group)
    seen = {key: trace[key] for key in ("x", "y", "mode", "marker")}
    return [{**trace, "type": "scatter"}, {**seen, "type": "scattergl", "hoverinfo": "skip", "showlegend": False, **group}]


def _points(flat: FloatArray, rows: IntArray, texts: Any, marker: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A trace whose arrays travel as typed arrays and whose points know their rows."""
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": flat[rows, 0],
        "y": flat[rows, 1],
        "customdata": np.asarray(rows, dtype=np.int32),
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
        "showlegend": False,
        **more,
    }


def _categories(
    flat: FloatArray, ids: NDArray[np.integer], count: int, of_rows: NDArray[np.integer], theme: ThemeName
) -> dict[str, Any]:
    """Colours of categories as plotly wants them: places on a scale of equal steps."""
    colours = category_palette(count, theme)
    if count <= MAX_LEGEND or count > MAX_CATEGORIES:
        places = category_places(of_rows, len(colours))
    else:
        places = np.append(places_on_map(flat, ids, count), len(colours)).astype(np.uint8)[of_rows]  # -1 is the last
        colours = (*colours, theme_of(theme).muted)
    n = len(colours)
    steps = [[edge / n, hue] for index, hue in enumerate(colours) for edge in (index, index + 1)]  # plotly wants to end at 1
    return {"color": places, "colorscale": steps, "cmin": -0.5, "cmax": n - 0.5}
