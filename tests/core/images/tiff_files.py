"""TIFF files written by hand, in every arrangement that the format knows and Pillow cannot write."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
_CODES = {"B": 1, "s": 2, "H": 3, "I": 4, "Q": 16, "d": 12, "f": 11}


def tiff(
    values: NDArray,
    *,
    order: str = "<",
    big: bool = False,
    photometric: int | None = None,
    compression: int = NONE,
    predictor: int = 1,
    rows: int | None = None,
    tile: int | None = None,
    separate: bool = False,
    bits: int | None = None,
    tags: dict[int, tuple[str, Any]] | None = None,
) -> bytes:
    """A TIFF file of (height, width, channels) numbers.

    Args:
        values: of any integer or float type.
        order: `<` or `>`.
        big: BigTIFF.
        photometric: None: grey, or RGB from three channels on.
        compression: one of those above.
        predictor: 2: differences; 3: differences of floats.
        rows: rows of a strip; None: all.
        tile: side of a tile; None: strips.
        separate: one plane after the other.
        bits: of a sample, if not those of the type.
        tags: others, as struct code and value.
    """
    height, width, channels = values.shape
    planes = [values[..., place : place + 1] for place in range(channels)] if separate else [values]
    pieces = [piece for plane in planes for piece in _pieces(plane, rows or height, tile)]
    packed = [_packed(_bytes(piece, order, predictor, bits), piece, compression) for piece in pieces]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple[str, Any]] = {
        256: ("I", width),
        257: ("I", height),
        258: ("H", [bits or values.dtype.itemsize * 8] * channels),
        259: ("H", compression),
        262: ("H", (2 if channels >= 3 else 1) if photometric is None else photometric),
        277: ("H", channels),
        284: ("H", 2 if separate else 1),
        317: ("H", predictor),
        339: ("H", [kind] * channels),
        324 if tile else 273: ("Q" if big else "I", [0] * len(packed)),
        325 if tile else 279: ("Q" if big else "I", [len(piece) for piece in packed]),
        **({322: ("I", tile), 323: ("I", tile)} if tile else {278: ("I", rows or height)}),
        **(tags or {}),
    }
    start = len(_directory(entries, order, big))
    at = np.cumsum([start, *(len(piece) for piece in packed[:-1])]).tolist()
    entries[324 if tile else 273] = ("Q" if big else "I", at)
    return _directory(entries, order, big) + b"".join(packed)


def _directory(entries: dict[int, tuple[str, Any]], order: str, big: bool) -> bytes:
    word, size = ("Q", 8) if big else ("I", 4)
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if big else struct.pack(f"{order}HI", 42, 8))
    out = head + struct.pack(f"{order}{'Q' if big else 'H'}", len(entries))
    after, tail = len(out) + len(entries) * (20 if big else 12) + size, b""
    for tag, (code, value) in sorted(entries.items()):
        if code == "s":
            data, count = value, len(value)
        else:
            listed = value if isinstance(value, list) else [value]
            data, count = struct.pack(f"{order}{len(listed)}{code}", *listed), len(listed)
        if len(data) > size:
            data, tail = struct.pack(f"{order}{word}", after + len(tail)), tail + data + bytes(len(data) % 2)
        out += struct.pack(f"{order}HH{word}", tag, _CODES[code], count) + data.ljust(size, b"\0")
    return out + bytes(size) + tail


def _pieces(plane: NDArray, rows: int, tile: int | None) -> list[NDArray]:
    height, width = plane.shape[:2]
    if tile is None:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)), mode="edge")
    return [
        padded[top : top + tile, left : left + tile]
        for top in range(0, padded.shape[0], tile)
        for left in range(0, padded.shape[1], tile)
    ]


def _bytes(piece: NDArray, order: str, predictor: int, bits: int | None) -> bytes:
    if bits:
        if bits == 24:
            wide = piece.astype(f"{order}i4" if piece.dtype.kind == "i" else f"{order}u4").tobytes()
            cut = np.frombuffer(wide, np.uint8).reshape(-1, 4)
            return (cut[:, :3] if order == "<" else cut[:, 1:]).tobytes()
        lines = ("".join(f"{number:0{bits}b}" for number in line.ravel().tolist()) for line in piece)
        return b"".join(int(line.ljust(-(-len(line) // 8) * 8, "0"), 2).to_bytes(-(-len(line) // 8), "big") for line in lines)
    if predictor == 2:
        whole = np.ascontiguousarray(piece).view(f"u{piece.dtype.itemsize}")
        piece = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], axis=1)
    if predictor == 3:
        height, width, channels = piece.shape
        size = piece.dtype.itemsize
        planes = np.frombuffer(piece.astype(f">f{size}").tobytes(), np.uint8).reshape(height, width * channels, size)
        lines = planes.swapaxes(1, 2).reshape(height, -1)
        return np.concatenate([lines[:, :channels], lines[:, channels:] - lines[:, :-channels]], axis=1).tobytes()
    return piece.astype(piece.dtype.newbyteorder(order)).tobytes()  # type: ignore[call-overload]


def _packed(data: bytes, piece: NDArray, compression: int) -> bytes:
    if compression == DEFLATE:
        return zlib.compress(data)
    if compression == NONE:
        return data
    rows = len(piece)
    buffer = BytesIO()
    grey = Image.frombytes("L", (len(data) // rows, rows), data)
    grey.save(buffer, "tiff", compression="tiff_lzw" if compression == LZW else "packbits", tiffinfo={278: rows})
    written = Image.open(BytesIO(buffer.getvalue()))
    ((at,), (length,)) = written.tag_v2[273], written.tag_v2[279]  # type: ignore[attr-defined]
    return buffer.getvalue()[at : at + length]
