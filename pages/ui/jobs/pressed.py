"""Buttons that were pressed and whose part of the page has not been drawn since.

A button whose callback carries what it is about does the wrong thing when it is pressed right after a slider: the browser
still shows the button of the values before, whose callback begins what nobody looks at any more, or is unknown by then. A
button that only says that it was pressed is answered by the run that draws its part of the page, with the values of that run.
"""

from __future__ import annotations

import streamlit as st

_KEY = "pressed"


def press(place: str) -> None:
    """For callbacks: the button of that place was pressed."""
    st.session_state.setdefault(_KEY, set()).add(place)


def take(place: str) -> bool:
    """Whether the button of that place waits for an answer, which the caller gives now."""
    waiting: set[str] = st.session_state.get(_KEY, set())
    if place not in waiting:
        return False
    waiting.discard(place)
    return True


def forget() -> None:
    """A page was drawn to its end: what it had no part for is not begun on another one later."""
    st.session_state.pop(_KEY, None)
