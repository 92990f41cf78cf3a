"""From an image set to an encoder of its own, in one call; and how long that would take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cache.store import fingerprint
from ..encoders.trained import TrainedCard, check_name
from ..types import ImageSet, Progress
from .knn_probe import probe_sample
from .params import PretrainParams
from .pixels import load_pixels, training_rows
from .records import PretrainRecord
from .train import Pretrained, export_pretrained
from .trainer import Pretraining, PretrainReport

_READING = 0.05  # of the progress bar
_TRIED = 8  # batches read for an estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a training takes on this machine.

    Args:
        reading: seconds to read the images.
        epoch: seconds for an epoch.
    """

    reading: float
    epoch: float


def record_of(images: ImageSet, params: PretrainParams, seed: int = 0, cache_dir: Path | None = None) -> PretrainRecord:
    """Where the training of these images with these settings is kept, be it there or not."""
    # Of labels nothing is learned, but the accuracies in the reports are theirs.
    name = images.fingerprint if images.labels is None else fingerprint(images.fingerprint, images.labels)
    return PretrainRecord(name, params, seed, cache_dir)


def pretrain_encoder(
    images: ImageSet,
    name: str,
    params: PretrainParams | None = None,
    *,
    seed: int = 0,
    source: str = "a folder",
    device: str = "auto",
    cache_dir: Path | None = None,
    on_epoch: Callable[[PretrainReport], None] | None = None,
    on_progress: Progress | None = None,
) -> tuple[TrainedCard, Pretrained]:
    """Learn features from images, without labels, and keep the network as an encoder.

    Args:
        images: an image set; its labels, if any, are used for the accuracy in the reports alone.
        name: see `export_encoder`.
        params: None means `PretrainParams()`.
        seed: whole number >= 0.
        source: what the images are, in a word, for the card.
        device: see `pretrain`.
        cache_dir: see `Store`; epochs that are done lie there, and an interrupted training goes on after them.
        on_epoch: told after every epoch; not of those that were done before.
        on_progress: see `types.Progress`.

    Returns:
        The encoder's card, and the training.

    Raises:
        UslError: as `pretrain`, `load_pixels` and `export_encoder`.
        Cancelled: as raised by a callback; the next call goes on after the last finished epoch.

    >>> images = usl.load_demo("digits").images
    >>> card, training = usl.pretrain_encoder(images, "mine", usl.PretrainParams(n_epochs=1))
    >>> usl.encode(images, "trained:mine").values.shape
    (1797, 128)
    """
    check_name(name)
    report: Progress = on_progress or (lambda fraction, note: None)
    pixels, rows = load_pixels(images, on_progress=lambda share, note: report(_READING * share, note))
    trained = record_of(images, params or PretrainParams(), seed, cache_dir).train(
        pixels,
        labels=None if images.labels is None else images.labels[rows],
        device=device,
        on_epoch=on_epoch,
        on_progress=lambda share, note: report(_READING + (1 - _READING) * share, note),
    )
    return export_pretrained(name, trained, source), trained


def estimate(
    images: ImageSet, params: PretrainParams, *, device: str = "auto", on_progress: Progress | None = None
) -> Estimate:
    """Read some images and train on them for some steps, all of it thrown away.

    Raises:
        UslError: none of the images can be read, or no such device.
        Cancelled: as raised by `on_progress`.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    n = len(training_rows(len(images)))
    some = training_rows(len(images))[np.linspace(0, n - 1, min(n, _TRIED * params.batch_size)).astype(np.int64)]
    start = time.perf_counter()
    pixels, rows = load_pixels(images, some, on_progress=lambda share, note: report(share / 2, note))
    reading = (time.perf_counter() - start) * n / len(some)
    report(0.5, "trying some steps")
    labels = None if images.labels is None else images.labels[rows].astype(np.int64)
    epoch = Pretraining(pixels, params, 0, device, probe_sample(len(pixels), labels)).seconds(n)
    return Estimate(reading=reading, epoch=epoch)
