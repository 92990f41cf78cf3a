"""The line on top of every page: what is drawn, and how far the drawing may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from . import parts
from .text import plain

if TYPE_CHECKING:
    from usl_core.artefacts import Map
    from usl_core.prepared import Prepared
    from usl_core.types import Selection


def show(question: str, facts: list[str]) -> None:
    """Title, facts, and the button that copies the address.

    Args:
        question: what the page answers.
        facts: about what is on screen, see `facts_of`.
    """
    with st.container(key="header", horizontal=True, vertical_alignment="bottom", wrap=False):
        with st.container(gap=None):
            st.title(question, anchor=False)
            st.caption(" · ".join(plain(fact, 200) for fact in facts))
        with st.container(width=90):
            parts.copy_link()


def facts_of(title: str, made: Prepared | None, drawn: Map | None = None) -> list[str]:
    """Data set, n, encoder, d, and how the map was drawn, as far as they are known."""
    if made is None:
        return [title, "not encoded yet"]
    from usl_core.prepared import is_toy  # not above: Home's heading must not wait for NumPy

    values = made.features.values
    facts = [
        title,
        f"{len(values):,} {'points' if is_toy(made.source) else 'images'}",
        f"{made.features.encoder}, {values.shape[1]} dimensions",
    ]
    shown = drawn or made.umap or made.pca
    return [*facts, shown.note]


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
