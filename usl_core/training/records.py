"""A training whose epochs are kept as they come, so that an interrupted one goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic

from ..cache.store import Store
from ..types import Progress
from .checkpoints import Checkpoints
from .trainer import Report, State


class EpochRecord(Generic[Report]):
    """One training on disk.

    Args:
        kind: of training.
        key: of this one, of its inputs and settings.
        report: the class of its reports; their fields are JSON.
        cache_dir: see `Store`.
    """

    def __init__(self, kind: str, key: str, report: type[Report], cache_dir: Path | str | None = None) -> None:
        self.key, self._report = key, report
        self._checkpoints = Checkpoints(Store(cache_dir), kind, key)

    def epochs(self, after: int = 0) -> list[Report]:
        """The reports of the epochs that are done, those after epoch `after`, up to the first that is missing."""
        return [self._report(**known["report"]) for known in self._checkpoints.epochs(after)]

    @contextmanager
    def kept(self, on_epoch: Callable[[Report], None] | None, on_progress: Progress | None) -> Iterator[dict[str, Any]]:
        """Alone with this training: the arguments `resume`, `on_state` and `on_epoch` by which it goes on and is kept."""
        latest: dict[str, State] = {}

        def keep(report: Report) -> None:
            self._checkpoints.save(report.epoch, latest["state"], {"report": dataclasses.asdict(report)})
            if on_epoch is not None:
                on_epoch(report)

        with self._checkpoints.turn(on_progress):
            reports = self.epochs()
            state = self._checkpoints.state(len(reports))
            yield {
                "resume": None if state is None else (reports, state),
                "on_state": lambda state: latest.update(state=state),
                "on_epoch": keep,
            }

    def forget(self) -> None:
        """Throw away what there is, so that the next training begins anew."""
        self._checkpoints.discard()
