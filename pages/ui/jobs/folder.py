"""The files that jobs make for download: a folder of this server in the temporary directory, see `server_folder`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .. import server_folder
from ..server_folder import LOCK, PREFIX, ServerFolder

__all__ = ["LOCK", "PREFIX", "JobFolder", "sweep"]


class JobFolder:
    """The folder of one server; made when the first job wants a place in it."""

    def __init__(self) -> None:
        self._folder = ServerFolder(lambda: Path(tempfile.gettempdir()))

    def of(self, job_id: str) -> Path:
        """Where a job writes its files; it makes the folder itself.

        Raises:
            OSError: the temporary directory cannot be written.
        """
        return self._folder.path() / job_id

    def holds(self, path: Path, job_id: str) -> bool:
        """Whether a file that a job names is one of its own, and there."""
        made = self._folder.made
        return made is not None and path.is_relative_to(made / job_id) and path.is_file()

    def forget(self, job_id: str) -> None:
        """Throw the files of a job away."""
        if self._folder.made is not None:
            shutil.rmtree(self._folder.made / job_id, ignore_errors=True)

    def close(self) -> None:
        """Throw everything away."""
        self._folder.close()


def sweep() -> None:
    """Throw away what killed servers of this user have left in the temporary directory."""
    server_folder.sweep(Path(tempfile.gettempdir()))
