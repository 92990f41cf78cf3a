"""The scan of what is open, and the question that comes before it where there are very many files: all, or a uniform sample?"""

from __future__ import annotations

import streamlit as st

from usl_core.images.subsets import source_parts
from usl_core.types import ImageSet

from .. import cached, state
from ..access import sources
from ..jobs import work
from ..jobs.state import Job

ASK_BEYOND = 100_000
USUAL_SAMPLE = 20_000
_NUMBER = "sample-size"


def scan(name: str) -> Job | None:
    """The scan with its progress, or what it asks.

    Args:
        name: of a data set whose images are not known yet.

    Returns:
        The job if it has found the images.

    Raises:
        UslError: this server knows no such data set.
    """
    source = sources.source_of(name)
    first, whole = cached.job_key("scan", source), cached.job_key("scan all", source)
    all_of_it = work.find(whole)
    if all_of_it is not None and all_of_it.status != "cancelled":
        return _section(name, whole, {"source": source}, "scan all")
    job = work.find(first)
    if job is not None and job.status == "done" and "files" in job.result:
        _ask(int(job.result["files"]), source, whole)
        return None
    asks = {} if source_parts(source).sample else {"ask_beyond": ASK_BEYOND}
    done = _section(name, first, {"source": source, **asks}, "scan")
    if done is not None and "files" in done.result:
        st.rerun()
    return done


def _section(name: str, key: str, arguments: dict[str, object], place: str) -> Job | None:
    def is_there() -> bool:
        job = work.find(key)
        return cached.images(name) is not None or (job is not None and "files" in job.result)

    return work.section(
        key,
        "scan",
        arguments,
        doing="Looking through the images",
        label="Scan",
        help="Opens every image once to find the damaged ones; the second time is quick.",
        auto="needed",
        is_there=is_there,
        place=place,
    )


def _ask(n_files: int, source: str, whole: str) -> None:
    with st.container(border=True):
        st.markdown(f"**There are {n_files:,} image files.** Look at a uniform sample of them, or at all?")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(
                "Files to draw",
                min_value=1,
                max_value=n_files - 1,
                value=min(USUAL_SAMPLE, n_files - 1),
                step=1000,
                key=_NUMBER,
                width=200,
                help="Drawn uniformly, each at most once, with seed 0; the others are not opened. Every page, file and report "
                "says that it is a sample.",
            )
            st.button("Use a sample", key="use-sample", type="primary", icon=":material/casino:", on_click=_use_sample)
            st.button(
                f"Look through all {n_files:,}",
                key="scan-all",
                icon=":material/select_all:",
                on_click=work.start,
                args=(whole, "scan", {"source": source}),
                kwargs={"purpose": "asked"},
                help="Opens every one once, in the background; what is done is kept.",
            )


def _use_sample() -> None:
    state.use_sample(int(st.session_state[_NUMBER]))


def show(images: ImageSet) -> None:
    """Of which files the images are a sample, and the way to another; nothing where they are no sample."""
    if images.sample is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"These images are {images.sample}.")
        st.button(
            "Another sample, or all files",
            key="other-sample",
            type="tertiary",
            icon=":material/undo:",
            on_click=state.use_sample,
            args=(None,),
        )
