"""USL-T under review: its picks need a training, and the page says where there is none."""

from __future__ import annotations

import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Call

from .. import nav
from ..state import Choices
from . import picks


def is_ready(choices: Choices, made: Prepared, before: str) -> bool:
    """Whether a training with the settings of the sidebar has finished; where none has, the way to one is shown.

    Args:
        choices: of the sidebar.
        made: the data set.
        before: the method whose picks are on the screen until then.
    """
    params = picks.params_of(choices, made, picks.TRAINED)
    if picks.is_trained(made, Call(method=picks.TRAINED, params=params, seed=choices.seed, budget=choices.budget)):
        return True
    other = " with other settings" if before == picks.TRAINED else ""
    missing(choices.budget, choices.seed, f" Below are the picks of {method_style(before).label}{other}.")
    return False


def missing(budget: int, seed: int, instead: str = "") -> None:
    """Say that nothing was trained with this budget and the settings of the sidebar, and perhaps what is shown instead."""
    _say(f"USL-T has not been trained yet with these settings (m = {budget:,}, seed {seed}).{instead}")


def gone(call: Call) -> None:
    """Say that the training behind picks is not here, e.g. since the review comes from another machine."""
    _say(
        f"The training behind these picks (m = {call.budget:,}, seed {call.seed}) is not on this machine, or no longer. They "
        "stay, but their clusters, confidences and runners-up are not known, and nothing can take their places."
    )


def _say(text: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/info: {text}", width="content")
        st.page_link(nav.pages()["uslt"], label="Train it on the page USL-T", icon=":material/model_training:", width="content")
