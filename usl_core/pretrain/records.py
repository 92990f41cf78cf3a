"""A training on disk: its epochs as they come, and the state to go on from after an interruption."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store import Store, fingerprint
from ..types import Progress
from .params import PretrainParams
from .train import Pretrained, pretrain
from .trainer import PretrainReport, State

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
        self._store = Store(cache_dir)
        self._epochs = self._store.shards(f"{KIND}-epochs", self.key)
        self._states = self._store.shards(f"{KIND}-states", self.key)

    def epochs(self, after: int = 0) -> list[PretrainReport]:
        """The reports of the epochs that are done, those after epoch `after`, up to the first that is missing."""
        found: list[PretrainReport] = []
        while (entry := self._epochs.load(after + len(found) + 1)) is not None:
            found.append(PretrainReport(**entry.meta["report"]))
        return found

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
            # The report first: a state without its report could not be gone on from.
            self._epochs.save(report.epoch, {}, {"report": dataclasses.asdict(report)})
            self._states.save(report.epoch % 2, latest["state"])
            if on_epoch is not None:
                on_epoch(report)

        def waiting() -> None:
            if on_progress is not None:
                on_progress(0.0, "another process is at this training; this one waits for it")

        with self._store.turn(self.key, waiting):
            return pretrain(
                pixels,
                self.params,
                seed=self.seed,
                device=device,
                labels=labels,
                on_epoch=keep,
                on_progress=on_progress,
                resume=self._resumable(),
                on_state=lambda state: latest.update(state=state),
            )

    def forget(self) -> None:
        """Throw away what there is, so that the next training begins anew."""
        self._epochs.discard()
        self._states.discard()

    def _resumable(self) -> tuple[list[PretrainReport], State] | None:
        """The newest state that is intact and has all its reports; of two states one may have been cut off."""
        reports = self.epochs()
        states = [entry.arrays for slot in (0, 1) if (entry := self._states.load(slot)) is not None]
        usable = [state for state in states if int(state["epoch"]) <= len(reports)]
        return (reports, max(usable, key=lambda state: int(state["epoch"]))) if usable else None
