"""A content-addressed cache on disk: entries are atomic, verified when read, and memory-mapped.

An entry is a folder `<kind>/<fingerprint>/` with one .npy file per array and `meta.json`, which holds a CRC-32 of each
and of itself. An entry that is damaged in any way is a miss, never an error: whoever asked computes it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UslError

log = logging.getLogger(__name__)

FORMAT_VERSION = 3
ENV_CACHE_DIR = "USL_CACHE_DIR"
_ATTEMPTS = 10  # at replacing an entry that other processes replace at the same time


def default_cache_dir() -> Path:
    """`USL_CACHE_DIR` if it is set, else the platform's user cache directory."""
    from_environment = os.environ.get(ENV_CACHE_DIR)
    if from_environment:
        return Path(from_environment).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("usl-explorer", appauthor=False))


def fingerprint(*parts: Any) -> str:
    """A 128-bit hex digest of the parts: text, numbers, bytes, arrays, None, and tuples, lists and dicts of those.

    Arrays count with dtype and shape, so equal bytes of another shape differ.
    """
    digest = hashlib.blake2b(digest_size=16)

    def add(part: Any) -> None:
        if isinstance(part, np.ndarray):
            digest.update(f"array:{part.dtype.str}:{part.shape};".encode())
            digest.update(_buffer(part))
        elif isinstance(part, np.generic):  # a parameter that came out of an array
            add(part.item())
        elif isinstance(part, bytes):
            digest.update(f"bytes:{len(part)};".encode() + part)
        elif isinstance(part, Mapping):
            add([(key, part[key]) for key in sorted(part)])
        elif isinstance(part, tuple | list):
            digest.update(f"list:{len(part)};".encode())
            for item in part:
                add(item)
        elif part is None or isinstance(part, str | bool | int | float):
            text = repr(part).encode()
            digest.update(f"{type(part).__name__}:{len(text)};".encode() + text)
        else:
            raise TypeError(f"cannot fingerprint a {type(part).__name__}")

    for part in parts:
        add(part)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """Arrays (read-only, memory-mapped) and the metadata saved with them."""

    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]


