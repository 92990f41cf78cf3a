"""Vectors in a Parquet file: a column for each number, or one column of lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UslError
from ..images.list_text import header_word, path_column
from .vector_table import VECTOR_HEADERS, VectorTable, find_columns, opened, rows_at_once, some_of

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile


def read_parquet(path: Path, said: str) -> VectorTable:
    """A column of paths, or none, and the vectors.

    Args:
        path: of the file.
        said: what it is called in messages.

    Raises:
        UslError: it cannot be read, or holds something else.
    """
    with _opened(path, said) as file:
        schema, n = file.schema_arrow, file.metadata.num_rows
        header, kinds = schema.names, [_storage(field.type) for field in schema]
        first = next(file.iter_batches(1), None)
        samples = [_sample(first, at, kind) for at, kind in enumerate(kinds)]
        named = path_column([header_word(name) if _is_text(kind) else "-" for name, kind in zip(header, kinds, strict=True)])
        columns = find_columns(header, samples, [_is_number(kind) for kind in kinds], named)
        lists = _the_list([at for at, kind in enumerate(kinds) if _is_list(kind)], header, said)
        names: list[str] | None = None
        if columns.path is not None:
            column = header[columns.path]
            names = [_text(cell) for batch in file.iter_batches(columns=[column]) for cell in batch.column(0).to_pylist()]
        if lists is None and not columns.vector:
            raise UslError(
                f"{said} has neither a column of lists nor columns of numbers; its columns are {some_of(header)}: it must have "
                "a column path, and a column of vectors or a column for each of their numbers"
            )
        dim = len(columns.vector) if lists is None else _length(file, header[lists])
    wanted = [header[at] for at in columns.vector] if lists is None else [header[lists]]
    if len(set(wanted)) < len(wanted):
        raise UslError(f"{said} has several columns of the same name ({some_of(wanted)}); give each its own")
    return VectorTable(
        n=n,
        dim=dim,
        names=names,
        blocks=lambda: _blocks(path, said, wanted, dim, is_list=lists is not None),
        left_out=tuple(header[at] for at in columns.left_out) if lists is None else (),
    )


@contextmanager
def _opened(path: Path, said: str) -> Iterator[ParquetFile]:
    import pyarrow
    from pyarrow import parquet

    try:
        with opened(path, said) as file, parquet.ParquetFile(file) as table:
            yield table
    except (pyarrow.ArrowException, OSError) as error:
        cause = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UslError(f"{said} cannot be read ({cause:.200}); write it again") from error


def _blocks(path: Path, said: str, wanted: list[str], dim: int, is_list: bool) -> Iterator[np.ndarray]:
    row = 0
    with _opened(path, said) as file:
        for batch in file.iter_batches(rows_at_once(dim), columns=wanted):
            if is_list:
                yield _from_lists(batch.column(0), dim, row, said)
            else:
                yield np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in wanted])
            row += len(batch)


def _from_lists(column: pyarrow.Array, dim: int, row: int, said: str) -> np.ndarray:
    """(b, dim); a row that has no list is not finite."""
    import pyarrow
    import pyarrow.compute

    if isinstance(column, pyarrow.ExtensionArray):
        column = column.storage
    lengths = pyarrow.compute.list_value_length(column).to_numpy(zero_copy_only=False)
    known = np.asarray(column.is_valid())
    other = np.flatnonzero(known & (lengths != dim))
    if len(other):
        raise UslError(
            f"row {row + other[0] + 1:,} of {said} has {lengths[other[0]]:.0f} numbers where the first has {dim}; all must "
            "have as many"
        )
    numbers = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
    if len(numbers) == len(column):
        return numbers
    block = np.full((len(column), dim), np.nan, dtype=np.result_type(numbers, np.float32))
    block[known] = numbers
    return block


def _the_list(found: list[int], header: list[str], said: str) -> int | None:
    """Which column of lists holds the vectors: the only one, or the one that is called so."""
    if len(found) < 2:
        return next(iter(found), None)
    words = {header_word(header[at]): at for at in reversed(found)}
    for word in VECTOR_HEADERS:
        if word in words:
            return words[word]
    raise UslError(
        f"{said} has several columns of lists ({some_of([header[at] for at in found])}); call the one that is meant 'features'"
    )


def _length(file: ParquetFile, column: str) -> int:
    """The length of the first list that there is."""
    for batch in file.iter_batches(columns=[column]):
        for cell in batch.column(0):
            if cell.is_valid:
                return len(cell.as_py())
    return 0


def _storage(kind: pyarrow.DataType) -> pyarrow.DataType:
    import pyarrow

    return kind.storage_type if isinstance(kind, pyarrow.BaseExtensionType) else kind


def _is_list(kind: pyarrow.DataType) -> bool:
    import pyarrow.types as kinds

    is_one = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    return is_one and _is_number(kind.value_type)


def _is_number(kind: pyarrow.DataType) -> bool:
    import pyarrow.types as kinds

    return kinds.is_integer(kind) or kinds.is_floating(kind)


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow.types as kinds

    inner = kind.value_type if kinds.is_dictionary(kind) else kind
    return kinds.is_string(inner) or kinds.is_large_string(inner) or kinds.is_string_view(inner)


def _sample(first: pyarrow.RecordBatch | None, at: int, kind: pyarrow.DataType) -> str:
    """The first cell of a column of texts."""
    return _text(first.column(at)[0].as_py()) if first is not None and len(first) and _is_text(kind) else ""


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
