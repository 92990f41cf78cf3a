"""Raw vectors of all images, shard by shard on disk, so that interrupted work goes on where it stopped.

Decoding takes one thread per core. On a CPU it alternates with the forward pass, since both want every core; on a GPU it
goes on meanwhile. Shards and batches have fixed places, and on a CPU every core has a batch of its own, so that an interrupted
run ends with the very same bits, and so does one on another number of threads.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np

from .arithmetic import torch_threads
from .encoders import Encoder, Model
from .errors import UslError
from .store import Entry, Shards, Store
from .types import ImageSet, Progress

ENCODING = 0.95
"""Share of the progress bar; the rest is for putting the features together."""
_ATTEMPTS = 5


class ShardsVanished(Exception):
    """A shard that was there is there no longer."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be encoded, by what, where the pieces are kept, and who is told."""

    images: ImageSet
    encoder: Encoder
    shards: Shards
    report: Progress

    @property
    def n_shards(self) -> int:
        """Shards of the whole image set; the last may be short."""
        return -(-len(self.images) // self.encoder.shard_size)

    def rows(self, shard: int) -> range:
        """The images of one shard."""
        size = self.encoder.shard_size
        return range(shard * size, min((shard + 1) * size, len(self.images)))


def encode_shards(job: Job, device: str, precision: str, batch_size: int | None) -> None:
    """Compute and save the raw vectors of every shard that is not there yet.

    Raises:
        UslError: the encoder cannot be loaded, or the cache cannot be written.
        Cancelled: as raised by `job.report`; the shards that are complete stay.
    """
    missing = [shard for shard in range(job.n_shards) if job.shards.load(shard) is None]
    if not missing:
        return
    n = len(job.images)
    already = n - sum(len(job.rows(shard)) for shard in missing)
    model = job.encoder.load(device, precision, lambda note: job.report(ENCODING * already / n, note))
    batch = batch_size or model.batch_size
    n_threads = _n_cores()
    # Every core gets several images at a time, or the last one keeps the others waiting; and a batch, if it computes one.
    chunk = -(-max(batch * (n_threads if _is_concurrent(model) else 1), 32 * n_threads) // batch) * batch
    chunks = [rows[at : at + chunk] for rows in map(job.rows, missing) for at in range(0, len(rows), chunk)]
    meter = _Meter(job.report, already, n)
    raw: list[np.ndarray] = []
    causes: dict[int, str] = {}
    with closing(_decode(job, chunks, n_threads, ahead=2 if model.overlap else 0)) as decoded, _forward(model) as forward:
        for rows, pictures in decoded:
            causes |= {i: picture for i, picture in zip(rows, pictures, strict=True) if isinstance(picture, str)}
            parts = (pictures[at : at + batch] for at in range(0, len(pictures), batch))
            usable = [[picture for picture in part if not isinstance(picture, str)] for part in parts]
            for made in forward(np.stack(some) for some in usable if some):
                raw.append(made)
                meter.advance(len(made))
            meter.advance(len(pictures) - sum(map(len, usable)))
            if rows.stop == job.rows(rows.start // job.encoder.shard_size).stop:
                _save_shard(job, rows.start // job.encoder.shard_size, raw, causes)
                raw, causes = [], {}


def encoded_once(
    store: Store, kind: str, key: str, job: Job, encode: Callable[[], Entry], fits: Callable[[Entry], bool]
) -> Entry:
    """An entry that is made of the shards of a job: by this process, or by another one that is at it already.

    Args:
        store: where it is kept.
        kind: of the entry.
        key: its fingerprint.
        job: whose shards are thrown away once it is there.
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
                entry = entry or encode()
            except ShardsVanished:  # where nobody waits for another, that one has finished first, or the cache was emptied
                continue
            job.shards.discard()
            return entry
    raise UslError(
        f"intermediate features vanished from the cache {_ATTEMPTS} times while they were computed; what removes them?"
    )


def _is_concurrent(model: Model) -> bool:
    return getattr(model, "concurrent", False)


@contextmanager
def _forward(model: Model) -> Iterator[Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]]:
    """What the model makes of batch after batch."""
    if not _is_concurrent(model):
        yield lambda batches: map(model, batches)
        return
    import torch

    pool = ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="encode")
    try:
        with torch_threads(1):
            yield lambda batches: pool.map(model, batches)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _save_shard(job: Job, shard: int, raw: Sequence[np.ndarray], causes: dict[int, str]) -> None:
    arrays = {"raw": np.concatenate(raw)} if raw else {}
    job.shards.save(shard, arrays, {"unreadable": list(causes.items())})


def _decode(
    job: Job, chunks: Sequence[range], n_threads: int, ahead: int
) -> Generator[tuple[range, list[np.ndarray | str]], None, None]:
    """Pixels of every image, or why there are none, chunk by chunk; at most `ahead` chunks are decoded in advance."""
    upcoming = iter(chunks)
    waiting: deque[tuple[range, list[Future[np.ndarray | str]]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="decode")

    def submit(count: int) -> None:
        waiting.extend((rows, [pool.submit(read_pixels, job, i) for i in rows]) for rows in islice(upcoming, max(count, 0)))

    try:
        submit(1)
        while waiting:
            rows, futures = waiting.popleft()
            submit(ahead - len(waiting))
            yield rows, [future.result() for future in futures]
            if not waiting:
                submit(1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_pixels(job: Job, index: int) -> np.ndarray | str:
    """What the encoder sees of one image, or why it cannot be read; the problem report names the file beside that."""
    from .images import open_image

    try:
        image = open_image(job.images, index, min_side=job.encoder.decode_side)
    except UslError as error:
        return str(error).removeprefix(f"{job.images.paths[index]!r} in {job.images.root} ")
    return job.encoder.prepare(image)


def load_shard(job: Job, number: int) -> Entry:
    """A shard that has been saved. Raises ShardsVanished if it is gone."""
    shard = job.shards.load(number)
    if shard is None:
        raise ShardsVanished
    return shard


class _Meter:
    """Tells how many images are done, how fast, and for how long still."""

    def __init__(self, report: Progress, already: int, total: int) -> None:
        self._report, self._already, self._total = report, already, total
        self._new, self._start = 0, time.monotonic()

    def advance(self, count: int) -> None:
        if count == 0:
            return
        self._new += count
        done = self._already + self._new
        rate = self._new / max(time.monotonic() - self._start, 1e-6)
        note = f"{done:,} of {self._total:,} images, {rate:,.{0 if rate >= 10 else 1}f} images/s, "
        self._report(ENCODING * done / self._total, note + _time_left((self._total - done) / rate))


def _time_left(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit} left"
    return f"{seconds:.0f} s left"


def _n_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
