"""Typed access to the fields of a JSON document that somebody may have edited; every refusal names the file and the field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import UslError
from .names import display_name


class JsonFields:
    """Access to the fields of one document.

    Args:
        path: of the file, for the messages.
        document: what it holds.
        inside: what stands before the names of its fields where it is part of another, e.g. "sample.".
    """

    def __init__(self, path: str, document: Mapping[str, Any], inside: str = "") -> None:
        self.path, self._document, self._inside = path, document, inside

    def wrong(self, name: str, rule: str) -> UslError:
        """The error to raise when a field breaks a rule."""
        return UslError(f"{self.path}: {self._inside}{display_name(name)} {rule}")

    def get(self, name: str, kind: type) -> Any:
        """The field, of that type; true and false are no numbers."""
        if name not in self._document:
            raise self.wrong(name, "is missing")
        value = self._document[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.wrong(name, f"must be of type {kind.__name__} but is {value!r:.80}")
        return value

    def whole(self, name: str, low: int, high: int | None = None) -> int:
        """A whole number in [low, high]."""
        value = self.get(name, int)
        if value < low or (high is not None and value > high):
            raise self.wrong(name, f"must be {f'in [{low}, {high}]' if high is not None else f'at least {low}'} but is {value}")
        return value

    def rows(self, name: str, n: int) -> tuple[int, ...]:
        """A list of whole numbers in [0, n)."""
        values = self.get(name, list)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < n:
                raise self.wrong(name, f"must hold whole numbers in [0, {n - 1}] but holds {value!r:.80}")
        return tuple(values)

    def texts(self, name: str, needed: Iterable[str]) -> dict[str, str]:
        """An object whose values are texts, those of `needed` among them."""
        values = self.get(name, dict)
        for key in (*needed, *values):
            if not isinstance(values.get(key), str):
                raise self.wrong(f"{name}.{key}", f"must be text but is {values.get(key)!r:.80}")
        return values

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._document.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name, f"must be true or false but is {value!r:.80}" if name in self._document else "is missing")
        return value

    def real(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number in [low, high]."""
        value = self._document.get(name)
        if name not in self._document:
            raise self.wrong(name, "is missing")
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
            or not abs(value) < math.inf
        ):
            raise self.wrong(name, f"must be a number in [{low:g}, {high:g}] but is {value!r:.80}")
        return float(value)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._document.get(name) is not None

    def inside(self, name: str) -> JsonFields:
        """The fields of an object in this one."""
        return JsonFields(self.path, self.get(name, dict), f"{self._inside}{display_name(name)}.")

    def entries(self, name: str) -> JsonFields:
        """The entries of a list in this document as fields "0", "1" and so on."""
        numbered = {str(place): value for place, value in enumerate(self.get(name, list))}
        return JsonFields(self.path, numbered, f"{self._inside}{display_name(name)}.")
