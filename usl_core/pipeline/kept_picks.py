"""Selections that take a while, each kept on disk once it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..cache.store import Entry, Store, fingerprint
from ..selection.registry import default_params, method_cards, params_document, select
from ..types import Features, Neighbors, Progress, Selection, Views

ALGORITHM = 1
KIND = "picks"


class KeptPicks:
    """Where the picks of a method with certain settings are kept, be they there or not; nothing is labelled or vetoed.

    Args:
        features: to select from; their fingerprint is part of the key.
        method: name.
        budget: m.
        params: the method's parameter object; None means its defaults.
        seed: of the method.
        near_duplicates: see `usl_core.select`.
        cache_dir: see `Store`.
    """

    def __init__(
        self,
        features: Features,
        method: str,
        budget: int,
        params: Any = None,
        *,
        seed: int = 0,
        near_duplicates: float | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self.features, self.method, self.budget, self.seed = features, method, budget, seed
        self.params = default_params(method) if params is None else params
        self.near_duplicates = near_duplicates
        self._store = Store(cache_dir)
        (version,) = (card.algorithm for card in method_cards(second_round=True) if card.name == method)
        self.key = fingerprint(
            *(KIND, ALGORITHM, version, features.fingerprint, features.images.labels),
            *(method, budget, seed, params_document(self.params), near_duplicates),
        )

    @property
    def version(self) -> int | None:
        """Another number for another selection on disk; None as long as there is none."""
        return self._store.written(KIND, self.key)

    def load(self) -> Selection | None:
        """The selection, or None if it is not there or damaged; without the trace of USL.

        Raises:
            UslError: the system does not let it be read.
        """
        entry = self._store.load(KIND, self.key)
        return None if entry is None else self._selection(entry)

    def make(self, neighbors: Neighbors, views: Views | None = None, *, on_progress: Progress | None = None) -> Selection:
        """The selection, made if it is not there.

        Args:
            neighbors: kNN graph of the features.
            views: of the same images, for methods that look at them.
            on_progress: see `types.Progress`.

        Raises:
            UslError: what `usl_core.select` refuses, or the cache cannot be written.
        """

        def waiting() -> None:
            if on_progress:
                on_progress(0.0, "another process picks the same; this one waits for it")

        with self._store.turn(self.key, waiting):
            known = self.load()
            if known is not None:
                return known
            made = select(
                self.features,
                self.budget,
                self.method,
                self.params,
                self.seed,
                labels=self.features.images.labels,
                neighbors=neighbors,
                views=views,
                near_duplicates=self.near_duplicates,
                on_progress=on_progress,
            )
            arrays = {"indices": made.indices, "clusters": made.clusters, "scores": made.scores}
            if made.cluster_labels is not None:
                arrays["cluster_labels"] = made.cluster_labels
            info = {name: float(value) for name, value in made.info.items()}
            meta = {"method": made.method, "info": json.dumps(info), "notes": list(made.notes)}
            return self._selection(self._store.save(KIND, self.key, arrays, meta))

    def _selection(self, entry: Entry) -> Selection:
        return Selection(
            indices=entry.arrays["indices"],
            clusters=entry.arrays["clusters"],
            scores=entry.arrays["scores"],
            method=entry.meta["method"],
            params=self.params,
            seed=self.seed,
            cluster_labels=entry.arrays.get("cluster_labels"),
            info=json.loads(entry.meta["info"]),
            notes=tuple(entry.meta["notes"]),
        )
