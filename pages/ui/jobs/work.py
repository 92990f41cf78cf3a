"""Jobs on a page: a button that starts one, its progress, cancel, and what happened. The jobs themselves are in `pool`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from .. import errors
from ..access import sources
from ..text import plain
from . import pressed
from .pool import pool
from .state import Job, Purpose

_LEFT = "jobs-left"
_BACKGROUND = "background-job"
_ASKED = "background-asked"
_STILL = 2.0  # seconds


def session() -> str:
    """What this session is called among those who want a job."""
    context = get_script_run_ctx()
    return context.session_id if context else "none"


def find(key: str) -> Job | None:
    """The job of that key; None where this session has let go of it while others have not."""
    job = pool().find(key)
    return None if job is not None and job.active and key in _left() else job


def start(key: str, task: str, arguments: Mapping[str, Any], *, purpose: Purpose, afresh: bool = False) -> None:
    """Start a job, or join it; for callbacks too.

    Args:
        key: see `section`.
        task: see `usl_core.jobs.tasks`.
        arguments: of the task.
        purpose: what for, see `queue`.
        afresh: even if it is done already.
    """
    _left().discard(key)
    _start(key, task, arguments, purpose=purpose, afresh=afresh)


def _start(key: str, task: str, arguments: Mapping[str, Any], *, purpose: Purpose, afresh: bool = False) -> None:
    """With the folders that may be read today; a source that was closed since the page was drawn starts nothing, and the
    page says so when it is drawn again."""
    if "source" in arguments:
        if not sources.is_open(arguments["source"]):
            return
        arguments = {**arguments, "within": [str(root) for root in sources.within_of(arguments["source"])]}
    pool().start(key, task, arguments, session(), purpose=purpose, afresh=afresh)


def want(key: str) -> None:
    """This session shows the job: it counts among those for whom it goes on. Starts nothing."""
    pool().want(key, session())


def section(
    key: str,
    task: str,
    arguments: Mapping[str, Any],
    *,
    doing: str,
    label: str,
    help: str,
    auto: Purpose | None = None,
    quiet: bool = False,
    is_there: Callable[[], bool] = lambda: True,
    place: str = "",
) -> Job | None:
    """All that a page shows of a job: the button, then progress with cancel, then an error with another try.

    Args:
        key: one job per key on this server.
        task: see `usl_core.jobs.tasks`.
        arguments: of the task.
        doing: what the progress bar says, e.g. "Encoding".
        label: of the button.
        help: of the button.
        auto: start for this purpose without being asked, unless it was cancelled or failed; None waits for the button.
        quiet: the button is not what the page is about.
        is_there: whether the cache still holds what the job made, where that is where it went.
        place: one per section of a page, whatever its key is at the moment; the task by default.

    Returns:
        The job if it is done.
    """
    place = place or task
    job = find(key)
    is_lost = job is not None and job.status == "done" and not is_there()
    if pressed.take(f"start {place}"):
        start(key, task, arguments, purpose="asked", afresh=is_lost)
    elif job is None and auto is not None and key not in _left():
        start(key, task, arguments, purpose=auto)
    job = find(key)
    if job is not None and job.active:
        _watch(key, doing)
        return None
    if job is not None and job.status == "done" and not is_lost:
        return job
    if is_lost:  # asked for by a button: a cache that is too small would lose it again and again
        st.info(
            "It was done before, but its result is not in the cache any more: that was cleared, or the images have changed."
        )
    elif job is not None and job.status == "failed":
        errors.say(f"{doing} stopped: {job.error}." if job.crashed else job.error)
        if job.crashed:
            st.caption("Nothing that was finished is lost. Try again; if it happens twice, the server's log has the details.")
    elif job is not None:
        st.info(f"Cancelled at {job.fraction:.0%}. What was finished is kept, and the next start goes on from there.")
    elif key in _left():
        st.info("It goes on, because another open page wants it too.")
    again = job is not None or key in _left()
    icon = ":material/replay:" if again else ":material/play_arrow:"
    word = {"failed": "Try again", "cancelled": "Resume"}.get(job.status, label) if job else ("Watch it" if again else label)
    kind: Literal["primary", "secondary"] = "secondary" if quiet else "primary"
    place = f"start {place}"
    st.button(word, key=place, help=help, icon=icon, type=kind, on_click=pressed.press, args=(place,))
    return None


@st.fragment(run_every=1.0)
def _watch(key: str, doing: str) -> None:
    job = find(key)
    if job is None or not job.active:
        st.rerun()
    want(key)
    where = {"waiting": "waits for its turn", "stopping": "stopping"}.get(job.status, job.note)
    bar, button = st.columns([0.82, 0.18], vertical_alignment="bottom")
    with bar:
        st.progress(job.fraction, text=f"{doing} · {plain(where)} · {job.seconds:.0f} s so far")
    with button:
        st.button(
            "Cancel",
            key=f"cancel {key}",
            icon=":material/close:",
            on_click=let_go,
            args=(key,),
            disabled=job.status == "stopping",
            width="stretch",
        )


def let_go(key: str) -> None:
    """This session wants the job no longer; it ends unless another does. For callbacks."""
    if not pool().let_go(key, session()):
        _left().add(key)


def _left() -> set[str]:
    """Jobs that this session has let go of while others have not."""
    return st.session_state.setdefault(_LEFT, set())


def background(key: str, task: str, arguments: Mapping[str, Any], doing: str) -> Job | None:
    """A job that nobody asks for and nobody waits for. It starts when its arguments have stood still for two seconds, so
    that a slider on the move starts none, and is dropped when they change.

    Returns:
        The job if it is done.
    """
    if pressed.take(f"start {task}"):
        start(key, task, arguments, purpose="background")
    job = pool().find(key)
    before = st.session_state.get(_BACKGROUND)
    if before is not None and before != key:
        pool().let_go(before, session())
    st.session_state[_BACKGROUND] = key
    if job is not None and job.status in ("done", "failed"):
        if job.status == "failed":
            st.caption(f":material/error: {doing}: {plain(job.error)}")
            place = f"start {task}"
            st.button("Try again", key=place, icon=":material/replay:", on_click=pressed.press, args=(place,))
        return job if job.status == "done" else None
    _follow_background(key, task, arguments, doing)
    return None


def end_background() -> None:
    """What this page computes without being asked is not wanted any more: what was asked for needs the processors."""
    key = st.session_state.pop(_BACKGROUND, None)
    if key is not None:
        pool().let_go(key, session())


@st.fragment(run_every=1.0)
def _follow_background(key: str, task: str, arguments: Mapping[str, Any], doing: str) -> None:
    asked, since = st.session_state.get(_ASKED, ("", 0.0))
    if asked != key:
        since = time.monotonic()
        st.session_state[_ASKED] = (key, since)
    job = pool().find(key)
    if job is not None and job.status in ("done", "failed"):
        st.rerun()
    if job is not None and job.active:
        want(key)
    elif time.monotonic() - since > _STILL:
        _start(key, task, arguments, purpose="background")
        job = pool().find(key)
    st.caption(f":material/hourglass_top: {doing}" + (f", {job.fraction:.0%}" if job is not None else ""))
