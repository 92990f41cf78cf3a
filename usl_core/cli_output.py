"""What the command line prints: results to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from .cli_streams import can_write, put, say
from .comparison import Comparison
from .metrics import METRICS
from .types import Features, Progress


def say_notes(features: Features, notes: Iterable[str]) -> None:
    """What a user should know about a run that went well; a run that did not says only its error."""
    problems = features.images.problems
    if problems:
        say(f"note: {len(problems)} files could not be used, e.g. {problems[0].path!r}: {problems[0].cause}")
    for note in notes:
        say(f"note: {note}")


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
        cells = [_score(comparison, method, metric.key, metric.percent, metric.digits) for method in methods]
        if any(cells):
            rows.append([f"{metric.title} ({metric.better} is better)", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(methods) + 1)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _score(comparison: Comparison, method: str, key: str, percent: bool, digits: int) -> str:
    mean, sd = comparison.mean_and_sd(method, key)
    if math.isnan(mean):
        return ""
    scale, unit = (100, " %") if percent else (1, "")
    spread = "" if math.isnan(sd) else f" {'±' if can_write('±') else '+/-'} {sd * scale:.{digits}f}"
    return f"{mean * scale:.{digits}f}{spread}{unit}"
