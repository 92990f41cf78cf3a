"""The widgets of the sidebar: each is bound to the address, says what it does, and can be put back by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from . import state
from .state import Key

# A reset button lies in the margin beside its control, so that nothing moves when it comes and goes.
STYLE = """<style>
[class*="st-key-control-"] { position: relative; padding-right: 2.1rem; }
[class*="st-key-reset"] { position: absolute; right: 0; bottom: .3rem; width: auto; }
[class*="st-key-reset"] [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
[class*="st-key-reset"] button { min-height: 1.6rem; padding: .1rem; }
[data-testid="stButtonGroup"] button p { text-transform: capitalize; }
</style>"""
NO_HORIZON = 2.0
"""Unit vectors lie at most this far apart."""

DEFAULTS: dict[str, Any] = {
    Key.BUDGET: 40,
    Key.SEED: 0,
    Key.NEIGHBORS: 20,
    Key.RELATIVE_WEIGHT: 0.5,
    Key.ABSOLUTE: False,
    Key.WEIGHT: 0.5,
    Key.POWER: 1.0,
    Key.MOMENTUM: 0.9,
    Key.ITERATIONS: 10,
    Key.HORIZON_DISTANCE: NO_HORIZON,
    Key.HORIZON_PICKS: 0,
    Key.ESTIMATE: "mean",
    Key.INIT: "k-means++",
    Key.KMEANS_ITERATIONS: 100,
    Key.SQUARED: False,
    Key.COUNT_SELF: False,
    Key.TAU: 0.5,
    Key.LOCAL_WEIGHT: 5.0,
    Key.ADJUST: 5.0,
    Key.TEMPERATURE: 0.25,
    Key.MEAN_MOMENTUM: 0.5,
    Key.CLUSTERS: 0,
    Key.HEADS: 3,
    Key.SIMILARITY: "linear",
    Key.START: "random",
    Key.PROJECTION: 0,
    Key.VIEWS: 4,
    Key.VIEW_STRENGTH: 0.0,
    Key.NOISE: 0.5,
    Key.EPOCHS: 60,
    Key.BATCH: 1024,
    Key.LEARNING_RATE: 0.01,
    Key.WEIGHT_DECAY: 0.0,
    Key.NORMALISE: "batch",
}


def slider(label: str, key: str, low: Any, high: Any, step: Any, help: str, *, format: str | None = None) -> Any:
    if low >= high:  # one image, or one neighbour: nothing to choose
        return low
    value = _within(key, low, high)
    with st.container(key=f"control-{key}"):
        chosen = st.slider(label, low, high, value, step, format, key=key, bind="query-params", help=help)
        _reset(label, key, value)
    return chosen


def number(label: str, key: str, low: int, high: int, help: str) -> int:
    value = _within(key, low, high)
    with st.container(key=f"control-{key}"):
        chosen = st.number_input(label, low, high, value, 1, key=key, bind="query-params", help=help)
        _reset(label, key, value)
    return int(chosen if chosen is not None else value)


def choice(label: str, key: str, options: Sequence[str], help: str) -> Any:
    default = DEFAULTS[key]
    chosen = st.segmented_control(label, options, default=default, required=True, key=key, bind="query-params", help=help)
    return chosen or default


def _within(key: str, low: Any, high: Any) -> Any:
    """The default within the range; a value that another data set allowed is cut to what this one does."""
    if key in st.session_state:
        value = st.session_state[key]
        if value is not None and not low <= value <= high:
            st.session_state[key] = min(max(value, low), high)
    return min(max(DEFAULTS[key], low), high)


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
