"""The line below the title of every page: what is drawn, and how far the drawing may be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from .. import state
from ..text import plain
from . import components

if TYPE_CHECKING:
    from usl_core.pipeline.artefacts import Map
    from usl_core.pipeline.prepared import Prepared
    from usl_core.types import Selection


@dataclass(frozen=True, slots=True)
class Fact:
    """What fits into the line, and all of it, which a button unfolds."""

    short: str
    full: str


def show(facts: Sequence[str | Fact]) -> None:
    """Facts, and the button that copies the address. The title above is there before the page: see `main.py`.

    Args:
        facts: about what is on screen, see `facts_of`.
    """
    with st.container(key="header", horizontal=True, vertical_alignment="center", wrap=False):
        st.caption(" · ".join(plain(fact.short if isinstance(fact, Fact) else fact, 200) for fact in facts))
        if more := [fact.full for fact in facts if isinstance(fact, Fact)]:
            with st.popover("Details", type="tertiary", width="content"):
                for full in more:
                    st.caption(plain(full))
        with st.container(width=90):
            components.copy_link()


def facts_of(title: str, made: Prepared | None, drawn: Map | None = None) -> list[str | Fact]:
    """Data set, n, encoder, d, how the map was drawn, and whether near-duplicates count as one, as far as they are known."""
    if made is None:
        return [title, "not encoded yet"]
    from usl_core.pipeline.prepared import is_toy  # not above: what Home shows first must not wait for NumPy

    values = made.features.values
    facts: list[str | Fact] = [
        title,
        f"{len(values):,} {'points' if is_toy(made.source) else 'images'}",
        *([str(made.images.sample)] if made.images.sample is not None else []),
        f"{made.features.encoder}, {values.shape[1]} dimensions{_taught_by(made.features.encoder)}",
    ]
    shown = drawn or made.umap or made.pca
    alike = None if is_toy(made.source) else state.choices().near_duplicates
    return [
        *facts,
        Fact(shown.brief, shown.note),
        *([f"one of near-duplicates (cosine {alike:g})"] if alike is not None else []),
    ]


def _taught_by(encoder: str) -> str:
    """That an encoder learned from labels, which not every reader takes for granted."""
    from usl_core.encoders.registry import training_of

    training = training_of(encoder)
    return f", {training}" if training.startswith("supervised") else ""


def usl_terms(selection: Selection) -> None:
    """The two terms that lambda weighs, so that its value can be judged.

    Args:
        selection: of USL.
    """
    info = selection.info
    of_u, of_reg = info["utility_spread"], info["penalty_spread"]
    st.caption(
        f"USL weighs two terms: over the images that may be picked, utility U spreads by {of_u:.3g} and the push of the other "
        f"picks by {of_reg:.3g} (10th to 90th percentile); λ is {info['reg_weight']:.3g} in absolute terms. "
        f"In the last of {len(selection.trace)} rounds {selection.trace[-1].moved} picks moved."
    )
