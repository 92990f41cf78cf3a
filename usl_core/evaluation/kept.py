"""Rows of evaluations on disk: an entry for each method, seed and learner holds those of all budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..cache.store import Store
from .cells import Cell, Line

Part = tuple[str, int, str]
"""Method, seed and learner."""


class KeptLines:
    """The rows of one evaluation that are kept.

    Args:
        store: where.
        kind: of its entries.
        key: of what all rows share; whoever has its `turn` writes.
        parts: the key of each entry.
    """

    def __init__(self, store: Store, kind: str, key: str, parts: Mapping[Part, str]) -> None:
        self._store, self._kind, self._key, self._parts = store, kind, key, parts

    def turn(self, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Alone with this evaluation; `waiting` is called while another process is at it."""
        return self._store.turn(self._key, waiting)

    def lines(self) -> Iterator[Line]:
        """All rows, in no order. Raises UslError if the cache cannot be read."""
        for key in self._parts.values():
            yield from self._of(key)

    def keep(self, cell: Cell, lines: list[Line]) -> None:
        """Keep the rows of a cell. Raises UslError if the cache cannot be written."""
        for line in lines:
            key = self._parts[cell.method, cell.seed, line["learner"]]
            others = [known for known in self._of(key) if known["budget"] != cell.budget]
            self._store.save(self._kind, key, {}, {"lines": [*others, line]})

    def _of(self, key: str) -> tuple[Line, ...]:
        written = self._store.written(self._kind, key)
        return () if written is None else _read(self._store.root, self._kind, key, written)


@lru_cache(maxsize=20_000)
def _read(root: Path, kind: str, key: str, written: int) -> tuple[Line, ...]:
    """The rows of an entry that was written then: a page asks for all of them every second."""
    entry = Store(root).load(kind, key)
    return () if entry is None else tuple(map(_line, entry.meta["lines"]))


def _line(kept: Mapping[str, Any]) -> Line:
    """As it was before JSON made lists of its tuples."""
    return {**kept, "class_accuracy": tuple(kept["class_accuracy"]), "picks": tuple(kept["picks"])}
