"""Who has a review open: a small file beside it, with a token that nobody else has."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..disk import write_atomically
from ..errors import UslError
from ..images.regular_files import read_regular
from ..json_fields import JsonFields
from ..names import display_name

_MAX_BYTES = 1 << 16


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
        now, pid = time.time(), os.getpid()
        named = who or f"process {pid}"
        return cls(token=secrets.token_hex(16), who=named, host=socket.gethostname(), pid=pid, since=now, seen=now)

    @property
    def is_gone(self) -> bool:
        """Whether its process is known to have ended; of another machine's that cannot be known."""
        if self.host != socket.gethostname() or sys.platform == "win32":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it lives, as somebody else's
            return False
        return False


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


def owner_path(path: Path) -> Path:
    """Where the owner of a review stands."""
    return path.with_suffix(".owner")


def owner_of(path: Path) -> Owner | None:
    """Who has a review open. A file that cannot be read names nobody: it is written whole or not at all."""
    file = owner_path(path)
    try:
        document = json.loads(read_regular(file, _MAX_BYTES).decode())
        field = JsonFields(str(file), document)
        return Owner(
            token=field.get("token", str),
            who=display_name(field.get("who", str)),
            host=field.get("host", str),
            pid=field.whole("pid", 1, 2**31 - 1),
            since=field.real("since", 0),
            seen=field.real("seen", 0),
        )
    except (OSError, ValueError, RecursionError, TypeError, UslError):
        return None


def write_owner(path: Path, owner: Owner) -> None:
    """Say that somebody has a review open, and that it was just seen."""
    document = asdict(replace(owner, seen=time.time()))
    write_atomically(owner_path(path), json.dumps(document).encode(), remedy="set USL_SESSIONS_DIR to another folder")


def when_text(seconds: float) -> str:
    """A moment as people read it, in the time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
