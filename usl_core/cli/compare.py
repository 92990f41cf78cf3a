"""What the command `compare` does."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from ..evaluation.comparison import compare
from ..pipeline.artefacts import load_or_draw_map, load_or_find_neighbors
from ..validation import whole_number
from .folders import refuse_unwritable, title_of
from .inputs import cache_dir_of, features_of, map_params, method_params, views_of
from .output import progress_bar, say_notes, score_table
from .output_files import report_problems
from .streams import put, say


def run_compare(options: argparse.Namespace) -> None:
    """`compare`: run the methods, print the scores, write the report."""
    methods = [name.strip() for name in options.methods.split(",") if name.strip()]
    whole_number(options.seeds, "--seeds", 1)
    whole_number(options.seed, "--seed", 0)
    refuse_unwritable(options.report, "--report")
    params, umap = method_params(options, methods), map_params(options)
    features = features_of(options.folder, options)
    k = max([50, *(made.n_neighbors for made in params.values() if hasattr(made, "n_neighbors"))])
    with progress_bar("neighbours", options) as on_progress:
        graph = load_or_find_neighbors(features, k, cache_dir=cache_dir_of(options), on_progress=on_progress)
    looks = next((made for made in params.values() if getattr(made, "n_views", 0)), None)
    views = views_of(features, looks, options)
    with progress_bar("methods", options) as on_progress:
        comparison = compare(
            features,
            options.budget,
            methods,
            seeds=range(options.seed, options.seed + options.seeds),
            params=params,
            neighbors=graph,
            views=views,
            near_duplicates=options.near_duplicates,
            on_progress=on_progress,
        )
    notes = dict.fromkeys(note for runs in comparison.selections.values() for run in runs for note in run.notes)
    report_problems(features.images, options, options.report)
    say_notes(notes)
    put(score_table(comparison))
    if options.report is not None:
        from ..export.files import write_atomically
        from ..report.page import write_report

        with progress_bar("map", options) as on_progress:
            drawn = load_or_draw_map(
                features, graph, options.map, umap, cache_dir=cache_dir_of(options), on_progress=on_progress
            )
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
