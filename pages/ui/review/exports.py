"""The picks as they were decided, for other programs: a menu of formats, and one archive to take home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

import usl_core as usl
from usl_core.cache.store import fingerprint
from usl_core.export.formats import HTML
from usl_core.export.picked import known_classes
from usl_core.export.run_record import run_record
from usl_core.images.subsets import source_parts
from usl_core.jobs.export_task import told
from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Session, row_by_path
from usl_core.types import Selection

from ..access import folders, sources
from ..addresses import file_url
from ..jobs import work
from ..parts import file_links
from ..state import Choices, Key
from ..text import plain

_NAME_FOLDERS = frozenset({"label-studio", "fiftyone", "torchvision"})
"""Formats that say where the images lie on this machine."""
_ASK_CLASSES = frozenset({"label-studio", "cvat"})
"""Formats that set up a tool in which somebody chooses among the classes."""
_TITLES = {
    **{name: name.upper() for name in ("csv", "tsv", "json", "npy", "txt", "cvat", "coco")},
    "html": "HTML report",
    "index-csv": "index CSV",
    "zip": "zip of the images",
    "tree": "folder tree",
    "label-studio": "Label Studio",
    "fiftyone": "FiftyOne",
    "embedding-atlas": "Embedding Atlas",
}


def of_review(choices: Choices, made: Prepared, session: Session, selection: Selection) -> None:
    """The picks of a review, with its labels and notes.

    Args:
        choices: of the sidebar.
        made: the data set.
        session: the review.
        selection: the picks as they were decided, in rank order.
    """
    if not len(selection):
        st.caption(":material/info: There are no picks left.")
        return
    places = row_by_path(made.images)
    guesses = known_classes(made.images)
    said = {places[path]: name for path, name in session.labels.items() if name is not None and path in places}
    guesses |= {row: usl.Guess(label=name, origin="review") for row, name in said.items()}
    folder, _, split = source_parts(sources.told_of(made.source))
    show(
        choices,
        made,
        selection,
        guesses=guesses,
        notes={places[path]: text for path, text in session.notes.items() if path in places},
        classes=session.class_names,
        record=run_record(
            selection,
            made.features,
            folder=folder,
            split=split,
            method=session.call.method,
            labelled=session.labelled_rows(made.images).tolist(),
            vetoed=session.vetoed_rows(made.images).tolist(),
            near_duplicates=session.call.near_duplicates,
            is_decided=True,
        ),
    )


def show(
    choices: Choices,
    made: Prepared,
    selection: Selection,
    *,
    guesses: Mapping[int, usl.Guess],
    notes: Mapping[int, str],
    classes: Iterable[str],
    record: Mapping[str, Any],
) -> None:
    """The menu, the button and the link.

    Args:
        choices: of the sidebar.
        made: the data set.
        selection: the picks as they were decided, in rank order.
        guesses: the class of images, as far as it is known.
        notes: by row.
        classes: names that may be chosen when labelling.
        record: what run.json says.
    """
    formats = usl.export_formats() | {"html": HTML}
    if sources.upload_at(made.source) is not None or folders.is_read_only():
        formats = {name: summary for name, summary in formats.items() if name not in _NAME_FOLDERS}
    wanted = st.pills(  # a select box grows while it is open, and the button below it would escape the click
        "Formats",
        list(formats),
        selection_mode="multi",
        default=["csv"],
        key=Key.EXPORT,
        format_func=lambda name: _TITLES.get(name, name),
        help="All of them come in one archive, with run.json, which repeats the run. Labels and notes go along where a format "
        "has a place for them.",
    )
    wanted = [name for name in formats if name in wanted]  # in one order, whichever was chosen first
    if not wanted:
        st.caption(":material/info: Choose a format.")
        return
    st.caption("  \n".join(f"{plain(_TITLES.get(name, name))}: {plain(formats[name])}" for name in wanted))
    classes = list(classes)
    if _ASK_CLASSES & set(wanted):
        typed = st.text_input(
            "Classes to choose from",
            key="export-classes",
            placeholder="cat, dog",
            help="For the labelling tool, separated by commas; the classes of this data set and of this review are among them "
            "already.",
        )
        classes = list(dict.fromkeys([*classes, *(name.strip() for name in typed.split(",") if name.strip())]))
        if not classes and made.images.labels is None:
            st.caption(":material/info: The labelling tool has to know the classes: name them above.")
            return
    arguments = {
        "source": made.source,
        "encoder": choices.encoder,
        **told(selection, guesses, notes),
        "formats": wanted,
        "classes": classes,
        "record": dict(record),
        "n_neighbors": choices.params.n_neighbors,
    }
    job = work.section(
        f"export {fingerprint(made.features.fingerprint, arguments)}",
        "export",
        {**arguments, "out": "{out}"},
        doing="Writing the files",
        label="Make the files",
        help="One .zip with everything that was chosen above.",
        quiet=True,
    )
    if job is not None:
        file_links.anchor(file_url(job.id), "picks-export.zip", "Download picks-export.zip")
