"""The pool of raw vectors: what an encoder made of an image is kept under the digest of its file, whatever folder it is in.

So ten new files encode ten, renaming encodes none, and two folders share the images that they have in common. Vectors lie in
shards, each an entry of the cache that is written once and never changed; which of them holds an image is told by an index
(`cache.index`) or, without one, by all of them. Nothing is believed unseen: a shard lists the digests of its rows, and one that
is damaged or was evicted makes its images unknown again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..cache.contents import keys_of
from ..cache.index import INDEXED, MOST_AT_ONCE, Index, Unavailable, opened
from ..cache.pruning import remove_if_damaged
from ..cache.store import FORMAT_VERSION, Entry, Store, fingerprint
from ..cache.upkeep import pinned
from ..errors import UslError
from ..types import IntArray
from .gathering import VectorsVanished, Wanted, in_blocks
from .ids import as_bytes, bytes_of_ids, ids_of_bytes, image_ids

if TYPE_CHECKING:
    from ..encoders.base import Encoder, RawBlocks

log = logging.getLogger(__name__)

KIND = INDEXED
ALGORITHM = 1  # a new number makes every vector in the pool unknown


def vector_key(encoder: Encoder, precision: str, settings: Sequence[Any] = ()) -> str:
    """What the vectors of an encoder are kept under, together with the digest of an image.

    Args:
        encoder: its `identity` covers weights, preprocessing and precision.
        precision: see `encode`.
        settings: whatever else they depend on.
    """
    return fingerprint(KIND, ALGORITHM, encoder.name, encoder.identity(precision), list(settings))


class Vectors:
    """The raw vectors of some images: which are known, in which shard, and room for more.

    As a context, it keeps their shards from being evicted.

    Args:
        store: where they are.
        key: of `vector_key`.
        digests: n, of the images; equal ones share a vector, and have one number in [0, n_distinct).
    """

    def __init__(self, store: Store, key: str, digests: Sequence[str]) -> None:
        self._store, self._key = store, key
        self._ids, first, number = np.unique(image_ids(digests), return_index=True, return_inverse=True)
        self._first: IntArray = first
        self.numbers: IntArray = number  # (n,) of each image
        self._rows_by_number = np.argsort(number, kind="stable")
        self._counts = np.bincount(number, minlength=len(self._ids))
        self._ends = np.cumsum(self._counts)
        self._shards: list[str] = []
        self._shard: IntArray = np.full(len(self._ids), -1)
        self._row: IntArray = np.zeros(len(self._ids), dtype=np.int64)
        self._tried = np.zeros(len(self._ids), dtype=bool)
        self._pins = ExitStack()
        self._n_saved = 0

    def __enter__(self) -> Vectors:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pins.close()
        if self._n_saved and error is None:  # else the next that looks for images makes up for it
            self._with_index(lambda index: None)

    def find(self) -> None:
        """Look for the images in the shards that there are.

        Raises:
            UslError: a shard may be there, but the system does not let it be read.
        """
        if not self._with_index(self._follow):
            for key in keys_of(self._store.root, KIND):
                self._take_in(key)

    def missing(self) -> list[IntArray]:
        """Numbers without a vector in the order of the images: those that nobody tried to read, then those that were tried."""
        unknown = np.flatnonzero(self._shard < 0)
        unknown = unknown[np.argsort(self._first[unknown], kind="stable")]
        return [unknown[~self._tried[unknown]], unknown[self._tried[unknown]]]

    def copies(self, number: int) -> list[int]:
        """The images that have that number."""
        end = self._ends[number]
        return self._rows_by_number[end - self._counts[number] : end].tolist()

    def n_copies(self, numbers: Sequence[int]) -> int:
        """How many images have one of these numbers."""
        return int(self._counts[np.asarray(numbers, dtype=np.int64)].sum())

    def is_known(self) -> NDArray[np.bool_]:
        """(n,) whether an image has a vector."""
        return (self._shard >= 0)[self.numbers]

    def save(self, numbers: Sequence[int], raw: np.ndarray, unreadable: Sequence[int]) -> None:
        """Keep a shard.

        Args:
            numbers: r, of its rows.
            raw: (r, ...) their raw vectors.
            unreadable: numbers that were tried with them and could not be read.

        Raises:
            UslError: the cache directory cannot be written.
        """
        digests = bytes_of_ids(self._ids[list(numbers)])
        key = fingerprint(KIND, self._key, digests)
        self._pins.enter_context(pinned(self._store.root, KIND, key))
        tried = [digest.hex() for digest in as_bytes(self._ids[list(unreadable)])]
        self._store.save(KIND, key, {"raw": raw, "digests": digests}, {"encoder": self._key, "unreadable": tried})
        self._shard[list(numbers)], self._row[list(numbers)] = len(self._shards), np.arange(len(numbers))
        self._shards.append(key)
        self._n_saved += 1

    def raw(self, images: IntArray, block: int, on_block: Callable[[], None]) -> RawBlocks:
        """The raw vectors of images, see `gathering`.

        Args:
            images: (r,) that have one, in the order in which they are wanted.
            block: rows at a time.
            on_block: called before some are read.

        Raises:
            VectorsVanished: while it is gone over.
        """
        numbers = self.numbers[images]
        wanted = Wanted(ids=self._ids[numbers], shards=self._shard[numbers], rows=self._row[numbers])
        return in_blocks(wanted, self._load, block, on_block)

    def _load(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        entry = self._store.load(KIND, self._shards[shard])
        if entry is None:
            raise VectorsVanished
        return entry.arrays["raw"], ids_of_bytes(entry.arrays["digests"])

    def _with_index(self, use: Callable[[Index], None]) -> bool:
        """Bring the index in line with the shards and use it; whether that could be done. A damaged one is made anew, once."""
        for _ in range(2):
            try:
                with opened(self._store.root) as index:
                    index.update(keys_of(self._store.root, KIND), self._members)
                    use(index)
                return True
            except Unavailable as error:
                if not error.is_set_aside:
                    log.info("the index of %s is not used (%s); all vectors are looked through", self._store.root, error)
                    break
        return False

    def _follow(self, index: Index) -> None:
        """Ask for the images in their order, a few at a time: the shard that has one most often has its neighbours too."""
        order = np.argsort(self._first)
        asked: set[str] = set()
        for start in range(0, len(order), MOST_AT_ONCE):
            some = order[start : start + MOST_AT_ONCE]
            unknown = self._ids[some[self._shard[some] < 0]]
            if len(unknown):
                for key in index.holding(self._key, as_bytes(unknown)):
                    if key not in asked:
                        asked.add(key)
                        self._take_in(key)

    def _members(self, key: str) -> tuple[str, list[bytes]] | None:
        try:
            entry = self._part(key, ("digests",))
        except UslError as error:  # it may be none that is wanted here
            log.warning("vectors are left out of the index: %s", error)
            return None
        if entry is None:
            self._remove_if_damaged(key)
            return None
        return entry.meta["encoder"], as_bytes(entry.arrays["digests"])

    def _take_in(self, key: str) -> None:
        """Note which images a shard holds that were not known yet."""
        with ExitStack() as pin:
            pin.enter_context(pinned(self._store.root, KIND, key))
            entry = self._part(key, ("digests", "raw"))  # all of it, so that damage shows before anything is encoded
            if entry is not None:
                if entry.meta["encoder"] == self._key and self._note(len(self._shards), entry):
                    self._shards.append(key)
                    self._pins.enter_context(pin.pop_all())
                return
        self._remove_if_damaged(key)  # not pinned any more, or it would be in use

    def _note(self, shard: int, entry: Entry) -> bool:
        """Whether there is an image in it that was not known yet."""
        tried = np.array([bytes.fromhex(one) for one in entry.meta["unreadable"]], dtype=self._ids.dtype)
        self._tried[self._numbers_of(tried)[0]] = True
        numbers, rows = self._numbers_of(ids_of_bytes(entry.arrays["digests"]))
        new = self._shard[numbers] < 0
        self._shard[numbers[new]], self._row[numbers[new]] = shard, rows[new]
        return bool(new.any())

    def _part(self, key: str, names: tuple[str, ...]) -> Entry | None:
        """Those arrays of a shard, or None if it cannot be used."""
        entry = self._store.load(KIND, key, names)
        if entry is None or set(entry.arrays) != set(names) or not {"encoder", "unreadable"} <= set(entry.meta):
            return None
        return entry

    def _numbers_of(self, ids: np.ndarray) -> tuple[IntArray, IntArray]:
        """Numbers of those ids that are wanted, and where in `ids` they are."""
        found = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        rows = np.flatnonzero(self._ids[found] == ids)
        return found[rows], rows

    def _remove_if_damaged(self, key: str) -> None:
        try:
            if remove_if_damaged(self._store.root, KIND, key, FORMAT_VERSION):
                log.warning("the damaged vectors %s are removed; their images are encoded again when they are wanted", key)
        except OSError as error:
            log.warning("the vectors %s are damaged, and cannot be removed (%s)", key, error)
