"""What is kept on disk of a training that is not finished: its epochs as they come, and a state to go on from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..cache.store import Entry, Store
from ..types import Progress
from .trainer import State


class Checkpoints:
    """The epochs of one training, and its last two states: one of them may be cut off when the process is killed.

    Args:
        store: where.
        kind: of training.
        key: of this one, of its inputs and settings.
    """

    def __init__(self, store: Store, kind: str, key: str) -> None:
        self._store, self._key = store, key
        self._epochs = store.shards(f"{kind}-epochs", key)
        self._states = store.shards(f"{kind}-states", key)

    @contextmanager
    def turn(self, on_progress: Progress | None) -> Iterator[None]:
        """Alone with this training: another process that is at it is waited for, and `on_progress` is told so."""

        def waiting() -> None:
            if on_progress is not None:
                on_progress(0.0, "another process is at this training; this one waits for it")

        with self._store.turn(self._key, waiting):
            yield

    def save(self, epoch: int, state: State, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Keep an epoch, and the state after it in the place of the last but one.

        Args:
            epoch: from 1.
            state: see `Trainer.state`.
            meta: what is known of the epoch.
            arrays: that belong to it.
        """
        # The report first: a state without its report could not be gone on from.
        self._epochs.save(epoch, arrays or {}, meta)
        self._states.save(epoch % 2, state)

    def epoch(self, number: int) -> Entry | None:
        """What is kept of an epoch, None if nothing that is whole is.

        Raises:
            UslError: the system does not let it be read.
        """
        return self._epochs.load(number)

    def epochs(self, after: int = 0) -> Iterator[Mapping[str, Any]]:
        """What is known of the epochs after epoch `after`, up to the first that is missing or damaged.

        Raises:
            UslError: the system does not let one be read.
        """
        while (entry := self._epochs.load(after := after + 1)) is not None:
            yield entry.meta

    def state(self, n_epochs: int) -> State | None:
        """The newest state that is whole, of those after one of the first `n_epochs` epochs."""
        states = [entry.arrays for slot in (0, 1) if (entry := self._states.load(slot)) is not None]
        usable = [state for state in states if int(state["epoch"]) <= n_epochs]
        return max(usable, key=lambda state: int(state["epoch"]), default=None)

    def discard(self) -> None:
        """Throw them away, so that the next training begins anew."""
        self._epochs.discard()
        self._states.discard()
