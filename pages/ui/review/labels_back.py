"""Labels that come back: a file is read, what is odd about it is listed with choices, and what is left is taken over."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

import usl_core as usl
from usl_core.labels.returned import LabelReport, ReturnedLabels
from usl_core.names import display_name, spelled_out
from usl_core.pipeline.prepared import Prepared
from usl_core.review.merging import decide, merge_labels
from usl_core.review.session import LabelConflict, Session
from usl_core.types import ImageSet

from .. import errors
from ..access import uploads
from ..parts import file_links
from ..text import number_of, plain
from . import messages, picks
from .opened import Opened

_KINDS = ["csv", "tsv", "txt", "json", "xml", "parquet", "zip"]
_READ = "labels-read"
_CHOICES_SHOWN, _LINES_SHOWN, _CLASSES_SHOWN = 30, 200, 12
_OURS = "keep what is here"


def show(opened: Opened, made: Prepared) -> None:
    """The field for the file, what it says, and the contradictions that wait for a decision."""
    _conflicts(opened, made)
    if not uploads.is_on():
        st.caption("This server takes no uploads; `python -m usl_core next` reads labels on your own machine.")
        return
    given = st.file_uploader(
        "Labels that came back",
        type=_KINDS,
        key="labels-file",
        help="A table with columns path and label; JSON of Label Studio, COCO or Datumaro; XML of CVAT; or a .zip with one of "
        "these, or with the images in class subfolders.",
    )
    if given is None:
        st.session_state.pop(_READ, None)
        return
    with errors.shown(stop=False):
        labels = _read(made.images, given.name, given.file_id, given.getvalue())
        _told(labels)
        meant = _typos(labels.report)
        _lists(labels.report, made, given.name)
        if _is_taken(opened.session, made.images, _renamed(labels, meant)):
            st.caption(":material/check: All of them are part of this review.")
            return
        if st.button(
            f"Take over {number_of(len(labels.labelled), 'label')}",
            key="labels-take",
            icon=":material/download_done:",
            type="primary",
            disabled=not len(labels.labelled),
            help="They become part of this review. What contradicts it is listed above, for you to decide; nothing is lost.",
        ):
            taken = _renamed(labels, meant)
            if opened.act(lambda session: merge_labels(session, made.images, taken, display_name(given.name, 120)).done):
                st.rerun()
            messages.show(opened)


def _is_taken(session: Session, images: ImageSet, labels: ReturnedLabels) -> bool:
    """Whether nothing of it is new: each label is there, or waits for a decision."""
    waiting = {conflict.path for conflict in session.conflicts}
    named = [(images.paths[row], label) for row, label in labels.named()]
    return len(named) > 0 and all(session.labels.get(path) == label or path in waiting for path, label in named)


def _read(images: ImageSet, name: str, file_id: str, content: bytes) -> ReturnedLabels:
    key = (file_id, images.fingerprint)
    kept = st.session_state.get(_READ)
    if kept is not None and kept[0] == key:
        found: ReturnedLabels = kept[1]
        return found
    ending = Path(name).suffix.lower()[:10]
    with tempfile.TemporaryDirectory() as folder, st.spinner(f"Reading {display_name(name, 60)}"):
        path = Path(folder) / f"labels{ending}"
        path.write_bytes(content)
        try:
            found = usl.read_labels(path, images, called="the labels")
        except usl.UslError as error:  # it was written under another name
            raise usl.UslError(str(error).replace(str(path), repr(display_name(name, 120)))) from error
    st.session_state[_READ] = (key, found)
    return found


def _told(labels: ReturnedLabels) -> None:
    counts = Counter(label for _, label in labels.named()).most_common()
    shown = ", ".join(f"{display_name(label, 40)} {count:,}" for label, count in counts[:_CLASSES_SHOWN])
    more = f" and {len(counts) - _CLASSES_SHOWN:,} classes more" if len(counts) > _CLASSES_SHOWN else ""
    st.markdown(f"**{number_of(len(labels), 'image')}** got a class ({plain(labels.kind)}): {plain(shown)}{more}")
    for note in labels.report.notes:
        st.caption(f":material/info: {plain(note)}")


def _typos(report: LabelReport) -> dict[str, str]:
    """What misspelt classes are to be called."""
    if not report.typos:
        return {}
    st.caption("Class names that are probably others. Those that you do not tick stay as they are.")
    meant = {}
    for number, typo in enumerate(report.typos[:_CHOICES_SHOWN]):
        text = f"{plain(typo.name, 60)} ({typo.count:,}) is {plain(typo.meant, 60)} ({typo.meant_count:,})"
        if st.checkbox(text, key=f"labels-typo-{number}"):
            meant[typo.name] = typo.meant
    if len(report.typos) > _CHOICES_SHOWN:
        st.caption(f"The first {_CHOICES_SHOWN} of {len(report.typos):,}.")
    return meant


def _renamed(labels: ReturnedLabels, meant: dict[str, str]) -> ReturnedLabels:
    """The same labels with some classes called otherwise, in what was found double as well."""
    if not meant:
        return labels
    names = list(dict.fromkeys(meant.get(name, name) for name in labels.class_names))
    number = np.array([names.index(meant.get(name, name)) for name in labels.class_names], dtype=np.int64)
    conflicts = tuple(
        replace(one, classes=tuple((meant.get(name, name), where) for name, where in one.classes))
        for one in labels.report.conflicts
    )
    return replace(
        labels,
        classes=number[labels.classes],
        class_names=tuple(names),
        report=replace(labels.report, conflicts=conflicts),
    )


def _conflicts(opened: Opened, made: Prepared) -> None:
    """Labels that contradict each other, or what was here."""
    waiting = opened.session.conflicts
    if not waiting:
        return
    st.markdown(
        f":material/help: **{number_of(len(waiting), 'label')}** to decide: what came back contradicts itself or this review."
    )
    with st.form("labels-conflicts"):
        chosen = [
            st.selectbox(
                f"{plain(display_name(one.path, 80))} · {_said(one)}",
                [_OURS, *dict.fromkeys([*([one.ours] if one.ours else []), *one.theirs])],
                key=f"labels-conflict-{number}-{one.path}",
            )
            for number, one in enumerate(waiting[:_CHOICES_SHOWN])
        ]
        if st.form_submit_button("Decide so", icon=":material/gavel:"):
            for one, name in zip(waiting[:_CHOICES_SHOWN], chosen, strict=True):
                rows = picks.rows_here(made.images, [one.path])
                opened.act(partial(decide, images=made.images, rows=rows, name=None if name == _OURS else name))
            st.rerun()
    if len(waiting) > _CHOICES_SHOWN:
        st.caption(f"The first {_CHOICES_SHOWN} of {len(waiting):,}; the others follow.")


def _said(conflict: LabelConflict) -> str:
    here = (
        "not labelled here"
        if conflict.ours == ""
        else "labelled here, without a class"
        if conflict.ours is None
        else conflict.ours
    )
    return plain(f"here: {here}; {conflict.source or 'came back'}: {', '.join(conflict.theirs)}", 200)


def _lists(report: LabelReport, made: Prepared, name: str) -> None:
    """Everything that could not be taken as it stands, and all of it as a file."""
    lists = [(heading, lines) for heading, lines in report.lists() if lines]
    for heading, lines in lists:
        with st.expander(plain(heading)):
            st.code("\n".join(spelled_out(line) for line in lines[:_LINES_SHOWN]), language=None, wrap_lines=True)
            if len(lines) > _LINES_SHOWN:
                st.caption(f"The first {_LINES_SHOWN} of {len(lines):,}; labels-report.txt has all.")
    if lists:
        text = [name, *(line for heading, lines in lists for line in ("", f"{heading}:", *(f"  {one}" for one in lines)))]
        content = "".join(f"{spelled_out(line)}\n" for line in text).encode("utf-8", "backslashreplace")
        file_links.link("labels-report.txt", lambda: content, "All of these lists.", source=made.source)
