"""The switch that makes one label do for images that are alike, and the slider that says how alike that is."""

from __future__ import annotations

import streamlit as st

from .. import state
from ..state import Key

_STEP = 0.005


def switch() -> float | None:
    """The switch of the sidebar, and below it the slider while it is on.

    Returns:
        See `Choices.near_duplicates`.
    """
    is_on = st.toggle(
        "One of near-duplicates",
        key=Key.ONE_OF_ALIKE,
        bind="query-params",
        help="Images that are alike are one to every method: at most one of each group is picked. The page Data shows the "
        "groups. Exact copies are one image anyway.",
    )
    return slider("sidebar") if is_on else None


def slider(place: str) -> float:
    """The cosine from which on images are alike. It may stand in several places at once, which then say the same."""
    key = f"alike-{place}"
    st.session_state[key] = cosine = state.alike()
    with st.container(key=f"control-{key}"):
        st.slider(
            "Alike from cosine",
            state.LEAST_ALIKE,
            1.0,
            step=_STEP,
            format="%.3f",
            key=key,
            on_change=_moved,
            args=(key,),
            help="Two images are near-duplicates from this cosine of their feature vectors on; at 1 only copies are. What is "
            "alike depends on the encoder, so look at the groups on the page Data.",
        )
        if cosine != state.USUALLY_ALIKE:
            st.button(
                "Reset Alike from cosine",
                key=f"reset-{key}",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=state.alike_from,
                args=(state.USUALLY_ALIKE,),
                help=f"Back to {state.USUALLY_ALIKE:g}",
            )
    return cosine


def _moved(key: str) -> None:
    state.alike_from(round(st.session_state[key], 3))
