"""A training on disk: its epochs as they come, and the state to go on from after an interruption."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cache.store import Store, fingerprint
from ..training.checkpoints import Checkpoints
from ..training.trainer import State
from ..types import Progress
from .params import PretrainParams
from .train import Pretrained, pretrain
from .trainer import PretrainReport

KIND = "pretrain"
ALGORITHM = 3  # a new number makes every kept epoch a miss


class PretrainRecord:
    """One training.

    Args:
        name: of what it learns from; with the settings it tells this training from others.
        params: its settings.
        seed: its seed.
        cache_dir: see `Store`.
    """

    def __init__(self, name: str, params: PretrainParams, seed: int = 0, cache_dir: Path | str | None = None) -> None:
        self.params, self.seed = params, seed
        self.key = fingerprint(KIND, ALGORITHM, name, dataclasses.asdict(params), seed)
        self._checkpoints = Checkpoints(Store(cache_dir), KIND, self.key)

    def epochs(self, after: int = 0) -> list[PretrainReport]:
        """The reports of the epochs that are done, those after epoch `after`, up to the first that is missing."""
        return [PretrainReport(**known["report"]) for known in self._checkpoints.epochs(after)]

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
        latest: dict[str, State] = {}

        def keep(report: PretrainReport) -> None:
            self._checkpoints.save(report.epoch, latest["state"], {"report": dataclasses.asdict(report)})
            if on_epoch is not None:
                on_epoch(report)

        with self._checkpoints.turn(on_progress):
            reports = self.epochs()
            state = self._checkpoints.state(len(reports))
            return pretrain(
                pixels,
                self.params,
                seed=self.seed,
                device=device,
                labels=labels,
                on_epoch=keep,
                on_progress=on_progress,
                resume=None if state is None else (reports, state),
                on_state=lambda state: latest.update(state=state),
            )

    def forget(self) -> None:
        """Throw away what there is, so that the next training begins anew."""
        self._checkpoints.discard()
