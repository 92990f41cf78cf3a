"""Arrays that a map needs, kept on the server until its browser has fetched them: by the digest of their bytes, so that what is
the same is fetched once, and an address never means anything else."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 65535
"""Code of a number that is not known."""
MAX_CATEGORIES = 65534
_LAST = UNKNOWN - 1


class ArrayStore:
    """What was offered last, up to a number of bytes; any thread may call it.

    Args:
        capacity: bytes; the newest array is kept even if it alone is larger.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    @staticmethod
    def digest(array: NDArray[np.generic]) -> str:
        """What an array is called by."""
        return _digest(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def offer(self, array: NDArray[np.generic]) -> str:
        """Keep the bytes of an array; returns their digest."""
        data = np.ascontiguousarray(array).tobytes()
        digest = _digest(data)
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return digest
            self._kept[digest] = data
            self._size += len(data)
            while self._size > self._capacity and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return digest

    def keeps(self, digest: str) -> bool:
        """Whether the array is still kept; it then is among the last to go."""
        with self._lock:
            if digest not in self._kept:
                return False
            self._kept.move_to_end(digest)
            return True

    def find(self, digest: str) -> bytes | None:
        """The bytes, if they are still kept."""
        with self._lock:
            return self._kept.get(digest)

    def clear(self) -> None:
        """Forget everything, as a server that starts anew."""
        with self._lock:
            self._kept.clear()
            self._size = 0


def _digest(data: bytes | memoryview) -> str:
    return blake2b(data, digest_size=16).hexdigest()


STORE = ArrayStore(256 << 20)


def quantity_codes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint16]:
    """(n,) codes 0 to 65534 of numbers from `low` to `high`; what lies beyond counts as the end, NaN as 65535."""
    numbers = np.asarray(values, dtype=np.float64)
    width = high - low if high > low else 1.0
    with np.errstate(invalid="ignore"):
        codes = np.rint(np.clip((numbers - low) / width, 0, 1) * _LAST)
    return np.where(np.isnan(numbers), UNKNOWN, codes).astype(np.uint16)


def category_codes(ids: NDArray[Any]) -> NDArray[np.uint16]:
    """(n,) codes: 0 for none (-1), else the id + 1."""
    return (np.asarray(ids, dtype=np.int64) + 1).astype(np.uint16)


def to_ranges(rows: NDArray[np.integer]) -> list[int]:
    """Ascending rows as [start, length, start, length, ...]."""
    if not len(rows):
        return []
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
    lengths = np.diff(np.append(starts, len(rows)))
    return np.column_stack([np.asarray(rows)[starts], lengths]).ravel().tolist()


def from_ranges(found: object, n: int) -> NDArray[np.int64] | None:
    """The rows of what a browser sent as ranges; None if it is no such list of rows below n, which browsers can send too."""
    if not isinstance(found, list) or len(found) % 2 or not all(type(number) is int for number in found):
        return None
    pairs = np.array(found, dtype=object).reshape(-1, 2)
    end = -1
    for start, length in pairs.tolist():
        if start <= end or length < 1 or start + length > n:
            return None
        end = start + length - 1
    if not len(pairs):
        return np.empty(0, dtype=np.int64)
    return np.concatenate([np.arange(start, start + length, dtype=np.int64) for start, length in pairs.tolist()])
