"""The desk: the picks as a list, the chosen one large, and every action by mouse and keyboard.

It is a Streamlit component with scripts of its own (`scripts/`). What is done there shows at once and travels as a numbered
log; the answer says up to which number it was heard, and what was not heard is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from ..maps import LOADER, digest_of

SCRIPTS = Path(__file__).parent / "scripts"
KEY = "review-desk"
_HEARD = "review-heard"
_MOST_EVENTS, _LONGEST = 1000, 500
_component: Callable[..., Any] = st.components.v2.component(
    "usl_review", html="<div class='desk'></div>\n", css=(SCRIPTS / "desk.css").read_text(encoding="utf-8"), js=LOADER
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done on the desk.

    Args:
        kind: of the action.
        row: of the image that it is about; None: of none.
        value: a row, a text, a yes or no; None where the action needs none.
    """

    kind: str
    row: int | None
    value: str | int | bool | None


def show(
    picks: Sequence[dict[str, Any]],
    *,
    chosen: int | None,
    classes: Iterable[str],
    said: Mapping[str, str],
    away: bool,
    title: str,
    n: int,
    on_heard: Callable[[list[Event]], None],
) -> None:
    """Draw it.

    Args:
        picks: in rank order, as `picks.told` says them.
        chosen: row of the chosen pick.
        classes: names that numbers stand for, in their order.
        said: "undo" and "redo": what would be taken back or done again, or empty; "said": for those who cannot see.
        away: an image that is no pick is looked at, so that the chosen one can be chosen again.
        title: of the list, for screen readers.
        n: images, of which rows may be told.
        on_heard: called with what was done, in order, before the next run.
    """

    def hear() -> None:
        if events := _heard(n):
            on_heard(events)

    stream, number = st.session_state.get(_HEARD, ("", 0))
    data = {
        "script": script_url(),
        "title": title,
        "picks": list(picks),
        "chosen": chosen,
        "away": away,
        "classes": list(classes),
        "answered": {"stream": stream, "n": number},
        **said,
    }
    _component(key=KEY, data=data, on_log_change=hear)


def _heard(n: int) -> list[Event]:
    """What was done and has not been heard before; that it was heard is remembered."""
    log = getattr(st.session_state.get(KEY), "log", None)
    if not isinstance(log, dict) or not isinstance(log.get("events"), list) or not isinstance(log.get("stream"), str):
        return []  # browsers can send anything
    stream, found = log["stream"][:40], []
    before, number = st.session_state.get(_HEARD, ("", 0))
    if before != stream:
        number = 0
    for event in log["events"][:_MOST_EVENTS]:
        if not isinstance(event, dict) or type(event.get("n")) is not int or event["n"] <= number:
            continue
        number = event["n"]
        if (read := _read(event, n)) is not None:
            found.append(read)
    st.session_state[_HEARD] = (stream, number)
    return found


def _read(event: dict[str, Any], n: int) -> Event | None:
    kind, row, value = event.get("kind"), event.get("row"), event.get("value")
    if not isinstance(kind, str) or not (row is None or _is_row(row, n)):
        return None
    if isinstance(value, str):
        return Event(kind, row, value[:_LONGEST])
    return Event(kind, row, value) if value is None or isinstance(value, bool) or _is_row(value, n) else None


def _is_row(value: object, n: int) -> bool:
    return type(value) is int and 0 <= value < n


@cache
def script_url() -> str:
    """Address of the script; it changes whenever one of the scripts does."""
    return f"api/review/{scripts_version()}/index.js"


@cache
def scripts_version() -> str:
    """Digest of all scripts."""
    return digest_of(SCRIPTS)
