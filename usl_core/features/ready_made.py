"""Vectors that were made elsewhere -> features: no image is opened, and memory holds one array and a block of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cache.store import fingerprint
from ..encoders.own_vectors import BY_PATH, VectorsEncoder
from ..encoders.vector_table import VectorTable
from ..errors import UslError
from ..types import FloatArray, ImageSet, IntArray, Progress
from .ids import image_ids
from .matching import by_order, by_path
from .unit_rows import copies_of, normalise, without

_MATCHED = 0.3
"""Share of the progress bar."""
_ALIKE = 0.99
"""Copies of a file whose vectors have a smaller cosine are not of the same picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMade:
    """What a file of vectors holds for an image set.

    Args:
        encoder: full name.
        file: name of the file.
        values: (r, d) unit rows of the images that have a usable vector, in their order.
        lacking: the other images, and why.
        rows: fingerprint of which row is whose.
        notes: what a user should know.
    """

    encoder: str
    file: str
    values: FloatArray
    lacking: dict[int, str]
    rows: str
    notes: list[str]

    def meta(self, key: str) -> dict[str, Any]:
        """What is kept beside the values; `key` is the fingerprint of images and encoder."""
        return {
            "encoder": self.encoder,
            "unreadable": [],
            "unusable": list(self.lacking.items()),
            "fingerprint": fingerprint(key, self.rows),
            "notes": [(self.file, note) for note in self.notes],
        }


def ready_made(images: ImageSet, encoder: VectorsEncoder, report: Progress) -> ReadyMade:
    """Match the vectors with the images and give them unit length. Copies of a file share the vector of the first that has one.

    Raises:
        UslError: the file cannot be read, is another one than was added, does not match, or has two vectors for one image.
        Cancelled: as raised by `report`.
    """
    file = encoder.path
    report(0.0, f"reading {file.name}")
    with encoder.reading() as table:

        def told(count: int) -> None:
            report(_MATCHED * count / table.n, f"looking for the images of {table.n:,} vectors")

        if encoder.known.matched == BY_PATH:
            targets, notes = by_path(images, table.names or (), file, told)
        else:
            targets, notes = by_order(images, table.n, encoder.known.matched, file)

        def read(count: int) -> None:
            report(_MATCHED + (1 - _MATCHED) * count / table.n, f"{count:,} of {table.n:,} vectors")

        values, rows = _filled(images, table, targets, encoder, read)
    unused = int((targets < 0).sum())
    if unused:
        notes.append(f"{unused:,} of its {table.n:,} vectors {'belongs' if unused == 1 else 'belong'} to no image here")
    return _usable(images, encoder, values, rows, notes)


def _filled(
    images: ImageSet, table: VectorTable, targets: IntArray, encoder: VectorsEncoder, read: Callable[[int], None]
) -> tuple[FloatArray, IntArray]:
    """The vector of every image, zero without, and its row in the file, -1 without."""
    values = np.zeros((len(images), table.dim), dtype=np.float32)
    rows = np.full(len(images), -1, dtype=np.int64)
    start = 0
    for block in table.blocks():
        at = np.flatnonzero(targets[start : start + len(block)] >= 0)
        owners, numbers = targets[start + at], _single(block[at])
        _, first = np.unique(owners, return_index=True)
        new = first[rows[owners[first]] < 0]
        values[owners[new]], rows[owners[new]] = numbers[new], start + at[new]
        for other in np.setdiff1d(np.arange(len(owners)), new):
            if not np.array_equal(values[owners[other]], numbers[other], equal_nan=True):
                index = int(owners[other])
                raise UslError(
                    f"{encoder.path} has two vectors for {images.paths[index]!r}, in the rows {rows[index] + 1:,} and "
                    f"{start + int(at[other]) + 1:,}, and they differ; leave one"
                )
        start += len(block)
        read(start)
    if start != table.n:
        raise UslError(f"{encoder.path} has {start:,} vectors instead of {table.n:,}; write it again")
    return values, rows


def _single(block: np.ndarray) -> FloatArray:
    """As float32. Double precision is brought into its range before, by powers of two that no direction depends on."""
    if block.dtype.kind == "f" and block.dtype.itemsize > 4:
        largest = np.abs(block).max(axis=1, initial=0.0)
        exponents = np.where(np.isfinite(largest), np.frexp(largest)[1], 0)
        block = np.ldexp(block, -exponents[:, None])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told of, with the image
        return block.astype(np.float32)


def _usable(images: ImageSet, encoder: VectorsEncoder, values: FloatArray, rows: IntArray, notes: list[str]) -> ReadyMade:
    numbers = np.unique(image_ids(images.digests), return_inverse=True)[1]
    _share(values, rows, numbers)
    causes = normalise(values, encoder.zero_cause)
    causes |= {int(index): f"there is no vector for it in {encoder.path.name}" for index in np.flatnonzero(rows < 0)}
    lacking = dict(sorted(causes.items()))
    if len(lacking) == len(images):
        raise nothing_left(images, lacking)
    values = without(values, list(lacking))
    differing = _unite(values, np.delete(numbers, list(lacking)))
    if differing:
        notes.append(
            f"{differing:,} exact copies of a file have another vector there than the first of them, whose is taken: is each "
            "vector beside the right image?"
        )
    return ReadyMade(
        encoder=encoder.name, file=encoder.path.name, values=values, lacking=lacking, rows=fingerprint(rows), notes=notes
    )


def nothing_left(images: ImageSet, causes: Mapping[int, str]) -> UslError:
    """What to say where no image has a feature vector, for these causes."""
    index, cause = min(causes.items())
    return UslError(
        f"none of the {len(images)} images in {images.root} gives a feature vector; "
        f"the first is {images.paths[index]!r}: {cause}"
    )


def _share(values: FloatArray, rows: IntArray, numbers: IntArray) -> None:
    """Give images without a vector that of a copy of their file."""
    if (rows >= 0).all():
        return
    known = np.flatnonzero(rows >= 0)
    sharing = dict(zip(numbers[known[::-1]].tolist(), known[::-1].tolist(), strict=True))  # the first of each wins
    for index in np.flatnonzero(rows < 0).tolist():
        other = sharing.get(int(numbers[index]))
        if other is not None:
            values[index], rows[index] = values[other], rows[other]


def _unite(values: FloatArray, numbers: IntArray) -> int:
    """Give copies the vector of their first; how many had another one."""
    differing = 0
    for copies, firsts in copies_of(numbers):
        cosines = np.einsum("ij,ij->i", values[copies], values[firsts], dtype=np.float64)
        differing += int((cosines < _ALIKE).sum())
        values[copies] = values[firsts]
    return differing
