"""USL-T under review: its picks need a training, and the page says where there is none."""

from __future__ import annotations

import streamlit as st

from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Call

from .. import nav
from ..state import Choices
from . import picks


def is_ready(choices: Choices, made: Prepared) -> bool:
    """Whether a training with the settings of the sidebar has finished; where none has, the way to one is shown."""
    params = picks.params_of(choices, made, picks.TRAINED)
    if picks.is_trained(made, Call(method=picks.TRAINED, params=params, seed=choices.seed, budget=choices.budget)):
        return True
    missing(choices.budget, choices.seed)
    return False


def missing(budget: int, seed: int) -> None:
    """Say that nothing was trained with this budget and the settings of the sidebar."""
    _say(f"USL-T has not been trained yet with these settings (m = {budget:,}, seed {seed}).")


def gone(call: Call) -> None:
    """Say that the training behind picks is not here, e.g. since the review comes from another machine."""
    _say(
        f"The training behind these picks (m = {call.budget:,}, seed {call.seed}) is not on this machine, or no longer. They "
        "stay, but their clusters, confidences and runners-up are not known, and nothing can take their places."
    )


def _say(text: str) -> None:
    st.caption(f":material/info: {text}")
    st.page_link(nav.pages()["uslt"], label="Train it on the page USL-T", icon=":material/model_training:")
