"""What a visitor takes home from an evaluation: every run as a table, a page, the figures, and the command that repeats it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from usl_core.evaluation.statistics import paired_differences
from usl_core.export.command_text import evaluate_command
from usl_core.export.tables import table_bytes
from usl_core.report.evaluation import write_evaluation_report

from ..access import sources
from ..parts import file_links
from ..state import Key
from .evaluate import Asked

if TYPE_CHECKING:
    import pandas

_LABELS = "labels.csv"


def show(asked: Asked, frame: pandas.DataFrame, rival: str) -> None:
    """Links to the files, and the command.

    Args:
        asked: the evaluation.
        frame: all of its runs.
        rival: that the others are held against.
    """
    source, command = asked.made.source, _command(asked, rival)
    with st.container(horizontal=True):
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
        file_links.link(
            "differences.csv",
            lambda: paired_differences(frame, rival).to_csv(index=False).encode(),
            "Differences in accuracy to the rival, with intervals and p-values.",
            source=source,
        )
        file_links.link(
            "evaluation.html",
            lambda: _page(asked, frame, rival, command),
            "Curves and differences as one page that opens anywhere, offline.",
            source=source,
        )
        if asked.truth.is_reviewed:
            file_links.link(_LABELS, lambda: _labels(asked), "The labels of Review that were tested on.", source=source)
    st.segmented_control(
        "The camera above a figure saves it as",
        ["PNG", "SVG"],
        default="PNG",
        required=True,
        key=Key.PICTURE,
        bind="query-params",
        help="PNG at twice the resolution, or SVG, whose lines stay sharp at any size.",
    )
    st.caption(f"The same from the command line{', beside labels.csv' if asked.truth.is_reviewed else ''}")
    st.code(command, language=None, wrap_lines=True)


def _command(asked: Asked, rival: str) -> str:
    choices = asked.choices
    return evaluate_command(
        sources.told_of(asked.made.source),
        asked.methods,
        asked.budgets,
        asked.n_seeds,
        asked.learners,
        asked.made.features.encoder,
        {method: params for method in asked.methods if (params := choices.of(method)) is not None},
        choices.near_duplicates,
        rival,
        _LABELS if asked.truth.is_reviewed else "",
    )


def _csv(frame: pandas.DataFrame) -> bytes:
    lists = {name: [" ".join(map(str, entries)) for entries in frame[name]] for name in ("class_accuracy", "picks")}
    return frame.assign(**lists).to_csv(index=False).encode()


def _parquet(frame: pandas.DataFrame) -> bytes:
    buffer = io.BytesIO()
    lists = {name: [list(entries) for entries in frame[name]] for name in ("class_accuracy", "picks")}
    frame.assign(**lists).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _page(asked: Asked, frame: pandas.DataFrame, rival: str, command: str) -> bytes:
    facts = [("images", f"{len(asked.truth):,}"), ("encoder", asked.made.features.encoder)]
    title = sources.title_of(asked.choices.data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evaluation.html"
        write_evaluation_report(frame, path, title=title, facts=facts, against=rival, command=command)
        return path.read_bytes()


def _labels(asked: Asked) -> bytes:
    truth, paths = asked.truth, asked.made.images.paths
    rows = [(paths[row], truth.names[one]) for row, one in zip(truth.rows.tolist(), truth.labels.tolist(), strict=True)]
    return table_bytes(["path", "label"], rows)
