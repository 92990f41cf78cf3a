"""What each command of the command line does."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .artefacts import load_or_draw_map, load_or_find_neighbors
from .cli_inputs import cache_dir_of, features_of, precision_of, refuse_beside_record, rows_from_file, usl_params
from .cli_output import print_rows, progress_bar, say, say_notes, score_table
from .comparison import compare
from .errors import UslError
from .selection import method_cards, select
from .selection.usl import UslParams
from .validation import whole_number


def run_select(options: argparse.Namespace) -> None:
    """`select`: pick, print, and write the picks."""
    from .export import load_run_record, run_record, write_picks_csv, write_picks_npy, write_run_record

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
    params = record.params if record else usl_params(options, method)
    features = features_of(folder, options, record)
    labelled = record.labelled if record else rows_from_file(options.labelled, features.images, "--labelled")
    vetoed = record.vetoed if record else rows_from_file(options.vetoed, features.images, "--vetoed")
    k = getattr(params, "n_neighbors", UslParams().n_neighbors)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
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
            on_progress=on_progress,
        )
    if record:
        record.check_picks(selection)
    say_notes(features, selection.notes)
    if options.out:
        out = Path(options.out)
        write_picks_csv(out / "picks.csv", selection, features, graph, k)
        write_picks_npy(out / "picks.npy", selection)
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
        say(f"wrote picks.csv, picks.npy and run.json to {out}")
    for index in selection.indices:
        print(features.images.paths[index])


def run_compare(options: argparse.Namespace) -> None:
    """`compare`: run the methods, print the scores, write the report."""
    methods = [name.strip() for name in options.methods.split(",") if name.strip()]
    whole_number(options.seeds, "--seeds", 1)
    whole_number(options.seed, "--seed", 0)
    params = usl_params(options, "usl" if "usl" in methods else ", ".join(methods)) or UslParams()
    features = features_of(options.folder, options)
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(
            features, max(params.n_neighbors, 50), cache_dir=cache_dir_of(options), on_progress=on_progress
        )
    with progress_bar("methods", options) as on_progress:
        comparison = compare(
            features,
            options.budget,
            methods,
            seeds=range(options.seed, options.seed + options.seeds),
            params={"usl": params} if "usl" in methods else {},
            neighbors=graph,
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
