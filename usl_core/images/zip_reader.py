"""Reads .zip archives whose names and numbers nobody vouches for: one bad member does not cost the others.

`zipfile` of the standard library refuses a whole archive for one name that is not what its flag says. What is needed of the
format is little: the table of contents at the end, and members that are stored or deflated.
"""

from __future__ import annotations

import os
import struct
import threading
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UslError
from ..types import Progress
from .regular_files import open_regular
from .zip_names import member_name, zip64_values

STORED, DEFLATED = 0, 8
ENCRYPTED, PATCHED = 0x41, 0x20  # flags

_END, _END_64, _LOCATOR_64, _ENTRY, _LOCAL = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4"
_END_BYTES, _END_64_BYTES, _LOCATOR_64_BYTES, _ENTRY_BYTES, _LOCAL_BYTES = 22, 56, 20, 46, 30
_TAIL_BYTES = _END_BYTES + 65535  # with the longest comment
_MAX_TABLE_BYTES = 2**28  # some millions of members; each takes up more memory than bytes in the table
_UNIX = (3, 19)  # systems whose files have a mode: Unix, macOS
_CHUNK_BYTES, _LEAST_BYTES = 2**20, 2**12


def _silent(fraction: float, note: str) -> None:
    """No report."""


class BadZip(Exception):
    """The bytes are no .zip archive, or no whole one; the message is the cause."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, as its table of contents has it.

    Args:
        name: decoded, with whatever slashes it has; to be shown where `name_cause` is set.
        name_cause: what is wrong with the name, or None.
        flags: general purpose flags.
        method: of compression.
        crc: CRC-32 of the contents.
        packed: compressed size in bytes.
        size: uncompressed size in bytes.
        offset: where its local header begins in the file.
        mode: type and permissions that a Unix system gave it; 0 if another system packed it.
    """

    name: str
    name_cause: str | None
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int = 0


def is_zip(path: Path) -> bool:
    """Whether there is a file that ends as an archive does.

    Raises:
        OSError: as `open_regular`.
    """
    try:
        file = open_regular(path)
    except UslError:  # something else than a file
        return False
    with file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(size - _TAIL_BYTES, 0))
        return _end_record(file.read(_TAIL_BYTES)) >= 0


