"""The review as a file: where it is kept, a copy to take home, and one to go on with."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from usl_core.errors import UslError
from usl_core.names import display_name
from usl_core.pipeline.prepared import Prepared

from .. import errors
from ..access import uploads
from ..parts import file_links
from ..text import plain
from . import opened as reviews
from .opened import Opened

_TAKEN = "review-file-taken"


def show(opened: Opened, made: Prepared) -> None:
    """The section."""
    timeline = opened.timeline
    if opened.on_disk:
        st.caption("Written to this machine's disk at every action; it is here again when you open these images next time.")
    else:
        st.caption(
            ":material/info: Kept for as long as this page is open, and for nobody else. Download it before you leave, and "
            "upload it here to go on."
        )
    if timeline is not None:
        file_links.link(
            "review.json",
            partial(reviews.as_file, timeline),
            "Picks, vetoes, labels, notes, rounds, and everything that can be undone.",
            source=made.source,
        )
    if not uploads.is_on():
        st.caption("This server takes no uploads, so a review cannot be brought back to it.")
        return
    given = st.file_uploader("Go on with a downloaded review", type=["json"], key="review-file", max_upload_size=256)
    if given is None or st.session_state.get(_TAKEN) == given.file_id:
        return
    with errors.shown(stop=False):
        another = reviews.from_file(given.getvalue(), repr(display_name(given.name, 120)))
        said = another.session
        st.caption(
            f"{plain(said.name, 80)}: {len(said.slots):,} picks, {len(said.labels):,} labels, {len(said.rounds):,} rounds over."
        )
        if said.images != made.images.fingerprint:
            st.caption(":material/info: It is about other images, or these have changed since; what differs is listed next.")
        if st.button("Use it in place of what is here", key="review-file-use", icon=":material/upload_file:", type="primary"):
            st.session_state[_TAKEN] = given.file_id
            try:
                here = replace(another, session=replace(said, source=made.source))  # wherever its images were then
                opened.replace(here, "Another review was opened")
            except UslError as error:
                opened.failed.append(str(error))
            st.rerun()
