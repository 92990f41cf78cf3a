"""What the command `next` does."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from ..demos.torchvision_sets import is_torchvision
from ..errors import UslError
from ..export.recorded_labels import RecordedLabels
from ..labels.read import read_labels
from ..labels.returned import ReturnedLabels
from ..names import display_name, spelled_out
from ..pipeline.prepared import is_demo
from ..types import Features
from .folders import lasting, refuse_unwritable
from .inputs import cache_dir_of
from .options import SOURCE_HELP, add_encoding, add_lists, add_near_duplicates, add_spreadsheet, add_usl, add_uslt
from .output import MAX_LINES, progress_bar
from .output_files import remove_stale
from .select import pick_and_write
from .streams import say

_MOST_CLASSES = 12
REPORT = "labels-report.txt"
_HELP = """\
Reads the labels of the images that were picked before, says what is odd about them (unknown paths, images with two classes,
class names that are probably misspelt, images without a class), and picks the next M images, respecting what is labelled in
every method. --labels takes a table path,label; JSON of Label Studio, COCO or Datumaro; XML of CVAT; or a folder or archive of
images in class subfolders. margin, uherding and dropquery pick what a classifier of the labels is unsure of; picks.csv says for
every method which class it takes a pick for, and how sure it is. Writes what `select` writes, and labels-report.txt if there is
anything to report; `select --from run.json` repeats the run without the file of labels."""


def add_parser(actions: Any, raw: type[argparse.HelpFormatter], examples: str) -> None:
    """Register the command."""
    parser = actions.add_parser(
        "next", help="read labels, and pick the next images", description=_HELP, formatter_class=raw, epilog=examples
    )
    parser.add_argument("folder", help=SOURCE_HELP)
    parser.add_argument(
        "--labels", required=True, metavar="FILE", help="labels that came back: path,label in CSV, or an export"
    )
    parser.add_argument("--budget", "-m", type=int, metavar="M", help="how many images to pick")
    parser.add_argument("--method", help="see `methods` (default: usl)")
    parser.add_argument("--seed", type=int, metavar="S", help="random seed (default: 0)")
    add_lists(parser)
    add_near_duplicates(parser)
    parser.add_argument("--out", metavar="DIR", help="where picks.csv, picks.npy, run.json and the reports go")
    add_spreadsheet(parser)
    add_encoding(parser)
    add_usl(parser)
    add_uslt(parser)
    parser.set_defaults(run=run_next)


def run_next(options: argparse.Namespace) -> None:
    """`next`: read the labels that came back, say what is odd about them, and pick the next images."""
    if options.budget is None:
        raise UslError("how many images? give --budget M")
    refuse_unwritable(options.out, "--out")

    def read(features: Features) -> tuple[RecordedLabels, tuple[int, ...]]:
        folders = [] if is_demo(options.folder) or is_torchvision(options.folder) else [options.folder]
        with progress_bar("labels", options) as on_progress:
            labels = read_labels(
                options.labels,
                features.images,
                called="--labels",
                folders=folders,
                cache_dir=cache_dir_of(options),
                on_progress=on_progress,
            )
        _tell(labels, options)
        return RecordedLabels.of(labels, lasting(options.labels)), tuple(labels.labelled.tolist())

    pick_and_write(options, options.folder, None, read)


def _tell(labels: ReturnedLabels, options: argparse.Namespace) -> None:
    """The report of the labels: twenty lines of each list, and all of them in the folder --out."""
    from ..export.files import write_atomically

    counts = Counter(name for _, name in labels.named()).most_common()
    named = ", ".join(f"{display_name(name, 40)} {count:,}" for name, count in counts[:_MOST_CLASSES])
    more = f" and {len(counts) - _MOST_CLASSES:,} classes more" if len(counts) > _MOST_CLASSES else ""
    n = labels.report.n_entries
    whole = f"labels: {len(labels):,} images have a class, by {n:,} {'entry' if n == 1 else 'entries'} of {options.labels}"
    whole += f" ({labels.kind})" + (f": {named}{more}" if counts else "")
    say(spelled_out(whole))
    for note in labels.report.notes:
        say(f"note: {spelled_out(note)}")
    lists = [(heading, lines) for heading, lines in labels.report.lists() if lines]
    where = f"see {REPORT} in {options.out}" if options.out is not None else "--out DIR lists them all"
    for heading, lines in lists:
        say(f"labels: {heading}:")
        for line in lines[:MAX_LINES]:
            say(f"  {spelled_out(line)}")
        if len(lines) > MAX_LINES:
            say(f"  and {len(lines) - MAX_LINES:,} more, {where}")
    if options.out is None:
        return
    remove_stale(Path(options.out), REPORT)
    if lists:
        text = [whole, *(line for heading, lines in lists for line in ("", f"{heading}:", *(f"  {one}" for one in lines)))]
        content = "".join(f"{spelled_out(line)}\n" for line in text)
        write_atomically(Path(options.out, REPORT), content.encode("utf-8", "backslashreplace"))
        say(f"wrote {REPORT} to {options.out}")
