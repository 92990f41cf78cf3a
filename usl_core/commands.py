"""What the commands `compare`, `encode`, `methods` and `encoders` do."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .artefacts import load_or_draw_map, load_or_find_neighbors
from .cli_files import report_problems
from .cli_folders import refuse_unwritable, title_of
from .cli_inputs import cache_dir_of, features_of, method_params, views_of
from .cli_output import print_rows, progress_bar, say_notes, score_table
from .cli_streams import put, say
from .comparison import compare
from .names import spelled_out
from .selection import method_cards
from .validation import whole_number


def run_compare(options: argparse.Namespace) -> None:
    """`compare`: run the methods, print the scores, write the report."""
    methods = [name.strip() for name in options.methods.split(",") if name.strip()]
    whole_number(options.seeds, "--seeds", 1)
    whole_number(options.seed, "--seed", 0)
    refuse_unwritable(options.report, "--report")
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
    report_problems(features.images, options, options.report)
    say_notes(notes)
    put(score_table(comparison))
    if options.report is not None:
        from .export import write_atomically
        from .report import write_report

        say("drawing the map ..." if options.map == "pca" else "drawing the map with UMAP (a minute on first use) ...")
        drawn = load_or_draw_map(features, graph, options.map, cache_dir=cache_dir_of(options))
        command = shlex.join(["python", "-m", "usl_core", *sys.argv[1:]])
        path = write_report(
            comparison,
            drawn.xy,
            Path(options.report),
            title=title_of(options.folder, features.images),
            map_note=drawn.note,
            command=command,
        )
        say(f"wrote {path}")
        scores = path.with_name("scores.csv")
        write_atomically(scores, comparison.frame().to_csv(index=False, lineterminator="\r\n").encode())
        say(f"wrote {scores}")


def run_encode(options: argparse.Namespace) -> None:
    """`encode`: compute or find the features and say what they are."""
    features = features_of(options.folder, options)
    images = features.images
    report_problems(images, options, None)
    put(f"images       {len(features):,}")
    put(f"dimensions   {features.values.shape[1]}")
    put(f"encoder      {features.encoder}")
    put(f"fingerprint  {features.fingerprint}")
    put(f"classes      {len(images.class_names) or 'unknown (no class subfolders)'}")
    if images.split_names:
        put(f"splits       {spelled_out(', '.join(images.split_names))}")
    put(f"problems     {len(images.problems)}")
    put(f"duplicates   {sum(len(group) - 1 for group in images.duplicates)} exact copies in {len(images.duplicates)} groups")


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
