"""What the command `select` does."""

from __future__ import annotations

import argparse

from .artefacts import load_or_find_neighbors
from .cli_files import report_problems, write_picks
from .cli_folders import recorded_folder, refuse_unwritable
from .cli_inputs import cache_dir_of, features_of, listed_rows, method_params, refuse_beside_record, views_of
from .cli_output import progress_bar, say_notes
from .cli_streams import put, say
from .errors import UslError
from .names import spelled_out
from .selection import select
from .selection.context import RULES
from .selection.usl import UslParams


def run_select(options: argparse.Namespace) -> None:
    """`select`: pick, print, and write the picks."""
    from .export import load_run_record

    record = load_run_record(options.record) if options.record else None
    if record:
        refuse_beside_record(options)
    refuse_unwritable(options.out, "--out")
    folder = options.folder or (recorded_folder(record, options.record) if record else None)
    if folder is None:
        raise UslError("name the folder to select from, or a run to repeat with --from run.json")
    budget = record.budget if record else options.budget
    if budget is None:
        raise UslError("how many images? give --budget M")
    method = (record.method if record else options.method) or "usl"
    seed = record.seed if record else options.seed or 0
    params = record.params if record else method_params(options, [method]).get(method)
    features = features_of(folder, options, record)
    labelled, vetoed, notes = listed_rows(options, folder, features, record)
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
            rules=record.rules if record else RULES,
            on_progress=on_progress,
        )
    if record:
        record.check_picks(selection)
    report_problems(features.images, options, options.out)
    say_notes([*notes, *selection.notes])
    if options.out is not None:
        written = write_picks(selection, features, graph, options, folder, method, k, labelled, vetoed, record)
        say(f"wrote {', '.join(written)} to {options.out}")
    for index in selection.indices:
        put(spelled_out(features.images.paths[index]))
