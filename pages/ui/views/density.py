"""What the page Density shows: two estimates as twin maps, how U is spread, who is typical and who is alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from usl_core.figures.density import estimates_chart, neighborhood, rank_plot, utility_histogram
from usl_core.graph.density import usable_neighbors
from usl_core.names import display_name
from usl_core.pipeline.artefacts import Map
from usl_core.pipeline.prepared import Prepared
from usl_core.types import IntArray, Selection

from .. import cached, explained, maps, state
from ..parts import charts, gallery, lasso, tables
from ..review import bulk
from ..state import Choices

_SHOWN = 24
_MEAN, _KTH = "percentile by mean distance", "percentile by k-th distance"


def maps_of(choices: Choices, made: Prepared, drawn: Map, picked: Selection | None, row: int | None) -> None:
    """The same map twice, coloured by either estimate, with the density peaks."""
    mean, kth = (explained.utility_percentiles(made, choices.params, estimate) for estimate in ("mean", "kth"))
    peaks = cached.density_peaks(made, choices.params.n_neighbors)
    k = usable_neighbors(made.neighbors, choices.params.n_neighbors)
    plain = [
        maps.Panel(title=f"mean distance to {k} neighbours", colour=_MEAN, peaks=peaks),
        maps.Panel(title=f"distance to neighbour {k}", colour=_KTH, peaks=peaks),
    ]
    panels = (
        [replace(panel, method="usl", picks=picked.indices, clusters=picked.clusters) for panel in plain] if picked else plain
    )
    agreement = _correlation(mean, kth)
    alt = (
        f"Two maps of {len(made.images):,} images, coloured by density percentile: by the mean distance to {k} neighbours, and "
        f"by the distance to neighbour {k} alone. {len(peaks)} density peaks are marked; the galleries below list them."
    )
    rows = maps.show(
        "density-maps",
        maps.background_of(choices, made, drawn),
        panels,
        _channels(made, mean, kth),
        _MEAN,
        alt=alt,
        pinned=row,
        on_pin=state.pin,
    )

    def actions(inside: IntArray) -> None:
        bulk.on_a_map(choices, made, inside.tolist())

    lasso.show("density-maps", choices.data, made.images, rows, mean, {"usl": picked} if picked else {}, row, actions)
    st.caption(
        f"Both estimates rank the images alike to {agreement:.3f} (Spearman's correlation; 1 is the same order). The mean uses "
        f"all k distances and is the steadier one; the k-th uses one. Rings mark the {len(peaks):,} density peaks: images "
        "denser than each of their k neighbours."
    )


def _channels(made: Prepared, mean: np.ndarray, kth: np.ndarray) -> list[maps.Channel]:
    found = [
        maps.Channel(name=_MEAN, values=mean, low=0, high=100),
        maps.Channel(name=_KTH, values=kth, low=0, high=100),
    ]
    images = made.images
    if images.labels is not None:
        found.append(maps.Channel(name="class", values=images.labels, names=images.class_names, categorical=True))
    return found


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's: percentiles are ranks with ties shared, so it is the plain correlation of them."""
    if a.std() == 0 or b.std() == 0:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])


