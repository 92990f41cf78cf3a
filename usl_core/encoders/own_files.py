"""What encoders that were made of the user's own files have in common: a name, a digest, a record of a few lines in JSON."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from ..disk import told_if_unwritable
from ..errors import UslError
from ..images.regular_files import open_regular
from .trained import ENV_ENCODERS_DIR, encoders_dir, write_whole

_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_Known = TypeVar("_Known")


def called(path: Path, name: str | None) -> str:
    """What an encoder that is made of this file is called, without the prefix of its family.

    Args:
        path: of the file.
        name: what the user called it; None: as the file.

    Raises:
        UslError: that is no name.
    """
    found = re.sub(r"[^A-Za-z0-9_.-]+", "-", name or path.name.partition(".")[0]).strip("-.")[:60]
    if not is_name(found):
        raise UslError(f"an encoder's name must be 1 to 60 letters, digits, '-', '_' or '.' but is {name!r}")
    return found


def is_name(text: str) -> bool:
    """Whether an encoder can be called so."""
    return _NAME.fullmatch(text) is not None


def digest_of(path: Path, what: str) -> str:
    """SHA-256 of a file, hex.

    Args:
        path: of the file.
        what: names its kind in messages.

    Raises:
        UslError: it cannot be read.
    """
    try:
        with io.BufferedReader(cast(io.RawIOBase, open_regular(path))) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a UslError of a device or folder, or a name that no file can have
        raise UslError(f"the {what} {path} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def record_path(name: str, suffix: str) -> Path:
    """Where the record of an encoder lies that is called so."""
    return encoders_dir() / f"{name}{suffix}"


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record.

    Raises:
        UslError: the directory cannot be written.
    """
    remedy = f"free some space, or set {ENV_ENCODERS_DIR} to another folder"
    with told_if_unwritable(f"the encoder in {path.parent}", path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"format": _VERSION, **content}, indent=1).encode())


def read_record(path: Path, make: Callable[..., _Known], what: str) -> _Known:
    """Read a record.

    Args:
        path: of the record.
        make: takes what it holds, by name.
        what: names the kind of the file that it is of in messages.

    Raises:
        UslError: it is damaged, or of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("format") != _VERSION:
            raise ValueError("it is of another version")
        return make(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UslError(f"the record {path} of an added encoder is damaged ({error}); add the {what} again") from error


def records(suffix: str, read: Callable[[Path], _Known]) -> list[_Known]:
    """All records of one family, by name. One that is damaged is left out; whoever asks for that encoder hears why."""
    found = []
    for path in sorted(encoders_dir().glob(f"*{suffix}")):
        try:
            found.append(read(path))
        except UslError:
            continue
    return found
