"""Results that several callers share: their arrays become read-only, so that nobody changes what another one sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
_FEW = 64


def read_only(thing: T) -> T:
    """The same, with every array in it read-only, and those that they are views of.

    Args:
        thing: an array, or dataclasses, tuples, lists and mappings with arrays in them. Its arrays belong to the caller;
            those of somebody else must be copied before.
    """
    for array in arrays_in(thing):
        below: Any = array
        while isinstance(below, np.ndarray):
            below.setflags(write=False)
            below = below.base
    return thing


def arrays_in(thing: Any) -> Iterator[np.ndarray]:
    """Every array in dataclasses, tuples, lists and mappings; long lists of names or numbers are passed over."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif is_dataclass(thing) and not isinstance(thing, type):
        for field in fields(thing):
            yield from arrays_in(getattr(thing, field.name))
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from arrays_in(value)
    elif isinstance(thing, tuple | list) and not (len(thing) > _FEW and isinstance(thing[0], str | int | float)):
        for value in thing:
            yield from arrays_in(value)
