"""Near-duplicates: which images are alike at a cosine, and how many labels would be spent on what is labelled already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from usl_core.distances import sq_distances_of_pairs
from usl_core.figures.palette import method_style
from usl_core.graph.near_duplicates import NearDuplicates
from usl_core.pipeline.prepared import Prepared
from usl_core.selection.registry import runs_as
from usl_core.types import Selection

from .. import cached, state
from ..parts import gallery
from ..sidebar import controls
from ..sidebar import near_duplicates as sidebar
from ..state import Choices, Key
from ..views import training

SHOWN_GROUPS, SHOWN_IMAGES = 8, 24


def show(choices: Choices, made: Prepared) -> None:
    """The whole section."""
    st.subheader(
        "Near-duplicates",
        help="Frames of a burst, or one picture saved twice: one label is enough for a group. Each of its images is that alike "
        "to the first one, which stands for the group, and no two that stand for groups are.",
    )
    left, right = st.columns([0.36, 0.64], gap="large", vertical_alignment="center")
    with left:
        cosine = sidebar.slider("data")
    found = cached.near_duplicates(made, cosine)
    with right:
        _numbers(found, len(made.images))
    if len(found) == 0:
        st.caption(f"No two images are alike at cosine {cosine:g} or more, copies included.")
        return
    _costs(choices, made, found)
    _strips(choices.data, made, found)


def _numbers(found: NearDuplicates, n: int) -> None:
    figures = (
        ("Groups", len(found), "Of two or more images that are alike."),
        ("Images in them", found.n_images, "Images that are in such a group."),
        ("Different images", n - found.n_images + len(found), "So many can be picked with at most one of each group."),
    )
    with st.container(horizontal=True, gap="large"):
        for title, value, help in figures:
            st.metric(title, f"{value:,}", help=help, width="content")


def _costs(choices: Choices, made: Prepared, found: NearDuplicates) -> None:
    """What the methods that Compare shows pick twice at this budget where nothing keeps them from it."""
    free = replace(choices, near_duplicates=None)
    picked = {method: _picked(free, made, method) for method in _methods(made)}
    counts = [
        f"**{method_style(method).label}** {found.repeats(some.indices):,}"
        for method, some in picked.items()
        if some is not None
    ]
    if not counts:
        return
    is_on = choices.near_duplicates is not None
    st.markdown(
        f"Of {choices.budget:,} picks, so many {'would show' if is_on else 'show'} what another pick shows: "
        f"{', '.join(counts)}."
    )
    st.caption(
        ":material/check: *One of near-duplicates* is on in the sidebar: these labels go to other images."
        if is_on
        else "With *One of near-duplicates* in the sidebar, these labels go to other images."
    )


def _picked(choices: Choices, made: Prepared, method: str) -> Selection | None:
    """The picks of a method; of USL-T, if it has been trained, and of a slow one, if a job has made them."""
    if method != "usl-t":
        return cached.selection(made, choices, method) if cached.has_picks(made, choices, method) else None
    run = training.latest_finished(choices, made)
    if run is None or run.finished is None:
        return None
    return cached.trained(made, run.record, run.finished, choices.params.n_neighbors, None)[0]


def _methods(made: Prepared) -> list[str]:
    """Those that are chosen on Compare."""
    labels = st.session_state.get(Key.METHODS) or [method_style(method).label for method in state.DEFAULT_METHODS]
    chosen = [controls.METHOD_OF[label] for label in labels if label in controls.METHOD_OF]
    return list(dict.fromkeys(runs_as(method, made.images.labels is not None) for method in chosen))


def _strips(name: str, made: Prepared, found: NearDuplicates) -> None:
    """The first groups, each in a row: the image that stands for it, then the others with their cosine to it."""
    values, pinned = made.features.values, state.pinned(len(made.images))
    for number, rows in enumerate(found.groups(most=SHOWN_GROUPS), start=1):
        shown = rows[:SHOWN_IMAGES]
        cosines = 1 - sq_distances_of_pairs(values, shown, values, np.full(len(shown), rows[0])) / 2
        words = ["stands for it", *(f"{cosine:.3f}" for cosine in cosines[1:])]
        more = f", the first {SHOWN_IMAGES}" if len(rows) > SHOWN_IMAGES else ""
        st.markdown(f"**Group {number}** :small[{len(rows):,} images{more}]")
        gallery.marked(f"alike-{number}", name, made.images, shown, words, f"Group {number} of near-duplicates", pinned)
    if len(found) > SHOWN_GROUPS:
        st.caption(f"The {SHOWN_GROUPS} largest of {len(found):,} groups; move the slider to see where different things meet.")
