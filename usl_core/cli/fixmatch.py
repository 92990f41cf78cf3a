"""What the command `fixmatch` does."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from ..fixmatch.params import ImageFixMatchParams
from ..images.lists import read_image_list
from ..parameters import declared
from ..types import ImageSet
from ..validation import whole_number
from .folders import lasting, refuse_unwritable
from .inputs import cache_dir_of, images_of, on_disk, other_names
from .labels import add_rename, labels_back, tell_labels, write_labels_report
from .options import SOURCE_HELP, add_beginning, add_parameters, add_part, add_problems, add_running
from .output import how_it_begins, progress_bar, say_notes
from .output_files import report_problems
from .streams import put, say

if TYPE_CHECKING:
    from ..fixmatch.image_set import Classified, LabelledSet
    from ..fixmatch.trainer import FixMatchReport

_HELP = """\
Trains a WideResNet-28-2 by FixMatch, or FlexMatch, on pictures of 32 x 32 pixels of which a few have a label: what
semi-supervised learning makes of your picks. The labels are --labels, in any form that `next` takes; or, where class subfolders
tell the classes, --labelled picks.csv takes the classes of those images alone, and the others judge. Writes predictions.csv
(path, class, confidence), history.csv and training.json into --out. The settings of the papers want a GPU and days
(--epochs 9395 for 50,000 images); every epoch is kept in the cache: after an interruption the same command goes on, and ends as
if there had been none; --restart begins anew."""
_COLUMNS = {"epoch": 6, "labelled_loss": 15, "unlabelled_loss": 17, "used": 8, "accuracy": 10, "seconds": 9}


def add_parser(actions: Any, raw: type[argparse.HelpFormatter]) -> None:
    """Register the command."""
    parser = actions.add_parser(
        "fixmatch", help="learn from images of which a few have labels", description=_HELP, formatter_class=raw
    )
    parser.add_argument("folder", help=SOURCE_HELP)
    parser.add_argument("--labels", metavar="FILE", help="labels that came back: path,label in CSV, or an export")
    add_rename(parser)
    parser.add_argument(
        "--labelled", metavar="FILE", help="images whose class subfolder is their label: picks.csv, or paths, one a line"
    )
    parser.add_argument("--held-out", metavar="FOLDER", help="images in class subfolders to judge on (default: the others)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    parser.add_argument("--out", metavar="DIR", help="where predictions.csv, history.csv and training.json go")
    add_beginning(parser)
    add_part(parser)
    add_problems(parser)
    add_running(parser, "auto")
    add_parameters(parser.add_argument_group("training"), ImageFixMatchParams)
    parser.set_defaults(run=run_fixmatch)


def run_fixmatch(options: argparse.Namespace) -> None:
    """`fixmatch`: train, tell after every epoch, and write what became of every image."""
    from ..encoders.device import find_device
    from ..fixmatch.image_set import LabelledSet

    whole_number(options.seed, "--seed", 0)
    if (options.labels is None) == (options.labelled is None):
        raise UslError(
            "which images have a label? give --labels FILE, or --labelled FILE where class subfolders tell the classes"
            + ("" if options.labels is None else ", not both")
        )
    if options.rename and options.labels is None:
        raise UslError("--rename is about the classes of --labels; add --labels FILE, or leave it out")
    given = {name: getattr(options, name) for name in declared(ImageFixMatchParams) if hasattr(options, name)}
    params = ImageFixMatchParams(**given)
    refuse_unwritable(options.out, "--out")
    images = images_of(options.folder, options)
    labels, names, notes = _labels_of(images, options)
    task = LabelledSet(images, labels, names, _held_out(options))
    record = task.record(params, options.seed, cache_dir_of(options))
    if options.restart:
        record.forget()
    done = record.epochs()
    if done or options.resume:
        say(how_it_begins(len(done), finished=len(done) == params.n_epochs))
    report_problems(images, options, options.out)
    if find_device(options.device).type == "cpu":
        say("note: the network is trained on the CPU, which suits some hundred images; with a GPU, say --device cuda")
    put("".join(f"{column:>{width}}" for column, width in _COLUMNS.items()))
    for report in done:
        _tell(report)
    with progress_bar("fixmatch", options) as on_progress:
        found = task.classify(
            params,
            seed=options.seed,
            device=options.device,
            cache_dir=cache_dir_of(options),
            on_epoch=_tell,
            on_progress=on_progress,
        )
    say_notes([*notes, *found.trained.notes])
    if found.accuracy is not None:
        whose = "held-out images" if task.held_out is not None else "images without a label"
        say(f"accuracy {100 * found.accuracy:.1f} % of {found.n_judged:,} {whose}")
    if options.out is not None:
        _write(options, task, found)


def _labels_of(images: ImageSet, options: argparse.Namespace) -> tuple[NDArray[np.int64], tuple[str, ...], list[str]]:
    """(n,) class ids, -1 where there is none, the names of the classes, and what a user should know."""
    if options.labels is not None:
        back = labels_back(options, images, options.folder)
        tell_labels(back, options)
        write_labels_report(back, options)
        return back.ids(len(images)), back.class_names, []
    if images.labels is None:
        raise UslError(
            f"--labelled takes the classes of images from their subfolders, but {options.folder} has none; "
            "give a table path,label with --labels"
        )
    listed = read_image_list(options.labelled, images, "--labelled", other_names(options.folder))
    rows = np.array(listed.rows, dtype=np.int64)
    labels = np.full(len(images), -1, dtype=np.int64)
    labels[rows] = images.labels[rows]
    return labels, images.class_names, list(listed.notes)


def _held_out(options: argparse.Namespace) -> ImageSet | None:
    from ..images.scan import scan

    if options.held_out is None:
        return None
    folder = on_disk(options.held_out, options)
    with progress_bar("scan", options) as on_progress:
        return scan(folder, cache_dir=cache_dir_of(options), on_progress=on_progress)


def _cells(report: FixMatchReport) -> list[str]:
    accuracy = "-" if report.accuracy is None else f"{100 * report.accuracy:.1f} %"
    losses = (f"{report.labelled_loss:.4f}", f"{report.unlabelled_loss:.4f}", f"{100 * report.used:.1f} %")
    return [str(report.epoch), *losses, accuracy, f"{report.seconds:.1f} s"]


def _tell(report: FixMatchReport) -> None:
    widths = _COLUMNS.values()
    put("".join(f"{cell:>{width}}" for cell, width in zip(_cells(report), widths, strict=True)), at_once=True)


def _write(options: argparse.Namespace, task: LabelledSet, found: Classified) -> None:
    from ..export.files import write_atomically
    from ..export.tables import table_bytes

    out, images = Path(options.out), task.images
    sure, guess = found.probabilities.max(axis=1), found.probabilities.argmax(axis=1)
    lines = [
        (images.paths[row], task.class_names[number], f"{share:.6g}", "yes" if task.labels[row] >= 0 else "no")
        for row, number, share in zip(found.rows, guess, sure, strict=True)
    ]
    write_atomically(out / "predictions.csv", table_bytes(["path", "predicted", "confidence", "had_label"], lines))
    reports = [dataclasses.asdict(report) for report in found.trained.history]
    history = [["" if report[name] is None else f"{report[name]:.6g}" for name in _COLUMNS] for report in reports]
    write_atomically(out / "history.csv", table_bytes(list(_COLUMNS), history))
    document = {
        "folder": lasting(options.folder),
        "images": images.fingerprint,
        "labels": lasting(options.labels or options.labelled),
        "held_out": None if options.held_out is None else lasting(options.held_out),
        "n_labelled": int((task.labels >= 0).sum()),
        "classes": list(task.class_names),
        "params": dataclasses.asdict(found.trained.params),
        "seed": options.seed,
        "epochs": len(reports),
        "accuracy": found.accuracy,
        "n_judged": found.n_judged,
    }
    write_atomically(out / "training.json", (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode())
    say(f"wrote predictions.csv, history.csv and training.json to {options.out}")
