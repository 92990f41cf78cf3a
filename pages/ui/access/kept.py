"""What was used last, made once however many ask for it at the same time. Nothing is kept of a failure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A least-recently-used cache; any thread may call it.

    Args:
        most: values that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[K, Future[V]] = {}

    def find(self, key: K) -> V | None:
        """What is kept under that key; a key that is not there changes nothing."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """What is kept under that key; else `make()`, which runs once for all that wait for it. Raises as `make`."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            underway = self._making.get(key)
            if underway is None:
                mine: Future[V] = Future()
                self._making[key] = mine
        if underway is not None:
            return underway.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._making[key]
            self._values[key] = value
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        mine.set_result(value)
        return value
