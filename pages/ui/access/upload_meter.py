"""How much a session is sending right now: what is too large is refused while it comes, and not when memory is full of it.

Streamlit puts each file into memory as it arrives, and limits files one by one only.
"""

from __future__ import annotations

import threading
from functools import cache

from usl_core.disk import size_text
from usl_core.errors import UslError

from . import uploads

_MOST_SESSIONS = 1_000


class _Batch:
    """The files of one session that are in memory, or on their way there."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.refused = ""


class UploadMeter:
    """Counts by session and file. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[str, _Batch] = {}

    def admit(self, session: str, file: str, n_bytes: int) -> str:
        """Count a file that is about to come.

        Args:
            session: whose it is, as its address says.
            file: its id in there.
            n_bytes: that it announces.

        Returns:
            Why it must not come; empty: it may.

        Raises:
            UslError: a limit in the environment is no number.
        """
        most_bytes, most_files = uploads.max_bytes(), uploads.max_files()
        with self._lock:
            batch = self._batches.setdefault(session, _Batch())
            others = [size for name, size in batch.sizes.items() if name != file]
            # What surrounds a file in its request counts too; a whole upload of the limit must still pass.
            room = most_bytes + 2**20 + 1_000 * len(others)
            if len(others) >= most_files:
                batch.refused = f"more than the {most_files:,} files that may be uploaded at a time ({uploads.ENV_MAX_FILES})"
            elif sum(others) + n_bytes > room:
                batch.refused = f"more than the {size_text(most_bytes)} that may be uploaded at a time ({uploads.ENV_MAX_MB})"
            else:
                batch.sizes[file] = n_bytes
                return ""
            return batch.refused

    def drop(self, session: str, file: str) -> None:
        """A file did not come, or was removed by the visitor."""
        with self._lock:
            batch = self._batches.get(session)
            if batch is not None:
                batch.sizes.pop(file, None)
                if not batch.sizes:
                    del self._batches[session]
            while len(self._batches) > _MOST_SESSIONS:  # sessions that never came to an end; the oldest first
                del self._batches[next(iter(self._batches))]

    def check(self, session: str) -> None:
        """Raise a UslError if a part of what this session was sending has been refused: half an upload is none."""
        with self._lock:
            batch = self._batches.get(session)
            refused = batch.refused if batch is not None else ""
        if refused:
            raise UslError(f"this is {refused}; nothing was kept. Choose fewer images, or a smaller folder")

    def start_anew(self, session: str) -> None:
        """What came is out of memory."""
        with self._lock:
            self._batches.pop(session, None)


@cache
def meter() -> UploadMeter:
    """That of this server."""
    return UploadMeter()
