"""A list of images in Parquet -> its rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UslError
from ..types import Progress
from .list_columns import LABEL_HEADERS, SPLIT_HEADERS, ListTable, find_columns, no_path_column
from .list_text import MAX_LIST_BYTES, header_word
from .regular_files import open_regular

if TYPE_CHECKING:
    import pyarrow

MAX_ROWS = 50_000_000
_BATCH = 65_536


def read_parquet(root: Path, report: Progress) -> ListTable:
    """The rows of a Parquet file with a column of paths, see `list_columns`; other columns are not read.

    Args:
        root: the file.
        report: called now and then.

    Raises:
        UslError: it cannot be read, or its columns are none of paths, or of other things than text and numbers.
    """
    import pyarrow
    from pyarrow import parquet

    called = f"the list {root}"
    try:
        with open_regular(root) as file:
            size = root.stat().st_size
            if size > MAX_LIST_BYTES:
                raise UslError(f"{called} has {size:,} bytes, more than the limit of {MAX_LIST_BYTES:,}; split it up")
            table = parquet.ParquetFile(file)
            schema, n = table.schema_arrow, table.metadata.num_rows
            if n > MAX_ROWS:
                raise UslError(f"{called} has {n:,} rows, more than the limit of {MAX_ROWS:,}; split it up")
            wanted = _columns(called, schema)
            texts = [name for name in wanted.values() if _is_text(schema.field(name).type)]
            # As a dictionary, a text that repeats is one object however many rows have it.
            table = parquet.ParquetFile(file, read_dictionary=texts)
            cells: dict[str, list[str]] = {use: [] for use in wanted}
            for batch in table.iter_batches(_BATCH, columns=list(wanted.values())):
                report(0.0, f"reading the list: {len(cells['path']):,} of {n:,} rows")
                for use, name in wanted.items():
                    texts_of_batch = _texts(batch.column(name))
                    cells[use].extend(texts_of_batch if use == "path" else map(str.strip, texts_of_batch))
    except (pyarrow.ArrowException, OSError) as error:
        cause = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UslError(f"{called} cannot be read ({cause}); write it again as Parquet, or as CSV") from error
    rows = [row for row, path in enumerate(cells["path"]) if path]
    kept = {use: column if len(rows) == n else [column[row] for row in rows] for use, column in cells.items()}
    return ListTable(
        paths=kept["path"],
        lines=[row + 1 for row in rows],
        labels=kept.get("label"),
        splits=kept.get("split"),
        line_word="row",
        pathless=[row + 1 for row, path in enumerate(cells["path"]) if not path],
    )


def _columns(called: str, schema: pyarrow.Schema) -> dict[str, str]:
    """The names of the columns that are read, by what they hold: "path", and "label" and "split" if they are there."""
    import pyarrow.types as kinds

    columns = find_columns(schema.names)
    if columns is None:
        raise no_path_column(called, schema.names)
    used = {"path": columns.path, "label": columns.label, "split": columns.split}
    found = {use: schema.names[column] for use, column in used.items() if column is not None}
    for name in found.values():
        if schema.names.count(name) > 1:
            raise UslError(f"{called} has more than one column {name!r}; keep one of them")
    if not _is_text(schema.field(found["path"]).type):
        kind = schema.field(found["path"]).type
        raise UslError(f"the column {found['path']!r} of {called} must hold texts, the paths, but holds {kind}")
    for use, headers in (("label", LABEL_HEADERS), ("split", SPLIT_HEADERS)):
        if use in found and kinds.is_nested(kind := schema.field(found[use]).type):
            raise UslError(
                f"the column {found[use]!r} of {called} must hold one text or number per row, the {use}, but holds {kind}; "
                f"write it so, or call it something else than {header_word(found[use])} and the like ({', '.join(headers[:3])})"
            )
    return found


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow.types as kinds

    inner = kind.value_type if kinds.is_dictionary(kind) else kind
    return kinds.is_string(inner) or kinds.is_large_string(inner) or kinds.is_string_view(inner)


def _texts(column: pyarrow.Array) -> Iterator[str]:
    """The cells as texts; empty where there is none."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        known = [_text(value) for value in column.dictionary.to_pylist()]
        return ("" if index is None else known[index] for index in column.indices.to_pylist())
    return map(_text, column.to_pylist())


def _text(value: Any) -> str:
    """Whole numbers without a fraction: a column of integers that lacks one became one of floats somewhere."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
