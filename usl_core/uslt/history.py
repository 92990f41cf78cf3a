"""The epochs of a training: their numbers at hand, their assignments fetched when they are asked for.

Of 1,000,000 images an epoch has 8 MB of assignments, so that 200 epochs of them do not belong into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from ..errors import UslError
from .reports import EpochReport

NUMBERS = (
    *("epoch", "loss", "global_loss", "local_loss", "confident_share", "assignment_entropy", "n_alive", "n_clusters"),
    *("purity", "nmi", "ari", "seconds"),
)
"""What an epoch tells beside its assignments."""
ASSIGNMENTS = ("clusters", "confidence", "picks")
KEPT_BYTES = 1 << 28
"""Of assignments, that a training without a record on disk keeps."""

HISTORY_COLUMNS = (
    *("epoch", "loss", "global_loss", "local_loss", "confident_share", "assignment_entropy", "n_alive"),
    *("purity", "nmi", "ari", "seconds"),
)
"""What is told of an epoch in a table."""

Assignments = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """An epoch whose assignments lie elsewhere.

    Args:
        numbers: by the names of `NUMBERS`.
        fetch: gives the assignments, by the names of `ASSIGNMENTS`.
    """

    numbers: Mapping[str, float]
    fetch: Callable[[], Assignments]

    def report(self) -> EpochReport:
        """The whole of it. Raises UslError if the assignments cannot be had any more."""
        known = {name: value for name, value in self.numbers.items() if name != "n_alive"}
        return EpochReport(**known, **self.fetch())  # type: ignore[arg-type]


class History(Sequence[EpochReport]):
    """Reports in the order of their epochs.

    Args:
        epochs: reports, or epochs that become reports whenever they are looked at.
    """

    def __init__(self, epochs: Iterable[EpochReport | Epoch] = ()) -> None:
        self._epochs = tuple(epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    @overload
    def __getitem__(self, index: int) -> EpochReport: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: int | slice) -> EpochReport | History:
        if isinstance(index, slice):
            return History(self._epochs[index])
        epoch = self._epochs[index]
        return epoch.report() if isinstance(epoch, Epoch) else epoch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, later: History) -> History:
        return History((*self._epochs, *later._epochs))

    def column(self, name: str) -> list[float]:
        """One of `NUMBERS` by epoch; no assignments are fetched."""
        return [epoch.numbers[name] if isinstance(epoch, Epoch) else getattr(epoch, name) for epoch in self._epochs]

    def within(self, n_bytes: int) -> History:
        """The same with so many bytes of assignments at most, those of the newest epochs; the last epoch stays whole."""
        kept: list[EpochReport | Epoch] = []
        for epoch in reversed(self._epochs):
            if isinstance(epoch, EpochReport):
                n_bytes -= sum(getattr(epoch, name).nbytes for name in ASSIGNMENTS)
                if kept and n_bytes < 0:
                    epoch = Epoch(numbers_of(epoch), _let_go(epoch.epoch))
            kept.append(epoch)
        return History(reversed(kept))


def column(history: Sequence[EpochReport], name: str) -> list[float]:
    """A number by epoch, without fetching assignments where they lie elsewhere.

    Args:
        history: the reports.
        name: one of `NUMBERS`.
    """
    return history.column(name) if isinstance(history, History) else [getattr(report, name) for report in history]


def history_csv(history: Sequence[EpochReport]) -> bytes:
    """One line per epoch with the numbers of `HISTORY_COLUMNS`; unknown ones are empty."""
    lines = [",".join(HISTORY_COLUMNS)]
    for values in zip(*(column(history, name) for name in HISTORY_COLUMNS), strict=True):
        lines.append(",".join("" if value != value else f"{value:.6g}" for value in values))
    return ("\n".join(lines) + "\n").encode()


def numbers_of(report: EpochReport) -> dict[str, float]:
    """The numbers of a report by name."""
    return {name: getattr(report, name) for name in NUMBERS}


def _let_go(epoch: int) -> Callable[[], Assignments]:
    def fetch() -> Assignments:
        raise UslError(
            f"the assignments of epoch {epoch} are no longer in memory; take what you need of them in on_epoch, or train with "
            "a TrainingRecord, which keeps them on disk"
        )

    return fetch