class Store:
    """The cache under one directory.

    Args:
        root: the directory; made when the first entry is saved. None means `default_cache_dir()`.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_cache_dir() if root is None else Path(root).expanduser()

    def load(self, kind: str, key: str) -> Entry | None:
        """The entry, or None if there is none or if it is damaged."""
        return _read_entry(self.root / kind / key)

    def meta(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """The metadata of an entry, or None as for `load`; its arrays are not looked at."""
        return _read_meta(self.root / kind / key)

    def written(self, kind: str, key: str) -> int | None:
        """When the entry was written, in ns; None if there is none. Another number means another entry."""
        try:
            return (self.root / kind / key / "meta.json").stat().st_mtime_ns
        except OSError:
            return None

    def save(self, kind: str, key: str, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any] | None = None) -> Entry:
        """Write an entry in one atomic step and return it as `load` would; an entry of that key with other contents goes.

        Raises:
            UslError: the cache directory cannot be written.
        """
        target = self.root / kind / key
        with _cannot_write(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{key[:8]}-", dir=target.parent))
            try:
                _write_entry(scratch, arrays, meta or {})
                _replace_folder(scratch, target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        for _ in range(_ATTEMPTS):
            entry = self.load(kind, key)
            if entry is not None:
                return entry
            time.sleep(0.01)  # another writer is just replacing it
        raise UslError(f"the cache entry just written under {self.root} cannot be read back; is the disk full?")

    def shards(self, kind: str, key: str) -> Shards:
        """The unfinished pieces of an entry, so that interrupted work goes on where it stopped."""
        return Shards(self, f"{kind}.partial", key)

    def discard(self, kind: str, key: str) -> None:
        """Remove an entry, or all pieces of an unfinished one; nothing happens if there is none."""
        shutil.rmtree(self.root / kind / key, ignore_errors=True)


class Shards:
    """Numbered pieces of work in progress; each is an entry of its own."""

    def __init__(self, store: Store, kind: str, key: str) -> None:
        self._store, self._kind, self._key = store, kind, key

    def load(self, number: int) -> Entry | None:
        return self._store.load(f"{self._kind}/{self._key}", f"{number:06d}")

    def save(self, number: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any] | None = None) -> Entry:
        return self._store.save(f"{self._kind}/{self._key}", f"{number:06d}", arrays, meta)

    def discard(self) -> None:
        self._store.discard(self._kind, self._key)


def _write_entry(folder: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    listed = {}
    for name, array in arrays.items():
        if array.dtype.names:
            raise TypeError(f"cannot store an array of records ({name})")
        path = folder / f"{name}.npy"
        np.save(path, np.asarray(array, order="C"), allow_pickle=False)
        listed[name] = {"crc": _crc(_bytes_of(path)), "dtype": array.dtype.str, "shape": array.shape}
    content = {"format": FORMAT_VERSION, "arrays": listed, "meta": dict(meta)}
    document = {"crc": _crc_of_json(json.loads(json.dumps(content))), **content}
    (folder / "meta.json").write_text(json.dumps(document), encoding="utf-8")


def _read_entry(folder: Path) -> Entry | None:
    with _damage_is_a_miss(folder):
        document = _read_document(folder)
        arrays = {name: _read_array(folder / f"{name}.npy", **facts) for name, facts in document["arrays"].items()}
        return Entry(arrays, document["meta"])
    return None


def _read_meta(folder: Path) -> Mapping[str, Any] | None:
    with _damage_is_a_miss(folder):
        return _read_document(folder)["meta"]
    return None


def _read_document(folder: Path) -> dict[str, Any]:
    """meta.json, which is sound and of this version."""
    document = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if document.pop("crc") != _crc_of_json(document):
        raise ValueError("meta.json was changed")
    if document["format"] != FORMAT_VERSION:
        raise FileNotFoundError(f"{folder.name} is of format {document['format']}")
    return document


@contextmanager
def _damage_is_a_miss(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("cache entry %s is damaged (%s) and is computed again", folder.name, error)


def _read_array(path: Path, *, crc: int, dtype: str, shape: list[int]) -> np.ndarray:
    """The array at the end of a .npy file, mapped.

    `numpy.load` would parse the header with `ast`, which fails now and then in several threads at once on Python 3.11.
    """
    mapped = _bytes_of(path)
    if _crc(mapped) != crc:
        raise ValueError(f"{path.name} was changed")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return mapped[len(mapped) - size :].view(dtype).reshape(shape)


def _bytes_of(path: Path) -> np.ndarray:
    return np.memmap(path, dtype=np.uint8, mode="r")


def _crc(array: np.ndarray) -> int:
    return zlib.crc32(_buffer(array))


def _buffer(array: np.ndarray) -> Any:
    """The bytes of an array in C order, without a copy where they already lie so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _crc_of_json(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _replace_folder(scratch: Path, target: Path) -> None:
    """Move `scratch` to `target`. If another process wrote the same entry first, its intact copy stays and ours goes."""
    old = scratch.with_name(f"{scratch.name}-old")
    try:
        for _ in range(_ATTEMPTS):
            try:
                scratch.rename(target)
                return
            except OSError as error:
                refused = error
            if _same_entry(scratch, target):
                return
            _remove(old)
            # Whoever has the old arrays mapped keeps them: renamed, then unlinked, they live until they are let go.
            with suppress(FileNotFoundError):  # another writer was quicker
                target.rename(old)
        raise refused
    finally:
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _same_entry(scratch: Path, target: Path) -> bool:
    try:
        same = (scratch / "meta.json").read_bytes() == (target / "meta.json").read_bytes()
    except OSError:
        return False
    return same and _read_entry(target) is not None


@contextmanager
def _cannot_write(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UslError(
            f"the cache directory {root} cannot be written ({error.strerror or error}); "
            f"free some space, or set {ENV_CACHE_DIR} to a directory that you own"
        ) from error
