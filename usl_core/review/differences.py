"""What tells two sessions apart, so that 200 steps of undo take little room in memory and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from ..errors import UslError
from .session import Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replaced:
    """A field as a whole.

    Args:
        value: what it becomes.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Spliced:
    """A tuple of which only the middle changes.

    Args:
        head, tail: entries that stay at either end.
        middle: what comes between.
    """

    head: int
    tail: int
    middle: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """A mapping of which only some keys change.

    Args:
        put: keys that get another value.
        dropped: keys that go.
    """

    put: Mapping[str, Any]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inside:
    """A dataclass of which only some fields change.

    Args:
        changes: by field.
    """

    changes: Mapping[str, Change]


Change = Replaced | Spliced | Rekeyed | Inside


def difference(start: Any, goal: Any) -> dict[str, Change]:
    """What leads from one dataclass to another of the same type, by field; fields that are equal are left out."""
    pairs = ((one.name, getattr(start, one.name), getattr(goal, one.name)) for one in fields(start))
    return {name: _change(old, new) for name, old, new in pairs if old is not new and old != new}


def applied(start: T, changes: Mapping[str, Change]) -> T:
    """The dataclass to which `difference` leads.

    Raises:
        UslError: the changes are those of another one.
    """
    return replace(start, **{name: _changed(getattr(start, name), change) for name, change in changes.items()})  # type: ignore[type-var]


def _change(old: Any, new: Any) -> Change:
    if isinstance(old, tuple) and isinstance(new, tuple):
        most = min(len(old), len(new))
        head = next((place for place in range(most) if old[place] != new[place]), most)
        tail = next((place for place in range(most - head) if old[-1 - place] != new[-1 - place]), most - head)
        return Spliced(head, tail, new[head : len(new) - tail])
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        put = {key: value for key, value in new.items() if key not in old or old[key] != value}
        return Rekeyed(put, tuple(key for key in old if key not in new))
    if isinstance(old, Call) and isinstance(new, Call):
        changes = difference(old, new)
        if "method" in changes or "params" in changes:  # neither makes sense without the other
            changes |= {"method": Replaced(new.method), "params": Replaced(new.params)}
        return Inside(changes)
    return Replaced(new)


def _changed(old: Any, change: Change) -> Any:
    if isinstance(change, Spliced) and isinstance(old, tuple) and change.head + change.tail <= len(old):
        return (*old[: change.head], *change.middle, *old[len(old) - change.tail :])
    if isinstance(change, Rekeyed) and isinstance(old, Mapping):
        gone = set(change.dropped)
        return {**{key: value for key, value in old.items() if key not in gone}, **change.put}
    if isinstance(change, Inside) and isinstance(old, Call):
        return applied(old, change.changes)
    if isinstance(change, Replaced):
        return change.value
    raise UslError("a step does not belong to this review, so it can be neither undone nor done again")
