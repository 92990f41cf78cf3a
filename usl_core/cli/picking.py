"""What `select`, `next` and `export` share: from the options, or from the record of a run, to picks and what they went by."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipeline.artefacts import load_or_find_neighbors
from ..selection.context import RULES
from ..selection.registry import method_cards, select
from ..selection.usl_params import UslParams
from ..types import Features, Neighbors, Selection
from .folders import lasting
from .inputs import cache_dir_of, features_of, listed_rows, method_params, part_of, precision_of, rows_of_list, views_of
from .labels import notes_on_file
from .output import progress_bar

if TYPE_CHECKING:
    from ..export.recorded_labels import RecordedLabels
    from ..export.run_record import RunRecord
    from ..learners.logistic import LogisticClassifier

_SECOND_ROUND = {card.name for card in method_cards(second_round=True) if card.second_round}

LabelsOf = Callable[[Features], tuple["RecordedLabels", tuple[int, ...]]]
"""Reads the labels that came back for these images: what there is to record, and the rows that nobody needs to label again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picked:
    """Picks, and what they went by.

    Args:
        selection: the picks.
        features: what was selected from.
        graph: its kNN graph.
        folder: as it was named.
        method: as asked for.
        k: neighbours of the density.
        labelled: rows that had a label.
        vetoed: rows that were not to be picked.
        split: that was selected from, or None.
        precision: of the encoder.
        rules: that were selected by.
        near_duplicates: that were selected with.
        labels: that came back, or None.
        classifier: fitted to them, or None.
        notes: sentences a user should see, those of the selection included.
        is_decided: somebody decided the picks one by one, and no method ran.
    """

    selection: Selection
    features: Features
    graph: Neighbors
    folder: str
    method: str
    k: int
    labelled: tuple[int, ...] = ()
    vetoed: tuple[int, ...] = ()
    split: str | None = None
    precision: str = "float32"
    rules: int = RULES
    near_duplicates: float | None = None
    labels: RecordedLabels | None = None
    classifier: LogisticClassifier | None = None
    notes: tuple[str, ...] = ()
    is_decided: bool = False

    def document(self, out: Path | str) -> dict[str, Any]:
        """What run.json says in this folder."""
        from ..export.run_record import run_record

        return run_record(
            self.selection,
            self.features,
            folder=lasting(self.folder),
            split=self.split,
            method=self.method,
            labelled=self.labelled,
            vetoed=self.vetoed,
            precision=self.precision,
            rules=self.rules,
            near_duplicates=self.near_duplicates,
            labels=self.labels,
            beside=out,
            is_decided=self.is_decided,
        )

    def predictions(self) -> list[tuple[str, float]] | None:
        """The likeliest class of each pick, and its probability; None without labels."""
        if self.labels is None or self.classifier is None:
            return None
        p = self.classifier.probabilities(self.features.values[self.selection.indices])
        likeliest = p.argmax(axis=1)
        names = [self.labels.class_names[self.classifier.classes[place]] for place in likeliest]
        return [(name, float(row[place])) for name, row, place in zip(names, p, likeliest, strict=True)]


def pick(
    options: argparse.Namespace, folder: str, record: RunRecord | None = None, labels_of: LabelsOf | None = None
) -> Picked:
    """Encode and pick; a recorded run is repeated and checked to be the same, or, with labels that came back, gone on from.

    Args:
        options: of the command. Of a run that is repeated they only say where and how to compute.
        folder: to pick from.
        record: of the run.
        labels_of: how to read labels that came back.

    Raises:
        UslError: the images, their features or the picks are not those of the run, or an option breaks its rule.
    """
    features = features_of(folder, options, record)
    if record is not None and labels_of is None:
        notes = [] if record.labels is None else notes_on_file(record.labels, features, folder, options)
        repeated = _picked(
            *(options, folder, features, record, record.method, record.budget, record.seed, record.params),
            labelled=record.labelled,
            vetoed=record.vetoed,
            rules=record.rules,
            near_duplicates=record.near_duplicates,
            labels=record.labels,
            notes=notes,
            decided=None if record.decided is None else record.decided.selection(record.method, record.params, record.seed),
        )
        record.check_picks(repeated.selection)
        return repeated
    labels, back = (None, ()) if labels_of is None else labels_of(features)
    labelled, vetoed, notes = listed_rows(options, folder, features)
    near_duplicates = options.near_duplicates
    if record is not None:
        allowed, read = rows_of_list(getattr(options, "allow", None), "--allow", folder, features)
        labelled, vetoed = (*labelled, *record.labelled), (*vetoed, *set(record.vetoed).difference(allowed))
        notes = [*notes, *read]
        if near_duplicates is None and not getattr(options, "near_duplicates_off", None):
            near_duplicates = record.near_duplicates
        if labels is not None and record.labels is not None:
            labels = labels.over(record.labels, back)
    method = options.method or "usl"
    return _picked(
        *(options, folder, features, record, method, options.budget, options.seed or 0),
        method_params(options, [method]).get(method),
        labelled=tuple(sorted({*labelled, *back})),
        vetoed=tuple(sorted(set(vetoed))),
        rules=RULES,
        near_duplicates=near_duplicates,
        labels=labels,
        notes=notes,
    )


def _picked(
    options: argparse.Namespace,
    folder: str,
    features: Features,
    record: RunRecord | None,
    method: str,
    budget: int,
    seed: int,
    params: Any,
    *,
    labelled: tuple[int, ...],
    vetoed: tuple[int, ...],
    rules: int,
    near_duplicates: float | None,
    labels: RecordedLabels | None,
    notes: list[str],
    decided: Selection | None = None,
) -> Picked:
    classifier = _classifier(features, labels)
    k = getattr(params, "n_neighbors", UslParams().n_neighbors)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
    views = None if decided is not None else views_of(features, params, options, record)
    if decided is not None:
        selection = decided
    else:
        with progress_bar(method, options) as on_progress:
            selection = select(
                features,
                budget,
                method,
                params=params,
                seed=seed,
                labels=None if labels is not None and method in _SECOND_ROUND else features.images.labels,
                labelled=labelled,
                vetoed=vetoed,
                neighbors=graph,
                views=views,
                classifier=classifier,
                rules=rules,
                near_duplicates=near_duplicates,
                on_progress=on_progress,
            )
    return Picked(
        selection=selection,
        features=features,
        graph=graph,
        folder=folder,
        method=method,
        k=k,
        labelled=labelled,
        vetoed=vetoed,
        split=part_of(options, record)[0],
        precision=precision_of(options, record),
        rules=rules,
        near_duplicates=near_duplicates,
        labels=labels,
        classifier=classifier,
        notes=(*notes, *selection.notes),
        is_decided=decided is not None,
    )


def _classifier(features: Features, labels: RecordedLabels | None) -> LogisticClassifier | None:
    """Fitted to the labels that came back, if any did."""
    from ..learners.logistic import fit_logistic

    return None if labels is None or not labels.rows else fit_logistic(features, labels.ids(len(features)))
