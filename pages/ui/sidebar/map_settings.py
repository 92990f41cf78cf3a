"""The settings of the maps, folded at the end of the sidebar."""

from __future__ import annotations

import streamlit as st

from usl_core.parameters import declared
from usl_core.projection.params import AUTO, UmapParams
from usl_core.projection.umap import CHOICES

from .. import state
from . import knobs

_MIN_DIST = declared(UmapParams)["min_dist"]
_OFFERED = (AUTO, *(f"{min_dist:g}" for min_dist in CHOICES))


def section() -> UmapParams:
    """The controls; each setting is a map of its own."""
    with st.expander("Map settings"):
        st.caption("How UMAP lays out the images. Numbers and picks do not depend on it.")
        n_neighbors = knobs.control(declared(UmapParams)["n_neighbors"])
        min_dist = _room()
        seed = knobs.control(declared(UmapParams)["seed"])
    return UmapParams(n_neighbors=n_neighbors, min_dist=None if min_dist == AUTO else float(min_dist), seed=seed)


def _room() -> str:
    how = _MIN_DIST.how
    with st.container(key=f"control-{how.key}"):
        chosen = st.segmented_control(
            how.label, _OFFERED, default=AUTO, required=True, key=how.key, bind="query-params", help=how.help
        )
        if chosen not in (None, AUTO):
            st.button(
                f"Reset {how.label}",
                key=f"reset-{how.key}",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=state.assign,
                kwargs={how.key: AUTO},
                help=f"Back to {AUTO}",
            )
    return chosen or AUTO
