"""Picks -> files: picks.csv for people and spreadsheets, picks.npy for programs, run.json for repeating the run.

Paths are written exactly as they are, quoted where CSV asks for it: whoever reads the file must find the images again. A
name that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or `@`) is therefore not changed either;
import such a file with the column type "text". Bytes of a name that are not UTF-8 come back as they were.
"""

from __future__ import annotations

import csv
import io
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from .density import log_density
from .errors import UslError
from .run_records import RunRecord, load_run_record, run_record
from .types import Features, Neighbors, Selection
from .validation import index_set, same_images

__all__ = [
    "PickRow",
    "RunRecord",
    "load_run_record",
    "picks_table",
    "run_record",
    "write_atomically",
    "write_picks_csv",
    "write_picks_npy",
    "write_run_record",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRow:
    """One line of picks.csv; the names of the fields are its header.

    Args:
        rank: from 1.
        path: relative to the image set's folder, forward slashes.
        index: row of the features.
        method: that ran.
        seed: of the method.
        cluster: of the pick, None where the method has none.
        label: class name, None without labels.
        density: log p(i), the kNN density estimate from the mean distance (natural logarithm).
        score: the method's own, None where it has none.
    """

    rank: int
    path: str
    index: int
    method: str
    seed: int
    cluster: int | None
    label: str | None
    density: float
    score: float | None


def picks_table(selection: Selection, features: Features, neighbors: Neighbors, n_neighbors: int = 20) -> list[PickRow]:
    """The picks in rank order with what is known about each.

    Args:
        selection: the picks.
        features: what was selected from.
        neighbors: the kNN graph of the same images.
        n_neighbors: k of the density.

    Raises:
        UslError: arguments that do not belong together.
    """
    same_images(neighbors, len(features))
    index_set(selection.indices, len(features), "selection")
    images = features.images
    log_p = log_density(neighbors, n_neighbors, dim=features.values.shape[1])
    return [
        PickRow(
            rank=rank,
            path=images.paths[index],
            index=int(index),
            method=selection.method,
            seed=int(selection.seed),
            cluster=int(cluster) if cluster >= 0 else None,
            label=None if images.labels is None else images.class_names[images.labels[index]],
            density=float(log_p[index]),
            score=None if math.isnan(score) else float(score),
        )
        for rank, (index, cluster, score) in enumerate(
            zip(selection.indices, selection.clusters, selection.scores, strict=True), start=1
        )
    ]


def write_picks_csv(
    path: Path | str, selection: Selection, features: Features, neighbors: Neighbors, n_neighbors: int = 20
) -> None:
    """Write picks.csv: RFC 4180, UTF-8, full precision, empty where something is unknown.

    Args: as for `picks_table`, and where to write; missing folders are made.

    Raises:
        UslError: as `picks_table`, or the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(PickRow)])
    writer.writerows(astuple(row) for row in picks_table(selection, features, neighbors, n_neighbors))
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))


def write_picks_npy(path: Path | str, selection: Selection) -> None:
    """Write the picked rows in rank order, (m,) int64.

    Raises:
        UslError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(selection.indices, dtype=np.int64), allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def write_run_record(path: Path | str, document: Mapping[str, Any]) -> None:
    """Write what `run_record` returned.

    Raises:
        UslError: the file cannot be written.
    """
    write_atomically(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())


def write_atomically(path: Path | str, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody ever sees half of it; missing folders are made.

    Raises:
        UslError: it cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        try:
            with scratch.open("xb") as file:
                file.write(content)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise UslError(f"{path} cannot be written ({error.strerror or error}); name another folder with --out") from error
