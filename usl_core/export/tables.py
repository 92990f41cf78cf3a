"""Tables in CSV: the picks, and the files that could not be used or that are worth a look; each in two variants.

The exact variant is RFC 4180 in UTF-8, and paths stand there as they are, quoted where CSV asks for it: whoever reads the file
must find the images again. Bytes of a name that are not UTF-8 come back as they were. A spreadsheet may take such a name for a
formula, and the file for one in its code page, so there is a variant for spreadsheets: with a byte order mark, and with an
apostrophe before every name that a spreadsheet might run or rewrite; its column is called `path_as_text`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

from ..graph.density import log_density
from ..names import guarded
from ..types import Features, ImageSet, Neighbors, Selection
from ..validation import index_set, same_images

_TEXTS = ("path", "file", "label", "cause", "predicted", "digest")


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


def picks_csv(
    selection: Selection,
    features: Features,
    neighbors: Neighbors,
    n_neighbors: int = 20,
    *,
    predictions: Sequence[tuple[str, float]] | None = None,
    spreadsheet: bool = False,
) -> bytes:
    """picks.csv, or picks-spreadsheet.csv: full precision, empty where something is unknown.

    Args:
        selection: and the next three, see `picks_table`.
        predictions: of each pick the class that a classifier of the labels takes it for, and its probability; they become the
            columns `predicted` and `confidence`. None: no such columns.
        spreadsheet: the variant for spreadsheets, see above.

    Raises:
        UslError: as `picks_table`.
    """
    header = [field.name for field in fields(PickRow)]
    rows = list(map(astuple, picks_table(selection, features, neighbors, n_neighbors)))
    if predictions is not None:
        header += ["predicted", "confidence"]
        rows = [(*row, *guess) for row, guess in zip(rows, predictions, strict=True)]
    return table_bytes(header, rows, spreadsheet=spreadsheet)


def problems_csv(images: ImageSet, *, spreadsheet: bool = False) -> bytes:
    """problems.csv, or problems-spreadsheet.csv: a line for every file that could not be used (`problem`) and for everything
    worth knowing of one that is used (`note`).

    Args:
        images: of one scan, or of the features.
        spreadsheet: the variant for spreadsheets, see above.
    """
    rows = [("problem", problem.path, problem.cause) for problem in images.problems]
    rows += [("note", note.path, note.text) for note in images.notes]
    return table_bytes(["kind", "path", "cause"], rows, spreadsheet=spreadsheet)


def table_bytes(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, spreadsheet: bool = False, separator: str = ","
) -> bytes:
    """A table with a header, see above.

    Args:
        header: names of the columns.
        rows: a cell per column each.
        spreadsheet: the variant for spreadsheets.
        separator: of cells.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    if not spreadsheet:
        writer.writerow(header)
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "surrogateescape")
    writer.writerow("path_as_text" if name == "path" else name for name in header)
    texts = {column for column, name in enumerate(header) if name in _TEXTS}
    for row in rows:
        writer.writerow(guarded(cell) if column in texts and isinstance(cell, str) else cell for column, cell in enumerate(row))
    return text.getvalue().encode("utf-8-sig", "backslashreplace")
