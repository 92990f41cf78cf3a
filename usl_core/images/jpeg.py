"""JPEG files that lack nothing but their end marker, told from those that lack a part of the picture.

libjpeg fills up what is missing and only warns of it, which Pillow does not hear; and zeros, as in a file for which room was
set aside, are pixels like others to it. So the file is decoded with three different endings: where all of them give the same
pixels, none of those depends on what is missing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import BytesIO

_END = b"\xff\xd9"
_FILLING_BYTES = 600
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_SCAN, _STANDALONE = 0xDA, frozenset({0x00, 0x01, 0xFF, *range(0xD0, 0xD9)})


def is_padded(data: bytes) -> bool:
    """Whether zeros stand where the end of the file should."""
    return data.endswith(b"\0\0") and all(marker != _END[1] for marker, _ in _segments(data))


def with_end_marker(data: bytes) -> bytes | None:
    """The file with an end marker if that is all that it lacks, else None.

    Args:
        data: a JPEG file of which Pillow says that it is cut off, or one that is padded.
    """
    body = data[:-1] if data.endswith(b"\xff") else data
    if body.endswith(b"\0\0"):
        body = body.rstrip(b"\0")
        body += b"\0" if body.endswith(b"\xff") else b""
    if not _has_all_scans(body):
        return None
    whole = body + _END
    expected = _pixels(whole)
    if any(_pixels(body + _filling(seed) + _END) != expected for seed in (1, 2)):
        return None
    return whole


def _filling(seed: int) -> bytes:
    return bytes(random.Random(seed).choices(range(255), k=_FILLING_BYTES))


def _pixels(data: bytes) -> bytes:
    from PIL.JpegImagePlugin import JpegImageFile

    image = JpegImageFile(BytesIO(data))
    image.load()
    return image.tobytes()


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component has come in full: between two scans, nothing looks cut off."""
    missing: dict[int, list[int]] = {}
    progressive = False
    for marker, body in _segments(data):
        if marker in _FRAMES:
            missing = {body[6 + 3 * place]: [1] * 64 for place in range(body[5])}
            progressive = marker in _PROGRESSIVE
        elif marker == _SCAN:
            ids = body[1 : 1 + 2 * body[0] : 2]
            first, last, precision = body[1 + 2 * body[0] :][:3] if progressive else (0, 63, 0)
            for component in ids:
                missing[component][first : last + 1] = [precision & 15] * (last + 1 - first)
    return bool(missing) and not any(any(places) for places in missing.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with what belongs to them, up to the end marker; whatever follows that is no part of the picture."""
    offset = 2
    while (offset := data.find(b"\xff", offset)) >= 0 and offset + 2 <= len(data):
        marker = data[offset + 1]
        if marker in _STANDALONE:
            offset += 1 if marker == 0xFF else 2
            continue
        length = 0 if marker == _END[1] else int.from_bytes(data[offset + 2 : offset + 4], "big")
        yield marker, data[offset + 4 : offset + 2 + length]
        if marker == _END[1]:
            return
        offset += 2 + length
