"""What is encoded once and then read back: looked up, computed as far as it is not known, by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..cache.store import Entry, Store
from ..errors import UslError
from .batches import Job, encode_missing
from .gathering import VectorsVanished
from .vectors import Vectors, vector_key

_ATTEMPTS = 5


@contextmanager
def raw_vectors(store: Store, job: Job) -> Iterator[tuple[Vectors, dict[int, str]]]:
    """The raw vectors of all images, those that are in the pool and those that are made now; and which cannot be read, and why.

    Raises:
        UslError: the encoder cannot be loaded, or the cache cannot be read or written.
        Cancelled: as raised by `job.report`; what was kept so far stays.
    """
    with Vectors(store, vector_key(job.encoder, job.precision, job.settings), job.images.digests) as vectors:
        vectors.find()
        yield vectors, encode_missing(job, vectors)


def encoded_once(
    store: Store, kind: str, key: str, job: Job, encode: Callable[[], Entry], fits: Callable[[Entry], bool]
) -> Entry:
    """An entry that is made of raw vectors: by this process, or by another one that is at it already.

    Args:
        store: where it is kept.
        kind: of the entry.
        key: its fingerprint.
        job: who is told when another process is waited for.
        encode: makes and saves it.
        fits: whether one that is there will do; it is discarded otherwise.

    Raises:
        UslError: as `encode`, or the cache cannot be written.
        Cancelled: as raised by `job.report`; another process that is at it goes on.
    """

    def waiting() -> None:
        job.report(0.0, "another process encodes the same images; this one waits for it")

    with store.turn(key, waiting):
        for _ in range(_ATTEMPTS):
            entry = store.load(kind, key)
            if entry is not None and not fits(entry):
                store.discard(kind, key)
                entry = None
            try:
                return entry or encode()
            except VectorsVanished:  # the cache was emptied, or where there are no locks, vectors that nobody used for an hour
                continue
    raise UslError(
        f"intermediate features vanished from the cache {_ATTEMPTS} times while they were computed; what removes them?"
    )
