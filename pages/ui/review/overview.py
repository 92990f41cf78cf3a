"""The map of a review: where the picks lie, which one is chosen, and what is known of all images by now."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.pipeline.artefacts import Map
from usl_core.pipeline.prepared import Prepared
from usl_core.review.pool import Pool
from usl_core.review.session import Session, Slot
from usl_core.types import IntArray

from .. import maps, state
from ..parts import charts
from ..state import Choices, Key
from . import predicted

MAPS = "review-map"
_LABEL = "label"


def colour(session: Session, its_pool: Pool, has_classes: bool) -> str:
    """What the points show."""
    options = ["density"]
    options += ["cluster"] if its_pool.clusters is not None else []
    options += ["class"] if has_classes else []
    options += [_LABEL] if session.class_names else []
    options += [predicted.CLASS, predicted.CONFIDENCE] if predicted.is_possible(session) else []
    chosen = st.selectbox(
        "Colour by",
        options,
        key=Key.REVIEW_COLOUR,
        bind="query-params",
        width=150,
        help="Label: what this review says. Predicted class and confidence: what a classifier of these labels says.",
    )
    return chosen if chosen in options else "density"


def show(
    choices: Choices,
    made: Prepared,
    drawn: Map,
    session: Session,
    its_pool: Pool,
    picks: Sequence[tuple[int, Slot]],
    coloured: str,
    chosen: int | None,
) -> IntArray | None:
    """Draw it.

    Args:
        choices: of the sidebar.
        made: the data set.
        drawn: its coordinates.
        session: the review.
        its_pool: of its call.
        picks: that are on the screen, see `picks.shown`.
        coloured: by what, see `colour`.
        chosen: the row with a ring.

    Returns:
        The rows that are selected on the map, or None.
    """
    channels = charts.channels_of(made, choices.params.n_neighbors, its_pool.clusters)
    if session.class_names:
        ids = session.class_ids(made.images)
        channels.append(maps.Channel(name=_LABEL, values=ids, names=session.class_names, categorical=True))
    if coloured in (predicted.CLASS, predicted.CONFIDENCE):
        channels += predicted.channels(made, session)
    label = method_style(session.call.method).label
    panel = maps.Panel(
        title=f"{label}, {len(picks)} picks under review",
        method=session.call.method,
        picks=[row for row, _ in picks],
        clustering=its_pool.clusters,
    )
    alt = f"A map of the {len(made.images):,} images with the {len(picks)} picks under review, coloured by {coloured}."
    background = maps.background_of(choices, made, drawn)
    name = charts.DENSITY if coloured == "density" else coloured
    return maps.show(
        MAPS, background, [panel], channels, name, alt=alt, pinned=chosen, on_pin=state.pin, columns=1, panel_height=480
    )
