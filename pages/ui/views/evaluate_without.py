"""Evaluate without labels: what is missing, where labels come from, and which numbers need none."""

from __future__ import annotations

import streamlit as st

from usl_core.evaluation.metrics import METRICS

from .. import nav
from ..parts import tables
from ..text import number_of
from .evaluate import FEWEST, Truth


def show(truth: Truth) -> None:
    """What the page says instead.

    Args:
        truth: the labels that there are, too few.
    """
    n_classes = len(set(truth.labels.tolist()))
    st.info(
        "The classes of these images are unknown, and whether picks help is measured by classifying the others. "
        f"{number_of(len(truth), 'image')} {'has' if len(truth) == 1 else 'have'} a class on Review, "
        f"{n_classes} different; from {FEWEST} images of two classes on, methods are evaluated on those.",
        icon=":material/info:",
    )
    st.page_link(nav.pages()["review"], label="Label picks on the page Review", icon=":material/arrow_forward:")
    st.page_link(
        nav.pages()["data"],
        label="Open images with class subfolders, or a list with labels, on the page Data",
        icon=":material/arrow_forward:",
    )
    st.subheader("What needs no labels", anchor=False)
    free = [metric for metric in METRICS if not metric.needs_labels]
    tables.rows(
        ("Score", "Definition", "Direction"),
        [(metric.title, metric.definition, metric.direction) for metric in free],
        words=True,
        label="Scores that need no labels",
    )
    st.caption("They say how well picks cover the images, not how well a learner does with them.")
    st.page_link(
        nav.pages()["compare"], label="These scores, side by side, on the page Compare", icon=":material/arrow_forward:"
    )


def said_of(truth: Truth, n: int) -> None:
    """What the labels of Review can and cannot say.

    Args:
        truth: they.
        n: images of the data set.
    """
    st.warning(
        f"Only the {len(truth):,} of {n:,} images that have a class on Review take part: methods pick among them, as if there "
        "were no others, and each is tested on those of them that it did not pick. They were chosen and not drawn, so the "
        "numbers are not those of all images: take them for a hint.",
        icon=":material/warning:",
    )
