"""The picked images of one method as a grid of thumbnails."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from usl_core.types import ImageSet, Selection

from .routes import thumbnail_url

SHOWN = 120

_STYLE = """<style>
.usl-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(64px, 1fr)); gap: 6px;
  margin: 0 !important; padding: 0 !important; list-style: none; max-height: 420px; overflow-y: auto; }
.usl-gallery li { margin: 0; padding: 0; font-size: .72rem; line-height: 1.25; text-align: center; }
.usl-gallery img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 4px; background: rgba(128,128,128,.12); }
.usl-gallery span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
</style>"""


def show(dataset: str, images: ImageSet, selection: Selection, percentiles: np.ndarray, title: str) -> None:
    """Thumbnails in pick order; what is cut off is said.

    Args:
        dataset: name in the thumbnails' addresses.
        images: the data set's images.
        selection: the picks.
        percentiles: (n,) density percentiles.
        title: the list's name for screen readers.
    """
    items = "".join(
        _item(dataset, images, rank, int(index), int(cluster), float(percentiles[index]))
        for rank, (index, cluster) in enumerate(zip(selection.indices, selection.clusters, strict=True), start=1)
        if rank <= SHOWN
    )
    st.html(f"{_STYLE}<ol class='usl-gallery' tabindex='0' aria-label='{escape(title, quote=True)}'>{items}</ol>")
    if len(selection) > SHOWN:
        st.caption(f"the first {SHOWN} of {len(selection)} picks")


def _item(dataset: str, images: ImageSet, rank: int, index: int, cluster: int, percentile: float) -> str:
    path = images.paths[index]
    label = images.class_names[images.labels[index]] if images.labels is not None else ""
    facts = [f"pick {rank}", path, f"class {label}" if label else "", f"density percentile {percentile:.0f}"]
    if cluster >= 0:
        facts.append(f"cluster {cluster}")
    text = escape(", ".join(fact for fact in facts if fact), quote=True)
    caption = escape(f"{rank} · {label}" if label else str(rank))
    source = escape(thumbnail_url(dataset, index), quote=True)
    return f"<li title='{text}'><img loading='lazy' src='{source}' alt='{text}'><span>{caption}</span></li>"
