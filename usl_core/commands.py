"""What each command of the command line does."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .artefacts import load_or_draw_map, load_or_find_neighbors
from .cli_inputs import cache_dir_of, features_of, method_params, precision_of, refuse_beside_record, rows_from_file, views_of
from .cli_output import print_rows, progress_bar, say, say_notes, score_table
from .comparison import compare
from .errors import UslError
from .selection import method_cards, select
from .selection.usl import UslParams
from .types import Features, Neighbors, Selection
from .uslt.alarms import alarms
from .uslt.params import UsltParams
from .validation import whole_number

if TYPE_CHECKING:
    from .run_records import RunRecord
    from .uslt.train import UsltTraining


def run_select(options: argparse.Namespace) -> None:
    """`select`: pick, print, and write the picks."""
    from .export import load_run_record

    record = load_run_record(options.record) if options.record else None
    if record:
        refuse_beside_record(options)
    folder = options.folder or (record.folder if record else None)
    if folder is None:
        raise UslError("name the folder to select from, or a run to repeat with --from run.json")
    budget = record.budget if record else options.budget
    if budget is None:
        raise UslError("how many images? give --budget M")
    method = (record.method if record else options.method) or "usl"
    seed = record.seed if record else options.seed or 0
    params = record.params if record else method_params(options, [method]).get(method)
    features = features_of(folder, options, record)
    labelled = record.labelled if record else rows_from_file(options.labelled, features.images, "--labelled")
    vetoed = record.vetoed if record else rows_from_file(options.vetoed, features.images, "--vetoed")
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
            labels=features.images.labels,
            labelled=labelled,
            vetoed=vetoed,
            neighbors=graph,
            views=views,
            on_progress=on_progress,
        )
    if record:
        record.check_picks(selection)
    say_notes(features, selection.notes)
    if options.out:
        written = _write_picks(selection, features, graph, options, folder, method, k, labelled, vetoed, record)
        say(f"wrote {', '.join(written)} to {options.out}")
    for index in selection.indices:
        print(features.images.paths[index])


def _write_picks(
    selection: Selection,
    features: Features,
    graph: Neighbors,
    options: argparse.Namespace,
    folder: str,
    method: str,
    k: int,
    labelled: tuple[int, ...],
    vetoed: tuple[int, ...],
    record: RunRecord | None = None,
    *,
    repeatable: bool = True,
) -> list[str]:
    """Into --out; returns the names of the files. What `select` cannot repeat gets no run.json."""
    from .export import run_record, write_picks_csv, write_picks_npy, write_run_record

    out = Path(options.out)
    write_picks_csv(out / "picks.csv", selection, features, graph, k)
    write_picks_npy(out / "picks.npy", selection)
    if not repeatable:
        return ["picks.csv", "picks.npy"]
    document = run_record(
        selection,
        features,
        folder=folder,
        method=method,
        labelled=labelled,
        vetoed=vetoed,
        precision=precision_of(options, record),
    )
    write_run_record(out / "run.json", document)
    return ["picks.csv", "picks.npy", "run.json"]


def run_train(options: argparse.Namespace) -> None:
    """`train-uslt`: train, tell after every epoch, and write picks and history."""
    from .encoder_torchvision import find_device
    from .encoder_trained import check_name
    from .selection.uslt import selection_of
    from .uslt.records import TrainingRecord
    from .uslt.reports import HISTORY_COLUMNS, EpochReport, history_csv

    finetune = options.mode == "finetune"
    if options.export is not None:
        if not finetune:
            raise UslError("--export keeps a finetuned encoder; add --mode finetune")
        check_name(options.export)
    if finetune and options.preset is None:  # the settings of the formulas were made for cached features
        options.preset = "published"
    params = method_params(options, ["usl-t"])["usl-t"]
    assert isinstance(params, UsltParams)
    if finetune and find_device(options.device or "auto").type == "cpu":
        say("note: the encoder is trained on the CPU, which suits some hundred images; with a GPU, say --device cuda")
    features = features_of(options.folder, options)
    labelled = rows_from_file(options.labelled, features.images, "--labelled")
    vetoed = rows_from_file(options.vetoed, features.images, "--vetoed")
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
    finished = record.load()
    if finished is not None:
        say("this training was finished before and is read back")
    elif options.resume:
        done = len(record.epochs())
        say(f"going on after epoch {done}" if done else "there is no unfinished training with these settings; beginning anew")
    else:
        record.forget_epochs()
    columns = [name for name in HISTORY_COLUMNS if name not in _ONLY_WITH_CLASSES or features.images.labels is not None]
    print(" ".join(f"{name:>18}" for name in columns))

    def tell(report: EpochReport) -> None:
        print(" ".join(f"{getattr(report, name):>18.5g}" for name in columns), flush=True)

    for report in finished.history if finished is not None else record.epochs():
        tell(report)
    with progress_bar("usl-t", options) as on_progress:
        training = record.train(graph, views, device=options.device or "auto", on_epoch=tell, on_progress=on_progress)
    selection = selection_of(training)
    say_notes(features, selection.notes)
    for alarm in alarms(training.history, params):
        say(f"note: {alarm.seen} {alarm.remedy}")
    if options.out:
        written = _write_picks(
            *(selection, features, graph, options, options.folder, "usl-t", params.n_neighbors, labelled, vetoed),
            repeatable=not finetune,
        )
        (Path(options.out) / "history.csv").write_bytes(history_csv(training.history))
        say(f"wrote {', '.join([*written, 'history.csv'])} to {options.out}")
    if options.export is not None:
        _export(options.export, features, training)


def _export(name: str, features: Features, training: UsltTraining) -> None:
    from .uslt.finetune import export_finetuned

    card = export_finetuned(name, features, training.state)
    say(f"exported {card.name}, {card.size_mb:.0f} MB; use it with --encoder {card.name}")


_ONLY_WITH_CLASSES = ("purity", "nmi", "ari")


def run_compare(options: argparse.Namespace) -> None:
    """`compare`: run the methods, print the scores, write the report."""
    methods = [name.strip() for name in options.methods.split(",") if name.strip()]
    whole_number(options.seeds, "--seeds", 1)
    whole_number(options.seed, "--seed", 0)
    params = method_params(options, methods)
    features = features_of(options.folder, options)
    k = max(50, *(made.n_neighbors for made in params.values())) if params else 50
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
    views = views_of(features, params.get("usl-t"), options)
    with progress_bar("methods", options) as on_progress:
        comparison = compare(
            features,
            options.budget,
            methods,
            seeds=range(options.seed, options.seed + options.seeds),
            params=params,
            neighbors=graph,
            views=views,
            on_progress=on_progress,
        )
    notes = dict.fromkeys(note for runs in comparison.selections.values() for run in runs for note in run.notes)
    say_notes(features, notes)
    print(score_table(comparison))
    if options.report:
        from .report import write_report

        say("drawing the map ..." if options.map == "pca" else "drawing the map with UMAP (a minute on first use) ...")
        drawn = load_or_draw_map(features, graph, options.map, cache_dir=cache_dir_of(options))
        command = shlex.join(["python", "-m", "usl_core", *sys.argv[1:]])
        path = write_report(
            comparison,
            drawn.xy,
            Path(options.report),
            title=Path(options.folder).name,
            map_note=drawn.note,
            command=command,
        )
        say(f"wrote {path}")


def run_encode(options: argparse.Namespace) -> None:
    """`encode`: compute or find the features and say what they are."""
    features = features_of(options.folder, options)
    images = features.images
    say_notes(features, ())
    print(f"images       {len(features):,}")
    print(f"dimensions   {features.values.shape[1]}")
    print(f"encoder      {features.encoder}")
    print(f"fingerprint  {features.fingerprint}")
    print(f"classes      {len(images.class_names) or 'unknown (no class subfolders)'}")
    print(f"problems     {len(images.problems)}")
    print(f"duplicates   {sum(len(group) - 1 for group in images.duplicates)} exact copies in {len(images.duplicates)} groups")


def run_methods(options: argparse.Namespace) -> None:
    """`methods`: what can be selected with."""
    print_rows([(card.name, "needs labels" if card.needs_labels else "", card.summary) for card in method_cards()])


def run_encoders(options: argparse.Namespace) -> None:
    """`encoders`: what can turn images into features."""
    from .encoders import encoder_cards

    print_rows(
        [
            (
                card.name,
                f"{card.dim} dimensions",
                card.size,
                "ready" if card.cached else "downloads once",
                card.training,
            )
            for card in encoder_cards()
        ]
    )
