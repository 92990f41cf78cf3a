"""What encoding a set of images would cost here, measured on a few of them before one commits to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..arithmetic import torch_threads
from ..encoders.base import Encoder, Model
from ..encoders.registry import card_of, get_encoder
from ..errors import UslError
from ..images.scan import open_image
from ..types import ImageSet, Progress

_ROUNDS = 2  # the first batch also makes room and chooses algorithms


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingCost:
    """What one encoder would take.

    Args:
        loading: seconds until it is ready.
        rate: images per second from then on.
        seconds: for all images.
    """

    loading: float
    rate: float
    seconds: float


def encoding_cost(images: ImageSet, encoder: str, *, device: str = "auto", on_progress: Progress | None = None) -> EncodingCost:
    """Read one batch of images, spread over the set, and encode it; all of it is thrown away.

    Args:
        images: the image set.
        encoder: a full name; one whose weights are not here is measured with random ones, which take as long.
        device: see `encode`.
        on_progress: see `types.Progress`.

    Raises:
        UslError: no such encoder or device, or none of the tried images can be read.
        Cancelled: as raised by `on_progress`.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    resolved = get_encoder(encoder, None if card_of(encoder).cached else "random")
    start = time.perf_counter()
    model = resolved.load(device, "float32", lambda note: report(0.1, note))
    loading = time.perf_counter() - start
    report(0.4, f"{encoder}: reading some images")
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pixels, reading = _read(images, resolved, model.batch_size, n_cores)
    report(0.7, f"{encoder}: trying them")
    forward = _forward(model, pixels, n_cores)
    rate = 1 / max(forward, reading) if model.overlap else 1 / (forward + reading)
    report(1.0, f"{encoder}: {rate:,.0f} images/s")
    return EncodingCost(loading=loading, rate=rate, seconds=loading + len(images) / rate)


def _read(images: ImageSet, encoder: Encoder, batch: int, n_cores: int) -> tuple[np.ndarray, float]:
    """A batch of what the encoder sees, and the seconds that one image took, several being read at once."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), max(batch, 2 * n_cores))).astype(np.int64)).tolist()

    def read(row: int) -> np.ndarray | UslError:
        try:
            return encoder.prepare(open_image(images, row, min_side=encoder.decode_side))
        except UslError as error:  # one of many; encoding will report it
            return error

    start = time.perf_counter()
    with ThreadPoolExecutor(n_cores, thread_name_prefix="cost") as pool:
        found = list(pool.map(read, rows))
    took = (time.perf_counter() - start) / len(rows)
    readable = [one for one in found if isinstance(one, np.ndarray)]
    if not readable:
        raise next(one for one in found if isinstance(one, UslError))
    return np.stack([readable[number % len(readable)] for number in range(batch)]), took


def _forward(model: Model, pixels: np.ndarray, n_cores: int) -> float:
    """Seconds per image of the forward pass, every core with a batch of its own where the model lets it."""
    if not getattr(model, "concurrent", False):
        return _best(lambda: model(pixels)) / len(pixels)
    with torch_threads(1), ThreadPoolExecutor(n_cores, thread_name_prefix="cost") as pool:
        return _best(lambda: list(pool.map(model, [pixels] * n_cores))) / (len(pixels) * n_cores)


def _best(action: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def encoding_costs(
    images: ImageSet, encoders: Sequence[str], *, on_progress: Progress | None = None
) -> dict[str, EncodingCost | UslError]:
    """`encoding_cost` of several encoders, in order; of one that cannot be measured the error. Arguments as there."""
    report: Progress = on_progress or (lambda fraction, note: None)
    found: dict[str, EncodingCost | UslError] = {}
    for number, name in enumerate(encoders):

        def part(fraction: float, note: str, number: int = number) -> None:
            report((number + fraction) / len(encoders), note)

        try:
            found[name] = encoding_cost(images, name, on_progress=part)
        except UslError as error:
            found[name] = error
    return found
