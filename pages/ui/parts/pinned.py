"""The image that a visitor pinned: how it looks, its numbers, who picked it, and its neighbours in feature space."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.graph.density import log_density, utility
from usl_core.names import display_name
from usl_core.pipeline.prepared import Prepared
from usl_core.types import Selection

from .. import cached, state
from ..state import Choices
from . import gallery, tables

NEIGHBORS_SHOWN = 24


def show(choices: Choices, made: Prepared, selections: Mapping[str, Selection], row: int | None) -> None:
    """The panel under the maps; without a pinned image it says how to get one."""
    with st.container(border=True, key="pinned"):
        if row is None:
            st.caption(":material/push_pin: Click a point on a map or a pick in a gallery to pin it here with its neighbours.")
            return
        images = made.images
        left, middle, right = st.columns([0.16, 0.28, 0.56], gap="medium")
        with left:
            gallery.large("pinned-image", choices.data, images, row, state.pin)
            st.button("Unpin", key="unpin", icon=":material/close:", on_click=state.pin, args=(None,))
        with middle:
            tables.rows(("Pinned", ""), _facts(choices, made, selections, row), words=True, label="The pinned image")
        with right:
            count = min(NEIGHBORS_SHOWN, made.neighbors.k_max)
            st.caption(f"Its {count} nearest neighbours in feature space, nearest first, with their distance")
            gallery.neighbors(choices.data, images, made.neighbors, row, count)


def _facts(choices: Choices, made: Prepared, selections: Mapping[str, Selection], row: int) -> list[tuple[str, str]]:
    images, k = made.images, choices.params.n_neighbors
    facts = [("File", display_name(images.paths[row], 120)), ("Row", f"{row:,}")]
    if images.labels is not None:
        facts.append(("Class", display_name(images.class_names[images.labels[row]], 60)))
    density = float(log_density(made.neighbors, k, dim=made.features.values.shape[1])[row])
    facts += [
        ("Density percentile", f"{cached.density_percentiles(made, k)[row]:.1f}"),
        ("Utility U", f"{float(utility(made.neighbors, k)[row]):.3f}"),
        ("log p", f"{density:.1f}"),
    ]
    clusters = next((picked.cluster_labels for picked in selections.values() if picked.cluster_labels is not None), None)
    if clusters is not None:
        facts.append(("Cluster", str(int(clusters[row]))))
    facts.append(("Picked by", ", ".join(_pickers(selections, row)) or "no method"))
    return facts


def _pickers(selections: Mapping[str, Selection], row: int) -> list[str]:
    found = []
    for method, picked in selections.items():
        rank = np.flatnonzero(picked.indices == row)
        if len(rank):
            found.append(f"{method_style(method).label} (rank {int(rank[0]) + 1})")
    return found
