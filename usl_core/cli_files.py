"""The files that `select` and `train-uslt` write into --out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_inputs import precision_of
from .selection.context import RULES
from .types import Features, Neighbors, Selection

if TYPE_CHECKING:
    from .run_records import RunRecord


def write_picks(
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
        rules=record.rules if record else RULES,
    )
    write_run_record(out / "run.json", document)
    return ["picks.csv", "picks.npy", "run.json"]
