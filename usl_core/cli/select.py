"""What the command `select` does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import UslError
from ..names import spelled_out
from ..pipeline.artefacts import load_or_find_neighbors
from ..selection.context import RULES
from ..selection.registry import method_cards, select
from ..selection.usl_params import UslParams
from .folders import recorded_folder, refuse_unwritable
from .inputs import cache_dir_of, features_of, listed_rows, method_params, refuse_beside_record, views_of
from .output import progress_bar, say_notes
from .output_files import report_problems, write_picks
from .streams import put, say

if TYPE_CHECKING:
    from ..export.recorded_labels import RecordedLabels
    from ..export.run_record import RunRecord
    from ..learners.logistic import LogisticClassifier
    from ..types import Features, Selection


def run_select(options: argparse.Namespace) -> None:
    """`select`: pick, print, and write the picks."""
    from ..export.files import load_run_record

    record = load_run_record(options.record) if options.record else None
    if record:
        refuse_beside_record(options)
    refuse_unwritable(options.out, "--out")
    folder = options.folder or (recorded_folder(record, options.record) if record else None)
    if folder is None:
        raise UslError("name the folder to select from, or a run to repeat with --from run.json")
    if record is None and options.budget is None:
        raise UslError("how many images? give --budget M")
    pick_and_write(options, folder, record, lambda features: (record.labels if record else None, ()))


def pick_and_write(
    options: argparse.Namespace,
    folder: str,
    record: RunRecord | None,
    read_labels: Callable[[Features], tuple[RecordedLabels | None, tuple[int, ...]]],
) -> None:
    """Encode, pick, print the paths, and write the files.

    Args:
        options: of the command.
        folder: to pick from.
        record: of the run that is repeated, or None.
        read_labels: gives the labels that came back, if any, and the rows that nobody needs to label again.
    """
    budget = record.budget if record else options.budget
    method = (record.method if record else options.method) or "usl"
    seed = record.seed if record else options.seed or 0
    params = record.params if record else method_params(options, [method]).get(method)
    near_duplicates = record.near_duplicates if record else options.near_duplicates
    features = features_of(folder, options, record)
    labels, back = read_labels(features)
    labelled, vetoed, notes = listed_rows(options, folder, features, record)
    labelled = tuple(sorted({*labelled, *back}))
    classifier = _classifier(features, labels)
    k = getattr(params, "n_neighbors", UslParams().n_neighbors)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
    views = views_of(features, params, options, record)
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
            rules=record.rules if record else RULES,
            near_duplicates=near_duplicates,
            on_progress=on_progress,
        )
    if record:
        record.check_picks(selection)
    report_problems(features.images, options, options.out)
    say_notes([*notes, *selection.notes])
    if options.out is not None:
        written = write_picks(
            *(selection, features, graph, options, folder, method, k, labelled, vetoed, record),
            labels=labels,
            predictions=_predictions(selection, features, labels, classifier),
        )
        say(f"wrote {', '.join(written)} to {options.out}")
    for index in selection.indices:
        put(spelled_out(features.images.paths[index]))


_SECOND_ROUND = {card.name for card in method_cards(second_round=True) if card.second_round}


def _classifier(features: Features, labels: RecordedLabels | None) -> LogisticClassifier | None:
    """Fitted to the labels that came back, if any did."""
    from ..learners.logistic import fit_logistic

    return None if labels is None or not labels.rows else fit_logistic(features, labels.ids(len(features)))


def _predictions(
    selection: Selection, features: Features, labels: RecordedLabels | None, classifier: LogisticClassifier | None
) -> list[tuple[str, float]] | None:
    """The likeliest class of each pick, and its probability."""
    if labels is None or classifier is None:
        return None
    p = classifier.probabilities(features.values[selection.indices])
    likeliest = p.argmax(axis=1)
    names = [labels.class_names[classifier.classes[place]] for place in likeliest]
    return [(name, float(row[place])) for name, row, place in zip(names, p, likeliest, strict=True)]
