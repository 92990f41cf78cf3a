"""Names of files and classes where they would do harm as they are: in archives and folders, in XML, in texts for others."""

from __future__ import annotations

import re
from itertools import count

from ..names import spelled_out

_DRIVE = re.compile(r"^([A-Za-z]):")
_RISKY = re.compile(r"[\\\ud800-\udfff]")  # a separator elsewhere, and bytes that are not UTF-8
_NOT_XML = re.compile("[\ufffe\uffff]")
_LONGEST = 120  # of one part, in characters; with four bytes each it is nearly what file systems allow


def inside(path: str, taken: set[str]) -> str:
    """What an image is called in an archive: a path that stays inside on every platform, and that nobody has taken.

    Args:
        path: with forward slashes; it may lead anywhere.
        taken: names so far, to which the new one is added.
    """
    parts = (part for part in path.split("/") if part not in ("", ".", ".."))
    return _free(_DRIVE.sub(r"\1_", "/".join(_RISKY.sub("_", part) for part in parts)) or "image", taken)


def folder_name(name: str, taken: set[str]) -> str:
    """What a class is called as a folder: one part of a path, which nobody has taken even where case does not count."""
    shown = spelled_out(name).replace("/", "_").replace("\\", "_").replace(":", "_")[:_LONGEST].strip(" .")
    known = {one.casefold() for one in taken}
    names = (f"{shown} ({number})" for number in count(2))
    free = shown if shown and shown.casefold() not in known else next(one for one in names if one.casefold() not in known)
    taken.add(free)
    return free


def encodable(text: str) -> str:
    """`text`, or where it holds bytes that are not UTF-8, with those spelled out: `names.taken_back` undoes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return spelled_out(text)
    return text


def xml_text(text: str) -> str:
    """`text` without what XML cannot hold, which is spelled out; escaping is left to who writes the XML."""
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", spelled_out(text))


def _free(name: str, taken: set[str]) -> str:
    stem, dot, extension = name.rpartition(".")
    tried = (f"{stem} ({number}){dot}{extension}" if stem else f"{name} ({number})" for number in count(2))
    name = name if name not in taken else next(other for other in tried if other not in taken)
    taken.add(name)
    return name
