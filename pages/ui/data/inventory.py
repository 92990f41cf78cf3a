"""What a data set holds: classes, problems, duplicates, and the images themselves, page by page."""

from __future__ import annotations

import numpy as np
import streamlit as st

from usl_core.export.tables import problems_csv
from usl_core.names import display_name
from usl_core.types import ImageSet

from ..access import sources
from ..parts import charts, file_links, gallery, tables
from ..text import plain

PER_PAGE = 60
SHOWN_ROWS = 200


def show(name: str, images: ImageSet) -> None:
    """What there is to say of them."""
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
        lines = [(problem.path, problem.cause) for problem in images.problems]
        _files("Files that could not be used", "What is wrong", lines, ":material/warning:", expanded=True)
    if images.notes:
        lines = [(note.path, note.text) for note in images.notes]
        _files("Notes on files that are used", "What to know", lines, ":material/info:", expanded=False)
    if images.problems or images.notes:
        _problem_files(name, images)
    if images.duplicates:
        _duplicates(name, images)
    if images.labels is not None:
        st.subheader("Images per class")
    charts.class_histogram(images)


def _files(title: str, about: str, lines: list[tuple[str, str]], icon: str, *, expanded: bool) -> None:
    """What is to be said of files: the first of them in a table."""
    with st.expander(f"{title}: {len(lines):,}", icon=icon, expanded=expanded):
        shown = [(display_name(path, 160), text) for path, text in lines[:SHOWN_ROWS]]
        tables.rows(("File", about), shown, words=True, label=title)
        if len(lines) > SHOWN_ROWS:
            st.caption(f"the first {SHOWN_ROWS} of {len(lines):,}; problems.csv has them all")


def _problem_files(name: str, images: ImageSet) -> None:
    source, about = sources.source_of(name), "All of these files, with what is wrong or worth knowing"
    with st.container(horizontal=True):
        file_links.link("problems.csv", lambda: problems_csv(images), f"{about}; every path exactly.", source=source)
        file_links.link(
            "problems-spreadsheet.csv",
            lambda: problems_csv(images, spreadsheet=True),
            f"{about}, for Excel and the like, which run no name in it.",
            source=source,
        )


def _duplicates(name: str, images: ImageSet) -> None:
    groups = images.duplicates
    with st.expander(f"Groups of exact copies: {len(groups):,}", icon=":material/content_copy:"):
        st.caption("Copies are one image to every method: a second one is picked only when nothing else is left.")
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


def mosaic(name: str, images: ImageSet) -> None:
    """The images, page by page."""
    st.subheader("Images")
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
