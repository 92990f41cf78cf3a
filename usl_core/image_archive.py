"""A .zip archive of images: its members, listed and read as bytes; it is never unpacked."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import UslError
from .image_decode import MAX_FILE_BYTES, too_many_bytes
from .image_kinds import HEAD_BYTES
from .image_listing import HIDDEN_FILE, Listing, is_hidden, passed_over, sniffed
from .image_names import is_image_name, is_unknown_name, unread_kind
from .types import Problem, Progress
from .zip_reader import DEFLATED, ENCRYPTED, PATCHED, STORED, BadZip, Member, ZipReader

_TWICE = "the archive holds this name more than once; the last one counts"


class Archive:
    """A .zip archive. The names of its members are names and nothing else: no file is ever created from them.

    When its `stamp` changes, nothing that is known of any member holds any longer.

    Raises:
        UslError: it is damaged, no .zip, no regular file, or cannot be opened.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self._zip = ZipReader(root)
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
        for member in self._zip.members:
            self._add(member)

    def _add(self, member: Member) -> None:
        """Sort a member in: an image or something to sniff at, a problem, something passed over, or nothing."""
        raw = member.name.replace("\\", "/") if member.name_cause is None else member.name
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        if self._is_passed_over(parts):
            return
        if raw.endswith("/") or not parts or not (is_image_name(raw) or unread_kind(raw) or is_unknown_name(raw)):
            return
        name, cause = "/".join(parts), member.name_cause
        if raw.startswith("/") or ".." in parts or re.match("[A-Za-z]:", raw):
            name, cause = raw, "the name leads out of the archive"
        cause = cause or unread_kind(name) or _unreadable(member)
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
        images = [name for name in self._members if is_image_name(name)]
        unknown = [name for name in self._members if not is_image_name(name)]
        for name in (*images, *sniffed(unknown, self._head, found, report)):
            member = self._members[name]
            if member.size > MAX_FILE_BYTES:
                found.refuse(name, too_many_bytes(member.size))
            else:
                found.add(name, member.size, member.crc, member.packed, member.offset)
        found.close(self._changed_ns)
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
    if member.flags & ENCRYPTED:
        return "the file is encrypted; unpack the archive with its password"
    if member.method not in (STORED, DEFLATED) or member.flags & PATCHED:
        return "the file is packed by a method other than deflate; pack it again as an ordinary .zip"
    return None
