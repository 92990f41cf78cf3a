"""What lies in a cache directory and how large it is.

Only what `entries` writes counts as an entry, so that nothing else is ever removed should the directory hold other files too.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from .entries import META
from .locks import FILE

PARTIAL = ".partial"
"""Ends the kind of what is not finished; below it a key holds numbered entries instead of one."""
INDEX = "vectors.sqlite"
INDEX_LOGS = tuple(f"{INDEX}-{end}" for end in ("wal", "shm", "journal"))
INDEX_ASIDE = f"{INDEX}.damaged"
"""The files of an index, see `index`; the last is one that was found damaged."""
_KIND = re.compile(r"[a-z][a-z0-9_-]*")
_KEY = re.compile(r"[0-9a-f]{16,64}")
_SCRATCH = re.compile(r"\.[^.-]{1,8}-(?:([0-9a-f]{6})([0-9a-f]{10})|[a-z0-9_]{8})(-old)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry, or all that there is of an unfinished one.

    Args:
        path: its folder.
        kind: what it is of, without `PARTIAL`.
        size: in bytes.
        used: when it was last used, in seconds since 1970.
        finished: not so for what can be gone on with.
    """

    path: Path
    kind: str
    size: int
    used: float
    finished: bool

    @property
    def key(self) -> str:
        """Its fingerprint."""
        return self.path.name

    def entries(self) -> list[Path]:
        """The folders that hold its files."""
        return [self.path] if self.finished else [path for path in _folders(self.path) if not path.name.startswith(".")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything below one cache directory.

    Args:
        items: the entries.
        scratch: bytes in what is being written, or was left by a writer that was killed.
        index: bytes in the index of the vectors; it goes with no entry and shrinks with them.
        other: bytes in anything else; never removed, and not counted against the limit.
    """

    items: tuple[Item, ...]
    scratch: int
    index: int
    other: int

    @property
    def size(self) -> int:
        """In bytes, without what is not the cache's: files of others push no entry out."""
        return sum(item.size for item in self.items) + self.scratch + self.index


def look_through(root: Path) -> Contents:
    """Ask the size of every file below `root`; what vanishes meanwhile does not count."""
    items, scratch, index, other = [], 0, 0, 0
    for kind in _children(root):
        if kind.name in (INDEX, *INDEX_LOGS, INDEX_ASIDE) and kind.is_file(follow_symlinks=False):
            index += _size(kind)
            continue
        if not kind.is_dir(follow_symlinks=False) or not _KIND.fullmatch(kind.name.removesuffix(PARTIAL)):
            other += _size(kind) if kind.name != FILE else 0
            continue
        for child in _children(Path(kind.path)):
            if is_scratch(child.name):
                scratch += _size(child)
            elif (item := _item(kind.name, child)) is not None:
                items.append(item)
            else:
                other += _size(child)
    return Contents(items=tuple(items), scratch=scratch, index=index, other=other)


def keys_of(root: Path, kind: str) -> list[str]:
    """Keys of the finished entries of a kind, by name; nothing is asked about them."""
    return [
        child.name for child in _children(root / kind) if _KEY.fullmatch(child.name) and child.is_dir(follow_symlinks=False)
    ]


def find_item(root: Path, kind: str, key: str) -> Item | None:
    """One finished entry, or None if there is none, or something else in its place."""
    return next((_item(kind, child) for child in _children(root / kind) if child.name == key), None)


def _item(kind: str, child: os.DirEntry[str]) -> Item | None:
    finished = not kind.endswith(PARTIAL)
    if not child.is_dir(follow_symlinks=False):
        return None
    path = Path(child.path)
    inside = [path] if finished else _folders(path)
    if not all(is_scratch(folder.name) or _is_entry(folder, known=bool(_KEY.fullmatch(path.name))) for folder in inside):
        return None
    if not finished and len(inside) != len(_children(path)):
        return None
    try:
        used = max(folder.stat().st_mtime for folder in (path, *inside))
    except OSError:
        return None
    return Item(path=path, kind=kind.removesuffix(PARTIAL), size=_size(child), used=used, finished=finished)


def _is_entry(folder: Path, known: bool) -> bool:
    """Whether it holds nothing but an entry's files; with an unusual name, also the beginning of its `meta.json` counts."""
    names = [child.name for child in _children(folder)]
    if not all(name == META or name.endswith(".npy") for name in names):
        return False
    if known:
        return True
    try:
        with (folder / META).open("rb") as file:
            return file.read(8) == b'{"crc": '
    except OSError:
        return False


def new_scratch(folder: Path, key: str) -> Path:
    """A name for what is being written, in the folder where it will go; it tells which machine writes."""
    return folder / f".{key[:8]}-{_machine()}{secrets.token_hex(5)}"


def is_scratch(name: str) -> bool:
    """Whether something of that name is being written, or was."""
    return _SCRATCH.fullmatch(name) is not None


def written_here(name: str) -> bool:
    """Whether it was begun on this machine since it was started, where locks tell whether its writer lives."""
    found = _SCRATCH.fullmatch(name)
    return found is not None and found[1] == _machine()


def scratch_below(root: Path) -> Iterator[Path]:
    """Everything that is being written, or was."""
    for kind in _children(root):
        if not kind.is_dir(follow_symlinks=False) or not _KIND.fullmatch(kind.name.removesuffix(PARTIAL)):
            continue
        for path in map(Path, (child.path for child in _children(Path(kind.path)))):
            if is_scratch(path.name):
                yield path
            elif kind.name.endswith(PARTIAL):
                yield from (Path(child.path) for child in _children(path) if is_scratch(child.name))


@lru_cache(maxsize=1)
def _machine() -> str:
    try:  # the same for all containers of one machine, another after a restart
        name = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import platform

        name = platform.node()
    return blake2b(name.encode(), digest_size=3).hexdigest()


def _folders(path: Path) -> list[Path]:
    return [Path(child.path) for child in _children(path) if child.is_dir(follow_symlinks=False)]


def _children(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda child: child.name)
    except OSError:  # it is gone, or no folder, or not for us to see
        return []


def _size(child: os.DirEntry[str]) -> int:
    try:
        if child.is_dir(follow_symlinks=False):
            return sum(_size(inner) for inner in _children(Path(child.path)))
        return child.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
