"""From an image set of which a few images have a label to the class of every image, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..pretrain.pixels import load_pixels, training_rows
from ..types import FloatArray, ImageSet, IntArray, Progress
from ..validation import class_ids
from .params import ImageFixMatchParams
from .records import FixMatchRecord
from .train import FixMatched
from .trainer import FixMatchReport, Judged

_READING = 0.05  # of the progress bar
_MOST_JUDGED = 5_000  # after every epoch; in the end all are


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classified:
    """What FixMatch makes of an image set.

    Args:
        rows: (r,) int64 sorted rows of the images that could be read.
        probabilities: (r, C) float32, rows that add up to 1, in the order of the class names.
        accuracy: share that is right of what it is judged on, which had no label in the training; None where no class is known.
        n_judged: how many images these are.
        trained: the training.
    """

    rows: IntArray
    probabilities: FloatArray
    accuracy: float | None
    n_judged: int
    trained: FixMatched


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """An image set of which a few images have a label, and what its guesses are judged on.

    Args:
        images: the image set.
        labels: (n,) class ids, -1 where an image has no label.
        class_names: the name of each class id.
        held_out: other images with labels to judge on; None: those without a label whose class is known all the same.

    Raises:
        UslError: labels and images do not belong together, or `held_out` has no labels, or classes that no label names.

    >>> images, labels = usl.load_demo("digits").images, np.full(1797, -1)
    >>> labels[::90] = images.labels[::90]
    >>> brief = usl.ImageFixMatchParams(n_epochs=1, depth=10, width=1, batch_size=16, mirror=False)
    >>> usl.LabelledSet(images, labels, images.class_names).classify(brief).probabilities.shape
    (1797, 10)
    """

    images: ImageSet
    labels: NDArray[np.int64]
    class_names: Sequence[str]
    held_out: ImageSet | None = None

    def __post_init__(self) -> None:
        ids = class_ids(self.labels, len(self.images))
        if ids.max() >= len(self.class_names):
            raise UslError(f"labels must be below the number of class names ({len(self.class_names)}) but hold {ids.max()}")
        if self.held_out is None:
            return
        if self.held_out.labels is None:
            raise UslError(f"the held-out images in {self.held_out.root} have no labels; sort them into class subfolders")
        unknown = [name for name in self.held_out.class_names if name not in self.class_names]
        if unknown:
            raise UslError(
                f"the held-out images in {self.held_out.root} have the class {unknown[0]!r}, which no label names; "
                f"the labels know {', '.join(self.class_names)}"
            )

    @property
    def judged_images(self) -> ImageSet:
        """That guesses are judged on."""
        return self.images if self.held_out is None else self.held_out

    def judged_classes(self) -> IntArray:
        """(n or held-out images,) int64 class id of each that is judged, -1 of those that are not: what had a label in the
        training, what is byte for byte the same, and what belongs to no class that a label names."""
        judged = self.judged_images
        if judged.labels is None:
            return np.full(len(judged), -1)
        number = {name: index for index, name in enumerate(self.class_names)}
        classes = np.array([number.get(name, -1) for name in judged.class_names])[judged.labels]
        seen = {self.images.digests[row] for row in np.flatnonzero(self.labels >= 0)}
        classes[[index for index, digest in enumerate(judged.digests) if digest in seen]] = -1
        return classes

    @property
    def rows(self) -> IntArray:
        """Sorted rows of the images to learn from: what has a label, and all others, or 200,000 spread evenly over them."""
        return np.union1d(training_rows(len(self.images)), np.flatnonzero(self.labels >= 0))

    def record(self, params: ImageFixMatchParams, seed: int = 0, cache_dir: Path | None = None) -> FixMatchRecord:
        """Where the training with these settings is kept, be it there or not."""
        ids = class_ids(self.labels, len(self.images))[self.rows]
        on: Any = (self.judged_images.fingerprint, self.judged_classes())
        return FixMatchRecord(self.images.fingerprint, ids, len(self.class_names), params, seed, on, cache_dir)

    def classify(
        self,
        params: ImageFixMatchParams | None = None,
        *,
        seed: int = 0,
        device: str = "auto",
        cache_dir: Path | None = None,
        on_epoch: Callable[[FixMatchReport], None] | None = None,
        on_progress: Progress | None = None,
    ) -> Classified:
        """Train FixMatch on the images, and tell the class of every one.

        Args:
            params: None means `ImageFixMatchParams()`.
            seed: whole number >= 0.
            device: see `train_fixmatch`.
            cache_dir: see `Store`; epochs that are done lie there, and an interrupted training goes on after them.
            on_epoch: told after every epoch; not of those that were done before.
            on_progress: see `types.Progress`.

        Raises:
            UslError: as `train_fixmatch` and `load_pixels`; or a labelled image cannot be read.
            Cancelled: as raised by a callback; the next call goes on after the last finished epoch.
        """
        report: Progress = on_progress or (lambda fraction, note: None)
        pixels, rows = load_pixels(self.images, self.rows, on_progress=lambda share, note: report(_READING / 2 * share, note))
        if gone := len(self.rows) - len(rows):
            raise UslError(f"{gone:,} of the {len(self.rows):,} images can no longer be read; scan the folder again")
        classes = self.judged_classes()
        if self.held_out is None:
            theirs, judged_pixels = classes[rows], pixels
        else:
            judged_pixels, judged_rows = load_pixels(
                self.held_out, on_progress=lambda share, note: report(_READING / 2 * (1 + share), note)
            )
            theirs = classes[judged_rows]
        known = np.flatnonzero(theirs >= 0)
        some = known[np.linspace(0, len(known) - 1, min(len(known), _MOST_JUDGED)).round().astype(np.int64)]
        trained = self.record(params or ImageFixMatchParams(), seed, cache_dir).train(
            pixels,
            device=device,
            targets=pixels if self.held_out is None else np.concatenate([pixels, judged_pixels]),
            judged=Judged(pixels=judged_pixels[some], labels=theirs[some]) if len(some) else None,
            on_epoch=on_epoch,
            on_progress=lambda share, note: report(_READING + (1 - _READING) * share, note),
        )
        told = trained.probabilities
        guessed = (told if self.held_out is None else told[len(pixels) :]).argmax(axis=1)
        return Classified(
            rows=rows,
            probabilities=told[: len(pixels)],
            accuracy=float((guessed == theirs)[known].mean()) if len(known) else None,
            n_judged=len(known),
            trained=trained,
        )
