"""The files that commands write beside what they print, and the list of problems, which stands in both."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..types import ImageSet
from .output import say_problems
from .stale import remove_stale

if TYPE_CHECKING:
    from .picking import Picked


def write_picks(picked: Picked, options: argparse.Namespace, *, repeatable: bool = True) -> list[str]:
    """Into --out; returns the names of the files. What `select` cannot repeat gets no run.json."""
    from ..export.files import picks_csv, write_atomically, write_picks_csv, write_picks_npy, write_run_record

    out, written = Path(options.out), ["picks.csv", "picks.npy"]
    table, predictions = (picked.selection, picked.features, picked.graph, picked.k), picked.predictions()
    remove_stale(out, "run.json", "picks-spreadsheet.csv")
    write_picks_csv(out / "picks.csv", *table, predictions=predictions)
    write_picks_npy(out / "picks.npy", picked.selection)
    if options.spreadsheet:
        guarded = picks_csv(*table, predictions=predictions, spreadsheet=True)
        write_atomically(out / "picks-spreadsheet.csv", guarded)
        written.append("picks-spreadsheet.csv")
    if repeatable:
        write_run_record(out / "run.json", picked.document(out))
        written.append("run.json")
    return written


def report_problems(images: ImageSet, options: argparse.Namespace, out: str | None) -> None:
    """Say which files could not be used, or are worth a look, and list them all in problems.csv and where --problems says.

    Args:
        images: with their problems and notes.
        options: of the command.
        out: folder for problems.csv; None: none is written.

    Raises:
        UslError: a file cannot be written.
    """
    from ..export.files import problems_csv, write_atomically

    listed_in = options.problems
    if listed_in is not None:
        write_atomically(listed_in, problems_csv(images))
    if out is not None:
        remove_stale(Path(out), "problems.csv", "problems-spreadsheet.csv")
        if images.problems or images.notes:
            listed_in = str(Path(out, "problems.csv"))
            write_atomically(listed_in, problems_csv(images))
            if getattr(options, "spreadsheet", False):
                write_atomically(Path(out, "problems-spreadsheet.csv"), problems_csv(images, spreadsheet=True))
    say_problems(images, listed_in)
