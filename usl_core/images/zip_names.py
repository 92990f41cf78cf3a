"""What a file in a .zip archive is called: bytes that may be UTF-8, declared or not, or the code page of the first PCs.

The format knows a flag that declares UTF-8 and, beside it, Info-ZIP's Unicode Path field. Finder and many tools on Windows
write UTF-8 and declare nothing.
"""

from __future__ import annotations

import struct
from zlib import crc32

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_NOT_UTF8 = "the archive says that its name is UTF-8, and it is not; rename the file and pack it again"
_NUL = "its name holds a NUL character; rename the file and pack it again"


def member_name(raw: bytes, flags: int, extra: bytes) -> tuple[str, str | None]:
    """The name of a member, and what is wrong with it.

    In this order: UTF-8 where it is declared; the Unicode Path field, which is valid only while its checksum matches the plain
    name; UTF-8 where the bytes are that; code page 437, in which any bytes are text.

    Args:
        raw: the bytes of the name.
        flags: general purpose flags.
        extra: the extra fields.

    Returns:
        The name and None, or something to show and the cause to give.
    """
    declared = flags & _UTF8_FLAG
    name = _utf8(raw) if declared else _unicode_path(raw, extra)
    if name is None:
        name = _unicode_path(raw, extra) if declared else _utf8(raw)
    if name is None and not declared:
        name = raw.decode("cp437")
    if name is None:
        return _shown(raw.decode("utf-8", "backslashreplace")), _NOT_UTF8
    return (name, None) if "\0" not in name else (_shown(name), _NUL)


def _shown(name: str) -> str:
    return name.replace("\0", "\\x00")


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    """What the first valid Unicode Path field says: a version of 1, the CRC-32 of the plain name, the name in UTF-8."""
    for field in _fields(extra, _UNICODE_PATH):
        if len(field) > 5 and field[0] == 1 and struct.unpack_from("<L", field, 1)[0] == crc32(raw):
            return _utf8(field[5:])
    return None


def _fields(extra: bytes, wanted: int) -> list[bytes]:
    """The contents of the extra fields of one kind, as far as they are whole."""
    found, offset = [], 0
    while offset + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, offset)
        if kind == wanted and offset + 4 + size <= len(extra):
            found.append(extra[offset + 4 : offset + 4 + size])
        offset += 4 + size
    return found


def zip64_values(extra: bytes) -> list[int]:
    """The 64-bit numbers that stand in the extra field 1 for those that do not fit into 32 bits, in the order of the header."""
    field = next(iter(_fields(extra, 1)), b"")
    return [value for (value,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
