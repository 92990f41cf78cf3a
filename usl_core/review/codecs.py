"""The parts of a review as JSON, and back; what somebody may have edited is refused by the name of its field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UslError
from ..graph.near_duplicates import checked_cosine
from ..json_fields import JsonFields
from ..selection.registry import methods, params_document, params_of
from .session import ORIGINS, Call, LabelConflict, Round, Slot

_MODELS = ("", "logistic", "1-NN")


@dataclass(frozen=True, slots=True)
class Codec:
    """How one value is written and read.

    Args:
        write: what JSON holds of it.
        read: the value, of the field of that name; raises UslError.
    """

    write: Callable[[Any], Any]
    read: Callable[[JsonFields, str], Any]


def read_text(field: JsonFields, name: str) -> str:
    """Any text."""
    return str(field.get(name, str))


def _text_or_none(field: JsonFields, name: str) -> str | None:
    return read_text(field, name) if field.has(name) else None


def _bytes(field: JsonFields, name: str) -> bytes:
    try:
        found = base64.b64decode(read_text(field, name), validate=True)
    except (binascii.Error, ValueError) as error:
        raise field.wrong(name, f"must be base64: {error}") from error
    if len(found) % 4:
        raise field.wrong(name, f"must hold 4 bytes per image but holds {len(found)} bytes")
    return found


def tuple_of(read: Callable[[JsonFields, str], Any]) -> Callable[[JsonFields, str], tuple[Any, ...]]:
    """Reads a list of values."""

    def reads(field: JsonFields, name: str) -> tuple[Any, ...]:
        values = field.get(name, list)
        entries = field.entries(name)
        return tuple(read(entries, str(place)) for place in range(len(values)))

    return reads


def mapping_of(read: Callable[[JsonFields, str], Any]) -> Callable[[JsonFields, str], dict[str, Any]]:
    """Reads an object whose keys are any texts."""

    def reads(field: JsonFields, name: str) -> dict[str, Any]:
        inside = field.inside(name)
        return {key: read(inside, key) for key in field.get(name, dict)}

    return reads


def _read_slot(field: JsonFields, name: str) -> Slot:
    one = field.inside(name)
    origin = one.get("origin", str)
    if origin not in ORIGINS:
        raise one.wrong("origin", f"must be one of {', '.join(ORIGINS)} but is {origin!r:.80}")
    return Slot(
        path=one.get("path", str),
        cluster=one.whole("cluster", -1),
        origin=origin,
        instead_of=one.get("instead_of", str),
        accepted=one.flag("accepted"),
        pinned=one.flag("pinned"),
    )


def write_slot(slot: Slot) -> dict[str, Any]:
    """A slot as JSON."""
    return {name: getattr(slot, name) for name in ("path", "cluster", "origin", "instead_of", "accepted", "pinned")}


def _read_conflict(field: JsonFields, name: str) -> LabelConflict:
    one = field.inside(name)
    return LabelConflict(
        path=one.get("path", str),
        ours=_text_or_none(one, "ours"),
        theirs=tuple_of(read_text)(one, "theirs"),
        source=one.get("source", str),
    )


def _write_conflict(one: LabelConflict) -> dict[str, Any]:
    return {"path": one.path, "ours": one.ours, "theirs": list(one.theirs), "source": one.source}


def read_method(field: JsonFields, name: str) -> tuple[str, Any]:
    """A method and its parameters, which belong together."""
    one = field.inside(name)
    method = one.get("name", str)
    known = methods(second_round=True)
    if method not in known:
        raise one.wrong("name", f"must be one of {', '.join(known)} but is {method!r:.80}")
    return method, params_of(one, method)


def write_method(method: str, params: Any) -> dict[str, Any]:
    """A method and its parameters as JSON."""
    return {"name": method, "params": params_document(params)}


def _read_cosine(field: JsonFields, name: str) -> float | None:
    try:
        return checked_cosine(field.real(name)) if field.has(name) else None
    except UslError as error:
        raise field.wrong(name, "must be null or a cosine in (0, 1]") from error


def _read_accuracy(field: JsonFields, name: str) -> float | None:
    return field.real(name, 0, 1) if field.has(name) else None


def _read_model(field: JsonFields, name: str) -> str:
    model = read_text(field, name)
    if model not in _MODELS:
        raise field.wrong(name, f"must be one of {_MODELS} but is {model!r:.80}")
    return model


def _read_call(field: JsonFields, name: str) -> Call:
    one = field.inside(name)
    method, params = read_method(one, "method")
    return Call(
        method=method,
        params=params,
        seed=one.whole("seed", 0),
        budget=one.whole("budget", 1),
        near_duplicates=_read_cosine(one, "near_duplicates"),
        kept=tuple_of(read_text)(one, "kept"),
        labelled=tuple_of(read_text)(one, "labelled"),
        classes=mapping_of(read_text)(one, "classes"),
        vetoed=tuple_of(read_text)(one, "vetoed"),
        when=one.real("when", 0),
        n_labelled=one.whole("n_labelled", 0),
        accuracy=_read_accuracy(one, "accuracy"),
        model=_read_model(one, "model"),
    )


def _write_call(call: Call) -> dict[str, Any]:
    return {
        "method": write_method(call.method, call.params),
        "seed": call.seed,
        "budget": call.budget,
        "near_duplicates": call.near_duplicates,
        "kept": list(call.kept),
        "labelled": list(call.labelled),
        "classes": dict(call.classes),
        "vetoed": list(call.vetoed),
        "when": call.when,
        "n_labelled": call.n_labelled,
        "accuracy": call.accuracy,
        "model": call.model,
    }


def _read_round(field: JsonFields, name: str) -> Round:
    one = field.inside(name)
    return Round(call=_read_call(one, "call"), picks=tuple_of(_read_slot)(one, "picks"))


def _write_round(one: Round) -> dict[str, Any]:
    return {"call": _write_call(one.call), "picks": [write_slot(slot) for slot in one.picks]}


def _same(value: Any) -> Any:
    return value


TEXT = Codec(_same, read_text)
TEXT_OR_NONE = Codec(_same, _text_or_none)
COUNT = Codec(_same, lambda field, name: field.whole(name, 0))
BYTES = Codec(lambda value: base64.b64encode(value).decode(), _bytes)
SLOT = Codec(write_slot, _read_slot)
CONFLICT = Codec(_write_conflict, _read_conflict)
CALL = Codec(_write_call, _read_call)
ROUND = Codec(_write_round, _read_round)

WHOLE: Mapping[str, Codec] = {
    "name": TEXT,
    "source": TEXT,
    "images": TEXT,
    "n_images": COUNT,
    "known": BYTES,
    "encoder": TEXT,
    "call": CALL,
    "seed": COUNT,
    "budget": Codec(_same, lambda field, name: field.whole(name, 1)),
    "near_duplicates": Codec(_same, _read_cosine),
    "when": Codec(_same, lambda field, name: field.real(name, 0)),
    "n_labelled": COUNT,
    "accuracy": Codec(_same, _read_accuracy),
    "model": Codec(_same, _read_model),
}
"""Fields of a session or a call that are one value; method and parameters go together, see `read_method`."""
TUPLES: Mapping[str, Codec] = {
    "slots": SLOT,
    "vetoed": TEXT,
    "class_names": TEXT,
    "conflicts": CONFLICT,
    "rounds": ROUND,
    "kept": TEXT,
    "labelled": TEXT,
}
"""Fields of a session or a call that are tuples, by what they hold."""
MAPPINGS: Mapping[str, Codec] = {"labels": TEXT_OR_NONE, "notes": TEXT, "digests": TEXT, "classes": TEXT}
"""Fields of a session or a call that are mappings from text, by what they hold."""
