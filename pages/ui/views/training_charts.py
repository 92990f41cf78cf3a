"""What a training of USL-T looks like: alarms, curves, cluster sizes, and the map by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from usl_core.figures.curves import curves
from usl_core.figures.layers import ColourBy
from usl_core.figures.training import size_histogram
from usl_core.pipeline.artefacts import Map
from usl_core.uslt.collapse import alarms
from usl_core.uslt.history import HISTORY_COLUMNS, column, history_csv
from usl_core.uslt.params import UsltParams
from usl_core.uslt.reports import EpochReport

from .. import maps, state
from ..parts import charts, file_links, tables
from ..review import bulk
from ..state import Choices, Key
from .training import Run

_TITLES = {"one-cluster": "One-cluster collapse", "uniform": "Uniform collapse", "dying": "Dying clusters"}
_MAPS_WHILE_RUNNING = 10


def show(choices: Choices, run: Run, history: Sequence[EpochReport], drawn: Map, *, live: bool) -> None:
    """Everything about the epochs so far.

    Args:
        choices: of the sidebar.
        run: the training.
        history: its reports, at least one.
        drawn: the map.
        live: it is still running: no replay, and the map follows every few epochs.
    """
    _alarms(history, run.params)
    _numbers(history)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        _losses(history, run.params)
    with middle:
        _shares(history, run)
    with right:
        _sizes(history[-1])
    st.subheader("The map while it learns", anchor=False)
    colour = _colour(run.made.images.labels is not None)
    _map(choices, run, run.obeying(_epoch(history, run.params, live), choices.near_duplicates), drawn, colour, live)
    if not live:
        _table(history, run.made.source)


def _alarms(history: Sequence[EpochReport], params: UsltParams) -> None:
    for alarm in alarms(history, params):
        st.warning(f"**{_TITLES[alarm.kind]}.** {alarm.seen} {alarm.remedy}", icon=":material/warning:")


def _numbers(history: Sequence[EpochReport]) -> None:
    last = history[-1]
    shown = [
        ("Loss", f"{last.loss:.2f}", last.loss, "L = L_global + λ L_local, mean over the epoch, summed over the heads."),
        ("Over τ", f"{last.confident_share:.0%}", 0, "Images at least τ sure of their cluster, mean over the heads."),
        ("Clusters alive", f"{last.n_alive} of {last.n_clusters}", 0, "Clusters of the first head that hold an image."),
        ("Entropy", f"{last.assignment_entropy:.0%}", 0, "Of an image's soft assignment; 100 % is uniform. Lower is surer."),
        ("Purity", f"{last.purity:.0%}", last.purity, "Images whose class is the commonest of their cluster."),
        ("NMI", f"{last.nmi:.2f}", last.nmi, "Mutual information of clusters and classes, from 0 to 1."),
        ("ARI", f"{last.ari:.2f}", last.ari, "Agreement of clusters and classes: 0 is chance, 1 the same partition."),
    ]
    known = [entry for entry in shown if not math.isnan(entry[2])]
    with st.container(horizontal=True, gap="large"):
        for title, text, _, meaning in known:
            st.metric(title, text, help=meaning, width="content")
    st.caption(f"After epoch {last.epoch}; an epoch takes {np.mean(column(history, 'seconds')):.2f} s.")


def _losses(history: Sequence[EpochReport], params: UsltParams) -> None:
    series = {
        "L": column(history, "loss"),
        "L_global": column(history, "global_loss"),
        "λ L_local": [params.local_weight * loss for loss in column(history, "local_loss")],
    }
    figure = curves(series, length=params.n_epochs, unit="loss", theme=state.theme_name())
    last = history[-1]
    alt = f"Loss by epoch. After epoch {last.epoch}: L {last.loss:.3f}, L_global {last.global_loss:.3f}."
    st.markdown("**Losses**")
    st.plotly_chart(figure, theme=None, key="uslt-losses", config=charts.CONFIG, alt=alt)


def _shares(history: Sequence[EpochReport], run: Run) -> None:
    series = {
        "over τ": [100 * share for share in column(history, "confident_share")],
        "entropy": [100 * entropy for entropy in column(history, "assignment_entropy")],
        "alive": [100 * alive / history[-1].n_clusters for alive in column(history, "n_alive")],
    }
    if run.made.images.labels is not None:
        series["purity"] = [100 * purity for purity in column(history, "purity")]
    figure = curves(series, length=run.params.n_epochs, unit="%", top=100, theme=state.theme_name())
    alt = "By epoch, in percent: " + ", ".join(f"{name} {values[-1]:.0f}" for name, values in series.items()) + " at the end."
    st.markdown("**Confidence and clusters**")
    st.plotly_chart(figure, theme=None, key="uslt-shares", config=charts.CONFIG, alt=alt)


def _sizes(report: EpochReport) -> None:
    sizes = report.sizes
    alt = f"Images per cluster: {report.n_alive} of {report.n_clusters} hold any, the largest {sizes.max()}."
    st.markdown("**Cluster sizes**")
    figure = size_histogram(sizes, theme=state.theme_name())
    st.plotly_chart(figure, theme=None, key="uslt-sizes", config=charts.CONFIG, alt=alt)


def _colour(has_classes: bool) -> ColourBy:
    options: list[ColourBy] = ["cluster", "confidence", "class"] if has_classes else ["cluster", "confidence"]
    chosen = st.segmented_control(
        "Colour by",
        options,
        default="cluster",
        required=True,
        key=Key.DRAWN,
        bind="query-params",
        help="Cluster: that the first head assigns. Confidence: how sure the heads are of their assignments.",
    )
    return chosen or "cluster"


def _epoch(history: Sequence[EpochReport], params: UsltParams, live: bool) -> EpochReport:
    """The epoch on the map: every few of them while it runs, any of them afterwards."""
    if live:
        every = max(1, params.n_epochs // _MAPS_WHILE_RUNNING)
        return history[max(len(history) // every * every, 1) - 1]
    if len(history) == 1:
        return history[0]
    epoch = st.slider(
        "Replay: epoch", 1, len(history), len(history), key=f"uslt-epoch-{len(history)}", help="The training, epoch by epoch."
    )
    return history[epoch - 1]


def _map(choices: Choices, run: Run, report: EpochReport, drawn: Map, colour: ColourBy, live: bool) -> None:
    made, row = run.made, state.pinned(len(run.made.images))
    channels = [
        *charts.channels_of(made, choices.params.n_neighbors, report.clusters),
        maps.Channel(name="confidence", values=100 * report.confidence, low=0, high=100),
    ]
    title = f"epoch {report.epoch}: {_count(report.n_alive, 'cluster')}, {_count(len(report.picks), 'pick')}"
    panel = maps.Panel(method="usl-t", picks=report.picks, clusters=report.clusters[report.picks], title=title)
    alt = (
        f"Map of {len(made.images):,} images after epoch {report.epoch}, coloured by {colour}, with {len(report.picks)} picks."
    )
    st.caption(title.capitalize() + ".")
    rows = maps.show(
        "uslt-map",
        maps.background_of(choices, made, drawn),
        [panel],
        channels,
        colour,
        alt=alt,
        pinned=row,
        on_pin=state.pin,
        selectable=not live,  # what is drawn anew every few seconds is no place for buttons
        panel_height=460,
    )
    bulk.inside("uslt-map", choices, made, rows, {}, row)


def _table(history: Sequence[EpochReport], source: str) -> None:
    with st.expander("The epochs as a table"):
        known = {name: column(history, name) for name in HISTORY_COLUMNS if not math.isnan(column(history[-1:], name)[0])}
        lines = [tuple(f"{value:.4g}" for value in values) for values in zip(*known.values(), strict=True)]
        tables.rows(tuple(known), lines, label="The epochs")
        file_links.link("history.csv", lambda: history_csv(history), "The same numbers as a file.", source=source)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
