"""Picks -> files: picks.csv for people and spreadsheets, picks.npy for programs, run.json for repeating the run,
and the picked images themselves in a .zip archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import new_file, write_atomically
from ..images.scan import read_bytes
from ..types import Features, ImageSet, Neighbors, Progress, Selection
from ..validation import index_set
from .plain_names import inside
from .run_record import RunRecord, load_run_record, run_record
from .tables import PickRow, picks_csv, picks_table, problems_csv

__all__ = [
    "PickRow",
    "RunRecord",
    "load_run_record",
    "picks_csv",
    "picks_npy",
    "picks_table",
    "problems_csv",
    "run_json",
    "run_record",
    "write_atomically",
    "write_picks_csv",
    "write_picks_npy",
    "write_picks_zip",
    "write_run_record",
]

_RECORD = "run.json"


def write_picks_csv(
    path: Path | str,
    selection: Selection,
    features: Features,
    neighbors: Neighbors,
    n_neighbors: int = 20,
    *,
    predictions: Sequence[tuple[str, float]] | None = None,
) -> None:
    """Write what `picks_csv` returns; missing folders are made.

    Raises:
        UslError: as `picks_table`, or the file cannot be written.
    """
    write_atomically(path, picks_csv(selection, features, neighbors, n_neighbors, predictions=predictions))


def write_picks_npy(path: Path | str, selection: Selection) -> None:
    """Write what `picks_npy` returns.

    Raises:
        UslError: the file cannot be written.
    """
    write_atomically(path, picks_npy(selection))


def picks_npy(selection: Selection) -> bytes:
    """picks.npy: the picked rows in rank order, (m,) int64."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(selection.indices, dtype=np.int64), allow_pickle=False)
    return buffer.getvalue()


def write_picks_zip(
    path: Path | str,
    images: ImageSet,
    indices: Sequence[int],
    *,
    record: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Write the picked image files, byte for byte and under their own paths, into one .zip archive.

    Paths of a list that lead out of its folder lose what leads out; where two become the same, the later gets a number.

    Args:
        path: where to write; missing folders are made.
        images: the image set.
        indices: rows in rank order.
        record: what `run_record` returned, to go along as run.json; an image of that name gets a number.
        on_progress: see `types.Progress`; if it raises, nothing is left behind.

    Raises:
        UslError: a file is gone or not the one that was scanned, or the archive cannot be written.
    """
    index_set(indices, len(images), "selection")
    taken = set() if record is None else {_RECORD}
    with new_file(path) as scratch, zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
        for done, index in enumerate(indices):
            if on_progress:
                on_progress(done / len(indices), f"{done:,} of {len(indices):,} images packed")
            # A date of its own would make every archive of the same picks differ.
            name = inside(images.paths[index], taken)
            archive.writestr(zipfile.ZipInfo(name), read_bytes(images, int(index)))
        if record is not None:
            archive.writestr(zipfile.ZipInfo(_RECORD), run_json(record))


def write_run_record(path: Path | str, document: Mapping[str, Any]) -> None:
    """Write what `run_record` returned.

    Raises:
        UslError: the file cannot be written.
    """
    write_atomically(path, run_json(document))


def run_json(document: Mapping[str, Any]) -> bytes:
    """run.json: what `run_record` returned."""
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()