class ZipReader:
    """An open archive; safe to use from many threads.

    Args:
        path: of the archive.
        report: called now and then while its table of contents is read.

    Raises:
        BadZip: it is none, or damaged.
        UslError: as `open_regular`.
        OSError: as `open_regular`.
    """

    def __init__(self, path: Path, report: Progress = _silent) -> None:
        self._file = open_regular(path)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.facts = os.fstat(self._file.fileno())
        self.members: list[Member] = []
        for member in _entries(*self._table()):
            if len(self.members) % 1024 == 0:
                report(0.0, f"reading the archive's table of contents: {len(self.members):,} files")
            self.members.append(member)

    def _at(self, offset: int, n_bytes: int) -> bytes:
        """Up to `n_bytes` from there."""
        if offset >= 2**63:  # a false number of 64 bits, which no system takes
            return b""
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), n_bytes, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(n_bytes)

    def _table(self) -> tuple[bytes, int]:
        """The table of contents, and how far everything lies behind where the archive says, since something precedes it."""
        file_size = self.facts.st_size
        tail_at = max(file_size - _TAIL_BYTES, 0)
        tail = self._at(tail_at, file_size - tail_at)
        end = _end_record(tail)
        if end < 0:
            raise BadZip("it has no table of contents; it may be cut off")
        _, disk, _, _, _, size, offset = struct.unpack_from("<4s4H2L", tail, end)
        table_end = tail_at + end
        end_64 = self._end_record_64(table_end)
        if end_64 is not None:
            table_end, size, offset = end_64
        elif disk != 0:
            raise BadZip("it is one of several parts; join them")
        shift = table_end - size - offset
        if shift < 0:
            raise BadZip("its table of contents does not lie where it should; it may be cut off")
        if size > _MAX_TABLE_BYTES:
            raise BadZip(f"its table of contents has {size:,} bytes, more than the limit of {_MAX_TABLE_BYTES:,}")
        return self._at(table_end - size, size), shift

    def _end_record_64(self, end: int) -> tuple[int, int, int] | None:
        """Where the record of the end in 64 bits begins, and the two numbers in it, size and offset of the table, if any."""
        locator_at = end - _LOCATOR_64_BYTES
        locator = self._at(locator_at, _LOCATOR_64_BYTES) if locator_at >= _END_64_BYTES else b""
        if not locator.startswith(_LOCATOR_64):
            return None
        # Mostly right before its locator, also where something precedes the archive; else it has fields of its own.
        for offset in (locator_at - _END_64_BYTES, struct.unpack_from("<Q", locator, 8)[0]):
            record = self._at(offset, _END_64_BYTES)
            if record.startswith(_END_64) and len(record) == _END_64_BYTES:
                return offset, *struct.unpack_from("<2Q", record, 40)
        return None

    def read(self, member: Member) -> bytes:
        """The contents of a member, checked.

        Raises:
            BadZip: it is damaged.
            OSError: the file cannot be read.
        """
        data = self.head(member, member.size + 1)  # without a bound, a false size would fill the memory
        if len(data) != member.size:
            raise BadZip(f"it is not {member.size:,} bytes long as the archive says")
        if zlib.crc32(data) != member.crc:
            raise BadZip("its checksum is wrong")
        return data

    def begins(self, member: Member) -> bool:
        """Whether there is a local header where the archive says that the member begins.

        Raises:
            OSError: the file cannot be read.
        """
        return self._at(member.offset, len(_LOCAL)) == _LOCAL

    def head(self, member: Member, n_bytes: int) -> bytes:
        """The first `n_bytes` of a member, or all there are; not checked.

        Raises:
            BadZip: it is damaged.
            OSError: the file cannot be read.
        """
        header = self._at(member.offset, _LOCAL_BYTES)
        if len(header) < _LOCAL_BYTES or not header.startswith(_LOCAL):
            raise BadZip("it does not begin where the archive says")
        offset = member.offset + _LOCAL_BYTES + sum(struct.unpack_from("<2H", header, 26))
        end = offset + member.packed
        unpack = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == DEFLATED else None
        pieces, room = [], n_bytes
        while room > 0 and offset < end and not (unpack is not None and unpack.eof):
            packed = self._at(offset, min(_CHUNK_BYTES, end - offset, room if unpack is None else max(room, _LEAST_BYTES)))
            if not packed:
                break
            offset += len(packed)
            try:
                piece = packed if unpack is None else unpack.decompress(packed, room)
            except zlib.error as error:
                raise BadZip(str(error)) from error
            pieces.append(piece)
            room -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _end_record(tail: bytes) -> int:
    """Where the record of the end begins: the last one whose comment fills the rest of the file, else the last one at all."""
    before, spare = len(tail), -1
    while (offset := tail.rfind(_END, 0, before)) >= 0:
        before = offset + len(_END) - 1
        if offset + _END_BYTES <= len(tail):
            left = len(tail) - offset - _END_BYTES - struct.unpack_from("<H", tail, offset + 20)[0]
            if left == 0:
                return offset
            spare = offset if left > 0 and spare < 0 else spare
    return spare


def _entries(table: bytes, shift: int) -> Iterator[Member]:
    entry_at = 0
    while entry_at + _ENTRY_BYTES <= len(table) and table.startswith(_ENTRY, entry_at):
        fields = struct.unpack_from("<4s6H3L5H2L", table, entry_at)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        mode = fields[15] >> 16 if fields[1] >> 8 in _UNIX else 0
        n_name, n_extra, n_comment, offset = *fields[10:13], fields[16]
        name_at = entry_at + _ENTRY_BYTES
        extra = table[name_at + n_name : name_at + n_name + n_extra]
        entry_at = name_at + n_name + n_extra + n_comment
        if entry_at > len(table):
            break
        if 0xFFFFFFFF in (size, packed, offset):
            wide = iter(zip64_values(extra))
            size, packed, offset = (next(wide, n) if n == 0xFFFFFFFF else n for n in (size, packed, offset))
        name, cause = member_name(table[name_at : name_at + n_name], flags, extra)
        yield Member(name, cause, flags, method, crc, packed, size, offset + shift, mode)
    if entry_at != len(table) and not table.startswith(b"PK\5\5", entry_at):  # a signature may follow
        raise BadZip("its table of contents is damaged")
