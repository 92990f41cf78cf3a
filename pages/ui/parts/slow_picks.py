"""Methods that take a while on this many images: a job picks, whose result is kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.pipeline.prepared import Prepared
from usl_core.selection.registry import params_document

from .. import cached
from ..access import sources
from ..jobs import work
from ..state import Choices

_WANTED = "select-jobs"


def ready(choices: Choices, made: Prepared, methods: Sequence[str]) -> list[str]:
    """Those of the methods whose picks are there or take no time; of the others the page shows how far they are.

    Args:
        choices: of the sidebar.
        made: the data set.
        methods: names.
    """
    waiting = [method for method in methods if not cached.has_picks(made, choices, method)]
    keys = {method: _key(choices, made, method) for method in waiting}
    _let_go_of_others(set(keys.values()))
    for method, key in keys.items():
        if not sources.may_encode(made.source):
            st.info(f"{method_style(method).label} takes a while on so many images, and this server computes nothing new.")
            continue
        params = choices.of(method)
        label = method_style(method).label
        done = work.section(
            key,
            "select",
            {
                "source": made.source,
                "encoder": made.features.encoder,
                "method": method,
                "budget": choices.budget,
                "params": params_document(params),
                "seed": choices.seed,
                "near_duplicates": choices.near_duplicates,
            },
            doing=f"{label} picks",
            label=f"Pick with {label}",
            help="It takes more than a second on so many images. Its picks are then kept on disk.",
            auto="needed",
            quiet=True,
            is_there=partial(cached.has_picks, made, choices, method),
            place=f"select {method}",
        )
        if done is not None:  # since this run began
            st.rerun()
    return [method for method in methods if method not in waiting]


def _key(choices: Choices, made: Prepared, method: str) -> str:
    return f"select {method} {cached.kept_picks(made, choices, method).key}"


def _let_go_of_others(keys: set[str]) -> None:
    """What was asked for with other settings is not waited for any longer."""
    before: set[str] = st.session_state.get(_WANTED, set())
    st.session_state[_WANTED] = keys
    for key in before - keys:
        job = work.find(key)
        if job is not None and job.active:
            work.let_go(key)
