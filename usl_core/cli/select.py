"""What the command `select` does."""

from __future__ import annotations

import argparse

from ..errors import UslError
from ..names import spelled_out
from .folders import recorded_folder, refuse_unwritable
from .inputs import refuse_beside_record
from .output import say_notes
from .output_files import report_problems, write_picks
from .picking import Picked, pick
from .streams import put, say


def run_select(options: argparse.Namespace) -> None:
    """`select`: pick, print, and write the picks."""
    from ..export.files import load_run_record

    record = load_run_record(options.record) if options.record else None
    if record:
        refuse_beside_record(options)
    refuse_unwritable(options.out, "--out")
    folder = options.folder or (recorded_folder(record, options.record) if record else None)
    if folder is None:
        raise UslError("name the folder to select from, or a run to repeat with --from run.json")
    if record is None and options.budget is None:
        raise UslError("how many images? give --budget M")
    tell(pick(options, folder, record), options)


def tell(picked: Picked, options: argparse.Namespace) -> None:
    """Say what there is to say, write the files, and print the paths."""
    report_problems(picked.features.images, options, options.out)
    say_notes(picked.notes)
    if options.out is not None:
        say(f"wrote {', '.join(write_picks(picked, options))} to {options.out}")
    for index in picked.selection.indices:
        put(spelled_out(picked.features.images.paths[index]))
