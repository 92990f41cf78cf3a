"""What Pillow gets wrong of PNG files: bulky metadata, 16 bits a channel, and transparent grey."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .notes import note_by_rule
from .samples import Samples

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_HEAD = 8  # bytes of the signature
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_ORIENTED = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")  # texts that may say what is up
_MAX_TEXT = 2**20  # Pillow refuses the image if a text inflates to more
_GREY, _RGB, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 4, 6


def without_bulk(data: bytes) -> bytes:
    """The file without chunks that say nothing of its pixels: Pillow gives the image up if it dislikes one of them."""
    chunks = list(_chunks(data))
    texts: dict[bytes, int] = {}  # of one keyword the last counts; Pillow gives an image up for too many texts, too
    for start, end, name in chunks:
        if _may_orient(data[start:end], name):
            texts[data[start + 8 : end].partition(b"\0")[0]] = start
    kept = [(start, end) for start, end, name in chunks if name in _PIXELS or start in texts.values()]
    if sum(end - start for start, end in kept) == len(data) - _HEAD:
        return data
    view = memoryview(data)
    return b"".join([view[:_HEAD], *(view[start:end] for start, end in kept)])


def _chunks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where each chunk begins and ends, and its name; the last may be cut off."""
    offset = _HEAD
    while offset < len(data):
        length, name = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        end = min(offset + 12 + length, len(data))
        yield offset, end, name
        offset = len(data) if name == b"IEND" else end


def _may_orient(chunk: bytes, name: bytes) -> bool:
    if name not in _TEXTS or not chunk[8:].startswith(_ORIENTED):
        return False
    _, _, rest = chunk[8:-4].partition(b"\0")
    if name == b"tEXt" or (name == b"iTXt" and rest[:1] == b"\0"):
        return len(rest) <= _MAX_TEXT
    packed = rest[1:] if name == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    try:
        unpacker = zlib.decompressobj()
        unpacker.decompress(packed, _MAX_TEXT)
    except zlib.error:
        return False
    return unpacker.eof


class DeepPng:
    """A PNG of 16 bits a channel.

    Pillow drops the lower byte of colours. Its decoder is asked for the bytes that it calls upper ones of big-endian numbers,
    and then for those of little-endian numbers, which are the others.

    Args:
        data: the whole file.
        image: the same, opened.
    """

    def __init__(self, data: bytes, image: ImageFile.ImageFile) -> None:
        self.size = image.size
        self._data, self._image = data, image
        self._colours = data[25]

    @property
    def orientation(self) -> int:
        """As in EXIF."""
        return int(self._image.getexif().get(0x0112, 1))

    def read(self) -> Samples:
        """All samples."""
        if self._colours == _GREY:
            self._image.load()
            values = np.asarray(self._image)[..., None].astype(np.uint16)
        elif self._colours == _GREY_ALPHA:  # four bytes a pixel, as RGBA has
            values = self._loaded("RGBA", "RGBA").view(">u2").astype(np.uint16)
        else:
            mode = "RGB" if self._colours == _RGB else "RGBA"
            values = self._loaded(mode, f"{mode};16B").astype(np.uint16)
            values <<= 8
            values |= self._loaded(mode, f"{mode};16L")
        alpha = values[..., -1] if self._colours in (_GREY_ALPHA, _RGB_ALPHA) else None
        colours = values if alpha is None else values[..., :-1]
        key = self._image.info.get("transparency")
        return Samples(values=colours, alpha=alpha, transparent=None if key is None else _equal(colours, key))

    def _loaded(self, mode: str, raw_mode: str) -> NDArray[np.uint8]:
        from PIL.PngImagePlugin import PngImageFile

        image = PngImageFile(BytesIO(self._data))
        image._mode = mode
        image.tile = [image.tile[0]._replace(args=raw_mode)]
        image.load()
        self._image.info |= image.info
        return np.asarray(image)


def _equal(colours: NDArray[np.uint16], key: Any) -> NDArray[np.bool_]:
    return (colours == np.array(key, np.uint16)).all(axis=-1)


def is_png(data: bytes) -> bool:
    """Whether a file begins like a PNG."""
    return data.startswith(b"\x89PNG\r\n\x1a\n")


def is_deep_png(data: bytes) -> bool:
    """Whether it is a PNG with 16 bits a channel."""
    return is_png(data) and data[24:25] == b"\x10"


def scale_transparent_grey(data: bytes, image: Image.Image) -> None:
    """Give a loaded PNG of 1, 2 or 4 bits its transparent grey as Pillow has scaled the pixels, not as the file has it."""
    bits, key = data[24], image.info.get("transparency")
    if data[25] == _GREY and bits < 8 and isinstance(key, int):
        top = 2**bits - 1
        image.info["transparency"] = (key & top) * 255 // top
        note_by_rule()
