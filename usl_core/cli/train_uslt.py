"""What the command `train-uslt` does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError
from ..pipeline.artefacts import load_or_find_neighbors
from ..types import Features
from ..uslt.collapse import alarms
from ..uslt.params import UsltParams
from .folders import refuse_unwritable
from .inputs import cache_dir_of, features_of, listed_rows, method_params, precision_of, views_of
from .output import how_it_begins, progress_bar, say_notes
from .output_files import report_problems, write_picks
from .picking import Picked
from .streams import put, say

if TYPE_CHECKING:
    from ..uslt.train import UsltTraining


def run_train(options: argparse.Namespace) -> None:
    """`train-uslt`: train, tell after every epoch, and write picks and history."""
    from ..encoders.device import find_device
    from ..encoders.trained import check_name
    from ..export.files import write_atomically
    from ..selection.uslt import choice_of, selection_of
    from ..uslt.history import HISTORY_COLUMNS, history_csv
    from ..uslt.records import TrainingRecord
    from ..uslt.reports import EpochReport

    finetune = options.mode == "finetune"
    if options.export is not None:
        if not finetune:
            raise UslError("--export keeps a finetuned encoder; add --mode finetune")
        check_name(options.export)
    if finetune and options.preset is None:  # the settings of the formulas were made for cached features
        options.preset = "published"
    refuse_unwritable(options.out, "--out")
    params = method_params(options, ["usl-t"])["usl-t"]
    assert isinstance(params, UsltParams)
    if finetune and find_device(options.device or "auto").type == "cpu":
        say("note: the encoder is trained on the CPU, which suits some hundred images; with a GPU, say --device cuda")
    features = features_of(options.folder, options)
    labelled, vetoed, notes = listed_rows(options, options.folder, features)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, params.n_neighbors, cache_dir=cache_dir_of(options), on_progress=on_progress)
    views = None if finetune else views_of(features, params, options)
    record = TrainingRecord(
        features,
        options.budget,
        params,
        seed=options.seed,
        views_key=None if views is None else views.fingerprint,
        labelled=labelled,
        vetoed=vetoed,
        mode=options.mode,
        cache_dir=cache_dir_of(options),
    )
    choice = choice_of(record, graph, options.near_duplicates)  # refuses a budget before the training, not after it
    if options.restart:
        record.forget()
    finished = record.load()
    done = finished.history if finished is not None else record.epochs()
    if done or options.resume:
        say(how_it_begins(len(done), finished=finished is not None))
    columns = [name for name in HISTORY_COLUMNS if name not in _ONLY_WITH_CLASSES or features.images.labels is not None]
    report_problems(features.images, options, options.out)
    put(" ".join(f"{name:>18}" for name in columns))

    def tell(report: EpochReport) -> None:
        put(" ".join(f"{getattr(report, name):>18.5g}" for name in columns), at_once=True)

    for report in done:
        tell(report)
    with progress_bar("usl-t", options) as on_progress:
        training = record.train(graph, views, device=options.device or "auto", on_epoch=tell, on_progress=on_progress)
    selection = selection_of(training, choice, record.labelled)
    say_notes([*notes, *selection.notes])
    for alarm in alarms(training.history, params):
        say(f"note: {alarm.seen} {alarm.remedy}")
    if options.out is not None:
        picked = Picked(
            selection=selection,
            features=features,
            graph=graph,
            folder=options.folder,
            method="usl-t",
            k=params.n_neighbors,
            labelled=labelled,
            vetoed=vetoed,
            split=options.split,
            precision=precision_of(options),
            near_duplicates=options.near_duplicates,
        )
        written = write_picks(picked, options, repeatable=not finetune)
        write_atomically(Path(options.out) / "history.csv", history_csv(training.history))
        say(f"wrote {', '.join([*written, 'history.csv'])} to {options.out}")
    if options.export is not None:
        _export(options.export, features, training)


def _export(name: str, features: Features, training: UsltTraining) -> None:
    from ..uslt.finetune import export_finetuned

    card = export_finetuned(name, features, training.state)
    say(f"exported {card.name}, {card.size_mb:.0f} MB; use it with --encoder {card.name}")


_ONLY_WITH_CLASSES = ("purity", "nmi", "ari")
