"""A review on disk: one JSON file per data set, written whole and synced at every action, with backups and an owner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UslError
from .timeline import Timeline

BACKUPS = 10
"""Older versions that are kept."""
BACKUP_SECONDS, BACKUP_SAVES = 600, 25
"""A backup is made when a review is opened, and then at the first save after ten minutes or at every 25th."""
MAX_BYTES = 256 << 20
"""Of a file; a larger one is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who has a review open.

    Args:
        token: nobody else has it.
        who: in words, e.g. "tab 3 of process 4711".
        host, pid: of the process.
        since: seconds since 1970 when it was opened.
        seen: when it was last written.
    """

    token: str
    who: str
    host: str
    pid: int
    since: float
    seen: float

    @classmethod
    def new(cls, who: str = "") -> Owner:
        """A new owner in this process."""
        raise NotImplementedError


class SessionHeld(UslError):
    """Somebody else has the review open.

    Args:
        holder: who, since when.
    """

    def __init__(self, message: str, holder: Owner) -> None:
        super().__init__(message)
        self.holder = holder


class SessionLost(SessionHeld):
    """Somebody else took the review over; nothing was written. The caller still holds its timeline, and can export it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a file held.

    Args:
        timeline: the review; None where there was none yet.
        said: sentences for the user, e.g. that the newest file was damaged and a backup was taken, of when.
    """

    timeline: Timeline | None
    said: tuple[str, ...] = ()


def sessions_dir() -> Path:
    """Where reviews are kept: USL_SESSIONS_DIR, else the platform's place for data."""
    raise NotImplementedError


def session_path(source: str, directory: Path | None = None) -> Path:
    """The file of a data set: its name and a hash of its source.

    Args:
        source: as `Session.source`.
        directory: None: `sessions_dir()`.
    """
    raise NotImplementedError


class SessionFile:
    """The open file of a review; made by `open_session`.

    Args:
        path: of the file.
        owner: who has it.
    """

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path, self.owner = path, owner

    def save(self, timeline: Timeline) -> None:
        """Write it; when this returns, it is on the disk.

        Raises:
            SessionLost: another owner took it over.
            UslError: the disk does not take it.
        """
        raise NotImplementedError

    def backups(self) -> list[Path]:
        """The older versions, the newest first."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go, so that others may open it; a review that was taken over is left to its new owner."""
        raise NotImplementedError


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
    raise NotImplementedError


def export_session(timeline: Timeline, path: Path | str) -> None:
    """Write a review to a file of the user's.

    Raises:
        UslError: it cannot be written.
    """
    raise NotImplementedError


def import_session(path: Path | str) -> Timeline:
    """Read a review from a file of the user's.

    Raises:
        UslError: it cannot be read, or is none; the message names the file, the field and the rule.
    """
    raise NotImplementedError
