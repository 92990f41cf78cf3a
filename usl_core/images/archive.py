"""A .zip archive of images: its members, listed and read as bytes; it is never unpacked."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from stat import S_IFMT, S_IFREG, S_ISLNK

from ..errors import UslError
from ..types import Problem, Progress
from .decode import MAX_FILE_BYTES, too_many_bytes
from .kinds import HEAD_BYTES
from .listing import HIDDEN_FILE, Listing, is_hidden, passed_over, sniffed
from .names import is_archive_name, is_image_name, is_unknown_name, unread_kind
from .zip_overlaps import overlapping
from .zip_reader import DEFLATED, ENCRYPTED, PATCHED, STORED, BadZip, Member, ZipReader

_LINK = "it is a link, which is not followed in an archive; pack the file that it leads to"
_NO_FILE = "it is a device, pipe or socket, not a file"
_NESTED = "an archive inside an archive is not opened; unpack it, or scan it by itself"
_OVERLAPS = "it shares bytes with another file of the archive, as a zip bomb does; make or download the archive again"
_BOMB_BYTES, _BOMB_RATIO = 2**26, 200  # a picture as large as this that packs as well as that has one colour, if it is one
_TWICE = "the archive holds this name more than once; the last one counts"


class Archive:
    """A .zip archive. The names of its members are names and nothing else: no file is ever created from them.

    When its `stamp` changes, nothing that is known of any member holds any longer.

    Args:
        root: absolute path.
        report: called now and then while its table of contents is read.

    Raises:
        UslError: it is damaged, no .zip, no regular file, or cannot be opened.
    """

    def __init__(self, root: Path, report: Progress = lambda fraction, note: None) -> None:
        self.root = root
        try:
            self._zip = ZipReader(root, report)
            self._overlapping = overlapping(self._zip, report)
        except BadZip as error:
            raise UslError(f"the archive {root} is damaged or no .zip ({error}); make or download it again") from error
        except (UslError, OSError) as error:
            raise UslError(f"the archive {root} cannot be opened ({error})") from error
        facts = self._zip.facts
        self.stamp = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]
        self._changed_ns = facts.st_ctime_ns
        self._members: dict[str, Member] = {}
        self._problems: list[Problem] = []
        self._skipped: dict[str, tuple[str, str]] = {}
        for place, member in enumerate(self._zip.members):
            if place % 1024 == 0:
                report(0.0, f"looking for image files: {len(self._members):,} found")
            self._add(member, place in self._overlapping)

    def _add(self, member: Member, overlaps: bool) -> None:
        """Sort a member in: an image or something to sniff at, a problem, something passed over, or nothing."""
        raw = member.name.replace("\\", "/") if member.name_cause is None else member.name
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        if self._is_passed_over(parts):
            return
        if raw.endswith("/") or not parts:
            return
        nested = is_archive_name(parts[-1])
        if not (nested or is_image_name(raw) or unread_kind(raw) or is_unknown_name(raw)):
            return
        name, cause = "/".join(parts), member.name_cause
        if raw.startswith("/") or ".." in parts or re.match("[A-Za-z]:", raw):
            name, cause = raw, "the name leads out of the archive"
        cause = cause or (_NESTED if nested else unread_kind(name)) or _unreadable(member) or (_OVERLAPS if overlaps else None)
        if cause is None:
            if name in self._members:
                self._problems.append(Problem(name, _TWICE))
            self._members[name] = member
        else:
            self._problems.append(Problem(name, cause))

    def _is_passed_over(self, parts: list[str]) -> bool:
        for depth, part in enumerate(parts[:-1], 1):
            if part != ".." and (kind := passed_over(part)) is not None:
                self._skipped["/".join(parts[:depth]) + "/"] = kind
                return True
        if not parts or parts[-1] == ".." or not is_hidden(parts[-1]):
            return False
        if is_image_name(parts[-1]) or unread_kind(parts[-1]):
            self._skipped["/".join(parts)] = HIDDEN_FILE
        return True

    def listing(self, report: Progress) -> Listing:
        """All image files in the archive, in natural order, and those that cannot be read."""
        found = Listing()
        found.problems = list(self._problems)
        found.skipped.update(self._skipped.values())
        images, unknown = list[str](), list[str]()
        for name in self._members:
            (images if is_image_name(name) else unknown).append(name)
        for count, name in enumerate(chain(images, sniffed(unknown, self._head, found, report))):
            if count % 1024 == 0:
                report(0.0, f"looking for image files: {count:,} found")
            member = self._members[name]
            if member.size > MAX_FILE_BYTES:
                found.refuse(name, too_many_bytes(member.size))
            else:
                found.add(name, member.size, member.crc, member.packed, member.offset)
        found.close(self._changed_ns, report=report)
        return found

    def _head(self, name: str) -> bytes:
        """The first bytes of a member of an unknown kind; nothing if it is damaged."""
        try:
            return self._zip.head(self._members[name], HEAD_BYTES)
        except (BadZip, OSError):
            return b""

    def read(self, name: str) -> bytes:
        """The bytes of the member `name`; safe to call from many threads.

        Raises:
            UslError: it is gone, damaged, larger than `MAX_FILE_BYTES`, or packed in an unusual way.
        """
        member = self._members.get(name)
        if member is None:
            raise UslError("the file is no longer in the archive")
        if member.size > MAX_FILE_BYTES:
            raise UslError(too_many_bytes(member.size))
        try:
            return self._zip.read(member)
        except (BadZip, OSError) as error:
            raise UslError(f"the file is damaged in the archive, or packed in an unusual way ({error})") from error


def _unreadable(member: Member) -> str | None:
    """Why a member cannot be read, as far as the table of contents tells."""
    if S_IFMT(member.mode) not in (0, S_IFREG):
        return _LINK if S_ISLNK(member.mode) else _NO_FILE
    if member.flags & ENCRYPTED:
        return "the file is encrypted; unpack the archive with its password"
    if member.method not in (STORED, DEFLATED) or member.flags & PATCHED:
        return "the file is packed by a method other than deflate; pack it again as an ordinary .zip"
    if _BOMB_BYTES < member.size <= MAX_FILE_BYTES and member.size > _BOMB_RATIO * member.packed:
        grown = f"its {member.packed:,} bytes would become {member.size:,}, as those of a zip bomb do"
        return f"{grown}; unpack the archive if you trust it"
    return None
