"""Which members of a .zip archive share bytes with another one: no program packs so, but a zip bomb does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..types import Progress
from .zip_reader import Member, ZipReader

_HEADER_BYTES = 30  # of a member, at least, before what is packed


def overlapping(archive: ZipReader, report: Progress) -> set[int]:
    """The members that share bytes with another one, by their places in the table of contents.

    One that does not begin where the archive says is damaged, and costs no other one. One that is listed twice, under the same
    name, is one.

    Args:
        archive: an open one.
        report: called now and then.

    Raises:
        OSError: the file cannot be read.
    """
    suspects = overlaps_of(archive.members, range(len(archive.members)), report)
    return overlaps_of(archive.members, [place for place in sorted(suspects) if archive.begins(archive.members[place])], report)


def overlaps_of(members: Sequence[Member], places: Iterable[int], report: Progress) -> set[int]:
    """Those of the members at these places that share bytes with another of them, as far as their least sizes tell."""
    found: set[int] = set()
    reach, owner = 0, -1
    filled = (place for place in places if members[place].packed > 0)
    for count, place in enumerate(sorted(filled, key=lambda place: members[place].offset)):
        if count % 16_384 == 0:
            report(0.0, "looking for files of the archive that share bytes")
        member = members[place]
        same = owner >= 0 and (member.offset, member.name) == (members[owner].offset, members[owner].name)
        if member.offset < reach and not same:
            found |= {place, owner}
        end = member.offset + _HEADER_BYTES + member.packed
        if end > reach:
            reach, owner = end, place
    return found
