"""Images that were uploaded in the browser: whose they are, where they lie, and that they go.

An upload belongs to the session that made it: its name means nothing to any other, and its images go when the session has
ended, when they are replaced, or with the server. The addresses of single images ask besides for the digest of their bytes,
which only those know who have the image.

`USL_UPLOADS=0` turns uploads off; in read-only mode they are off unless `USL_UPLOADS=1`. `USL_UPLOAD_MAX_MB` and
`USL_UPLOAD_MAX_FILES` limit them.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from streamlit.runtime.scriptrunner import get_script_run_ctx

from usl_core.errors import UslError

from .. import server_folder
from ..server_folder import ServerFolder
from .folders import is_read_only

log = logging.getLogger(__name__)

ENV_UPLOADS = "USL_UPLOADS"
ENV_MAX_MB, MAX_MB = "USL_UPLOAD_MAX_MB", 1_000
ENV_MAX_FILES, MAX_FILES = "USL_UPLOAD_MAX_FILES", 20_000
GRACE_SECONDS = 150.0
"""Streamlit takes up a session again for two minutes after its connection has broken."""
TICK_SECONDS = 5.0
_NAME = re.compile(r"upload-[0-9a-f]{16}")


def is_on() -> bool:
    """Whether visitors may upload images."""
    said = os.environ.get(ENV_UPLOADS, "").strip().lower()
    return said not in ("0", "false", "no") if said else not is_read_only()


def max_bytes() -> int:
    """How large an upload may be.

    Raises:
        UslError: the environment says something else than a whole number of megabytes.
    """
    return _limit(ENV_MAX_MB, MAX_MB) * 10**6


def max_files() -> int:
    """How many files an upload may have.

    Raises:
        UslError: the environment says something else than a whole number.
    """
    return _limit(ENV_MAX_FILES, MAX_FILES)


def _limit(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10**9):
        raise UslError(f"{variable} must be a whole number from 1 to 1,000,000,000 but is {text!r:.60}")
    return int(text)


def is_name(name: str) -> bool:
    """Whether a data set of that name would be an upload."""
    return _NAME.fullmatch(name) is not None


def session() -> str | None:
    """The session whose page is running here."""
    context = get_script_run_ctx()
    return None if context is None else context.session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Images that a session has uploaded.

    Args:
        name: in addresses; nobody guesses it.
        session: whose it is.
        folder: of its own, resolved.
        path: what is looked at: a folder or an archive in there.
        when_gone: told of `path` before the files go.
    """

    name: str
    session: str
    folder: Path
    path: Path
    when_gone: Callable[[Path], None] = field(compare=False)


class Uploads:
    """All uploads of this server. Any thread may call it.

    Args:
        is_alive: whether a session has a page open.
    """

    def __init__(self, is_alive: Callable[[str], bool] = lambda session: True) -> None:
        self._is_alive = is_alive
        self._lock = threading.RLock()
        self._uploads: dict[str, Upload] = {}
        self._successors: dict[str, str] = {}  # a page may say the name of an upload that was just replaced once more
        self._unseen: dict[str, float] = {}  # since when a session has had no page open
        self._folder = ServerFolder(_made_parent)
        self._closed = threading.Event()
        self._is_watched = False

    def new_folder(self) -> Path:
        """An empty folder for an upload that is to be added, or thrown away by whoever asked.

        Raises:
            OSError: it cannot be made.
        """
        with self._lock:
            path = self._folder.path() / secrets.token_hex(8)
            path.mkdir(mode=0o700)
            return path

    def add(self, owner: str, folder: Path, path: Path, when_gone: Callable[[Path], None] = lambda path: None) -> Upload:
        """Whole files become an upload; those that the session had before go.

        Args:
            owner: the session.
            folder: that `new_folder` gave.
            path: what is looked at in there.
            when_gone: see `Upload`.
        """
        made = Upload(name=f"upload-{secrets.token_hex(8)}", session=owner, folder=folder, path=path, when_gone=when_gone)
        with self._lock:
            former = [upload for upload in self._uploads.values() if upload.session == owner]
            replaced = {upload.name for upload in former}
            replaced |= {old for old, new in self._successors.items() if new in replaced}
            self._successors |= dict.fromkeys(replaced, made.name)
            self._uploads[made.name] = made
            self._unseen.pop(owner, None)
            self._watch()
        for upload in former:
            self.remove(upload.name)
        return made

    def find(self, name: str) -> Upload | None:
        """The upload of that name, whoever asks, or the one that has taken its place."""
        with self._lock:
            return self._uploads.get(self._successors.get(name, name)) if is_on() else None

    def own(self, name: str) -> Upload | None:
        """The upload of that name, if the session whose page is running here made it."""
        found = self.find(name)
        return found if found is not None and found.session == session() else None

    def of_session(self) -> Upload | None:
        """The upload of the session whose page is running here."""
        mine = session()
        with self._lock:
            return next((upload for upload in self._uploads.values() if upload.session == mine and is_on()), None)

    def at(self, path: Path | str) -> Upload | None:
        """The upload that is looked at there."""
        with self._lock:
            return next((upload for upload in self._uploads.values() if str(upload.path) == str(path) and is_on()), None)

    def remove(self, name: str) -> None:
        """Throw an upload away; nothing happens if there is none."""
        with self._lock:
            upload = self._uploads.pop(name, None)
            for old in [old for old, new in self._successors.items() if new == name]:
                del self._successors[old]
        if upload is None:
            return
        try:
            upload.when_gone(upload.path)
        finally:
            discard(upload.folder)

    def tend(self, now: float) -> None:
        """Throw away what belongs to sessions that have ended.

        Args:
            now: `time.monotonic()`.
        """
        with self._lock:
            owners = {upload.session for upload in self._uploads.values()}
            unseen = {owner: self._unseen.get(owner, now) for owner in owners if not self._is_alive(owner)}
            self._unseen = unseen
            gone = [one.name for one in self._uploads.values() if now - unseen.get(one.session, now) > GRACE_SECONDS]
        for name in gone:
            self.remove(name)

    def close(self) -> None:
        """Throw everything away, for the end of the server."""
        self._closed.set()
        with self._lock:
            self._uploads.clear()
            self._folder.close()

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            threading.Thread(target=self._look_around, name="uploads", daemon=True).start()

    def _look_around(self) -> None:
        """A thread while there are uploads."""
        while not self._closed.wait(TICK_SECONDS):
            try:
                self.tend(time.monotonic())
            except Exception:  # the next look may succeed, and images must not stay for want of one
                log.exception("the uploads could not be looked after")
            with self._lock:
                if not self._uploads:
                    self._is_watched = False
                    return


def discard(folder: Path) -> None:
    """Throw a folder away, and give its space back even where a file in it is still open."""
    for file in folder.rglob("*.zip"):
        with suppress(OSError):
            os.truncate(file, 0)
    shutil.rmtree(folder, ignore_errors=True)


def _parent() -> Path:
    from usl_core.cache.store import default_cache_dir

    return default_cache_dir() / "uploads"


def _made_parent() -> Path:
    parent = _parent()
    parent.mkdir(parents=True, exist_ok=True)
    return parent.resolve()


def sweep() -> None:
    """Throw away what killed servers have left."""
    server_folder.sweep(_parent())


def _has_a_page_open(session: str) -> bool:
    from streamlit import runtime

    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@cache
def uploads() -> Uploads:
    """The uploads of this server."""
    return Uploads(_has_a_page_open)


def close() -> None:
    """End the uploads of this server, if it has any."""
    if uploads.cache_info().currsize:
        uploads().close()
