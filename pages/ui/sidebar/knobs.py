"""The widgets of the sidebar: each is bound to the address, says what it does, and can be put back by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from usl_core.parameters import Declared, declared

from .. import state

# A reset button lies in the margin beside its control, so that nothing moves when it comes and goes.
STYLE = """<style>
[class*="st-key-control-"] { position: relative; padding-right: 2.1rem; }
[class*="st-key-reset"] { position: absolute; right: 0; bottom: .3rem; width: auto; }
[class*="st-key-reset"] [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
[class*="st-key-reset"] button { min-height: 1.6rem; padding: .1rem; }
[data-testid="stButtonGroup"] button p::first-letter { text-transform: uppercase; }
[class*="st-key-learner"] [data-testid="stButtonGroup"] button p::first-letter { text-transform: none; }
.st-key-methods [data-testid="stButtonGroup"] button p::first-letter { text-transform: none; }
.st-key-methods [data-testid="stButtonGroup"] > div { flex-wrap: wrap; }
.st-key-what-to-compare [data-testid="stButtonGroup"] button { padding-inline: .7rem; }
</style>"""


def control(known: Declared, *, high: float | None = None) -> Any:
    """The control of a parameter.

    Args:
        known: the parameter.
        high: the end of its range here, where the data set sets one.

    Returns:
        The value of the parameter.
    """
    how = known.how
    if known.kind is bool:
        return known.meant(st.toggle(how.label, key=how.key, bind="query-params", help=how.help))
    if known.options:
        default = known.default
        options = {"default": default, "required": True, "key": how.key, "bind": "query-params", "help": how.help}
        return st.segmented_control(how.label, known.options, **options) or default
    low, end = known.kind(how.low), known.kind(how.high if high is None else high)
    if low >= end and not how.typed:  # one image, or one neighbour: nothing to choose
        return known.meant(low)
    value = _within(known, low, end)
    with st.container(key=f"control-{how.key}"):
        if how.typed:
            typed = st.number_input(how.label, low, end, value, 1, key=how.key, bind="query-params", help=how.help)
            chosen = value if typed is None else known.kind(typed)
        else:
            step = known.kind(how.step)
            chosen = st.slider(how.label, low, end, value, step, how.format, key=how.key, bind="query-params", help=how.help)
        _reset(how.label, how.key, value)
    return known.meant(chosen)


def controls(params: type, *, main: bool, leave_out: Collection[str] = (), high: Mapping[str, float] | None = None) -> Any:
    """The controls of those parameters of a dataclass that are always in sight, or of the others.

    Args:
        params: the dataclass.
        main: which of them.
        leave_out: fields that have no control here.
        high: ends of ranges by field, see `control`.

    Returns:
        Values by field.
    """
    ends = high or {}
    return {
        name: control(known, high=ends.get(name))
        for name, known in declared(params).items()
        if known.how.main == main and name not in leave_out
    }


def shown(params: Any, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """A parameter object as its controls show it, by their keys: what puts them all in their places."""
    return {
        known.how.key: known.shown(getattr(params, name))
        for name, known in declared(type(params)).items()
        if name not in leave_out
    }


def _within(known: Declared, low: Any, high: Any) -> Any:
    """The default within the range; a value that another data set allowed is cut to what this one does."""
    key = known.how.key
    if key in st.session_state:
        value = st.session_state[key]
        if value is not None and not low <= value <= high:
            st.session_state[key] = min(max(value, low), high)
    return min(max(known.shown_default, low), high)


def _reset(label: str, key: str, default: Any) -> None:
    """Puts one control back, where it is not; its words are for screen readers and the tooltip."""
    if st.session_state.get(key, default) != default:
        st.button(
            f"Reset {label}",
            key=f"reset-{key}",
            icon=":material/restart_alt:",
            type="tertiary",
            on_click=state.assign,
            kwargs={key: default},
            help=f"Back to {default:g}",
        )
