"""What a visitor selected on the maps with box or lasso: how many images, who picked among them, and what they look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.types import ImageSet, IntArray, Selection

from .. import maps
from . import gallery

SHOWN = 60


def show(
    key: str,
    name: str,
    images: ImageSet,
    rows: IntArray | None,
    percentiles: np.ndarray,
    selections: Mapping[str, Selection],
    pinned: int | None,
    actions: Callable[[IntArray], None] | None = None,
) -> None:
    """Nothing where nothing is selected.

    Args:
        key: of the maps.
        name: of the data set, in the images' addresses.
        images: the data set's images.
        rows: selected.
        percentiles: (n,) density percentiles.
        selections: the picks by method.
        pinned: the row that is marked.
        actions: called with the rows where buttons for all of them belong.
    """
    if rows is None:
        return
    with st.container(border=True, key=f"chosen-{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_count(len(rows), 'image')} selected**" + _picked(rows, selections))
            st.button("Clear selection", key=f"clear-{key}", icon=":material/deselect:", on_click=maps.unselect, args=(key,))
        if actions is not None:
            actions(rows)
        densest = rows[np.argsort(-percentiles[rows], kind="stable")][:SHOWN]
        numbers = [f"{percentiles[row]:.0f} %" for row in densest]
        gallery.marked(f"gallery-{key}", name, images, densest, numbers, "The selected images, the densest first", pinned)
        first = f"The {SHOWN} densest of them. " if len(rows) > SHOWN else ""
        st.caption(f"{first}Under each image: its density percentile.")


def _picked(rows: IntArray, selections: Mapping[str, Selection]) -> str:
    counts = {method: int(np.isin(picked.indices, rows).sum()) for method, picked in selections.items()}
    said = ", ".join(f"{method_style(method).label} {count}" for method, count in counts.items())
    return f"; picks among them: {said}" if said else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
