"""What the command `export` does, and how it is spelled."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import UslError
from ..selection.second_round import ONE_CLASS
from .folders import lasting, recorded_folder, refuse_unwritable
from .inputs import cache_dir_of
from .labels import RENAME, add_rename, labels_back, tell_labels, write_labels_report
from .options import SOURCE_HELP, add_running
from .output import progress_bar, say_notes
from .picking import Picked, pick
from .streams import say

if TYPE_CHECKING:
    from ..export.picked import Guess
    from ..labels.returned import ReturnedLabels

_HELP = """\
Repeats a recorded run, checks that it is the same, and writes its picks for other programs into --out, run.json beside them.
If one format fails, nothing is written. Classes that are known go along where the format takes them: of folders or a list, of
the labels that the run went by, and of --labels; with --predictions, so do those that a classifier of these labels takes the
other images for, with its probability.

formats, several with commas between:
"""


def add_parser(actions: Any) -> None:
    """Register the command."""
    from ..export.formats import HTML, export_formats

    formats = export_formats() | {"html": HTML}
    width = max(map(len, formats))
    listed = "\n".join(f"  {name.ljust(width)}  {summary}" for name, summary in formats.items())
    raw = argparse.RawDescriptionHelpFormatter
    parser = actions.add_parser(
        "export", help="picks for labelling tools and other programs", description=_HELP + listed, formatter_class=raw
    )
    parser.add_argument("folder", nargs="?", help=f"{SOURCE_HELP} (default: that of the run)")
    parser.add_argument("--from", dest="record", required=True, metavar="RUN.JSON", help="the run to repeat")
    parser.add_argument("--format", required=True, metavar="A,B,...", help="see above")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--labels", metavar="FILE", help="labels that came back since, as for `next`; they go above what the run recorded"
    )
    add_rename(parser)
    parser.add_argument(
        "--predictions", action="store_true", help="tell what a classifier of the labels takes the other images for"
    )
    parser.add_argument("--classes", metavar="A,B,...", help="names that may be chosen when labelling; known ones follow")
    parser.add_argument(
        "--url-prefix", metavar="URL", help="where the images are served for Label Studio (default: its local files)"
    )
    parser.add_argument("--map", choices=("umap", "pca"), default="umap", help="of embedding-atlas and html (default: umap)")
    add_running(parser)
    parser.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> None:
    """`export`: repeat, check, write."""
    from ..export.formats import checked_formats, export_formats, export_picks
    from ..export.run_record import load_run_record
    from ..report.picked import write_picked_report

    formats = checked_formats(_names(options.format), [*export_formats(), "html"])
    if options.rename and options.labels is None:
        raise UslError(f"{RENAME} is about the classes of --labels; add --labels FILE, or leave it out")
    record = load_run_record(options.record)
    refuse_unwritable(options.out, "--out")
    picked = pick(options, options.folder or recorded_folder(record, options.record), record)
    back = None if options.labels is None else labels_back(options, picked.features.images, picked.folder)
    if back is not None:
        tell_labels(back, options)
    guesses = _guesses(picked, back, options)
    with progress_bar("export", options) as on_progress:
        written = export_picks(
            *(picked.selection, picked.features, picked.graph, options.out, formats),
            n_neighbors=picked.k,
            record=picked.document(options.out),
            guesses=guesses,
            classes=_names(options.classes or ""),
            url_prefix=options.url_prefix,
            map_method=options.map,
            more={"html": write_picked_report},
            cache_dir=cache_dir_of(options),
            on_progress=on_progress,
        )
    if back is not None:
        write_labels_report(back, options)
    say_notes(picked.notes)
    say(f"wrote {', '.join(written)} to {options.out}")


def _guesses(picked: Picked, back: ReturnedLabels | None, options: argparse.Namespace) -> dict[int, Guess]:
    """The classes that are known, and with --predictions all others."""
    from ..export.guesses import guesses_of, with_predictions
    from ..export.recorded_labels import RecordedLabels

    features, labels, classifier = picked.features, picked.labels, picked.classifier
    if back is not None:
        new = RecordedLabels.of(back, lasting(options.labels))
        labels, classifier = (new if labels is None else new.over(labels, back.labelled.tolist())), None
    known = guesses_of(features, labels)
    if not options.predictions:
        return known
    guesses = with_predictions(known, features, labels, classifier)
    assert labels is not None
    notes = [ONE_CLASS] if len(set(labels.classes)) == 1 else []
    if not any(row not in known for row in picked.selection.indices.tolist()):
        notes.append("the class of every pick is known, so none is predicted")
    say_notes(notes)
    return guesses


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
