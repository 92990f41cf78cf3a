"""An epoch of any training: random batches, each fetched a step ahead, then a report; and the state between two epochs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from ..arithmetic import blas_threads, same_convolutions, torch_threads
from ..errors import UslError
from ..types import IntArray, Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor

State = Mapping[str, np.ndarray]
Batch = tuple[IntArray, ...]
"""Rows of a step, and rows that belong to them, if any."""
Report = TypeVar("Report", bound=Any)
"""A frozen dataclass with the fields `epoch` and `seconds`."""

_THREADS = "threads"


class Diverged(UslError):
    """The loss is no longer a finite number."""


class Trainer(ABC, Generic[Report]):
    """A training that goes on epoch by epoch; the same seed gives the same epochs on one machine, also after `restore`.

    Args:
        n: number of images.
        n_epochs: passes over them.
        batch_size: images of a step.
        seed: whole number >= 0.
        device: that it computes on.
        n_threads: on which torch computes; another number gives other last bits, and in the end another training. What was
            begun on one number goes on with it.
    """

    steps_share: ClassVar[float]
    """Of an epoch's work; the rest is the report."""
    least_batch: ClassVar[int] = 1

    def __init__(self, n: int, n_epochs: int, batch_size: int, seed: int, device: torch.device, n_threads: int) -> None:
        self._n, self.n_epochs, self.batch_size, self._seed = n, n_epochs, batch_size, seed
        self._device, self._n_threads, self.epoch = device, n_threads, 0

    @abstractmethod
    def _named(self) -> Mapping[str, Tensor]:
        """What the next epoch depends on, by name."""

    @abstractmethod
    def _batches(self, order: IntArray, rng: np.random.Generator) -> Sequence[Batch]:
        """An epoch's steps, out of the rows in random order."""

    def _load(self, batch: Batch) -> Any:
        """Begin to fetch what a step needs; called one step ahead."""
        return None

    @abstractmethod
    def _step(self, batch: Batch, loaded: Any, rng: np.random.Generator, done: float) -> Sequence[float]:
        """One step, with `done` of the epoch behind it; returns the terms of the loss, means over the batch.

        Raises:
            Diverged: see `_check`.
        """

    @abstractmethod
    def _report(self, terms: Sequence[float], on_progress: Callable[[float], None]) -> Report:
        """What epoch `self.epoch + 1` has come to, with the terms of the loss as means over all images."""

    @abstractmethod
    def _likely_cause(self) -> str:
        """Of a loss that is not finite: a setting, its value, and what to try."""

    def _check(self, loss: Tensor) -> None:
        """Raises Diverged if a loss is not finite."""
        if not loss.isfinite():
            raise Diverged(
                f"the loss is no longer finite in epoch {self.epoch + 1}; the likely cause is {self._likely_cause()}"
            )

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next epoch depends on, as copies."""
        return {"epoch": np.array(self.epoch), _THREADS: np.array(self._n_threads)} | {
            name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named().items()
        }

    def restore(self, state: State) -> None:
        """Go on where `state` was taken, on as many threads if it tells them."""
        import torch

        self.epoch, self._n_threads = int(state["epoch"]), int(state.get(_THREADS, self._n_threads))
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.tensor(np.array(state[name])))

    def run_epoch(self, on_progress: Progress) -> Report:
        """Once over all images in random order, then a report.

        Raises:
            Diverged: a loss is not finite; the epoch counts as not done.
            UslError: memory ran out.
            Cancelled: as raised by `on_progress`.
        """
        start = time.perf_counter()
        note = f"epoch {self.epoch + 1} of {self.n_epochs}"
        judging, share = f"{note}: judging", self.steps_share
        try:
            with self._same_arithmetic():
                terms = self._steps(lambda done: on_progress(share * done, note))
                report = self._report(terms, lambda done: on_progress(share + (1 - share) * done, judging))
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
                less = max(self.batch_size // 2, self.least_batch)
                raise UslError(f"memory ran out with batch_size = {self.batch_size}; try {less}") from error
            raise
        self.epoch += 1
        return replace(report, seconds=time.perf_counter() - start)

    def _steps(self, on_progress: Callable[[float], None]) -> list[float]:
        """The terms of the loss, means over all images."""
        rng = np.random.default_rng([self._seed, self.epoch + 1])
        batches = self._batches(rng.permutation(self._n), rng)
        sums: np.ndarray | float = 0.0
        ahead = self._load(batches[0])
        for step, batch in enumerate(batches):
            done = step / len(batches)
            on_progress(done)
            loaded = ahead
            if step + 1 < len(batches):
                ahead = self._load(batches[step + 1])
            sums = sums + len(batch[0]) * np.asarray(self._step(batch, loaded, rng, done))
        return np.atleast_1d(sums / self._n).tolist()

    @contextmanager
    def _same_arithmetic(self) -> Iterator[None]:
        with torch_threads(self._n_threads), blas_threads(self._n_threads), same_convolutions(self._device):
            yield
