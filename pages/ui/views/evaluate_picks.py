"""What the methods pick over the seeds: where it lies, how alike it is, and which classes it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from usl_core.evaluation.statistics import agreement, class_accuracies
from usl_core.figures.heat import heat_map
from usl_core.figures.palette import method_style
from usl_core.pipeline.artefacts import Map
from usl_core.types import IntArray

from .. import maps, state
from ..maps.content import MAX_PANELS
from ..parts import charts, tables
from .evaluate import Asked

if TYPE_CHECKING:
    import pandas


def frequency_maps(asked: Asked, frame: pandas.DataFrame, budget: int, drawn: Map, row: int | None) -> None:
    """One linked map per method, coloured by the share of seeds that pick an image.

    Args:
        asked: the evaluation.
        frame: all of its runs.
        budget: whose picks.
        drawn: the coordinates.
        row: the row with a ring.
    """
    made, n = asked.made, len(asked.made.features)
    shown = list(asked.methods)[:MAX_PANELS]
    channels = charts.channels_of(made, asked.choices.params.n_neighbors, None)
    panels, steady = [], {}
    for method in shown:
        counts = _counts(asked, frame, method, budget)
        name = f"picked by {method_style(method).label}, % of seeds"
        channels.append(maps.Channel(name=name, values=100 * counts / asked.n_seeds, low=0, high=100))
        steady[method] = _by_half(counts, asked.n_seeds)
        title = f"{method_style(method).label}, {np.count_nonzero(counts):,} images, {len(steady[method])} by half the seeds"
        panels.append(maps.Panel(title=title, method=method, picks=steady[method], colour=name))
    alt = (
        f"{len(panels)} maps of the same {n:,} images, one per method, coloured by the share of {asked.n_seeds} seeds that "
        f"pick an image at m = {budget}. Marked are the images that at least half of the seeds pick: "
        + ", ".join(f"{len(rows)} of {method_style(method).label}" for method, rows in steady.items())
        + "."
    )
    maps.show(
        "evaluate-maps",
        maps.background_of(asked.choices, made, drawn),
        panels,
        channels,
        charts.DENSITY,
        alt=alt,
        pinned=row,
        on_pin=state.pin,
        selectable=False,
        panel_height=340,
    )
    left_out = len(asked.methods) - len(shown)
    st.caption(
        f"Colour: share of the {asked.n_seeds} seeds that pick an image at m = {budget}. Markers: images that at least half of "
        "the seeds pick, the steadiest first. A method that picks the same with every seed has as many markers as labels."
        + (f" {left_out} further methods are not drawn." if left_out else "")
    )


def _counts(asked: Asked, frame: pandas.DataFrame, method: str, budget: int) -> IntArray:
    """(n,) for how many seeds each image is picked; a run's picks are the same for every learner."""
    runs = frame[(frame.method == method) & (frame.budget == budget)].drop_duplicates("seed")
    counts = np.zeros(len(asked.made.features), dtype=np.int64)
    for picks in runs.picks:
        counts[list(picks)] += 1
    return counts


def _by_half(counts: IntArray, n_seeds: int) -> IntArray:
    rows = np.flatnonzero(2 * counts >= n_seeds)
    return rows[np.argsort(-counts[rows], kind="stable")]


def agreement_map(asked: Asked, frame: pandas.DataFrame, budget: int) -> None:
    """How alike the picks of two methods are, and those of one method with two seeds."""
    found = agreement(frame[frame.budget == budget])
    shared = {(row.method, row.other): row.jaccard for row in found.itertuples(index=False)}
    names = [method_style(method).label for method in asked.methods]
    grid = np.array([[100 * shared.get((one, other), np.nan) for other in asked.methods] for one in asked.methods])
    figure = heat_map(grid, names, names, measure="Jaccard, %", theme=state.theme_name())
    least = min(((grid[i, j], i, j) for i in range(len(names)) for j in range(i)), default=None)
    alt = f"Agreement of the picks of {', '.join(names)} at m = {budget}, as Jaccard index in percent." + (
        f" The least alike are {names[least[1]]} and {names[least[2]]}, {least[0]:.0f} %." if least else ""
    )
    st.plotly_chart(figure, theme=None, key="evaluate-agreement", config=charts.CONFIG, alt=alt)
    st.caption(
        "Jaccard index: images that both pick, as a share of those that either picks, mean over the seeds; 100 % is the same "
        "picks. On the diagonal, a method with one seed and with another: how steady it is."
    )


def class_map(asked: Asked, frame: pandas.DataFrame, budget: int, learner: str) -> None:
    """Accuracy by class and method: what a mean hides."""
    found = class_accuracies(frame[(frame.budget == budget) & (frame.learner == learner)])
    known = {(row.class_id, row.method): row.accuracy for row in found.itertuples(index=False)}
    names = [method_style(method).label for method in asked.methods]
    classes = asked.truth.names
    grid = np.array([[100 * known.get((place, method), np.nan) for method in asked.methods] for place in range(len(classes))])
    figure = heat_map(grid, classes, names, measure="accuracy, %", theme=state.theme_name())
    alt = f"Accuracy of {learner} per class at m = {budget}, for {', '.join(names)}. The table below has the same numbers."
    st.plotly_chart(figure, theme=None, key="evaluate-classes", config=charts.CONFIG, alt=alt)
    st.caption(f"Mean over the {asked.n_seeds} seeds of the share of a class's tested images that {learner} gets right.")
    with st.expander("As a table"):
        lines = [
            (name, *("–" if np.isnan(value) else f"{value:.1f}" for value in line))
            for name, line in zip(classes, grid, strict=True)
        ]
        tables.rows(("Class", *names), lines, label="Accuracy by class and method, percent")
