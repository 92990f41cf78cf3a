"""The plotly figures of the pages, dressed for the visitor's theme and with words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from usl_core import figures
from usl_core.artefacts import Map
from usl_core.metrics import Scorecard
from usl_core.names import display_name
from usl_core.palette import method_style, theme_of
from usl_core.prepared import Prepared
from usl_core.types import ImageSet, Selection

from . import cached, parts, state, tables
from .routes import row_url
from .state import Choices, ColourBy

MAX_POINTS = 8_000
"""Background points per panel: beyond, plotly takes seconds to build the chart again after every move of a slider."""
_CHART = "map_figure"
CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
# Four maps do not fit on a telephone: there they scroll sideways inside their frame.
_STYLE = "<style>.st-key-maps {{ overflow-x: auto; }} .st-key-maps > div {{ min-width: {width}px; }}</style>"


def maps(
    choices: Choices, made: Prepared, drawn: Map, selections: Mapping[str, Selection], colour: ColourBy, pinned: int | None
) -> None:
    """One linked map per method, on the same coordinates; a click pins an image."""
    clusters = next((chosen.cluster_labels for chosen in selections.values() if chosen.cluster_labels is not None), None)
    if colour == "cluster" and clusters is None:
        st.caption(":material/info: None of these methods has clusters, so the maps show density.")
        colour = "density"
    images, k = made.images, choices.params.n_neighbors
    facts = figures.MapFacts(
        paths=images.paths,
        percentile=cached.density_percentiles(made, k),
        clusters=clusters,
        labels=images.labels,
        class_names=images.class_names,
        peaks=cached.density_peaks(made, k) if colour == "density" else (),
    )
    panels = [
        figures.Panel(method=method, picks=chosen.indices, clusters=chosen.clusters) for method, chosen in selections.items()
    ]
    theme = state.theme_name()
    figure = figures.map_figure(drawn.xy, panels, facts=facts, colour=colour, theme=theme, max_points=MAX_POINTS)
    names = ", ".join(method_style(method).label for method in selections)
    alt = (
        f"{len(panels)} maps of the same {len(images):,} images, one per method ({names}), coloured by {colour}; "
        f"{choices.budget} picks on each. The galleries below list the same picks."
    )
    with st.container(key="maps"):
        st.html(_STYLE.format(width=240 * len(panels)))
        st.plotly_chart(figure, theme=None, key=_CHART, config=CONFIG, alt=alt)
        look = theme_of(theme)
        overlay = {
            "chart": _CHART,
            "thumbnails": row_url(choices.data, made),
            "n": len(images),
            "panels": len(panels),
            "pinned": None if pinned is None else [float(value) for value in drawn.xy[pinned]],
            "colour": look.accent,
            "halo": look.background,
        }
        parts.map_overlay("map-overlay", overlay, state.pin)
    with st.expander("The picks on the maps as a table"):
        tables.rows(
            ("Method", "Rank", "File", "Class", "Density percentile", "Cluster", "x", "y"),
            _lines(facts, drawn, selections),
            label=alt,
        )


def _lines(facts: figures.MapFacts, drawn: Map, selections: Mapping[str, Selection]) -> list[tuple[str, ...]]:
    """What the maps say of each pick, for those who cannot see them."""
    lines: list[tuple[str, ...]] = []
    for method, chosen in selections.items():
        for rank, (row, cluster) in enumerate(zip(chosen.indices.tolist(), chosen.clusters.tolist(), strict=True), start=1):
            x, y = drawn.xy[row]
            label = "" if facts.labels is None else display_name(facts.class_names[facts.labels[row]], 60)
            where = (f"{facts.percentile[row]:.0f}", str(cluster) if cluster >= 0 else "", f"{x:.2f}", f"{y:.2f}")
            lines.append((method_style(method).label, str(rank), display_name(facts.paths[row], 120), label, *where))
    return lines


def class_bars(cards: Mapping[str, Scorecard], images: ImageSet) -> None:
    """How many picks of each class every method has, or a sentence where classes are unknown."""
    if not images.class_names or images.labels is None:
        st.caption("The classes are unknown: the images do not lie in class subfolders.")
        return
    counts = {method: card.class_counts for method, card in cards.items()}
    sizes = np.bincount(images.labels, minlength=len(images.class_names))
    budget = sum(next(iter(counts.values())))
    figure = figures.class_bars(counts, images.class_names, expected=budget * sizes / sizes.sum(), theme=state.theme_name())
    titles = [method_style(method).label for method in counts]
    alt = f"Bars: picks per class for {', '.join(titles)}. The table below holds the same numbers."
    st.plotly_chart(figure, theme=None, key="class_bars", config=CONFIG, alt=alt)
    with st.expander("As a table"):
        lines = [(name, *(row[at] for row in counts.values()), sizes[at]) for at, name in enumerate(images.class_names)]
        tables.rows(("Class", *titles, "images"), lines, label="Picks per class")


def class_histogram(images: ImageSet) -> None:
    """How many images each class has."""
    if images.labels is None:
        st.caption(
            "The classes are unknown. If you know them, put the images into one subfolder per class; selection needs none."
        )
        return
    sizes = np.bincount(images.labels, minlength=len(images.class_names))
    figure = figures.class_histogram(sizes, images.class_names, theme=state.theme_name())
    smallest, largest = int(sizes.argmin()), int(sizes.argmax())
    alt = f"Bars: images per class, from {sizes[smallest]} to {sizes[largest]}. The table below holds the same numbers."
    st.plotly_chart(figure, theme=None, key="class_histogram", config=CONFIG, alt=alt)
    with st.expander("As a table"):
        lines = [(name, f"{size:,}", f"{size / sizes.sum():.1%}") for name, size in zip(images.class_names, sizes, strict=True)]
        tables.rows(("Class", "images", "share"), lines, label="Images per class")
