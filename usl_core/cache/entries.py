"""An entry on disk: a folder with one .npy file per array and `meta.json`, which holds a CRC-32 of each and of itself."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..fingerprints import bytes_of

META = "meta.json"
COPIED_BYTES = 1 << 22
"""A file up to this size is copied and closed: a map keeps its file open, and a process may open only so many."""


class Damaged(ValueError):
    """An entry that is not what was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Arrays (read-only; large ones memory-mapped) and the metadata saved with them."""

    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]


def write_entry(folder: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], version: int) -> None:
    """Write the files of an entry into a folder that nobody else knows.

    Raises:
        TypeError, ValueError: what cannot be stored.
        OSError: what the disk says, with its number.
    """
    listed = {}
    for name, array in arrays.items():
        if array.dtype.names:
            raise TypeError(f"cannot store an array of records ({name})")
        with (folder / f"{name}.npy").open("wb") as file:
            summed = _Summed(file)
            np.save(summed, np.asarray(array, order="C"), allow_pickle=False)
        listed[name] = {"crc": summed.crc, "dtype": array.dtype.str, "shape": array.shape}
    content = {"format": version, "arrays": listed, "meta": dict(meta)}
    document = {"crc": _crc_of_json(json.loads(json.dumps(content))), **content}
    (folder / META).write_text(json.dumps(document), encoding="utf-8")


class _Summed:
    """A file and the CRC of what is written. Not a real file: into one, numpy writes on its own and loses why it failed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.crc = file, 0

    def write(self, data: bytes) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self._file.write(data)


def read_entry(
    folder: Path, version: int, watch: Callable[[np.ndarray], None] | None = None, *, names: Collection[str] | None = None
) -> Entry | None:
    """The entry in a folder, or None if it is of another version.

    Args:
        folder: of the entry.
        version: of the format.
        watch: told of every array that holds memory, before anything is made of it.
        names: of the arrays that are wanted; None: all. The metadata alone are read from one small file.

    Raises:
        Damaged: it is not what was written, or incomplete.
        OSError: the system does not let it be read, which says nothing about the entry.
    """
    try:
        document = json.loads((folder / META).read_bytes().decode("utf-8"))
        if document.pop("crc") != _crc_of_json(document):
            raise Damaged(f"{META} was changed")
        if document["format"] != version:
            return None
        listed = document["arrays"]
        wanted = listed if names is None else [name for name in listed if name in names]
        arrays = {name: _read_array(folder / f"{name}.npy", watch, **listed[name]) for name in wanted}
        return Entry(arrays, document["meta"])
    except FileNotFoundError as error:
        raise Damaged(f"{Path(error.filename).name} is missing") from error
    except (IsADirectoryError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(str(error)) from error


def _read_array(
    path: Path, watch: Callable[[np.ndarray], None] | None, *, crc: int, dtype: str, shape: list[int]
) -> np.ndarray:
    """The array at the end of a .npy file.

    `numpy.load` would parse the header with `ast`, which fails now and then in several threads at once on Python 3.11.
    """
    content = _content(path)
    if watch is not None:
        watch(content)
    if zlib.crc32(bytes_of(content)) != crc:
        raise Damaged(f"{path.name} was changed")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return content[len(content) - size :].view(dtype).reshape(shape)


def _content(path: Path) -> np.ndarray:
    """All bytes of a file, read-only: copied if they are few, else mapped."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > COPIED_BYTES:
            return np.memmap(file, dtype=np.uint8, mode="r")
        return np.frombuffer(file.read(COPIED_BYTES + 1), dtype=np.uint8)


def _crc_of_json(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
