"""What the command line prints: results to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ..evaluation.comparison import Comparison
from ..evaluation.metrics import METRICS, Metric
from ..names import spelled_out
from ..types import ImageSet, Progress
from .streams import can_write, put, say

MAX_LINES = 20


def say_notes(notes: Iterable[str]) -> None:
    """What a user should know about a run that went well; a run that did not says only its error."""
    for note in notes:
        say(f"note: {spelled_out(note)}")


def say_problems(images: ImageSet, listed_in: str | None) -> None:
    """Files that could not be used, and those that are worth a look, each with its cause; what was passed over; and of what the
    images are a sample.

    Args:
        images: with their problems and notes.
        listed_in: file that lists them all, or None.
    """
    if images.sample is not None:
        say(f"note: the images are {images.sample}")
    where = f"see {listed_in}" if listed_in is not None else "--problems FILE.csv lists them all"
    problems = [f"{problem.path}: {problem.cause}" for problem in images.problems]
    notes = [f"{note.path}: {note.text}" for note in images.notes]
    _say_lines(problems, "file could not be used" if len(problems) == 1 else "files could not be used", where)
    _say_lines(notes, "note on a file that is used" if len(notes) == 1 else "notes on files that are used", where)
    if images.skipped:
        say(f"note: passed over {spelled_out(', '.join(map(str, images.skipped)))}")


def _say_lines(lines: Sequence[str], what: str, where: str) -> None:
    if lines:
        say(f"note: {len(lines):,} {what}:")
    for line in lines[:MAX_LINES]:
        say(f"  {spelled_out(line)}")
    if len(lines) > MAX_LINES:
        say(f"  and {len(lines) - MAX_LINES:,} more, {where}")


def how_it_begins(done: int, *, finished: bool) -> str:
    """What to say of a training before it goes on, or is read back.

    Args:
        done: epochs that an earlier run has finished.
        finished: whether these are all.
    """
    if finished:
        return "this training was finished before and is read back; --restart trains anew"
    if done:
        return f"going on after epoch {done}; --restart begins anew"
    return "there is no unfinished training with these settings; beginning anew"


@contextmanager
def progress_bar(what: str, options: argparse.Namespace) -> Iterator[Progress | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if options.quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    bar_format = "{desc} {percentage:3.0f}% |{bar}| {postfix}"
    with tqdm(total=1.0, desc=what, leave=False, bar_format=bar_format, file=sys.stderr) as bar:

        def on_progress(fraction: float, note: str) -> None:
            bar.set_postfix_str(note, refresh=False)
            bar.update(fraction - bar.n)

        yield on_progress


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Columns, aligned, on standard output."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        put("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def score_table(comparison: Comparison) -> str:
    """Mean and standard deviation over the seeds of every known number, a row each, a column per method."""
    methods = list(comparison.scorecards)
    rows = [["", *methods]]
    for metric in METRICS:
        cells = [_score(metric, *comparison.mean_and_sd(method, metric.key)) for method in methods]
        if any(cells):
            rows.append([f"{metric.title} ({metric.direction})", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(methods) + 1)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _score(metric: Metric, mean: float, sd: float) -> str:
    if math.isnan(sd):
        return metric.text(mean)
    return f"{metric.number(mean)} {'±' if can_write('±') else '+/-'} {metric.text(sd)}"
