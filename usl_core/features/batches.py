"""Images to raw vectors in batches, as far as the pool does not know them; each shard is kept as soon as it is whole.

Decoding takes one thread per core. On a CPU it alternates with the forward pass, since both want every core; on a GPU it
goes on meanwhile. Every batch has the same size, the last one filled up with a picture that it has already: a product of
matrices rounds by their shape. On a CPU a batch is computed by one core. So on the CPUs and networks that this was tried with,
a vector has the same bits whatever was encoded beside it, before it, or on how many threads; where that cannot be had, say with
other kernels for the rows at an edge, only last bits depend on it. Shards and batches are formed over what is unknown in the
order of the images, so that at least an interrupted run goes on with the very batches of an undisturbed one.
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
from typing import Any

import numpy as np

from ..arithmetic import torch_threads
from ..encoders.base import Encoder, Model
from ..errors import UslError
from ..types import ImageSet, Progress
from .vectors import Vectors

ENCODING = 0.95
"""Share of the progress bar; the rest is for putting the features together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be encoded, by what and how, and who is told.

    Args:
        images: the image set.
        encoder: see `Encoder`.
        device: see `encode`.
        precision: see `encode`.
        batch_size: see `encode`; no more than a shard has.
        settings: what the raw vectors depend on beside image, encoder and precision.
        report: see `types.Progress`.
    """

    images: ImageSet
    encoder: Encoder
    device: str
    precision: str
    batch_size: int | None = None
    settings: tuple[Any, ...] = ()
    report: Progress


def encode_missing(job: Job, vectors: Vectors) -> dict[int, str]:
    """Compute and keep the raw vectors of every image that has none.

    Returns:
        The images that cannot be read, and why.

    Raises:
        UslError: the encoder cannot be loaded, or the cache cannot be written.
        Cancelled: as raised by `job.report`; the shards that are whole stay.
    """
    groups = vectors.missing()
    if not any(map(len, groups)):
        return {}
    n, already = len(job.images), int(vectors.is_known().sum())
    model = job.encoder.load(job.device, job.precision, lambda note: job.report(ENCODING * already / n, note))
    batch = min(job.batch_size or model.batch_size, job.encoder.shard_size)
    size = job.encoder.shard_size // batch * batch
    shards = [numbers[start : start + size].tolist() for numbers in groups for start in range(0, len(numbers), size)]
    n_threads = _n_cores()
    # Every core gets several images at a time, or the last one keeps the others waiting; and a batch, if it computes one.
    chunk = -(-max(batch * (n_threads if _is_concurrent(model) else 1), 32 * n_threads) // batch) * batch
    chunks = [numbers[start : start + chunk] for numbers in shards for start in range(0, len(numbers), chunk)]
    last = {numbers[-1] for numbers in shards}
    meter = _Meter(job.report, already, n)
    causes: dict[int, str] = {}
    shard = _Shard()
    with closing(_decode(job, vectors, chunks, n_threads, 2 if model.overlap else 0)) as decoded, _forward(model) as forward:
        for numbers, pictures in decoded:
            parts = [slice(start, start + batch) for start in range(0, len(numbers), batch)]
            usable = [_usable(numbers[part], pictures[part]) for part in parts]
            usable = [part for part in usable if part[0]]
            made = forward(_filled_up(some, batch) for _, some in usable)
            for (some, _), vectors_of_some in zip(usable, made, strict=True):
                shard.add(some, vectors_of_some[: len(some)])
                meter.advance(vectors.n_copies(some))
            unread = [number for number, picture in zip(numbers, pictures, strict=True) if isinstance(picture, dict)]
            shard.unreadable += unread
            causes |= {row: cause for picture in pictures if isinstance(picture, dict) for row, cause in picture.items()}
            meter.advance(vectors.n_copies(unread))
            if numbers[-1] in last:
                if shard.numbers:
                    vectors.save(shard.numbers, np.concatenate(shard.raw), shard.unreadable)
                shard = _Shard()
    return causes


class _Shard:
    """What is known of a shard that is not whole yet."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.raw: list[np.ndarray] = []
        self.unreadable: list[int] = []

    def add(self, numbers: list[int], raw: np.ndarray) -> None:
        self.numbers += numbers
        self.raw.append(raw)


def _usable(numbers: list[int], pictures: Sequence[np.ndarray | dict[int, str]]) -> tuple[list[int], list[np.ndarray]]:
    pairs = [(number, picture) for number, picture in zip(numbers, pictures, strict=True) if isinstance(picture, np.ndarray)]
    return [number for number, _ in pairs], [picture for _, picture in pairs]


def _filled_up(pictures: list[np.ndarray], batch: int) -> np.ndarray:
    return np.stack(pictures + pictures[:1] * (batch - len(pictures)))


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


def _decode(
    job: Job, vectors: Vectors, chunks: Sequence[list[int]], n_threads: int, ahead: int
) -> Generator[tuple[list[int], list[np.ndarray | dict[int, str]]], None, None]:
    """Pixels of every image, or why there are none, chunk by chunk; at most `ahead` chunks are decoded in advance."""
    upcoming = iter(chunks)
    waiting: deque[tuple[list[int], list[Future[np.ndarray | dict[int, str]]]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="decode")

    def submit(count: int) -> None:
        for numbers in islice(upcoming, max(count, 0)):
            waiting.append((numbers, [pool.submit(_read_any, job, vectors.copies(number)) for number in numbers]))

    try:
        submit(1)
        while waiting:
            numbers, futures = waiting.popleft()
            submit(ahead - len(waiting))
            yield numbers, [future.result() for future in futures]
            if not waiting:
                submit(1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_any(job: Job, copies: list[int]) -> np.ndarray | dict[int, str]:
    """Pixels of the first of these copies that can be read, or why none of them can."""
    causes = {}
    for index in copies:
        picture = read_pixels(job, index)
        if not isinstance(picture, str):
            return picture
        causes[index] = picture
    return causes


def read_pixels(job: Job, index: int) -> np.ndarray | str:
    """What the encoder sees of one image, or why it cannot be read; the problem report names the file beside that."""
    from ..images.scan import open_image

    try:
        image = open_image(job.images, index, min_side=job.encoder.decode_side)
    except UslError as error:
        return str(error).removeprefix(f"{job.images.paths[index]!r} in {job.images.root} ")
    return job.encoder.prepare(image)


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
