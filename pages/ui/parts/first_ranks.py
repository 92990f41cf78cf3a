"""How many of the picks: the first r of m, so that the budget can be decided when the picks are there."""

from __future__ import annotations

import streamlit as st

from .. import state
from ..state import Key

SIZE, SCORE = "cluster size", "regularised utility"


def first(budget: int) -> int:
    """The slider; the address holds what it says only where that is fewer than all.

    Args:
        budget: m.

    Returns:
        r in [1, m].
    """
    r = state.first(budget)
    if budget < 2:
        return r
    key = f"first-of-{budget}"  # another range is another slider: it cannot send what the one before said

    def choose() -> None:
        state.show_first(st.session_state[key], budget)

    st.session_state[key] = r
    with st.container(width=190):
        st.slider(
            "First picks r",
            1,
            budget,
            key=key,
            on_change=choose,
            help="Only the first r of the m picks, in the order of their ranks: maps, galleries and scores follow. So m can be "
            "decided after the fact. The picks themselves are those of a budget of m.",
        )
    return r


def order() -> str:
    """In which order the picks of USL rank: one of `SIZE` and `SCORE`."""
    chosen = st.segmented_control(
        "USL ranks by",
        [SIZE, SCORE],
        default=SIZE,
        required=True,
        key=Key.ORDER,
        bind="query-params",
        help="Cluster size: the pick of the largest cluster comes first. Regularised utility: the pick of the largest "
        "U − λ · RegBar comes first.",
    )
    return chosen or SIZE
