"""The encoder that the visitor looks through: the one chosen, or else the one that suits the images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from usl_core.errors import UslError

from .. import state
from ..state import Key
from . import sources

if TYPE_CHECKING:  # the sidebar asks on every page, also where nothing is encoded
    from usl_core.features.recommended import Recommendation


def encoder() -> str:
    """Full name of the encoder.

    Raises:
        UslError: `USL_ENCODER` names no encoder.
    """
    return st.session_state.get(Key.ENCODER) or usual().encoder


def usual() -> Recommendation:
    """That of the data at hand, and why; a name that nobody knows raises no error here. Raises as `encoder`."""
    from usl_core.features.recommended import recommended_for
    from usl_core.pipeline.prepared import usual_encoder

    try:
        source = sources.source_of(state.data())
    except UslError:  # the page says so
        return recommended_for(None)
    return usual_encoder(source)


def use(name: str) -> None:
    """Look through another encoder; for callbacks. It may refuse other images, so rows would not fit either."""
    state.assign(**_choice(name))


def use_now(name: str) -> NoReturn:
    """The same in the middle of a page, which runs anew."""
    state.choose_now(_choice(name))


def _choice(name: str) -> dict[str, str]:
    return {Key.ENCODER: "" if name == usual().encoder else name, Key.PIN: ""}
