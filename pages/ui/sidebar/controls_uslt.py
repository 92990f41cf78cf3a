"""The settings of USL-T in the sidebar."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from usl_core.parameters import declared
from usl_core.selection.usl_params import UslParams
from usl_core.uslt.params import UsltParams

from .. import state
from . import knobs

_SHARED = ("n_neighbors", "count_self")
_PRESETS = {
    "cifar": (
        "CIFAR-10",
        UsltParams.published_cifar10,
        "Made for training the whole encoder: heads alone learn slowly with these settings.",
    ),
    "cifar100": (
        "CIFAR-100",
        UsltParams.published_cifar100,
        "As for CIFAR-10, but clusters are added up in the global loss, which is divided by the batch.",
    ),
    "imagenet": (
        "ImageNet",
        lambda: replace(UsltParams.published_imagenet(), n_clusters=None),
        "Made for a frozen encoder; here with as many clusters as labels in place of 3,000.",
    ),
}


def section(n: int | None, usl: UslParams) -> UsltParams:
    """The controls.

    Args:
        n: images of the open data set, if known.
        usl: USL's settings; k, and whether an image counts itself, are those of both methods.
    """
    st.subheader("USL-T", divider="gray")
    main = knobs.controls(UsltParams, main=True, leave_out=_SHARED)
    with st.expander("Advanced"):
        _presets()
        most = declared(UsltParams)["n_clusters"].how.high
        advanced = knobs.controls(UsltParams, main=False, leave_out=_SHARED, high={"n_clusters": min(n or most, most)})
    return UsltParams(n_neighbors=usl.n_neighbors, count_self=usl.count_self, **main, **advanced)


def shown(params: UsltParams) -> dict[str, Any]:
    """Settings as their controls show them, those that USL shares included."""
    usl = declared(UslParams)
    shared = {usl[name].how.key: usl[name].shown(getattr(params, name)) for name in _SHARED}
    return knobs.shown(params, leave_out=_SHARED) | shared


def _presets() -> None:
    with st.container(horizontal=True):
        st.button(
            "Defaults",
            key="uslt-preset-paper",
            on_click=state.assign,
            kwargs=knobs.shown(UsltParams(), leave_out=_SHARED),
            help="All of USL-T's settings back: the paper's formulas, for features that stay as they are.",
        )
        with st.popover("Published"):
            st.caption("The settings of the released code.")
            for key, (title, preset, told) in _PRESETS.items():
                choices = knobs.shown(preset(), leave_out=_SHARED)
                st.button(title, key=f"uslt-preset-{key}", on_click=state.assign, kwargs=choices, help=told)
