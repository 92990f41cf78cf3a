"""Which entry holds the vector of which image: an SQLite file beside the entries, which spares reading all of them.

It only accelerates. Whoever follows it looks into the entry itself, and `update` brings it in line with the entries that there
are: an index that was deleted, or that a killed writer left behind, is filled again from them; a damaged one is set aside
first. Where SQLite does not work (a directory that cannot be written, a file system without locks, another process that never
lets go) `Unavailable` says so, and the entries are looked through one by one.

Processes and threads may use it at once: a write-ahead log lets them read while one writes, and each opens it for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import locks
from .contents import INDEX, INDEX_ASIDE, INDEX_LOGS, keys_of

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger(__name__)

INDEXED = "vectors"
"""The kind of entry that is indexed."""
BUSY_SECONDS = 10.0
MOST_AT_ONCE = 500
"""Digests that may be asked for at a time; SQLite takes no more than 999 parameters in old versions."""
_SCHEMA = 1
_TABLES = (
    "CREATE TABLE encoders (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    # An id is never given twice, or digests of an entry that is gone would seem to be in a later one.
    "CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE)",
    # In several entries, where two processes encoded the same: one of them may go.
    """CREATE TABLE digests (encoder INTEGER NOT NULL, digest BLOB NOT NULL, entry INTEGER NOT NULL,
        PRIMARY KEY (encoder, digest, entry)) WITHOUT ROWID""",
)
_DAMAGE = {1, 2, 11, 16, 17, 19, 20, 24, 26}
"""SQLITE_ERROR (no such table), INTERNAL, CORRUPT, EMPTY, SCHEMA, CONSTRAINT, MISMATCH, FORMAT, NOTADB; the others (busy, full,
read-only, input and output) say nothing about the file."""


class Unavailable(Exception):
    """The index cannot be used here and now.

    Args:
        cause: why.
        is_set_aside: it was damaged, and the next call makes it anew.
    """

    def __init__(self, cause: str, *, is_set_aside: bool = False) -> None:
        super().__init__(cause)
        self.is_set_aside = is_set_aside


class _OtherSchema(Exception):
    """The file is of another version of this program."""


class Index:
    """An index that is open.

    Args:
        connection: to its file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def update(self, present: Collection[str], read: Callable[[str], tuple[str, Sequence[bytes]] | None]) -> None:
        """Take in the entries that it does not know, and forget those that are gone.

        Args:
            present: keys of the entries that there are.
            read: (encoder, digests) of one of them, or None where it cannot be used.
        """
        known = {key for (key,) in self._connection.execute("SELECT key FROM entries")}
        new = [(key, found) for key in sorted(set(present) - known) if (found := read(key)) is not None]
        if new:
            self._insert([(key, *found) for key, found in new])
        self.forget(known.difference(present))

    def _insert(self, entries: Sequence[tuple[str, str, Sequence[bytes]]]) -> None:
        """All of them or, if this process is killed, none. One by one they would take five times as long."""
        with _transaction(self._connection) as connection:
            rows: list[tuple[int, bytes, int]] = []
            for key, encoder, digests in entries:
                connection.execute("INSERT OR IGNORE INTO encoders (name) VALUES (?)", (encoder,))
                connection.execute("INSERT OR IGNORE INTO entries (key) VALUES (?)", (key,))
                ((encoder_id,),) = connection.execute("SELECT id FROM encoders WHERE name = ?", (encoder,))
                ((entry_id,),) = connection.execute("SELECT id FROM entries WHERE key = ?", (key,))
                rows += [(encoder_id, digest, entry_id) for digest in digests]
            rows.sort()  # they go where they belong one after the other, instead of all over the file
            connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?, ?)", rows)

    def forget(self, keys: Collection[str]) -> None:
        """Let go of entries that are gone, and give their room back."""
        if not keys:
            return
        with _transaction(self._connection) as connection:
            connection.executemany("DELETE FROM entries WHERE key = ?", ((key,) for key in keys))
            connection.execute("DELETE FROM digests WHERE entry NOT IN (SELECT id FROM entries)")
        self._connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page of many

    def forget_missing(self, present: Collection[str]) -> None:
        """Let go of the entries that are not among those keys."""
        self.forget({key for (key,) in self._connection.execute("SELECT key FROM entries")}.difference(present))

    def holding(self, encoder: str, digests: Sequence[bytes]) -> list[str]:
        """Keys of the entries that hold any of at most `MOST_AT_ONCE` digests for that encoder."""
        marks = ",".join("?" * len(digests))
        query = f"""SELECT DISTINCT entries.key FROM digests JOIN entries ON entries.id = digests.entry
            WHERE digests.encoder = (SELECT id FROM encoders WHERE name = ?) AND digests.digest IN ({marks})"""
        return [key for (key,) in self._connection.execute(query, (encoder, *digests))]


@contextmanager
def opened(root: Path) -> Iterator[Index]:
    """The index of a cache directory, made if there is none.

    Raises:
        Unavailable: it cannot be used; one that is damaged has been set aside, and the next call makes it anew.
    """
    try:
        import sqlite3
    except ImportError as error:  # a Python that was built without it
        raise Unavailable(str(error)) from error
    file = root / INDEX
    before = _inode(file)
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            _prepare(connection)
            yield Index(connection)
    except _OtherSchema as error:
        cause = "it is of another version of this program"
        raise Unavailable(cause, is_set_aside=_set_aside(root, before, cause)) from error
    except sqlite3.Error as error:
        is_damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
        raise Unavailable(str(error), is_set_aside=is_damaged and _set_aside(root, before, str(error))) from error


def forget_removed(root: Path) -> None:
    """Let an index that is there forget the entries that were removed, so that it does not outgrow them."""
    if not (root / INDEX).is_file():
        return
    try:
        with opened(root) as index:
            index.forget_missing(keys_of(root, INDEXED))
    except Unavailable as error:  # the next that is encoded makes up for it
        log.info("the index of %s still names entries that were removed: %s", root, error)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -32768")  # 32 MB at most
    if _version(connection) == _SCHEMA:
        return
    if _version(connection):
        raise _OtherSchema
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    with _transaction(connection):
        if _version(connection) == 0:  # else another process was quicker
            for table in _TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA user_version = {_SCHEMA}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing. Begun as a writer: one that begins as a reader is refused at once when another writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        if connection.in_transaction:  # some errors have ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _set_aside(root: Path, inode: int | None, cause: str) -> bool:
    """Rename a damaged index, over the one that was set aside before; False if it stays, or another process was quicker."""
    held = locks.take(root, "index")
    if held is None:
        return False
    file = root / INDEX
    try:
        if inode is None or _inode(file) != inode:
            return False
        log.warning("the index %s is not used (%s); it is set aside and made anew from the entries", file, cause)
        for name in INDEX_LOGS:  # first, or SQLite would take them for the logs of the new one
            (root / name).unlink(missing_ok=True)
        file.replace(root / INDEX_ASIDE)
    except OSError as error:
        log.warning("the index %s cannot be set aside (%s)", file, error)
        return False
    finally:
        held.release()
    return True


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None
