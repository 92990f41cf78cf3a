"""What every kind of file of vectors is read as, and how columns of paths, of vectors and of other things are told apart."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ..errors import UslError
from ..images.list_text import header_word
from ..images.names import is_image_name
from ..images.regular_files import open_regular

VECTOR_HEADERS = (
    *("features", "feature", "embeddings", "embedding", "vectors", "vector", "values", "emb", "feats", "x", "data", "arr0"),
    *("latents", "representations", "codes"),
)
"""What an array or column of whole vectors may be called where there are several, as `header_word` has it."""
_NO_FEATURES = (
    *("", "index", "idx", "id", "row", "rank", "unnamed0", "level0", "indexlevel0"),
    *("label", "labels", "class", "classes", "classid", "classlabel", "target", "targets", "category"),
    *("split", "subset", "set", "partition", "fold"),
)
"""Columns of numbers that are no part of a vector: a data frame writes its row numbers, and a label must not leak into it."""
_BLOCK = 2**21  # numbers at a time
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorTable:
    """What a file of vectors holds.

    Args:
        n: vectors.
        dim: length of each.
        names: the path that stands beside each, or None where there are none.
        blocks: each call goes once more over the vectors, in order: blocks of (some, dim) real numbers. Raises UslError.
        left_out: columns of numbers that are no part of the vectors.
    """

    n: int
    dim: int
    names: Sequence[str] | None
    blocks: Callable[[], Iterator[np.ndarray]]
    left_out: tuple[str, ...] = ()


def opened(path: Path, said: str) -> BinaryIO:
    """A file of vectors, open for reading. Raises UslError."""
    try:
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, open_regular(path))))
    except (OSError, ValueError) as error:  # ValueError: a UslError of a device or folder, or a name that no file can have
        raise UslError(f"{said} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def rows_at_once(dim: int) -> int:
    """How many vectors of that length make a block."""
    return int(np.clip(_BLOCK // max(dim, 1), 1, 4096))


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table hold what; `vector` holds the numbers in order, `left_out` are other numbers."""

    path: int | None
    vector: list[int]
    left_out: list[int]


def find_columns(header: Sequence[str], samples: Sequence[str], is_number: Sequence[bool], path: int | None) -> Columns:
    """Tell paths, vectors and other columns apart.

    Args:
        header: names of the columns.
        samples: a cell of each that is not empty, or "".
        is_number: of each, whether it holds numbers.
        path: the column that is called like paths, if there is one; else it is the only text that looks like one.
    """
    if path is None:
        paths = [at for at, sample in enumerate(samples) if not is_number[at] and is_image_name(sample.strip())]
        path = paths[0] if len(paths) == 1 else None
    numbers = [at for at, known in enumerate(is_number) if known and at != path]
    left_out = [at for at in numbers if header_word(header[at]) in _NO_FEATURES]
    return Columns(path, [at for at in numbers if at not in left_out], left_out)


def some_of(names: Sequence[str]) -> str:
    """The first few of some names, for a message."""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" * (len(names) > _SHOWN))
