"""Vectors in NumPy's own files, read in blocks: neither objects, which would run code, nor whole arrays, which may not fit."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import UslError
from ..images.list_text import header_word, path_column
from ..images.names import is_image_name
from .vector_table import VECTOR_HEADERS, VectorTable, opened, rows_at_once, some_of

_MAX_TEXT_BYTES = 2**31
_BROKEN = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What damaged and encrypted files raise. A UslError is a ValueError."""

_Open = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class _Array:
    """An array that is known by its header."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def is_vectors(self) -> bool:
        return len(self.shape) == 2 and self.dtype.kind in "fiu"


def read_npy(path: Path, said: str) -> VectorTable:
    """One array of (n, d) numbers.

    Args:
        path: of the file.
        said: what it is called in messages.

    Raises:
        UslError: it is none, or damaged.
    """
    with _told(said), opened(path, said) as file:
        array = _header(file)
        _check(array, said)
        n_bytes = path.stat().st_size - file.tell()
        if n_bytes < _n_bytes(array):
            raise UslError(f"{said} is cut off: it has {n_bytes:,} bytes of {_n_bytes(array):,}; write it again")
    if array.fortran:
        return _table(array, None, lambda: _slices(np.load(path, mmap_mode="r", allow_pickle=False)))
    return _table(array, None, lambda: _stream(lambda: opened(path, said), array, said))


def read_npz(path: Path, said: str) -> VectorTable:
    """Such an array among others, with an array of paths or without. Args and Raises as for `read_npy`."""

    @contextmanager
    def archive() -> Iterator[zipfile.ZipFile]:
        with opened(path, said) as file, zipfile.ZipFile(file) as whole:
            yield whole

    def member(name: str) -> _Open:
        @contextmanager
        def found() -> Iterator[IO[bytes]]:
            with archive() as whole, whole.open(f"{name}.npy") as file:
                yield file

        return found

    with _told(said):
        with archive() as whole:
            names = [name.removesuffix(".npy") for name in whole.namelist() if name.endswith(".npy")]
        arrays = {}
        for name in names:
            with member(name)() as file:
                arrays[name] = _header(file)
        name = _the_vectors(arrays, said)
        array = arrays[name]
        _check(array, f"the array {name!r} of {said}")
        paths = _the_paths(arrays, array.shape[0], member, said)
    if array.fortran:
        return _table(array, paths, lambda: _slices(_whole(member(name), said)))
    return _table(array, paths, lambda: _stream(member(name), array, said))


def _table(array: _Array, names: list[str] | None, blocks: Callable[[], Iterator[np.ndarray]]) -> VectorTable:
    return VectorTable(n=array.shape[0], dim=array.shape[1], names=names, blocks=blocks)


def _header(file: IO[bytes]) -> _Array:
    """Read the header, so that the numbers come next."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("it holds records with names, not plain numbers")
    return _Array(*(npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file))


def _check(array: _Array, said: str) -> None:
    if array.dtype.hasobject:
        raise UslError(f"{said} holds Python objects, which are not read; save it as numbers: array.astype('float32')")
    if not array.is_vectors:
        raise UslError(
            f"{said} must hold (n, d) real numbers, a row for each image, but holds {array.shape} of {array.dtype}; "
            "reshape or convert it"
        )


def _n_bytes(array: _Array) -> int:
    return int(np.prod(array.shape, dtype=object)) * array.dtype.itemsize


def _the_vectors(arrays: dict[str, _Array], said: str) -> str:
    """Which of the arrays it is: the only one, the only one of fractions, or the one that is called like vectors."""
    fitting = [name for name, array in arrays.items() if array.is_vectors]
    fractions = [name for name in fitting if arrays[name].dtype.kind == "f"]
    words = {header_word(name): name for name in reversed(fitting)}
    for found in (fitting, fractions, [words[word] for word in VECTOR_HEADERS if word in words][:1]):
        if len(found) == 1:
            return found[0]
    if fitting:
        raise UslError(f"{said} holds several arrays of vectors ({some_of(fitting)}); call the one that is meant 'features'")
    held = ", ".join(f"{name} {array.shape} of {array.dtype}" for name, array in list(arrays.items())[:6])
    raise UslError(f"{said} must hold an array of (n, d) real numbers, a row for each image, but holds {held or 'no array'}")


def _the_paths(arrays: dict[str, _Array], n: int, member: Callable[[str], _Open], said: str) -> list[str] | None:
    """The texts that stand beside the vectors, if they are called like paths, or are the only ones that look like such."""
    listed = [name for name, array in arrays.items() if array.shape == (n,)]
    at = path_column([header_word(name) for name in listed])
    if at is not None:
        array = arrays[listed[at]]
        if array.dtype.hasobject:
            raise UslError(
                f"the array {listed[at]!r} of {said} holds Python objects, which are not read; save it as text: "
                f"np.array({listed[at]}, dtype=str)"
            )
        if array.dtype.kind in "US":
            return _texts(arrays, listed[at], member, said)
    texts = [name for name in listed if arrays[name].dtype.kind in "US"]
    alike = [read for read in (_texts(arrays, name, member, said) for name in texts) if is_image_name(read[0].strip())]
    return alike[0] if len(alike) == 1 else None


def _texts(arrays: dict[str, _Array], name: str, member: Callable[[str], _Open], said: str) -> list[str]:
    array = arrays[name]
    if _n_bytes(array) > _MAX_TEXT_BYTES:
        raise UslError(f"the array {name!r} of {said} has {_n_bytes(array):,} bytes of text, more than {_MAX_TEXT_BYTES:,}")
    found = _whole(member(name), said)
    return [text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text for text in found.tolist()]


def _whole(open_it: _Open, said: str) -> np.ndarray:
    with _told(said), open_it() as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array


def _stream(open_it: _Open, array: _Array, said: str) -> Iterator[np.ndarray]:
    n, dim = array.shape
    rows = rows_at_once(dim)
    with _told(said), open_it() as file:
        _header(file)
        for start in range(0, n, rows):
            count = min(rows, n - start)
            data = file.read(count * dim * array.dtype.itemsize)
            if len(data) < count * dim * array.dtype.itemsize:
                raise UslError(f"{said} is cut off after {start:,} of {n:,} vectors; write it again")
            yield np.frombuffer(data, dtype=array.dtype).reshape(count, dim)
        file.read(1)  # the end of a member of an archive, where its checksum is looked at


def _slices(array: np.ndarray) -> Iterator[np.ndarray]:
    rows = rows_at_once(array.shape[1])
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


@contextmanager
def _told(said: str) -> Iterator[None]:
    try:
        yield
    except UslError:
        raise
    except _BROKEN as error:
        cause = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UslError(f"{said} cannot be read ({cause or type(error).__name__}); write it again") from error
