"""A training on disk: its epochs as they come, the state to go on from after an interruption, and the whole at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..store import Entry, Store, fingerprint
from ..types import Features, Neighbors, Progress, Views
from ..validation import index_set
from .params import UsltParams
from .reports import EpochReport
from .train import Mode, OnEpoch, State, UsltTraining, train_uslt

KIND = "uslt"
ALGORITHM = 2  # a new number makes every cached training a miss
_NUMBERS = ("loss", "global_loss", "local_loss", "confident_share", "assignment_entropy", "purity", "nmi", "ari", "seconds")
_ARRAYS = ("clusters", "confidence", "picks")
_STATE = "state-"


class TrainingRecord:
    """One training of one feature set.

    Args:
        features: that it trains on; their images' labels, if any, are in the reports.
        budget: m.
        params: its settings.
        seed: its seed.
        views_key: fingerprint of the views that it trains on, see `usl_core.views.views_key`; None: it trains without.
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
            dataclasses.asdict(params),
            (mode, budget, seed),
            self.labelled,
            self.vetoed,
        )
        self._epochs = self._store.shards(f"{KIND}-epochs", self.key)
        self._states = self._store.shards(f"{KIND}-states", self.key)

    @property
    def version(self) -> int | None:
        """Another number for another training on disk; None as long as there is none that is finished."""
        return self._store.written(KIND, self.key)

    def load(self) -> UsltTraining | None:
        """The finished training, or None."""
        entry = self._store.load(KIND, self.key)
        if entry is None:
            return None
        count = len(entry.arrays["clusters"])
        history = tuple(
            _report({name: entry.arrays[name][at] for name in _ARRAYS}, entry.meta["numbers"][at], entry.meta["n_clusters"])
            for at in range(count)
        )
        state = {name.removeprefix(_STATE): array for name, array in entry.arrays.items() if name.startswith(_STATE)}
        notes = tuple(entry.meta["notes"])
        return UsltTraining(params=self.params, budget=self.budget, seed=self.seed, history=history, state=state, notes=notes)

    def epochs(self, after: int = 0) -> list[EpochReport]:
        """The reports of an unfinished training, those after epoch `after`, up to the first that is missing."""
        found: list[EpochReport] = []
        while (entry := self._epochs.load(after + len(found) + 1)) is not None:
            found.append(_report(entry.arrays, entry.meta["numbers"], entry.meta["n_clusters"]))
        return found

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

        def waiting() -> None:
            if on_progress is not None:
                on_progress(0.0, "another process is at this training; this one waits for it")

        with self._store.turn(self.key, waiting):
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
            return done
        latest: dict[str, State] = {}

        def keep(report: EpochReport) -> None:
            # The report first: a state without its report could not be gone on from.
            self._epochs.save(report.epoch, {name: getattr(report, name) for name in _ARRAYS}, _meta(report))
            self._states.save(report.epoch % 2, latest["state"])
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
        )
        self._save(training)
        self.forget_epochs()
        return training

    def forget_epochs(self) -> None:
        """Throw away what an unfinished training left, so that the next begins anew."""
        self._epochs.discard()
        self._states.discard()

    def forget(self) -> None:
        """Throw away a finished training too."""
        self.forget_epochs()
        self._store.discard(KIND, self.key)

    def _resumable(self) -> tuple[list[EpochReport], State] | None:
        """The newest state that is intact and has all its reports; of two states one may have been cut off."""
        reports = self.epochs()
        states = [entry.arrays for slot in (0, 1) if (entry := self._states.load(slot)) is not None]
        usable = [state for state in states if int(state["epoch"]) <= len(reports)]
        if not usable:
            return None
        return reports, max(usable, key=lambda state: int(state["epoch"]))

    def _save(self, training: UsltTraining) -> Entry:
        stacked = {name: np.stack([getattr(report, name) for report in training.history]) for name in _ARRAYS}
        state = {f"{_STATE}{name}": array for name, array in training.state.items()}
        meta = {
            "numbers": [_meta(report)["numbers"] for report in training.history],
            "n_clusters": training.last.n_clusters,
            "notes": list(training.notes),
        }
        return self._store.save(KIND, self.key, stacked | state, meta)


def _meta(report: EpochReport) -> dict[str, Any]:
    numbers = {name: getattr(report, name) for name in _NUMBERS} | {"epoch": report.epoch}
    return {"numbers": numbers, "n_clusters": report.n_clusters}


def _report(arrays: Mapping[str, np.ndarray], numbers: Mapping[str, float], n_clusters: int) -> EpochReport:
    return EpochReport(n_clusters=n_clusters, **{name: arrays[name] for name in _ARRAYS}, **numbers)  # type: ignore[arg-type]
