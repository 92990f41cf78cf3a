"""What a data set holds: classes, problems, duplicates, and the images themselves, page by page."""

from __future__ import annotations

import csv
import io

import numpy as np
import streamlit as st

from usl_core.names import display_name
from usl_core.types import ImageSet

from . import charts, gallery, offered, sources, tables
from .text import plain

PER_PAGE = 60
SHOWN_ROWS = 200


def show(name: str, images: ImageSet) -> None:
    """The whole section."""
    copies = sum(len(group) - 1 for group in images.duplicates)
    figures = (
        ("Images", f"{len(images):,}", "Files that can be read and decoded."),
        ("Classes", f"{len(images.class_names):,}" if images.labels is not None else "unknown", "Class subfolders, if any."),
        ("Problems", f"{len(images.problems):,}", "Files that look like images and cannot be used."),
        ("Exact copies", f"{copies:,}", "Files that repeat another one byte for byte."),
    )
    for column, (title, value, help) in zip(st.columns(4), figures, strict=True):
        column.metric(title, value, help=help)
    if images.skipped:
        st.caption(f"Passed over: {', '.join(plain(str(skipped)) for skipped in images.skipped)}.")
    if images.problems:
        _problems(name, images)
    if images.notes:
        _notes(name, images)
    if images.duplicates:
        _duplicates(name, images)
    if images.labels is not None:
        st.subheader("Images per class")
    charts.class_histogram(images)
    st.subheader("Images")
    _mosaic(name, images)


def _problems(name: str, images: ImageSet) -> None:
    lines = [(problem.path, problem.cause) for problem in images.problems]
    _files(
        name,
        "Files that could not be used",
        ("path", "cause"),
        "What is wrong",
        lines,
        "problems.csv",
        ":material/warning:",
        True,
    )


def _notes(name: str, images: ImageSet) -> None:
    lines = [(note.path, note.text) for note in images.notes]
    _files(name, "Notes on files that are used", ("path", "note"), "What to know", lines, "notes.csv", ":material/info:", False)


def _files(
    name: str,
    title: str,
    fields: tuple[str, str],
    about: str,
    lines: list[tuple[str, str]],
    file: str,
    icon: str,
    expanded: bool,
) -> None:
    """What is to be said of files: the first of them in a table, all of them in a .csv file."""
    with st.expander(f"{title}: {len(lines):,}", icon=icon, expanded=expanded):
        shown = [(display_name(path, 160), text) for path, text in lines[:SHOWN_ROWS]]
        tables.rows(("File", about), shown, words=True, label=title)
        if len(lines) > SHOWN_ROWS:
            st.caption(f"the first {SHOWN_ROWS} of {len(lines):,}; the file below has them all")
        offered.link(file, lambda: _csv(fields, lines), source=sources.source_of(name))


def _csv(fields: tuple[str, str], lines: list[tuple[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(fields)
    writer.writerows(lines)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _duplicates(name: str, images: ImageSet) -> None:
    groups = images.duplicates
    with st.expander(f"Groups of exact copies: {len(groups):,}", icon=":material/content_copy:"):
        st.caption("Copies count as images of their own: they make their place look denser, and two copies may both be picked.")
        lines = [
            (
                len(group),
                "; ".join(display_name(images.paths[row], 60) for row in group[:6]) + ("; …" if len(group) > 6 else ""),
            )
            for group in groups[:SHOWN_ROWS]
        ]
        tables.rows(("Copies", "Files"), lines, words=True, label="Exact copies")
        if len(groups) > SHOWN_ROWS:
            st.caption(f"the first {SHOWN_ROWS} of {len(groups):,} groups")


def _mosaic(name: str, images: ImageSet) -> None:
    rows = np.arange(len(images))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if images.labels is not None:
            options = ["All classes", *(display_name(label, 60) for label in images.class_names)]
            chosen = st.selectbox("Class", range(len(options)), format_func=options.__getitem__, key="mosaic-class", width=260)
            if chosen:
                rows = np.flatnonzero(images.labels == chosen - 1)
        n_pages = max(-(-len(rows) // PER_PAGE), 1)
        page = min(st.pagination(n_pages, key=f"mosaic-page-{name}-{n_pages}"), n_pages)
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE].tolist()
    st.caption(f"{(page - 1) * PER_PAGE + 1:,} to {(page - 1) * PER_PAGE + len(shown):,} of {len(rows):,}")
    gallery.plain_images("mosaic", name, images, shown, "Images of the data set")
