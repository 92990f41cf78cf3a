"""Entries of a file of labels -> rows of an image set: by path, by content, or by a file name that one image alone has.

Labelling tools rename: Label Studio puts eight characters before a file that was uploaded and an address before all, CVAT
leaves out folders. A name counts as in lists of images (`images.name_finder`); one that is none is tried as the path of an
address, and then by its last parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from urllib.parse import parse_qs, unquote, urlsplit

from ..images.name_finder import NameFinder
from ..types import ImageSet
from .entries import Entry

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
_LOST_ON_UPLOAD = re.compile(r"[^-\w.]")
_MOST_COMPARED = 1000  # images of one name, for each entry
_LONGEST = 4096  # characters; no file system has longer paths


class Matcher:
    """Finds the image that an entry is about.

    Args:
        images: the image set.
        folders: see `NameFinder`.
    """

    def __init__(self, images: ImageSet, folders: Sequence[str] = ()) -> None:
        self._images = images
        self._finder = NameFinder(images, folders)

    def is_there(self, name: str) -> bool:
        """Whether some image may be meant by this name."""
        return len(name) <= _LONGEST and self._finder.find(name) is not None

    def exact(self, entry: Entry) -> int | None:
        """The row whose path, or whose content, is that of the entry."""
        if entry.digest is not None and (rows := self._by_digest.get(entry.digest)):
            same = [row for row in rows if _last(self._images.paths[row]) == _last(entry.names[0])]
            return same[0] if same else rows[0]
        for name in entry.names:
            for spelling in _spellings(name):
                row = self._finder.find(spelling)
                if row is not None:
                    return row
        return None

    def alike(self, entry: Entry) -> tuple[int | None, str]:
        """The only row that the last parts of a name fit best, or None and why there is none."""
        several = 0
        for name in entry.names:
            for spelling in _spellings(name):
                parts = spelling.split("/")
                for last in dict.fromkeys((parts[-1], _UPLOAD_PREFIX.sub("", parts[-1], count=1))):
                    for rows in (self._by_name.get(_key(last), ()), self._by_upload.get(_uploaded(last), ())):
                        if not rows:
                            continue
                        best = _longest_common(rows, [*parts[:-1], last], self._images.paths)
                        if len(best) == 1:
                            return best[0], ""
                        several = several or len(best)
        if several:
            return None, f"it may be any of {several:,} images of that name"
        return None, ""

    def reason(self, entry: Entry) -> str:
        """Why there is no such image, or which may be meant; empty where nothing can be said."""
        name = entry.names[0]
        return self._finder.reason(name) if len(name) <= _LONGEST else ""

    @cached_property
    def _by_digest(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, digest in enumerate(self._images.digests):
            found.setdefault(digest, []).append(row)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, path in enumerate(self._images.paths):
            found.setdefault(_key(_last(path)), []).append(row)
        return found

    @cached_property
    def _by_upload(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, path in enumerate(self._images.paths):
            found.setdefault(_uploaded(_last(path)), []).append(row)
        return found


def _spellings(name: str) -> Iterator[str]:
    """The name, and the path of the address that it may be."""
    if len(name) > _LONGEST or "\0" in name:
        return
    yield name
    slashed = name.strip().replace("\\", "/")
    if slashed != name:
        yield slashed
    if "://" not in name and "?" not in name and "%" not in name and not name.startswith("/data/"):
        return
    try:
        address = urlsplit(slashed)
        inner = parse_qs(address.query).get("d", [])
    except ValueError:  # brackets that hold no address
        return
    yield from inner  # /data/local-files/?d=path
    path = unquote(address.path)
    yield from (path.lstrip("/"), unquote(slashed))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _uploaded(name: str) -> str:
    """What is left of a name that a web framework has made safe."""
    return _LOST_ON_UPLOAD.sub("", _key(name).strip().replace(" ", "_"))


def _longest_common(rows: Sequence[int], parts: Sequence[str], paths: Sequence[str]) -> list[int]:
    """The rows whose paths share the most last parts."""
    if len(rows) > _MOST_COMPARED:
        return list(rows)
    lengths = []
    for row in rows:
        own, length = paths[row].split("/"), 1
        while length < min(len(own), len(parts)) and own[-length - 1] == parts[-length - 1]:
            length += 1
        lengths.append(length)
    return [row for row, length in zip(rows, lengths, strict=True) if length == max(lengths)]
