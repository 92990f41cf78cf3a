"""Results that several callers share: their arrays become read-only, so that nobody changes what another one sees."""

from __future__ import annotations

import mmap
import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
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


def is_read_only(array: np.ndarray) -> bool:
    """Whether nobody can write to this memory, neither by this array nor by one that it is a view of."""
    below: Any = array
    while isinstance(below, np.ndarray):
        if below.flags.writeable:
            return False
        below = below.base
    return below is None or isinstance(below, bytes | mmap.mmap)


class KnownOfArrays:
    """What was computed of read-only arrays, for all threads of this process, and forgotten with them: none is kept alive.

    An array is known by its identity, so whoever makes one writable again and changes it must not come back with it.

    Args:
        limit: bytes that are kept of the values; beyond it what was not asked for longest goes first.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._values: OrderedDict[tuple[int, Hashable], np.ndarray] = OrderedDict()
        self._arrays: dict[int, weakref.ref[np.ndarray]] = {}
        self._lock = threading.RLock()  # an array may be forgotten while its thread is in here

    def get(self, array: np.ndarray, keys: Iterable[K]) -> dict[K, np.ndarray]:
        """The values of those keys that are known of the array."""
        known: dict[K, np.ndarray] = {}
        with self._lock:
            found = self._arrays.get(id(array))
            if found is None or found() is not array:
                return known
            for key in keys:
                value = self._values.get((id(array), key))
                if value is not None:
                    self._values.move_to_end((id(array), key))
                    known[key] = value
        return known

    def put(self, array: np.ndarray, values: Mapping[K, np.ndarray]) -> None:
        """Keep read-only values; of an array that can be changed nothing is."""
        if not is_read_only(array):
            return
        of = id(array)
        with self._lock:
            if of not in self._arrays:
                self._arrays[of] = weakref.ref(array, lambda _: self._forget(of))
            for key, value in values.items():
                if (of, key) not in self._values:
                    self._values[of, key] = value
                    self._held += value.nbytes
            while self._held > self._limit:
                self._held -= self._values.popitem(last=False)[1].nbytes

    def _forget(self, of: int) -> None:
        with self._lock:
            self._arrays.pop(of, None)
            for key in [key for key in self._values if key[0] == of]:
                self._held -= self._values.pop(key).nbytes


def tensor_of(array: np.ndarray) -> Tensor:
    """The same memory for torch, which warns of arrays that are read-only; whoever asks does not write to it."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
