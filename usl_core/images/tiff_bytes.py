"""Strips and tiles of a TIFF: from compressed bytes to rows of bytes, and from those to numbers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError

UNCOMPRESSED = 1
DEFLATE = (8, 32946)
BYTE_CODECS = (5, 32773, 34925, 50000)
"""LZW, PackBits, LZMA and Zstandard: what libtiff unpacks without asking what the bytes mean."""

_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3


def unpacked(packed: Sequence[bytes], heights: Sequence[int], row_bytes: int, method: int) -> NDArray[np.uint8]:
    """The rows of some strips or tiles.

    Args:
        packed: the bytes of each.
        heights: the rows of each; all but the last have the same number.
        row_bytes: bytes of a row.
        method: the tag Compression, one of those above.

    Returns:
        (sum of `heights`, `row_bytes`).

    Raises:
        UslError: some are too short.
    """
    if method in BYTE_CODECS:
        return _by_libtiff(packed, heights, row_bytes, method)
    parts = []
    for data, rows in zip(packed, heights, strict=True):
        size = rows * row_bytes
        part = zlib.decompressobj().decompress(data, size) if method in DEFLATE else data[:size]
        if len(part) < size:
            raise UslError(f"the file is damaged or cut off: it lacks {size - len(part):,} bytes of its pixels")
        parts.append(part)
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, row_bytes)


def _by_libtiff(packed: Sequence[bytes], heights: Sequence[int], row_bytes: int, method: int) -> NDArray[np.uint8]:
    """A TIFF is made of them that calls every byte a grey pixel, and Pillow decodes that."""
    from PIL.TiffImagePlugin import TiffImageFile

    count, longest = len(packed), max(heights)
    tags = [(256, row_bytes), (257, sum(heights)), (258, 8), (259, method), (262, 1), (277, 1), (278, longest)]
    body_at = 8 + 2 + (len(tags) + 2) * 12 + 4 + 8 * count
    lengths = [len(part) for part in packed]
    offsets = np.cumsum([body_at, *lengths[:-1]]).tolist()
    if count > 1:
        tables = body_at - 8 * count
        tags += [(273, tables), (279, tables + 4 * count)]
    else:
        tags += [(273, offsets[0]), (279, lengths[0])]
    entries = b"".join(struct.pack("<HHII", tag, 4, count if tag in (273, 279) else 1, value) for tag, value in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    image = TiffImageFile(BytesIO(head + struct.pack(f"<{2 * count}I", *offsets, *lengths) + b"".join(packed)))
    image.load()
    return np.asarray(image)


def samples(rows: NDArray[np.uint8], shape: tuple[int, int], bits: int, kind: str, order: str, predictor: int) -> NDArray:
    """Rows of bytes as numbers.

    Args:
        rows: (height, bytes of a row).
        shape: pixels of a row, channels.
        bits: of a sample; 2 to 16, 24, 32 or 64.
        kind: `u`, `i` or `f`.
        order: `<` or `>`.
        predictor: the tag Predictor.

    Returns:
        (height, *shape) in the smallest type that holds them, in the byte order of this machine.

    Raises:
        UslError: no such predictor for these numbers.
    """
    width, channels = shape
    if bits % 8:
        values = _bit_fields(rows, width * channels, bits)
        if predictor != 1 or kind != "u":
            raise UslError(f"it is a TIFF with samples of {bits} bits of an unusual kind; save it in 8 or 16 bits")
    elif predictor == _FLOAT_DIFFERENCES and kind == "f":
        return _float_differences(rows, width, channels, bits // 8)
    elif bits == 24:
        values = _three_bytes(rows, kind, order)
    else:
        values = np.ascontiguousarray(rows).view(f"{order}{kind}{bits // 8}").astype(f"{kind}{bits // 8}", copy=False)
    values = values.reshape(len(rows), width, channels)
    if predictor == _DIFFERENCES:
        whole = f"u{values.dtype.itemsize}"
        return np.cumsum(values.view(whole), axis=1, dtype=whole).view(values.dtype)
    if predictor != 1:
        raise UslError(f"it is a TIFF with an unknown predictor ({predictor}); save it without")
    return values


def _bit_fields(rows: NDArray[np.uint8], count: int, bits: int) -> NDArray:
    """`count` unsigned numbers a row, each of that many bits, the highest first."""
    values = np.empty((len(rows), count), np.uint16 if bits > 8 else np.uint8)
    for row, line in zip(values, rows, strict=True):
        fields = np.unpackbits(line)[: count * bits].reshape(count, bits)
        packed = np.packbits(np.pad(fields, ((0, 0), (values.dtype.itemsize * 8 - bits, 0))), axis=1)
        row[:] = packed.view(f">u{values.dtype.itemsize}")[:, 0]
    return values


def _three_bytes(rows: NDArray[np.uint8], kind: str, order: str) -> NDArray:
    parts = rows.reshape(len(rows), -1, 3)[..., :: 1 if order == "<" else -1].astype(np.uint32)
    values = parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16
    return values if kind == "u" else (values << 8).view(np.int32) >> 8


def _float_differences(rows: NDArray[np.uint8], width: int, channels: int, size: int) -> NDArray:
    """Differences of bytes, and all first bytes of a row before all second ones, the highest first."""
    lines = np.cumsum(rows.reshape(len(rows), width * size, channels), axis=1, dtype=np.uint8)
    planes = lines.reshape(len(rows), size, width * channels).swapaxes(1, 2)
    return np.ascontiguousarray(planes).view(f">f{size}").astype(f"f{size}").reshape(len(rows), width, channels)
