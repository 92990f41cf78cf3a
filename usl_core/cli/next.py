"""What the command `next` does."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import UslError
from ..types import Features
from .folders import lasting, recorded_folder, refuse_unwritable
from .inputs import refuse_beside_record
from .labels import add_rename, labels_back, tell_labels, write_labels_report
from .options import SOURCE_HELP, add_picking
from .picking import pick
from .select import run_select, tell

if TYPE_CHECKING:
    from ..export.recorded_labels import RecordedLabels

_HELP = """\
Reads the labels of the images that were picked before, says what is odd about them (unknown paths, images with two classes,
class names that are probably misspelt, images without a class), and picks the next M images, respecting what is labelled in
every method. --labels takes a table path,label; JSON of Label Studio, COCO or Datumaro; XML of CVAT; or a folder or archive of
images in class subfolders. margin, uherding and dropquery pick what a classifier of the labels is unsure of; picks.csv says for
every method which class it takes a pick for, and how sure it is. Writes what `select` writes, and labels-report.txt if there is
anything to report. With --from run.json it goes on from that run: same images and encoder, and what was labelled or
vetoed then stays so, unless --allow names it; so does --near-duplicates, unless it is given anew or off. Without --labels it
repeats that run, which needs no file of labels."""


def add_parser(actions: Any, raw: type[argparse.HelpFormatter], examples: str) -> None:
    """Register the command."""
    parser = actions.add_parser(
        "next", help="read labels, and pick the next images", description=_HELP, formatter_class=raw, epilog=examples
    )
    parser.add_argument("folder", nargs="?", help=f"{SOURCE_HELP} (may be left out with --from)")
    parser.add_argument("--from", dest="record", metavar="RUN.JSON", help="the run to go on from, or to repeat")
    parser.add_argument("--labels", metavar="FILE", help="labels that came back: path,label in CSV, or an export")
    add_rename(parser)
    parser.add_argument(
        "--allow", metavar="FILE", help="images that may be picked although the run of --from vetoed them, as for --vetoed"
    )
    add_picking(parser, "where picks.csv, picks.npy, run.json and the reports go")
    parser.set_defaults(run=run_next)


def run_next(options: argparse.Namespace) -> None:
    """`next`: read the labels that came back, say what is odd about them, and pick the next images."""
    from ..export.recorded_labels import RecordedLabels
    from ..export.run_record import load_run_record

    if options.labels is None:
        if options.record is None:
            raise UslError("which labels came back? give --labels FILE, or a run to repeat with --from run.json")
        if options.rename:
            raise UslError("--rename is about the classes of --labels; add --labels FILE, or leave it out")
        if options.allow:
            raise UslError("--allow is of no use where a run is repeated; add --labels FILE, or leave it out")
        run_select(options)
        return
    if options.allow and options.record is None:
        raise UslError("--allow is about what the run of --from vetoed; add --from run.json, or leave it out")
    record = load_run_record(options.record) if options.record else None
    if record:
        refuse_beside_record(options, goes_on=True)
    folder = options.folder or (recorded_folder(record, options.record) if record else None)
    if folder is None:
        raise UslError("name the folder to select from, or a run to go on from with --from run.json")
    if options.budget is None:
        raise UslError("how many images? give --budget M")
    refuse_unwritable(options.out, "--out")

    def read(features: Features) -> tuple[RecordedLabels, tuple[int, ...]]:
        labels = labels_back(options, features.images, folder)
        tell_labels(labels, options)
        write_labels_report(labels, options)
        return RecordedLabels.of(labels, lasting(options.labels)), tuple(labels.labelled.tolist())

    tell(pick(options, folder, record, read), options)
