"""Labels that come back on the command line: read, told about, and compared with what a run recorded."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError
from ..names import display_name, spelled_out
from ..types import Features, ImageSet
from .inputs import cache_dir_of, other_names
from .output import MAX_LINES, progress_bar
from .stale import remove_stale
from .streams import say

if TYPE_CHECKING:
    from ..export.recorded_labels import RecordedLabels
    from ..labels.returned import ReturnedLabels

RENAME = "--rename"
REPORT = "labels-report.txt"
_MOST_CLASSES = 12


def add_rename(parser: argparse.ArgumentParser) -> None:
    """--rename."""
    parser.add_argument(
        RENAME,
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="take class OLD of --labels for class NEW, where it is misspelt; may be given several times",
    )


def labels_back(options: argparse.Namespace, images: ImageSet, folder: str) -> ReturnedLabels:
    """The labels of --labels, with classes renamed as --rename says.

    Raises:
        UslError: as `read_labels`.
    """
    from ..labels.read import read_labels

    with progress_bar("labels", options) as on_progress:
        return read_labels(
            options.labels,
            images,
            rename=options.rename,
            called="--labels",
            folders=other_names(folder),
            cache_dir=cache_dir_of(options),
            on_progress=on_progress,
        )


def tell_labels(labels: ReturnedLabels, options: argparse.Namespace) -> None:
    """Say what is odd about the labels, twenty lines of each list."""
    say(spelled_out(_summary(labels, options)))
    for old, new in labels.renamed.items():
        say(f"labels: class '{display_name(old)}' is read as '{display_name(new)}'")
    for note in labels.report.notes:
        say(f"note: {spelled_out(note)}")
    where = f"see {REPORT} in {options.out}" if options.out is not None else "--out DIR lists them all"
    for heading, lines in _lists(labels):
        say(f"labels: {heading}:")
        for line in lines[:MAX_LINES]:
            say(f"  {spelled_out(line)}")
        if len(lines) > MAX_LINES:
            say(f"  and {len(lines) - MAX_LINES:,} more, {where}")


def write_labels_report(labels: ReturnedLabels, options: argparse.Namespace) -> None:
    """All that is odd about the labels, in labels-report.txt in the folder --out; no such file where nothing is."""
    from ..export.files import write_atomically

    if options.out is None:
        return
    remove_stale(Path(options.out), REPORT)
    lists = _lists(labels)
    if lists:
        text = [
            _summary(labels, options),
            *(line for heading, lines in lists for line in ("", f"{heading}:", *(f"  {one}" for one in lines))),
        ]
        content = "".join(f"{spelled_out(line)}\n" for line in text)
        write_atomically(Path(options.out, REPORT), content.encode("utf-8", "backslashreplace"))
        say(f"wrote {REPORT} to {options.out}")


def _summary(labels: ReturnedLabels, options: argparse.Namespace) -> str:
    counts = Counter(name for _, name in labels.named()).most_common()
    named = ", ".join(f"{display_name(name, 40)} {count:,}" for name, count in counts[:_MOST_CLASSES])
    more = f" and {len(counts) - _MOST_CLASSES:,} classes more" if len(counts) > _MOST_CLASSES else ""
    n = labels.report.n_entries
    whole = f"labels: {len(labels):,} images have a class, by {n:,} {'entry' if n == 1 else 'entries'} of {options.labels}"
    return f"{whole} ({labels.kind})" + (f": {named}{more}" if counts else "")


def _lists(labels: ReturnedLabels) -> list[tuple[str, list[str]]]:
    return [(heading, lines) for heading, lines in labels.report.lists(RENAME) if lines]


def notes_on_file(labels: RecordedLabels, features: Features, folder: str, options: argparse.Namespace) -> list[str]:
    """What became of the file that the labels of a recorded run came from; nothing where it is as it was."""
    from ..labels.read import read_labels

    recorded = "the labels that run.json holds are used"
    if not os.path.exists(labels.file):  # noqa: PTH110  (a Path would refuse some names)
        return [f"{labels.file}, from which the labels of the run came, is not there; {recorded}"]
    try:
        now = read_labels(labels.file, features.images, folders=other_names(folder), cache_dir=cache_dir_of(options))
    except UslError as error:
        return [f"the file of labels cannot be read any more, so {recorded}: {error}"]
    if now.digest == labels.digest:
        return []
    return [f"{labels.file} has changed since the run; {recorded}, and `next --labels` picks by those of now"]
