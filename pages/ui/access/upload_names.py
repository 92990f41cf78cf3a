"""Names of uploaded files, which a browser tells and anybody may forge, as names that can be on this server's disk.

What would lead elsewhere is refused. What only cannot be written, or would act on a screen, is mended: control characters, both
kinds of slashes, what Windows keeps for itself, names that are too long.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import PurePosixPath

from usl_core.errors import UslError

MAX_NAME_BYTES = 200
"""Of one folder or file; most file systems take 255, and a copy's number has to fit."""
MAX_DEPTH = 24
MAX_PATH_BYTES = 2000
_UNWRITABLE = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\\:*?"<>|/]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)


def safe_parts(raw: str) -> tuple[str, ...]:
    """The folders and the file of an uploaded file's name, each of which can be written here.

    Args:
        raw: as the browser says it: a name, or a path with slashes within the folder that was chosen.

    Raises:
        UslError: the cause to give for a name that leads elsewhere or is none.
    """
    if raw.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", raw):
        raise UslError("its name is a path of its own")
    parts = [part for part in raw.split("/") if part not in ("", ".")]
    if any(piece.strip() == ".." for part in parts for piece in part.split("\\")):
        raise UslError("its name leads out of the folder")
    if not parts or raw.endswith("/"):
        raise UslError("it has no name")
    if len(parts) > MAX_DEPTH:
        raise UslError(f"it lies {len(parts)} folders deep, more than the limit of {MAX_DEPTH}")
    mended = tuple(map(mended_name, parts))
    if sum(len(part.encode()) + 1 for part in mended) > MAX_PATH_BYTES:
        raise UslError(f"its path is longer than {MAX_PATH_BYTES:,} bytes")
    return mended


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Whether a file, or a folder above it, is one that systems hide."""
    return any(part.startswith(".") for part in parts)


def mended_name(name: str) -> str:
    """One name that every file system takes; the same name for the same name, and mostly the name itself."""
    mended = _UNWRITABLE.sub("_", name)
    stripped = mended.rstrip(". ")  # Windows drops them
    mended = stripped + "_" * (len(mended) - len(stripped)) or "_"
    if _RESERVED.fullmatch(mended):
        mended = f"_{mended}"
    if len(mended.encode()) <= MAX_NAME_BYTES:
        return mended
    suffix = PurePosixPath(mended).suffix
    suffix = suffix if len(suffix.encode()) <= 12 else ""
    mark = f"~{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}{suffix}"
    return mended.encode()[: MAX_NAME_BYTES - len(mark.encode())].decode("utf-8", "ignore") + mark


def numbered(name: str, copy: int) -> str:
    """The name of a further file that would have the same one: `a.png`, `a (2).png`, ..."""
    if copy == 1:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{stem} ({copy}).{ending}" if dot and stem else f"{name} ({copy})"
