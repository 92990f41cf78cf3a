"""A review with its undo as one JSON document, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..errors import UslError
from ..json_fields import JsonFields
from ..names import display_name
from .codecs import MAPPINGS, TUPLES, WHOLE, mapping_of, read_method, read_text, tuple_of, write_method
from .differences import Change, Inside, Rekeyed, Replaced, Spliced, applied
from .session import FORMAT, Call, Session
from .timeline import MOST_STEPS, Step, Timeline

KIND = "usl-explorer review"
_CALL = {one.name for one in fields(Call)}
_SESSION = {one.name for one in fields(Session)}


class OtherFormat(UslError):
    """A review that another version of this program saved."""


def written(timeline: Timeline) -> bytes:
    """The document, ASCII, so that any file name passes."""
    session = timeline.session
    document = {
        "kind": KIND,
        "format": FORMAT,
        "session": {name: _write(name, getattr(session, name)) for name in sorted(_SESSION)},
        "past": [_write_step(step) for step in timeline.past],
        "future": [_write_step(step) for step in timeline.future],
    }
    return (json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n").encode()


def read(data: bytes, path: str) -> Timeline:
    """The review in a document.

    Args:
        data: of the file.
        path: of the file, for the messages.

    Raises:
        UslError: it is no JSON, of another format (`OtherFormat`), or a field is missing, wrong or contradicts another; the
            message names it.
    """
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise UslError(f"{path} is no readable review: it is damaged or cut off ({where})") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, a number of too many digits, lists too deep in each other
        raise UslError(f"{path} is no readable review: {error}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UslError(f"{path} is no review that this program saved or exported")
    field = JsonFields(path, document)
    number = field.whole("format", 1)
    if number != FORMAT:
        raise OtherFormat(
            f"{path} is a review of format {number}, and this version reads format {FORMAT}; open it with a newer one"
        )
    session = _read_session(field.inside("session"))
    past, future = tuple_of(_read_step)(field, "past"), tuple_of(_read_step)(field, "future")
    for name, steps in (("past", past), ("future", future)):
        if len(steps) > MOST_STEPS:
            raise field.wrong(name, f"must hold at most {MOST_STEPS} steps but holds {len(steps):,}")
    for name, steps in (("past", past), ("future", future)):
        _check_steps(session, steps, field, name)
    return Timeline(session=session, past=past, future=future)


def _read_session(field: JsonFields) -> Session:
    session = Session(**{name: _read(field, name) for name in sorted(_SESSION)})
    _check(session, field)
    return session


def _check(session: Session, field: JsonFields) -> None:
    """What the fields promise each other."""
    for name, values in (("slots", session.picks), ("vetoed", session.vetoed), ("class_names", session.class_names)):
        if len(set(values)) < len(values):
            twice = next(value for place, value in enumerate(values) if value in values[:place])
            raise field.wrong(name, f"must not hold anything twice but holds {display_name(twice)!r} twice")
    both = sorted(set(session.picks).intersection(session.vetoed))
    if both:
        raise field.wrong("slots", f"must not hold what is vetoed but holds {display_name(both[0])!r}")
    if len(session.slots) > session.call.budget:
        raise field.wrong("slots", f"must be at most the budget, {session.call.budget}, but are {len(session.slots)}")
    unaccepted = next((one.path for one in session.slots if one.path in session.labels and not one.accepted), None)
    if unaccepted is not None:
        raise field.wrong("slots", f"must be accepted where they have a label, but {display_name(unaccepted)!r} is not")
    names = set(session.class_names)
    for path, label in session.labels.items():
        if label is not None and label not in names:
            shown = f"{display_name(label)!r} of {display_name(path)!r}"
            raise field.wrong("labels", f"must hold names of class_names but hold {shown}")


def _check_steps(session: Session, steps: tuple[Step, ...], field: JsonFields, name: str) -> None:
    """That all of them can be gone."""
    for place in range(len(steps) - 1, -1, -1):
        try:
            session = applied(session, steps[place].changes)
            _check(session, JsonFields(field.path, {}, f"{name}.{place}."))
        except UslError as error:
            raise field.wrong(f"{name}.{place}", f"does not lead to a review: {error}") from error


def _write(name: str, value: Any) -> Any:
    if name in TUPLES:
        return [TUPLES[name].write(one) for one in value]
    if name in MAPPINGS:
        return {key: MAPPINGS[name].write(one) for key, one in value.items()}
    return WHOLE[name].write(value)


def _read(field: JsonFields, name: str) -> Any:
    if name in TUPLES:
        return tuple_of(TUPLES[name].read)(field, name)
    if name in MAPPINGS:
        return mapping_of(MAPPINGS[name].read)(field, name)
    return WHOLE[name].read(field, name)


def _write_step(step: Step) -> dict[str, Any]:
    return {"said": step.said, "when": step.when, "changes": _write_changes(step.changes)}


def _read_step(field: JsonFields, name: str) -> Step:
    one = field.inside(name)
    return Step(said=one.get("said", str), when=one.real("when", 0), changes=_read_changes(one, "changes", _SESSION))


def _write_changes(changes: Mapping[str, Change]) -> dict[str, Any]:
    document = {name: _write_change(name, change) for name, change in changes.items() if name not in ("method", "params")}
    method, params = changes.get("method"), changes.get("params")
    if isinstance(method, Replaced) and isinstance(params, Replaced):
        document["method"] = {"to": write_method(method.value, params.value)}
    return document


def _write_change(name: str, change: Change) -> dict[str, Any]:
    if isinstance(change, Spliced):
        return {"head": change.head, "tail": change.tail, "middle": [TUPLES[name].write(one) for one in change.middle]}
    if isinstance(change, Rekeyed):
        put = {key: MAPPINGS[name].write(one) for key, one in change.put.items()}
        return {"put": put, "dropped": list(change.dropped)}
    if isinstance(change, Inside):
        return {"inside": _write_changes(change.changes)}
    return {"to": _write(name, change.value)}


def _read_changes(field: JsonFields, name: str, known: set[str]) -> dict[str, Change]:
    one, found = field.inside(name), dict[str, Change]()
    for key in field.get(name, dict):
        if key not in known or key == "params":
            raise one.wrong(key, "is no field of a review")
        if key == "method":
            method, params = read_method(one.inside(key), "to")
            found |= {"method": Replaced(method), "params": Replaced(params)}
        else:
            found[key] = _read_change(one, key)
    return found


def _read_change(field: JsonFields, name: str) -> Change:
    one = field.inside(name)
    if name in TUPLES:
        return Spliced(one.whole("head", 0), one.whole("tail", 0), tuple_of(TUPLES[name].read)(one, "middle"))
    if name in MAPPINGS:
        return Rekeyed(mapping_of(MAPPINGS[name].read)(one, "put"), tuple_of(read_text)(one, "dropped"))
    if name == "call":
        return Inside(_read_changes(one, "inside", _CALL))
    return Replaced(WHOLE[name].read(one, "to"))
