"""What visitors do to images: on the desk one by one, on the maps to many at once. All of it goes through `Opened.act`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from usl_core.errors import UslError
from usl_core.pipeline.prepared import Prepared
from usl_core.review import actions, labelling
from usl_core.review.actions import Done
from usl_core.review.session import Session

from .. import state
from . import picks
from .desk import Event
from .opened import Opened

LEAVE_THEIR_PLACE = ("veto", "swap", "labelled")


def hear(opened: Opened, made: Prepared, events: Sequence[Event]) -> None:
    """Do what was done on the desk; for callbacks."""
    chosen: int | None = None
    for event in events:
        if event.kind == "choose":
            chosen = event.row
        elif event.kind == "undo":
            opened.undo()
        elif event.kind == "redo":
            opened.redo()
        elif event.row is not None:
            before = opened.timeline and opened.session.picks
            done = act(opened, made, event.kind, [event.row], event.value)
            if done and event.kind in LEAVE_THEIR_PLACE and chosen in (None, event.row):
                chosen = _successor(opened, made, before or (), event.row)
    if chosen is not None:
        state.pin(chosen)


def act(opened: Opened, made: Prepared, kind: str, rows: Sequence[int], value: str | int | bool | None = None) -> bool:
    """Do one thing to images.

    Args:
        opened: the review.
        made: its data set.
        kind: "accept", "veto", "swap", "pin", "labelled", "label", "note", "unveto" or "unlabel".
        rows: of the images.
        value: False takes "accept" and "pin" back; the row that "swap" takes; the text of "label" and "note".

    Returns:
        Whether it was done; `opened.failed` says why not.
    """
    return opened.act(lambda session: _done(session, made, kind, list(rows), value))


def _done(session: Session, made: Prepared, kind: str, rows: list[int], value: str | int | bool | None) -> Done:
    images = made.images
    plain: dict[str, Callable[[], Done]] = {
        "accept": lambda: (actions.unaccept if value is False else actions.accept)(session, images, rows),
        "veto": lambda: actions.veto(session, picks.pool(made, session.call), rows),
        "unveto": lambda: actions.unveto(session, images, rows),
        "swap": lambda: actions.swap(session, picks.pool(made, session.call), rows, _others(value)),
        "pin": lambda: _pinned(session, made, rows, value is not False),
        "labelled": lambda: actions.mark_labelled(session, picks.pool(made, session.call), rows),
        "label": lambda: (
            labelling.label(session, images, rows, str(value)) if value else labelling.clear_label(session, images, rows)
        ),
        "unlabel": lambda: labelling.clear_label(session, images, rows),
        "note": lambda: labelling.note(session, images, rows, str(value or "")),
    }
    if kind not in plain:  # browsers can send anything
        raise UslError(f"there is no action {kind!r:.40}")
    return plain[kind]()


def _pinned(session: Session, made: Prepared, rows: list[int], is_to_be: bool) -> Done:
    if is_to_be:
        return actions.pin(session, picks.pool(made, session.call), rows)
    return actions.unpin(session, made.images, rows)


def _others(value: str | int | bool | None) -> list[int] | None:
    return [value] if type(value) is int else None


def _successor(opened: Opened, made: Prepared, before: Sequence[str], row: int) -> int | None:
    """The image in the place that another one had."""
    path = made.images.paths[row]
    if path not in before or before.index(path) >= len(opened.session.slots):
        return None
    rows = picks.rows_here(made.images, [opened.session.picks[before.index(path)]])
    return rows[0] if rows else None
