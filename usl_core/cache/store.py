"""A content-addressed cache on disk: entries are atomic, verified when read, and memory-mapped where they are large.

An entry is a folder `<kind>/<fingerprint>/`, see `cache.entries`. One that is not there or is damaged is a miss: whoever asked
computes it again. One that the system does not let be read (too many open files, no permission, a failing disk) is an error,
since it is no less intact for that. Many processes may read, write and compute at once; `cache` says how they go round one
another, and what happens when the directory grows beyond its limit.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..disk import told_if_unwritable
from ..errors import UslError
from ..fingerprints import fingerprint
from . import locks, upkeep
from .contents import PARTIAL, is_scratch, new_scratch
from .entries import Damaged, Entry, read_entry, write_entry
from .placing import ATTEMPTS, clear_away, is_absent, mark_used, replace_folder, stamp_of

__all__ = ["ENV_CACHE_DIR", "FORMAT_VERSION", "Entry", "Shards", "Store", "default_cache_dir", "fingerprint"]

log = logging.getLogger(__name__)

FORMAT_VERSION = 3
ENV_CACHE_DIR = "USL_CACHE_DIR"
_PAUSE = 0.01
_PATIENCE = 10.0  # seconds, with an entry that others replace all the time
_POLL_SECONDS = 0.1
_MARK_SECONDS = 60.0


def default_cache_dir() -> Path:
    """`USL_CACHE_DIR` if it is set, else the platform's user cache directory."""
    from_environment = os.environ.get(ENV_CACHE_DIR)
    if from_environment:
        return Path(from_environment).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("usl-explorer", appauthor=False))


