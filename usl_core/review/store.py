"""A review on disk: one JSON file per data set, written whole and synced at every action, with backups and an owner."""

from __future__ import annotations

import os
import re
import secrets
import time
from hashlib import blake2b
from pathlib import Path

from ..disk import told_if_unwritable, write_atomically
from ..errors import UslError
from ..images.regular_files import read_regular
from . import document
from .backups import BACKUPS, back_up, backups_of, newest_backup
from .loaded import Loaded
from .owners import Owner, SessionHeld, SessionLost, owner_of, owner_path, when_text, write_owner
from .timeline import Timeline
from .turns import turn

__all__ = [
    "BACKUPS",
    "BACKUP_SAVES",
    "BACKUP_SECONDS",
    "MAX_BYTES",
    "Loaded",
    "Owner",
    "SessionFile",
    "SessionHeld",
    "SessionLost",
    "export_session",
    "import_session",
    "open_session",
    "session_path",
    "sessions_dir",
]

BACKUP_SECONDS, BACKUP_SAVES = 600, 25
"""A backup is made when a review is opened, and then at the first save after ten minutes or at every 25th."""
MAX_BYTES = 256 << 20
"""Of a file; a larger one is not read."""
_ELSEWHERE = "free some space, or set USL_SESSIONS_DIR to another folder"


def sessions_dir() -> Path:
    """Where reviews are kept: USL_SESSIONS_DIR, else the platform's place for data."""
    import platformdirs

    named = os.environ.get("USL_SESSIONS_DIR")
    return Path(named) if named else Path(platformdirs.user_data_dir("usl-explorer", appauthor=False)) / "sessions"


def session_path(source: str, directory: Path | None = None) -> Path:
    """The file of a data set: the last part of its source, for people, and a hash of all of it.

    Args:
        source: as `Session.source`.
        directory: None: `sessions_dir()`.
    """
    last = re.findall(r"[^\\/:]+", source)[-1:]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", "".join(last))[:40].strip("-.") or "data"
    digest = blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return (sessions_dir() if directory is None else Path(directory)) / f"{plain}-{digest}.json"


class SessionFile:
    """The open file of a review; made by `open_session`.

    Args:
        path: of the file.
        owner: who has it.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path, self.owner = path, owner
        self._saves, self._backed_up = 0, time.monotonic()

    def save(self, timeline: Timeline) -> None:
        """Write it; when this returns, it is on the disk.

        Raises:
            SessionLost: another owner took it over.
            UslError: the disk does not take it.
        """
        content = document.written(timeline)
        if len(content) > MAX_BYTES:
            raise UslError(f"the review takes {len(content):,} bytes, more than the {MAX_BYTES:,} that can be read again")
        with turn(self.path):
            self._refuse_lost()
            if self._saves >= BACKUP_SAVES or time.monotonic() - self._backed_up >= BACKUP_SECONDS:
                back_up(self.path)
                self._saves, self._backed_up = 0, time.monotonic()
            write_atomically(self.path, content, remedy=_ELSEWHERE, durable=True)
            write_owner(self.path, self.owner)
        self._saves += 1

    def backups(self) -> list[Path]:
        """The older versions, the newest first."""
        return backups_of(self.path)

    def close(self) -> None:
        """Let go, so that others may open it; a review that was taken over is left to its new owner."""
        with turn(self.path):
            holder = owner_of(self.path)
            if holder is not None and holder.token == self.owner.token:
                owner_path(self.path).unlink(missing_ok=True)

    def _refuse_lost(self) -> None:
        holder = owner_of(self.path)
        if holder is not None and holder.token != self.owner.token:
            said = f"{holder.who} took this review over at {when_text(holder.since)}, so it was not written from here"
            raise SessionLost(f"{said}; export it to keep what you did, or take it over again", holder)


def open_session(
    source: str, owner: Owner, *, take_over: bool = False, directory: Path | None = None
) -> tuple[SessionFile, Loaded]:
    """Open the review of a data set, to read and to write it.

    Args:
        source: as `Session.source`.
        owner: by `Owner.new`.
        take_over: also if somebody else has it open, who is then refused to write.
        directory: None: `sessions_dir()`.

    Raises:
        SessionHeld: somebody else has it open. A process of this machine that has ended does not count.
        UslError: neither the file nor a backup of it can be read. The message names it and what is wrong; nothing is removed.
    """
    path = session_path(source, directory)
    with told_if_unwritable(str(path.parent), path.parent, _ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
    with turn(path):
        holder = owner_of(path)
        if holder is not None and holder.token != owner.token and not holder.is_gone and not take_over:
            since = f"since {when_text(holder.since)}, last saved {when_text(holder.seen)}"
            raise SessionHeld(
                f"{holder.who} on {holder.host} has this review open {since}; take it over, or close it there", holder
            )
        loaded = _load(path)
        write_owner(path, owner)
        if loaded.timeline is not None and not loaded.said:
            back_up(path)
    return SessionFile(path, owner), loaded


def export_session(timeline: Timeline, path: Path | str) -> None:
    """Write a review to a file of the user's.

    Raises:
        UslError: it cannot be written.
    """
    write_atomically(path, document.written(timeline), remedy="name another file", durable=True)


def import_session(path: Path | str) -> Timeline:
    """Read a review from a file of the user's.

    Raises:
        UslError: it cannot be read, or is none; the message names the file, the field and the rule.
    """
    try:
        data = read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise UslError(f"{path} is no readable review: {error}") from error
    return document.read(data, str(path))


def _load(path: Path) -> Loaded:
    """The review in a file, else in its newest whole backup. A damaged file is put aside, not written over."""
    if not path.exists():
        found = newest_backup(path, import_session)
        if found is None:
            return Loaded(timeline=None)
        return Loaded(timeline=found[1], said=(f"{path.name} is gone; {_of(found[0])} was taken in its place.",))
    try:
        return Loaded(timeline=import_session(path))
    except document.OtherFormat:  # it is whole, and an older backup would only hide it
        raise
    except UslError as error:
        found = newest_backup(path, import_session)
        if found is None:
            raise UslError(
                f"{error}; there is no whole backup of it. Move it away to begin anew, nothing was removed"
            ) from error
        aside = path.with_name(f"{path.stem}.damaged-{secrets.token_hex(4)}.json")
        with told_if_unwritable(str(path), path, _ELSEWHERE):
            path.replace(aside)
            write_atomically(path, found[0].read_bytes(), remedy=_ELSEWHERE, durable=True)
        return Loaded(timeline=found[1], said=(f"{error}. {_of(found[0])} was taken, and the file kept as {aside.name}.",))


def _of(backup: Path) -> str:
    return f"The backup of {when_text(backup.stat().st_mtime)}"
