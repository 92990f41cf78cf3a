"""The picked files themselves: a .zip archive with a manifest, and a folder for each class that is known."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import UslError
from ..images.scan import read_bytes
from .files import run_json
from .picked import PickedRun
from .plain_names import folder_name, inside
from .tables import table_bytes

_MANIFEST, _FOR_SPREADSHEETS, _RUN = "manifest.csv", "manifest-spreadsheet.csv", "run.json"


def write_zip(run: PickedRun, folder: Path) -> None:
    """images.zip: the picked files byte for byte, manifest.csv (which file has which name; manifest-spreadsheet.csv for
    spreadsheets) and run.json.

    Raises:
        UslError: a file is gone or not the one that was scanned.
    """
    names = names_inside(run, {_MANIFEST, _FOR_SPREADSHEETS, _RUN})
    with zipfile.ZipFile(folder / "images.zip", "w", zipfile.ZIP_STORED) as archive:
        for name, content in _contents(run, names):
            archive.writestr(zipfile.ZipInfo(name), content)
        header = ["rank", "path", "file", "label", "digest"]
        rows: list[tuple[object, ...]] = [
            (rank, run.images.paths[row], names[row], run.known_class(row), run.images.digests[row])
            for rank, row in enumerate(run.rows, start=1)
        ]
        if run.has_predictions:
            header += ["predicted", "confidence"]
            rows = [(*cells, *(run.predicted_class(row) or ("", ""))) for cells, row in zip(rows, run.rows, strict=True)]
        archive.writestr(zipfile.ZipInfo(_MANIFEST), table_bytes(header, rows))
        archive.writestr(zipfile.ZipInfo(_FOR_SPREADSHEETS), table_bytes(header, rows, spreadsheet=True))
        archive.writestr(zipfile.ZipInfo(_RUN), run_json(run.document))


def write_tree(run: PickedRun, folder: Path) -> None:
    """labelled/CLASS/FILE: a copy of every pick whose class is known, as ImageFolder and most trainings read them.

    Classes and files are called as they may be on every platform; labelled.csv says which is which, and
    labelled-spreadsheet.csv says it to spreadsheets. Predicted classes are none that are known.

    Raises:
        UslError: no class is known, or a file is gone or not the one that was scanned.
    """
    known = {row: label for row in run.rows if (label := run.known_class(row)) is not None}
    if not known:
        raise UslError("tree needs picks whose class is known, and no class of these is; label them first")
    taken: set[str] = set()
    folders = {label: folder_name(label, taken) for label in sorted(set(known.values()))}
    used: set[str] = set()
    rows = []
    for done, (row, label) in enumerate(known.items()):
        run.report(done / len(known), f"{done:,} of {len(known):,} images copied")
        name = inside(f"{folders[label]}/{run.images.paths[row].rpartition('/')[2]}", used)
        target = folder / "labelled" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read_bytes(run.images, row))
        rows.append((run.images.paths[row], name, label))
    header = ("path", "file", "label")
    (folder / "labelled.csv").write_bytes(table_bytes(header, rows))
    (folder / "labelled-spreadsheet.csv").write_bytes(table_bytes(header, rows, spreadsheet=True))


def names_inside(run: PickedRun, taken: set[str]) -> dict[int, str]:
    """The name in an archive of every pick, by row."""
    return {row: inside(run.images.paths[row], taken) for row in run.rows}


def _contents(run: PickedRun, names: dict[int, str]) -> Iterator[tuple[str, bytes]]:
    for done, (row, name) in enumerate(names.items()):
        run.report(done / len(names), f"{done:,} of {len(names):,} images packed")
        yield name, read_bytes(run.images, row)
