"""The same maps by plotly, for browsers without WebGL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from usl_core.figures import maps as figures
from usl_core.types import IntArray

from .. import state
from .content import Background, Channel, Panel, scale_of

MAX_POINTS = 3_000
"""Per panel: each is an element of its own on the page."""
CONFIG = {"displaylogo": False, "showSendToCloud": False, "scrollZoom": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def show(
    key: str, background: Background, panels: Sequence[Panel], channels: Sequence[Channel], colour: str, *, alt: str
) -> None:
    """One figure per colouring, in the order of the panels; see `maps.show`."""
    st.caption(_notice(len(background.xy), [np.asarray(panel.picks, dtype=np.int64) for panel in panels]))
    by_name = {channel.name: channel for channel in channels}
    drawn = sorted({panel.colour or colour for panel in panels}, key=[panel.colour or colour for panel in panels].index)
    for index, (column, name) in enumerate(zip(st.columns(len(drawn)), drawn, strict=True)):
        shown = [panel for panel in panels if (panel.colour or colour) == name]
        peaks = np.unique(np.concatenate([np.asarray(panel.peaks, dtype=np.int64) for panel in shown]))
        facts, by = _facts(by_name[name], len(background.xy), peaks.tolist())
        figure = figures.map_figure(
            background.xy,
            [_panel(panel) for panel in shown],
            facts=facts,
            colour=by,
            theme=state.theme_name(),
            max_points=MAX_POINTS,
            webgl=False,
        )
        column.plotly_chart(figure, theme=None, key=f"{key}-flat-{index}", config=CONFIG, alt=alt)


def _notice(n: int, picks: Sequence[IntArray]) -> str:
    """What this way of drawing cannot do, and how many images it leaves out."""
    drawn = max(MAX_POINTS, len(np.unique(np.concatenate(picks))))  # picks are drawn whatever their number
    left_out = f"They show {drawn:,} of {n:,} images, all picks among them, and leave out {n - drawn:,}" if n > drawn else ""
    return (
        ":material/info: This browser has no WebGL 2, so plotly draws the maps: slower, and without a selection. "
        f"{left_out or f'They show all {n:,} images'}. The tables hold the same picks."
    )


def _panel(panel: Panel) -> figures.Panel:
    picks = np.asarray(panel.picks, dtype=np.int64)
    return figures.Panel(method=panel.method or "picks", picks=picks, clusters=panel.clusters, title=panel.title)


def _facts(channel: Channel, n: int, peaks: list[int]) -> tuple[figures.MapFacts, figures.ColourBy]:
    """A channel as what the figure knows to draw: classes, clusters, or a share of 100 between both ends."""
    paths = [f"image {row:,}" for row in range(n)]
    if channel.categorical:
        ids, unknown = np.asarray(channel.values), np.full(n, np.nan)
        if len(channel.names) and ids.min() >= 0:
            names = list(channel.names)
            return figures.MapFacts(paths=paths, percentile=unknown, labels=ids, class_names=names, peaks=peaks), "class"
        count = len(channel.names)  # classes without an image count too, as on the other maps
        return figures.MapFacts(paths=paths, percentile=unknown, clusters=ids, n_clusters=count, peaks=peaks), "cluster"
    low, high = scale_of(channel)
    share = 100 * np.clip((np.nan_to_num(np.asarray(channel.values, dtype=float), nan=low) - low) / ((high - low) or 1), 0, 1)
    title = f"{channel.name},<br>{low:.{channel.digits}f} to {high:.{channel.digits}f}"
    return figures.MapFacts(paths=paths, percentile=share, peaks=peaks, measured=title), "density"
