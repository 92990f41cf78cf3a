"""What a visitor takes home from an evaluation: every run as a table, the figures as pictures, the command that repeats it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import streamlit as st

from usl_core.export.command_text import evaluate_command

from ..access import sources
from ..parts import file_links
from ..state import Key
from .evaluate import Asked

if TYPE_CHECKING:
    import pandas


def show(asked: Asked, frame: pandas.DataFrame) -> None:
    """Links to the files, and the command.

    Args:
        asked: the evaluation.
        frame: all of its runs.
    """
    source = asked.made.source
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file_links.link(
            "evaluation.csv",
            lambda: _csv(frame),
            "A line per method, budget, seed and learner; class accuracies and picks separated by blanks.",
            source=source,
        )
        file_links.link(
            "evaluation.parquet",
            lambda: _parquet(frame),
            "The same, with class accuracies and picks as lists; for pandas and the like.",
            source=source,
        )
        st.segmented_control(
            "The camera above a figure saves it as",
            ["PNG", "SVG"],
            default="PNG",
            required=True,
            key=Key.PICTURE,
            bind="query-params",
            help="PNG at twice the resolution, or SVG, whose lines stay sharp at any size.",
        )

    if asked.truth.is_reviewed:
        st.caption("The command line does not know the labels of Review, so there is no command that repeats this.")
        return
    choices = asked.choices
    command = evaluate_command(
        sources.told_of(source),
        asked.methods,
        asked.budgets,
        asked.n_seeds,
        asked.learners,
        asked.made.features.encoder,
        {method: params for method in asked.methods if (params := choices.of(method)) is not None},
        choices.near_duplicates,
    )
    st.caption("The same from the command line")
    st.code(command, language=None, wrap_lines=True)


def _csv(frame: pandas.DataFrame) -> bytes:
    lists = {name: [" ".join(map(str, entries)) for entries in frame[name]] for name in ("class_accuracy", "picks")}
    return frame.assign(**lists).to_csv(index=False).encode()


def _parquet(frame: pandas.DataFrame) -> bytes:
    buffer = io.BytesIO()
    lists = {name: [list(entries) for entries in frame[name]] for name in ("class_accuracy", "picks")}
    frame.assign(**lists).to_parquet(buffer, index=False)
    return buffer.getvalue()
