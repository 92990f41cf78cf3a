"""A training on disk: its epochs as they come, the state to go on from after an interruption, and the whole at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..cache.store import Store, fingerprint
from ..errors import UslError
from ..training.checkpoints import Checkpoints
from ..training.trainer import State
from ..types import Features, Neighbors, Progress, Views
from ..validation import index_set
from .history import ASSIGNMENTS, NUMBERS, Assignments, Epoch, History, numbers_of
from .params import UsltParams
from .reports import EpochReport
from .train import Mode, OnEpoch, UsltTraining, train_uslt

KIND = "uslt"
ALGORITHM = 2  # a new number makes every cached training a miss
REPLAY = "uslt-replay"
REPLAY_BYTES = 1 << 25
"""Of assignments in one entry: what is read when one of its epochs is looked at."""
_STATE = "state-"


class TrainingRecord:
    """One training of one feature set.

    Args:
        features: that it trains on; their images' labels, if any, are in the reports.
        budget: m.
        params: its settings.
        seed: its seed.
        views_key: fingerprint of the views that it trains on, see `usl_core.features.views.views_key`; None: it trains without.
        labelled: rows that have a label already.
        vetoed: rows that must never be picked.
        mode: see `train_uslt`.
        cache_dir: see `Store`.
    """

    def __init__(
        self,
        features: Features,
        budget: int,
        params: UsltParams,
        *,
        seed: int = 0,
        views_key: str | None = None,
        labelled: Iterable[int] | None = None,
        vetoed: Iterable[int] | None = None,
        mode: Mode = "frozen",
        cache_dir: Path | str | None = None,
    ) -> None:
        self.features, self.budget, self.params, self.seed = features, budget, params, seed
        self.mode: Mode = mode
        self._views_key = views_key
        n = len(features)
        self.labelled, self.vetoed = index_set(labelled, n, "labelled"), index_set(vetoed, n, "vetoed")
        self._store = Store(cache_dir)
        self.key = fingerprint(
            KIND,
            ALGORITHM,
            features.fingerprint,
            features.images.labels,
            views_key,
            asdict(params),
            (mode, budget, seed),
            self.labelled,
            self.vetoed,
        )
        self._checkpoints = Checkpoints(self._store, KIND, self.key)

    @property
    def version(self) -> int | None:
        """Another number for another training on disk; None as long as there is none that is finished."""
        return self._store.written(KIND, self.key)

    def load(self) -> UsltTraining | None:
        """The finished training, or None. Only the last epoch's assignments are read; a look at another epoch reads those.

        Raises:
            UslError: the system does not let it be read.
        """
        entry = self._store.load(KIND, self.key)
        if entry is None:
            return None
        state = {name.removeprefix(_STATE): array for name, array in entry.arrays.items() if name.startswith(_STATE)}
        *earlier, last = entry.meta["numbers"]
        latest = Epoch(last, lambda: {name: entry.arrays[name] for name in ASSIGNMENTS}).report()
        return UsltTraining(
            params=self.params,
            budget=self.budget,
            seed=self.seed,
            history=History([*map(self._epoch, earlier), latest]),
            state=state,
            notes=tuple(entry.meta["notes"]),
        )

    def epochs(self, after: int = 0) -> History:
        """The epochs of an unfinished training, those after epoch `after`, up to the first that is missing or damaged.

        Raises:
            UslError: the system does not let one be read.
        """
        return History(self._epoch(known["numbers"]) for known in self._checkpoints.epochs(after))

    def train(
        self,
        neighbors: Neighbors | None = None,
        views: Views | None = None,
        *,
        device: str = "auto",
        on_epoch: OnEpoch | None = None,
        on_progress: Progress | None = None,
    ) -> UsltTraining:
        """The training: read back if it is done, gone on with if it was interrupted, begun otherwise.

        Another process that is at it is waited for.

        Args:
            neighbors: kNN graph of the features.
            views: those of `views_key`.
            device: see `train_uslt`.
            on_epoch: see `train_uslt`; not told of epochs that were done before.
            on_progress: see `types.Progress`.

        Raises:
            UslError: as `train_uslt`, or the cache cannot be written.
            Cancelled: as raised by a callback; the next call goes on after the last finished epoch.
        """
        with self._checkpoints.turn(on_progress):
            return self._train(neighbors, views, device, on_epoch, on_progress)

    def _train(
        self,
        neighbors: Neighbors | None,
        views: Views | None,
        device: str,
        on_epoch: OnEpoch | None,
        on_progress: Progress | None,
    ) -> UsltTraining:
        if (None if views is None else views.fingerprint) != self._views_key:
            raise ValueError("these are not the views that the record is of")
        done = self.load()
        if done is not None:
            self.forget_epochs()  # left if it was killed just after it had finished
            return done
        latest: dict[str, State] = {}

        def keep(report: EpochReport) -> None:
            self._checkpoints.save(report.epoch, latest["state"], {"numbers": numbers_of(report)}, _assignments(report))
            if on_epoch is not None:
                on_epoch(report)

        training = train_uslt(
            self.features,
            self.budget,
            self.params,
            seed=self.seed,
            neighbors=neighbors,
            views=views,
            labels=self.features.images.labels,
            labelled=self.labelled,
            vetoed=self.vetoed,
            on_epoch=keep,
            on_progress=on_progress,
            resume=self._resumable(),
            mode=self.mode,
            device=device,
            on_state=lambda state: latest.update(state=state),
            keep_bytes=0,
        )
        self._save(training)
        self.forget_epochs()
        earlier = zip(*(training.history[:-1].column(name) for name in NUMBERS), strict=True)
        epochs = [self._epoch(dict(zip(NUMBERS, numbers, strict=True))) for numbers in earlier]
        return replace(training, history=History([*epochs, training.last]))

    def forget_epochs(self) -> None:
        """Throw away what an unfinished training left, so that the next begins anew."""
        self._checkpoints.discard()

    def forget(self) -> None:
        """Throw away a finished training too."""
        self.forget_epochs()
        self._store.discard(KIND, self.key)
        for key in map(self._replay_key, range(1, self.params.n_epochs + 1, self._per_replay)):
            self._store.discard(REPLAY, key)

    def _resumable(self) -> tuple[History, State] | None:
        reports = self.epochs()
        state = self._checkpoints.state(len(reports))
        return None if state is None else (reports, state)

    def _save(self, training: UsltTraining) -> None:
        """The epochs in groups first: what is finished has them all."""
        for first in range(1, len(training.history) + 1, self._per_replay):
            group = range(first, min(first + self._per_replay, len(training.history) + 1))
            self._store.save(REPLAY, self._replay_key(first), self._stacked(group))
        state = {f"{_STATE}{name}": array for name, array in training.state.items()}
        columns = {name: training.history.column(name) for name in NUMBERS}
        meta = {
            "numbers": [dict(zip(columns, numbers, strict=True)) for numbers in zip(*columns.values(), strict=True)],
            "notes": list(training.notes),
        }
        self._store.save(KIND, self.key, _assignments(training.last) | state, meta)

    def _stacked(self, group: range) -> dict[str, np.ndarray]:
        stacks: dict[str, np.ndarray] = {}
        for place, epoch in enumerate(group):  # one at a time: each may keep files open
            for name, array in self._assignments(epoch).items():
                stacks.setdefault(name, np.empty((len(group), *array.shape), dtype=array.dtype))[place] = array
        return stacks

    def _epoch(self, numbers: Mapping[str, float]) -> Epoch:
        return Epoch(numbers, partial(self._assignments, int(numbers["epoch"])))

    def _assignments(self, epoch: int) -> Assignments:
        """Those of an epoch, of an unfinished training or of a finished one.

        Raises:
            UslError: they are not there any more.
        """
        entry = self._checkpoints.epoch(epoch)
        if entry is not None:
            return entry.arrays
        place = (epoch - 1) % self._per_replay
        entry = self._store.load(REPLAY, self._replay_key(epoch - place))
        if entry is None:
            raise UslError(f"epoch {epoch} of this training is no longer in the cache; train anew to look at it")
        return {name: array[place] for name, array in entry.arrays.items()}

    @property
    def _per_replay(self) -> int:
        """Epochs that are kept together, a few files for many."""
        return max(1, REPLAY_BYTES // (8 * (len(self.features) + self.budget)))

    def _replay_key(self, first: int) -> str:
        return fingerprint(self.key, first)


def _assignments(report: EpochReport) -> dict[str, np.ndarray]:
    return {name: getattr(report, name) for name in ASSIGNMENTS}
