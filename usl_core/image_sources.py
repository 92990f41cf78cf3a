"""Where images come from: a folder or a .zip archive, told apart and opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from .errors import UslError
from .image_archive import Archive
from .image_folder import Folder
from .image_listing import leads_out
from .zip_reader import is_zip

Source = Folder | Archive


def open_source(root: Path, within: Sequence[Path] = ()) -> Source:
    """The folder or archive at `root`, an absolute path; an archive that was opened before is not opened again.

    Args:
        root: absolute and resolved.
        within: see `Folder`.

    Raises:
        UslError: there is nothing at `root`, it lies outside of `within`, is neither folder nor .zip, or is damaged.
    """
    if leads_out(root, within):
        raise UslError(f"{root} is not, or no longer, inside the folders that may be read; open it again")
    try:
        facts = root.stat()
        if S_ISDIR(facts.st_mode):
            return Folder(root, within)
        if not S_ISREG(facts.st_mode) or not (root.suffix.lower() == ".zip" or is_zip(root)):
            raise UslError(f"{root} is neither a folder nor a .zip archive")
    except FileNotFoundError as error:
        raise UslError(f"{root} does not exist; give a folder of images or a .zip archive") from error
    except OSError as error:
        raise UslError(f"{root} cannot be opened ({error.strerror or error})") from error
    return _archive(root, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino, os.getpid())


@lru_cache(maxsize=4)
def _archive(root: Path, *_identity: int) -> Archive:
    """The open archive, kept because its table of contents is slow to read."""
    return Archive(root)