def charts_of(choices: Choices, made: Prepared, picked: Selection | None, row: int | None) -> None:
    """Histogram and ranks of U, and the estimates against one another."""
    u = explained.utility(made, choices.params, "mean")
    mean, kth = (explained.utility_percentiles(made, choices.params, estimate) for estimate in ("mean", "kth"))
    theme = state.theme_name()
    low, middle, high = np.percentile(u, (10, 50, 90))
    rows = picked.indices if picked else ()
    drawn = [
        (
            "How U is spread",
            "density-histogram",
            utility_histogram(u, marked=row, theme=theme, height=280),
            f"Histogram of U: 10 % of the images are below {low:.3g}, half below {middle:.3g}, 90 % below {high:.3g}.",
        ),
        (
            "U by rank",
            "density-ranks",
            rank_plot(u, picks=rows, marked=row, theme=theme, height=280),
            f"U over its rank: it falls from {u.max():.3g} for the densest image to {u.min():.3g} for the loneliest.",
        ),
        (
            "Mean against k-th",
            "density-estimates",
            estimates_chart(mean, kth, marked=row, theme=theme, height=280),
            f"Density percentile by either estimate; their rank correlation is {_correlation(mean, kth):.3f}.",
        ),
    ]
    for column, (title, key, figure, alt) in zip(st.columns(3, gap="medium"), drawn, strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.plotly_chart(figure, theme=None, key=key, config=charts.CONFIG, alt=alt)
    with st.expander("The same in numbers"):
        shares = (0, 5, 25, 50, 75, 95, 100)
        lines = [(f"{share} %", f"{value:.4g}") for share, value in zip(shares, np.percentile(u, shares), strict=True)]
        tables.rows(("Images below", "U"), lines, label="Quantiles of U")


def neighbourhood_of(choices: Choices, made: Prepared, row: int) -> None:
    """The pinned image among its neighbours, at true distances."""
    k = usable_neighbors(made.neighbors, choices.params.n_neighbors)
    distances = made.neighbors.distances[row, :k]
    if not k:
        return
    names = [display_name(made.images.paths[other], 60) for other in made.neighbors.indices[row, :k].tolist()]
    mean = float(distances.mean())
    left, right = st.columns([0.4, 0.6], gap="medium", vertical_alignment="center")
    with left:
        st.plotly_chart(
            neighborhood(distances, names, mean, theme=state.theme_name(), height=300),
            theme=None,
            key="density-neighbourhood",
            config=charts.CONFIG,
            alt=f"The pinned image and its {k} nearest neighbours: mean distance {mean:.3f}, the farthest {distances[-1]:.3f}.",
        )
    with right:
        st.markdown(
            f"**Its {k} neighbours at their true distances.** The solid circle is their mean distance, {mean:.3f}, so "
            f"U = {1 / max(mean, 1e-4):.3f}; the dotted one is the distance to neighbour {k}, {distances[-1]:.3f}. Both are "
            f"distances in feature space ({made.features.values.shape[1]} dimensions): on the map above no such circle can be "
            "drawn. Directions mean nothing here."
        )


def galleries_of(choices: Choices, made: Prepared, row: int | None) -> None:
    """Peaks, tails, and where the estimates part."""
    name, images = choices.data, made.images
    mean, kth = (explained.utility_percentiles(made, choices.params, estimate) for estimate in ("mean", "kth"))
    peaks = cached.density_peaks(made, choices.params.n_neighbors)[:_SHOWN]
    lonely = np.argsort(mean, kind="stable")[:_SHOWN]
    apart = np.abs(mean - kth)
    parted = np.argsort(-apart, kind="stable")[: _SHOWN // 2]
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Density peaks", help="Denser than each of their k neighbours; the densest first.", anchor=False)
        numbers = [f"{mean[image]:.0f} %" for image in peaks]
        gallery.marked("peaks", name, images, peaks, numbers, "Density peaks, the densest first", row)
    with right:
        st.subheader(
            "The loneliest", help="Far from everything: rare things, and things that should not be here.", anchor=False
        )
        gallery.marked(
            "tails",
            name,
            images,
            lonely,
            [f"{mean[image]:.1f} %" for image in lonely],
            "The least dense images, the loneliest first",
            row,
        )
    st.subheader("Where the two estimates part", help="The largest differences between both percentiles.", anchor=False)
    numbers = [f"{mean[image]:.0f} against {kth[image]:.0f} %" for image in parted]
    gallery.marked("parted", name, images, parted, numbers, "Images that the two estimates rank most differently", row)
    st.caption("Under each image: its density percentile; above, by the mean distance against by the k-th.")
