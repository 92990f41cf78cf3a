"""The experiments of USL-T: a click, what is expected, what came out, and what came out when it was saved."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from usl_core.demos.experiments import EXPERIMENTS, KMEANS, KMEANS_EXPECTED, KMEANS_TITLE, Experiment, saved_results
from usl_core.figures.categories import category_palette, places_on_map
from usl_core.figures.curves import curves
from usl_core.figures.palette import theme_of

from .. import state
from ..access import folders
from ..jobs import work
from ..parts import charts

_SIDE, _REACH = 300, 1.3  # pixels; the points lie within 1.2 of the origin


def show() -> None:
    """All three."""
    st.subheader("Experiments", anchor=False, divider="gray")
    saved = saved_results()
    for column, experiment in zip(st.columns(len(EXPERIMENTS), gap="large"), EXPERIMENTS, strict=True):
        with column:
            _trainings(experiment, saved[experiment.name])
    st.markdown(f"**{KMEANS_TITLE}**  \n{KMEANS_EXPECTED}")
    _centroids(_result(KMEANS, saved[KMEANS]))


def _result(name: str, saved: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What to show, and whether it was run here."""
    if folders.is_read_only():
        return saved, False
    job = work.section(
        f"experiment {name}",
        "experiment",
        {"name": name},
        doing="Running the experiment",
        label="Run it",
        help="Some seconds, on bundled data with fixed settings; yours stay as they are. Until then the saved run is shown.",
        quiet=True,
        place=f"experiment {name}",
    )
    return (saved, False) if job is None else (job.result, True)


def _trainings(experiment: Experiment, saved: Mapping[str, Any]) -> None:
    st.markdown(f"**{experiment.title}**  \n{experiment.expected}")
    result, fresh = _result(experiment.name, saved)
    share = 1 if experiment.measure == "alive" else 100
    arms = {label: [share * value for value in values] for label, values in result["arms"].items()}
    unit, top = ("clusters alive", 40) if experiment.measure == "alive" else ("entropy, %", 100)
    n_epochs = len(next(iter(arms.values())))
    figure = curves(arms, length=n_epochs, unit=unit, top=top, theme=state.theme_name())
    ends = ", ".join(f"{values[-1]:.0f} at {label}" for label, values in arms.items())
    alt = f"{unit} by epoch: {ends} after {n_epochs} epochs."
    st.plotly_chart(figure, theme=None, key=f"experiment-{experiment.name}", config=charts.CONFIG, alt=alt)
    before = ", ".join(f"{share * values[-1]:.0f} at {label}" for label, values in saved["arms"].items())
    st.caption(f"{unit} after {n_epochs} epochs: {ends}. " + (f"Saved run: {before}." if fresh else "This is the saved run."))


def _centroids(shown: tuple[Mapping[str, Any], bool]) -> None:
    result, fresh = shown
    points = np.array(result["points"])
    lloyd = next(iter(result["ways"].values()))
    for column, (label, way) in zip(st.columns(len(result["ways"]), gap="medium"), result["ways"].items(), strict=True):
        clusters, centroids = np.array(way["clusters"]), np.array(way["centroids"])
        alike = float(np.mean(clusters == np.array(lloyd["clusters"])))
        aside = float(np.linalg.norm(centroids - np.array(lloyd["centroids"]), axis=1).mean())
        alt = f"{label}: {len(points)} points in {len(centroids)} clusters, {alike:.1%} assigned as by Lloyd's algorithm."
        picture = b64encode(_svg(points, clusters, centroids).encode()).decode()
        column.markdown(
            f"![{alt}](data:image/svg+xml;base64,{picture})\n\n**{label}**  \n"
            f"mean squared distance {way['objective']:.4f}; {alike:.1%} of the points assigned as by Lloyd's algorithm, "
            f"centroids {aside:.2f} from its own on average"
        )
    if not fresh:
        st.caption("This is the saved run.")


def _svg(points: np.ndarray, clusters: np.ndarray, centroids: np.ndarray) -> str:
    theme = state.theme_name()
    look, colours = theme_of(theme), category_palette(len(centroids), theme)
    worn = places_on_map(points, clusters, len(centroids))

    def place(rows: np.ndarray) -> np.ndarray:
        return np.round((rows * (1, -1) + _REACH) * (_SIDE / (2 * _REACH)), 1)

    layers = []
    for cluster in range(len(centroids)):
        dots = "".join(f"M{x:g} {y:g}h0" for x, y in place(points[clusters == cluster]))
        layers.append(f"<path d='{dots}' stroke='{colours[worn[cluster]]}' stroke-opacity='.5'/>")
    crosses = "".join(f"M{x - 6:g} {y - 6:g}l12 12m0 -12l-12 12" for x, y in place(centroids))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{2 * _SIDE}' height='{2 * _SIDE}' viewBox='0 0 {_SIDE} {_SIDE}'>"
        f"<g fill='none' stroke-width='4' stroke-linecap='round'>{''.join(layers)}</g>"
        f"<path d='{crosses}' fill='none' stroke='{look.background}' stroke-width='5'/>"
        f"<path d='{crosses}' fill='none' stroke='{look.text}' stroke-width='2.5'/></svg>"
    )
