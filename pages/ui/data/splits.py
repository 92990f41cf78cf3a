"""The choice between the splits of a data set (train, val, test), where its folders have some."""

from __future__ import annotations

import streamlit as st

from usl_core.names import display_name

from .. import cached, state
from ..access import sources

_WIDGET = "choose-split"


def show(name: str) -> None:
    """A list of the splits; nothing where there are none. Everything in the app is then about the images of that split.

    Args:
        name: of the data set that is open, with or without a split.

    Raises:
        UslError: this server knows no such data set.
    """
    whole = cached.images(sources.whole_of(name))
    if whole is None or len(whole.split_names) < 2:
        return
    options, chosen = ["", *whole.split_names], state.split()
    st.session_state[_WIDGET] = chosen if chosen in options else ""
    st.selectbox(
        "Split",
        options,
        format_func=lambda split: display_name(split, 60) or "All splits",
        key=_WIDGET,
        on_change=_choose,
        help="The folders above the classes. Choose one, and maps, selections and scores are about its images alone.",
        width=260,
    )


def _choose() -> None:
    state.use_split(st.session_state[_WIDGET])
