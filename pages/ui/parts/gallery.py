"""Images of a data set as galleries: picks, neighbours, and whatever a page wants to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from usl_core.names import display_name
from usl_core.types import ImageSet, Neighbors, Selection

from .. import state
from ..addresses import image_url
from . import components

SHOWN = 120
SIDE_BY_SIDE = 4


def in_lines(methods: Sequence[str]) -> list[list[str]]:
    """Methods in as few lines of galleries as hold at most `SIDE_BY_SIDE` each, all of a length; "" fills the last one up."""
    count = -(-len(methods) // SIDE_BY_SIDE)
    length = -(-len(methods) // count)
    filled = [*methods, *[""] * (count * length - len(methods))]
    return [filled[start : start + length] for start in range(0, len(filled), length)]


def describe(images: ImageSet, row: int) -> str:
    """Name and class of an image, on one line."""
    label = "" if images.labels is None else f", class {display_name(images.class_names[images.labels[row]], 40)}"
    return display_name(images.paths[row], 120) + label


def picks(name: str, images: ImageSet, selection: Selection, percentiles: np.ndarray, title: str, pinned: int | None) -> None:
    """The picks of one method in rank order; what is cut off is said.

    Args:
        name: of the data set, in the images' addresses.
        images: the data set's images.
        selection: the picks.
        percentiles: (n,) density percentiles.
        title: the list's name for screen readers.
        pinned: the row that is marked.
    """
    items = []
    for rank, (row, cluster) in enumerate(zip(selection.indices.tolist(), selection.clusters.tolist(), strict=True), start=1):
        facts = [f"pick {rank}", describe(images, row), f"density percentile {percentiles[row]:.0f}"]
        facts += [f"cluster {cluster}"] if cluster >= 0 else []
        numbers = f"{percentiles[row]:.0f} %" + (f" · c {cluster}" if cluster >= 0 else "")
        label = "" if images.labels is None else f" · {display_name(images.class_names[images.labels[row]], 24)}"
        items.append(_item(name, images, row, ", ".join(facts), (f"{rank}{label}", _file(images, row), numbers)))
        if rank == SHOWN:
            break
    components.gallery(f"picks-{selection.method}", title, items, pinned=pinned, on_pin=state.pin)
    shown = f"the first {SHOWN} of {len(selection)} picks; " if len(selection) > SHOWN else ""
    st.caption(
        f"{shown}rank · class, file, density percentile · cluster"
        if images.labels is not None
        else f"{shown}rank, file, density percentile · cluster"
    )


def marked(
    key: str,
    name: str,
    images: ImageSet,
    rows: np.ndarray,
    numbers: Sequence[str],
    title: str,
    pinned: int | None,
) -> None:
    """Images with a number each; one that is chosen is pinned.

    Args:
        key: of the gallery on this page.
        name: of the data set, in the images' addresses.
        images: the data set's images.
        rows: of the images.
        numbers: one per row.
        title: the list's name for screen readers.
        pinned: the row that is marked.
    """
    items = [
        _item(name, images, row, f"{describe(images, row)}, {number}", (*_lines(images, row), number))
        for row, number in zip(np.asarray(rows).tolist(), numbers, strict=True)
    ]
    components.gallery(key, title, items, pinned=pinned, on_pin=state.pin)


def neighbors(name: str, images: ImageSet, graph: Neighbors, row: int, count: int) -> None:
    """The nearest neighbours of an image in feature space, nearest first."""
    rows, distances = graph.indices[row, :count].tolist(), graph.distances[row, :count].tolist()
    items = [
        _item(
            name, images, other, f"neighbour {rank}, {describe(images, other)}, distance {distance:.3f}", (f"{distance:.3f}",)
        )
        for rank, (other, distance) in enumerate(zip(rows, distances, strict=True), start=1)
    ]
    title = f"The {len(items)} nearest neighbours in feature space"
    components.gallery("neighbors", title, items, pinned=None, on_pin=state.pin, cell=64)


def plain_images(key: str, name: str, images: ImageSet, rows: Sequence[int], title: str) -> None:
    """Images with their class or name underneath; one that is chosen is shown large."""
    chosen_key = f"{key}-chosen"

    def look(row: int) -> None:
        st.session_state[chosen_key] = row if row != st.session_state.get(chosen_key) else None

    items = [_item(name, images, row, describe(images, row), _lines(images, row)) for row in rows]
    chosen: int | None = st.session_state.get(chosen_key)
    components.gallery(key, title, items, pinned=chosen, on_pin=look, cell=84)
    if chosen is not None and chosen in rows:
        with st.container(width=420):
            large(f"{key}-large", name, images, chosen, look)


def large(key: str, name: str, images: ImageSet, row: int, on_pin: Callable[[int], None]) -> None:
    """One image as large as there is room, with its name."""
    item = _item(name, images, row, describe(images, row), (describe(images, row),), size="large")
    components.gallery(key, "A closer look", [item], pinned=None, on_pin=on_pin, cell=160)


def _lines(images: ImageSet, row: int) -> tuple[str, ...]:
    if images.labels is None:
        return (_file(images, row),)
    return display_name(images.class_names[images.labels[row]], 24), _file(images, row)


def _file(images: ImageSet, row: int) -> str:
    return display_name(images.paths[row].rpartition("/")[2], 24)


def _item(name: str, images: ImageSet, row: int, text: str, lines: Sequence[str], size: str = "small") -> dict[str, Any]:
    return {"row": row, "src": image_url(name, images.digests[row], size), "text": text, "lines": lines}
