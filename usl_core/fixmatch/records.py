"""A training on disk: its epochs as they come, and the state to go on from after an interruption."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cache.store import fingerprint
from ..training.records import EpochRecord
from ..types import Progress
from .params import ImageFixMatchParams
from .train import FixMatched, train_fixmatch
from .trainer import FixMatchReport, Judged

KIND = "fixmatch"
ALGORITHM = 1  # a new number makes every kept epoch a miss


class FixMatchRecord(EpochRecord[FixMatchReport]):
    """One training.

    Args:
        name: of the images that it learns from.
        labels: (n,) int64 class ids, -1 where an image has no label.
        n_classes: C.
        params: its settings.
        seed: its seed.
        judged_on: what tells the pictures of the reports' accuracies from others.
        cache_dir: see `Store`.
    """

    def __init__(
        self,
        name: str,
        labels: NDArray[np.int64],
        n_classes: int,
        params: ImageFixMatchParams,
        seed: int = 0,
        judged_on: Any = None,
        cache_dir: Path | str | None = None,
    ) -> None:
        self._labels, self._n_classes, self.params, self.seed = labels, n_classes, params, seed
        key = fingerprint(KIND, ALGORITHM, name, labels, n_classes, dataclasses.asdict(params), seed, judged_on)
        super().__init__(KIND, key, FixMatchReport, cache_dir)

    def train(
        self,
        pixels: NDArray[np.uint8],
        *,
        device: str = "auto",
        targets: NDArray[np.uint8] | None = None,
        judged: Judged | None = None,
        on_epoch: Callable[[FixMatchReport], None] | None = None,
        on_progress: Progress | None = None,
    ) -> FixMatched:
        """The training, gone on with where it was interrupted; see `train_fixmatch`. Another process at it is waited for.

        Raises:
            UslError: as `train_fixmatch`, or the cache cannot be written.
            Cancelled: as raised by a callback; the next call goes on after the last finished epoch.
        """
        with self.kept(on_epoch, on_progress) as how:
            return train_fixmatch(
                pixels,
                self._labels,
                self.params,
                n_classes=self._n_classes,
                seed=self.seed,
                device=device,
                targets=targets,
                judged=judged,
                on_progress=on_progress,
                **how,
            )
