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
from .params import PretrainParams
from .train import Pretrained, pretrain
from .trainer import PretrainReport

KIND = "pretrain"
ALGORITHM = 3  # a new number makes every kept epoch a miss


class PretrainRecord(EpochRecord[PretrainReport]):
    """One training.

    Args:
        name: of what it learns from; with the settings it tells this training from others.
        params: its settings.
        seed: its seed.
        cache_dir: see `Store`.
    """

    def __init__(self, name: str, params: PretrainParams, seed: int = 0, cache_dir: Path | str | None = None) -> None:
        self.params, self.seed = params, seed
        key = fingerprint(KIND, ALGORITHM, name, dataclasses.asdict(params), seed)
        super().__init__(KIND, key, PretrainReport, cache_dir)

    def train(
        self,
        pixels: NDArray[np.uint8],
        *,
        labels: Any = None,
        device: str = "auto",
        on_epoch: Callable[[PretrainReport], None] | None = None,
        on_progress: Progress | None = None,
    ) -> Pretrained:
        """The training, gone on with where it was interrupted; see `pretrain`. Another process that is at it is waited for.

        Raises:
            UslError: as `pretrain`, or the cache cannot be written.
            Cancelled: as raised by a callback; the next call goes on after the last finished epoch.
        """
        with self.kept(on_epoch, on_progress) as how:
            return pretrain(pixels, self.params, seed=self.seed, device=device, labels=labels, on_progress=on_progress, **how)
