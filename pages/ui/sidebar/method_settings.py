"""The settings of the methods that a page shows, beside USL's and USL-T's, which stand in the sidebar; each is in the address
as METHOD.NAME."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.selection.registry import default_params, methods
from usl_core.selection.settings import settings

from ..state import Choices
from . import knobs


def remembered() -> dict[str, Any]:
    """By method, what its controls said when a page last showed them; methods whose controls nobody saw are left out."""
    found = {}
    for method in methods():
        known = {name: one for name, one in settings(method).items() if one.how.key in st.session_state}
        values = {name: one.meant(st.session_state[one.how.key]) for name, one in known.items()}
        if values:
            found[method] = replace(default_params(method), **values)
    return found


def section(choices: Choices, shown: Iterable[str]) -> Choices:
    """A button per method that unfolds its settings; nothing where none of them has any.

    Args:
        choices: of the sidebar.
        shown: names of the methods that the page is about.

    Returns:
        The choices with what these controls say.
    """
    able = {method: known for method in shown if (known := settings(method))}
    if not able:
        return choices
    values: dict[str, Any] = {}
    with st.container(key="method-settings", horizontal=True, gap="small"):
        for method, known in able.items():
            label = method_style(method).label
            with st.popover(f"Settings of {label}", icon=":material/tune:"):
                chosen = {name: knobs.control(one) for name, one in known.items()}
                values[method] = replace(default_params(method), **chosen)
    return replace(choices, others={**choices.others, **values})


def as_choices(method: str, params: Any) -> Mapping[str, Any]:
    """A parameter object as the controls of its method show it, by their keys."""
    return {one.how.key: one.shown(getattr(params, name)) for name, one in settings(method).items()}
