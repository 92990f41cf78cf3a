"""The plotly figures of the pages, dressed for the visitor's theme and with words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from usl_core.evaluation.metrics import Scorecard
from usl_core.figures import maps as figures
from usl_core.figures.palette import method_style
from usl_core.names import display_name
from usl_core.pipeline.artefacts import Map
from usl_core.pipeline.prepared import Prepared
from usl_core.types import ImageSet, IntArray, Selection

from .. import cached, maps, state
from ..state import Choices, ColourBy
from . import tables

DENSITY = "density percentile"
CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def maps_of(
    choices: Choices,
    made: Prepared,
    drawn: Map,
    selections: Mapping[str, Selection],
    colour: ColourBy,
    pinned: int | None,
    picked: Mapping[str, np.ndarray],
) -> IntArray | None:
    """One linked map per method, on the same coordinates; a click pins an image.

    Args:
        choices: of the sidebar.
        made: the data set.
        drawn: its coordinates.
        selections: the picks by method.
        colour: what the colours say.
        pinned: the row with a ring.
        picked: (n,) share of seeds that pick each image, in percent, by method; what there is of it.

    Returns:
        The rows that are selected on the maps, or None.
    """
    if colour == "pick frequency" and not picked:
        st.caption(":material/hourglass_top: The seeds are still being counted, so the maps show density.")
        colour = "density"
    clusters = next((found.cluster_labels for found in selections.values() if found.cluster_labels is not None), None)
    if colour == "cluster" and clusters is None:
        st.caption(":material/info: None of these methods has clusters, so the maps show density.")
        colour = "density"
    k = choices.params.n_neighbors
    channels = channels_of(made, k, clusters)
    of_method = {method: f"picked by {method_style(method).label}, % of seeds" for method in picked}
    channels += [maps.Channel(name=of_method[method], values=share, low=0, high=100) for method, share in picked.items()]
    peaks = cached.density_peaks(made, k) if colour == "density" else ()
    by_frequency = of_method if colour == "pick frequency" else {}
    panels = [
        maps.Panel(
            title=f"{method_style(method).label}, {len(found)} picks",
            method=method,
            picks=found.indices,
            clusters=found.clusters,
            clustering=found.cluster_labels,
            colour=by_frequency.get(method),
            peaks=peaks,
        )
        for method, found in selections.items()
    ]
    names = ", ".join(method_style(method).label for method in selections)
    alt = (
        f"{len(panels)} maps of the same {len(made.images):,} images, one per method ({names}), coloured by {colour}; "
        f"{len(next(iter(selections.values())))} picks on each. The galleries below list the same picks."
    )
    coloured = DENSITY if colour in ("density", "pick frequency") else colour
    background = maps.background_of(choices, made, drawn)
    rows = maps.show("compare-maps", background, panels, channels, coloured, alt=alt, pinned=pinned, on_pin=state.pin)
    folded = st.expander("The picks on the maps as a table", key="compare-table", on_change="rerun")
    if folded.open:  # nobody's slider should wait for, or send, rows that are folded away
        with folded:
            tables.rows(
                ("Method", "Rank", "File", "Class", "Density percentile", "Cluster", "x", "y"),
                _lines(made.images, cached.density_percentiles(made, k), drawn, selections),
                label=alt,
            )
    return rows


def channels_of(made: Prepared, n_neighbors: int, clusters: np.ndarray | None) -> list[maps.Channel]:
    """What every map of images can show: density, cluster, class, as far as they are known."""
    channels = [maps.Channel(name=DENSITY, values=cached.density_percentiles(made, n_neighbors), low=0, high=100)]
    if clusters is not None:
        channels.append(maps.Channel(name="cluster", values=clusters, categorical=True))
    images = made.images
    if images.labels is not None:
        channels.append(maps.Channel(name="class", values=images.labels, names=images.class_names, categorical=True))
    return channels


def _lines(images: ImageSet, percentile: np.ndarray, drawn: Map, selections: Mapping[str, Selection]) -> list[tuple[str, ...]]:
    """What the maps say of each pick, for those who cannot see them."""
    lines: list[tuple[str, ...]] = []
    for method, found in selections.items():
        for rank, (row, cluster) in enumerate(zip(found.indices.tolist(), found.clusters.tolist(), strict=True), start=1):
            x, y = drawn.xy[row]
            label = "" if images.labels is None else display_name(images.class_names[images.labels[row]], 60)
            where = (f"{percentile[row]:.0f}", str(cluster) if cluster >= 0 else "", f"{x:.2f}", f"{y:.2f}")
            lines.append((method_style(method).label, str(rank), display_name(images.paths[row], 120), label, *where))
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
        lines = [
            (name, *(row[index] for row in counts.values()), sizes[index]) for index, name in enumerate(images.class_names)
        ]
        tables.rows(("Class", *titles, "images"), lines, label="Picks per class")


def class_histogram(images: ImageSet) -> None:
    """How many images each class has."""
    if images.labels is None:
        way = "put the images into one subfolder per class"
        if len(images.split_names) > 1:
            way = f"choose a split that has class subfolders, or {way}"
        st.caption(f"The classes are unknown. If you know them, {way}; selection needs none.")
        return
    sizes = np.bincount(images.labels, minlength=len(images.class_names))
    figure = figures.class_histogram(sizes, images.class_names, theme=state.theme_name())
    smallest, largest = int(sizes.argmin()), int(sizes.argmax())
    alt = f"Bars: images per class, from {sizes[smallest]} to {sizes[largest]}. The table below holds the same numbers."
    st.plotly_chart(figure, theme=None, key="class_histogram", config=CONFIG, alt=alt)
    with st.expander("As a table"):
        lines = [(name, f"{size:,}", f"{size / sizes.sum():.1%}") for name, size in zip(images.class_names, sizes, strict=True)]
        tables.rows(("Class", "images", "share"), lines, label="Images per class")