class Store:
    """The cache under one directory.

    Args:
        root: the directory; made when the first entry is saved. None means `default_cache_dir()`.

    Raises:
        UslError: `USL_CACHE_MAX_GB` is no size.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_cache_dir() if root is None else Path(root).expanduser()
        upkeep.limit_bytes()

    def load(self, kind: str, key: str, names: Collection[str] | None = None) -> Entry | None:
        """The entry, or None if there is none or if it is damaged. It is in use as long as any of its arrays lives.

        Args:
            kind: of the entry.
            key: its fingerprint.
            names: of the arrays that are wanted; the others are not looked at. None: all.

        Raises:
            UslError: there may be one, but the system does not let it be read.
        """
        return self._told(kind, key, names)

    def meta(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """The metadata of an entry, or None as for `load`; its arrays are not looked at. Raises as `load`."""
        entry = self._told(kind, key, ())
        return None if entry is None else entry.meta

    def _told(self, kind: str, key: str, names: Collection[str] | None) -> Entry | None:
        upkeep.sweep_once(self.root.absolute())
        folder = self.root / kind / key
        try:
            return self._load(folder, names)
        except OSError as error:
            raise UslError(
                f"the cache entry {kind}/{key} in {self.root} cannot be read ({error.strerror or error}); nothing was changed: "
                "mend that, or close other programs if they have too many files open, and try again"
            ) from error

    def written(self, kind: str, key: str) -> int | None:
        """When the entry was written, in ns; None if there is none. Another number means another entry.

        Raises:
            UslError: the system does not let it be seen.
        """
        folder = self.root / kind / key
        try:
            stamp = stamp_of(folder)
            if stamp is not None and time.time() - folder.stat().st_mtime > _MARK_SECONDS:
                mark_used(folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UslError(f"the cache entry {kind}/{key} in {self.root} cannot be seen ({error.strerror or error})") from error
        return None if stamp is None else stamp[1]

    def save(self, kind: str, key: str, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any] | None = None) -> Entry:
        """Write an entry in one atomic step and return it as `load` would; an entry of that key with other contents goes.

        What was not used for longest is evicted if the cache grows beyond its limit.

        Raises:
            UslError: the cache directory cannot be written; of a full disk it says how much is needed.
        """
        target = self.root / kind / key
        needed = sum(array.nbytes for array in arrays.values())
        with self._writing(needed):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._clear_left_over(target.parent)
            with locks.uses(self.root).using(upkeep.use_name(target, self.root)):
                self._write(target, arrays, meta or {})
                entry = self.load(kind, key)
                upkeep.budget(self.root).spend(needed)
        if entry is None:  # somebody has thrown it away at once, with the folder that it is in
            return Entry({name: _frozen(array) for name, array in arrays.items()}, json.loads(json.dumps(dict(meta or {}))))
        return entry

    def shards(self, kind: str, key: str) -> Shards:
        """The unfinished pieces of an entry, so that interrupted work goes on where it stopped."""
        return Shards(self, f"{kind}{PARTIAL}", key)

    def discard(self, kind: str, key: str) -> None:
        """Remove an entry, or all pieces of an unfinished one; nothing happens if there is none."""
        shutil.rmtree(self.root / kind / key, ignore_errors=True)

    @contextmanager
    def turn(self, key: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Be the only one, in any process, who works on what has that fingerprint; its pieces are not evicted meanwhile.

        Whoever comes later waits here, and should then look whether the entry is there. Where the file system has no locks
        nobody waits, and the same may be done twice.

        Args:
            key: the fingerprint.
            waiting: called several times a second while another one is at it; may raise to give up.

        Raises:
            UslError: the cache directory cannot be written.
        """
        while (lock := self._take_turn(key)) is None:
            if waiting is not None:
                waiting()
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def _take_turn(self, key: str) -> locks.Lock | None:
        with self._writing():
            self.root.mkdir(parents=True, exist_ok=True)
            return locks.take(self.root, upkeep.turn_name(key))

    def _load(self, folder: Path, names: Collection[str] | None) -> Entry | None:
        uses, name = locks.uses(self.root), upkeep.use_name(folder, self.root)
        until = time.monotonic() + _PATIENCE
        attempts, before = 0, None
        while attempts < ATTEMPTS and time.monotonic() < until:
            stamp = stamp_of(folder)
            attempts, before = (attempts + 1 if stamp == before else 1), stamp
            if stamp is None and is_absent(folder):
                return None
            with uses.using(name) as there:
                try:
                    if stamp is not None and there:
                        entry = read_entry(folder, FORMAT_VERSION, partial(uses.hold, name), names=names)
                        mark_used(folder)
                        return entry
                except Damaged as error:
                    if stamp_of(folder) == stamp:
                        # In words: whoever keeps the error keeps its traceback, and so the arrays, and the entry in use.
                        log.warning("cache entry %s is damaged (%s) and is computed again", folder.name, str(error))
                        return None
            time.sleep(_PAUSE)  # another process is just replacing or evicting it
        return None

    def _write(self, target: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        for attempt in range(ATTEMPTS):
            try:
                with self._scratch(target) as scratch:
                    write_entry(scratch, arrays, meta, FORMAT_VERSION)
                    replace_folder(scratch, target, FORMAT_VERSION)
                return
            except FileNotFoundError:  # somebody has thrown away the folder that it goes to, with all that was in it
                if attempt == ATTEMPTS - 1:
                    raise

    def _writing(self, needed: int = 0) -> AbstractContextManager[None]:
        remedy = f"free some space, or set {ENV_CACHE_DIR} to a directory that you own"
        return told_if_unwritable(f"the cache directory {self.root}", self.root, remedy, needed or None)

    @contextmanager
    def _scratch(self, target: Path) -> Iterator[Path]:
        """A new folder beside the target, which other processes leave alone as long as this one lives."""
        scratch = new_scratch(target.parent, target.name)
        writing = locks.take(self.root, upkeep.write_name(scratch))
        try:
            scratch.mkdir(mode=0o700, parents=True)
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        finally:
            if writing is not None:
                writing.release()

    def _clear_left_over(self, folder: Path) -> None:
        for path in folder.glob(".*"):
            if is_scratch(path.name) and upkeep.is_left_over(self.root, path):
                clear_away(path)


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


def _frozen(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape)
