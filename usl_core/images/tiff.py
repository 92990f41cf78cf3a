"""The samples of a TIFF as the file holds them, for every TIFF that Pillow would not give in full or not at all.

Pillow decodes 8-bit samples rightly in the arrangements that it lists. Of 16-bit colours it drops the lower half, it takes
32-bit and 8-bit integers for others than they are, turns WhiteIsZero round in none of them, and knows neither 12-bit, 24-bit
and 64-bit samples nor colours in floats. What it does have is libtiff, with every usual compression. So compressed bytes are
handed to it as those of a grey 8-bit image as wide as a row has bytes, and what the bytes mean is worked out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from .notes import note
from .samples import Samples
from .tiff_bytes import BYTE_CODECS, DEFLATE, UNCOMPRESSED, samples, unpacked

_WHITE_IS_ZERO, _GREY, _RGB, _CMYK = 0, 1, 2, 5
_COLOURS = {_WHITE_IS_ZERO: 1, _GREY: 1, _RGB: 3, _CMYK: 4}
_FORMATS = {1: "u", 2: "i", 3: "f", 4: "u"}
_MAX_BYTES = 2**30  # of samples
_BAND_BYTES = 2**25  # decoded at a time
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _ORIENTATION = 256, 257, 258, 259, 262, 266, 273, 274
_SAMPLES, _ROWS, _STRIP_SIZES, _MAX, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 277, 278, 279, 281, 284, 317, 322, 323
_TILES, _TILE_SIZES, _EXTRA, _FORMAT, _LOWEST, _HIGHEST, _NO_DATA = 324, 325, 338, 339, 340, 341, 42113
_TAGS = (
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_SIZES),
    *(_MAX, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES, _EXTRA, _FORMAT, _LOWEST, _HIGHEST, _NO_DATA),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepTiff:
    """The first page of a TIFF whose samples are not plain 8-bit numbers."""

    data: bytes
    tags: Mapping[int, Any]
    order: str
    size: tuple[int, int]
    bits: int
    kind: str
    n_samples: int
    photometric: int

    @property
    def orientation(self) -> int:
        """As in EXIF."""
        return int(self.tags.get(_ORIENTATION, 1))

    def read(self) -> Samples:
        """All samples.

        Raises:
            UslError: they are arranged in a way that is not read here.
        """
        colours = self._checked()
        separate = self.tags.get(_PLANAR, 1) == 2
        planes = [self._plane(number) for number in range(self.n_samples)] if separate else [self._plane(0)]
        values = np.concatenate(planes, axis=-1) if separate else planes[0]
        extra = _numbers(self.tags.get(_EXTRA, ()))
        alpha = next((place for place, meaning in enumerate(extra) if meaning in (1, 2)), None)
        if not extra and self.n_samples == 4 and colours == 3 and values[..., 3].any():
            extra, alpha = (2,), 0  # nobody says so, but what else should the fourth be? Where it is 0 all over, it is nothing
        if self.n_samples - colours > (alpha is not None):
            note(f"only {colours + (alpha is not None)} of its {self.n_samples} channels are shown")
        return Samples(
            values=values[..., :colours],
            alpha=None if alpha is None or colours + alpha >= self.n_samples else values[..., colours + alpha],
            premultiplied=alpha is not None and extra[alpha] == 1,
            declared=self._declared(),
            depth=self.bits if self.kind != "f" else 0,
            no_data=self._no_data(),
            inverted=self.photometric == _WHITE_IS_ZERO,
        )

    def _checked(self) -> int:
        """The number of colours, if this is a kind that is read."""
        colours = _COLOURS.get(self.photometric)
        allowed = (16, 32, 64) if self.kind == "f" else (*range(1, 17), 24, 32, 64)
        if colours is None or self.n_samples < colours:
            raise _unread(f"colours of kind {self.photometric} in {self.n_samples} channels of {self.bits} bits")
        if self.bits not in allowed:
            raise _unread(f"samples of {self.bits} bits")
        if self.tags.get(_FILL_ORDER, 1) != 1:
            raise _unread("bytes with the lowest bit first")
        if self.size[0] * self.size[1] * self.n_samples * -(-self.bits // 8) > _MAX_BYTES:
            raise UslError(f"its samples take more than the limit of {_MAX_BYTES:,} bytes")
        return colours

    def _declared(self) -> tuple[float, float] | None:
        """Black and white where the file tells them."""
        if self.kind == "u" and self.bits not in (8, 16, 24, 32, 64):
            return 0, 2**self.bits - 1
        lowest, highest = _numbers(self.tags.get(_LOWEST, ())), _numbers(self.tags.get(_HIGHEST, ()))
        if highest:
            return min(lowest, default=0), max(highest)
        # MaxSampleValue is no more than statistics, unless it is a depth.
        depth = max(_numbers(self.tags.get(_MAX, ())), default=0)
        is_depth = self.kind != "f" and depth >= 255 and float(depth + 1).is_integer() and (int(depth) + 1) & int(depth) == 0
        return (0, depth) if is_depth else None

    def _no_data(self) -> float | None:
        try:
            return float(str(self.tags[_NO_DATA]).strip(" \0"))
        except (KeyError, ValueError):
            return None

    def _plane(self, number: int) -> NDArray:
        """(height, width, channels) of one plane, or of the only one."""
        channels = 1 if self.tags.get(_PLANAR, 1) == 2 else self.n_samples
        width, height = self.size
        if _TILES not in self.tags:
            rows = min(int(self.tags.get(_ROWS, height)), height)
            return self._segments(number, -(-height // max(rows, 1)), rows, width, channels)[:height]
        across, rows = int(self.tags.get(_TILE_WIDTH, 0)), int(self.tags.get(_TILE_HEIGHT, 0))
        n_across, n_down = -(-width // max(across, 1)), -(-height // max(rows, 1))
        values = self._segments(number, n_across * n_down, rows, across, channels)
        tiles = values.reshape(n_down, n_across, rows, across, channels).swapaxes(1, 2)
        return tiles.reshape(n_down * rows, n_across * across, channels)[:height, :width]

    def _segments(self, plane: int, count: int, rows: int, width: int, channels: int) -> NDArray:
        """The strips, or the tiles, of one plane below one another."""
        where, sizes = (_TILES, _TILE_SIZES) if _TILES in self.tags else (_STRIPS, _STRIP_SIZES)
        row_bytes = -(-width * channels * self.bits // 8)
        if rows < 1 or width < 1 or count * rows * row_bytes > _MAX_BYTES:
            raise UslError(f"its strips or tiles take nothing, or more than the limit of {_MAX_BYTES:,} bytes")
        first = plane * count
        offsets = _numbers(self.tags.get(where, ()))[first : first + count]
        lengths = _numbers(self.tags.get(sizes, ()))[first : first + count] or (rows * row_bytes,) * len(offsets)
        if len(offsets) < count or len(lengths) < count:
            raise UslError("the TIFF is damaged: some of its strips or tiles are not listed")
        heights = [rows] * count
        if where == _STRIPS:
            heights[-1] = self.size[1] - rows * (count - 1)
        method = self.tags.get(_COMPRESSION, UNCOMPRESSED)
        predictor = self.tags.get(_PREDICTOR, 1) if method != UNCOMPRESSED else 1
        done, values = 0, np.empty(0)
        step = max(_BAND_BYTES // (rows * row_bytes), 1)
        for first in range(0, count, step):
            some = slice(first, first + step)
            packed = [self.data[start : start + length] for start, length in zip(offsets[some], lengths[some], strict=True)]
            lines = unpacked(packed, heights[some], row_bytes, method)
            part = samples(lines, (width, channels), self.bits, self.kind, self.order, predictor)
            if done == 0:
                values = np.empty((sum(heights), *part.shape[1:]), part.dtype)
            values[done : done + len(part)] = part
            done += len(part)
        return values


def deep_tiff(data: bytes) -> DeepTiff | None:
    """The first page of a TIFF; None if Pillow decodes it rightly, or can best say why not.

    Args:
        data: a whole file.
    """
    if not is_tiff(data):
        return None
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    order, is_big = ("<" if data[:2] == b"II" else ">"), 43 in data[2:4]
    head = b"II+\0" + data[4:16] if is_big else data[:8]  # Pillow knows BigTIFF by its little-endian beginning only
    directory = ImageFileDirectory_v2(head, prefix=data[:2])
    file = BytesIO(data)
    file.seek(directory.next)
    directory.load(file)
    tags = {tag: directory[tag] for tag in _TAGS if tag in directory}
    bits, formats = _numbers(tags.get(_BITS, 1)), {_FORMATS.get(code) for code in _numbers(tags.get(_FORMAT, 1))}
    is_plain = max(bits, default=1) <= 8 and formats == {"u"} and not (is_big and order == ">")
    is_unpacked_here = tags.get(_COMPRESSION, UNCOMPRESSED) in (UNCOMPRESSED, *DEFLATE, *BYTE_CODECS)
    if not is_unpacked_here or _WIDTH not in tags or _HEIGHT not in tags or (is_plain and _pillow_reads(tags, bits, data[:2])):
        return None
    kind = formats.pop() if len(formats) == 1 else None
    if kind is None or len(set(bits)) > 1:
        raise _unread("channels of several kinds, or complex numbers,")
    n_samples = int(tags.get(_SAMPLES, 1))
    return DeepTiff(
        data=data,
        tags=tags,
        order=order,
        size=(int(tags[_WIDTH]), int(tags[_HEIGHT])),
        bits=int(bits[0]),
        kind=kind,
        n_samples=n_samples,
        photometric=int(tags.get(_PHOTOMETRIC, _GREY if n_samples < 3 else _RGB)),
    )


def _pillow_reads(tags: Mapping[int, Any], bits: tuple[int, ...], prefix: bytes) -> bool:
    """Whether Pillow knows an arrangement of samples of at most 8 bits, and decodes it rightly."""
    from PIL.TiffImagePlugin import OPEN_INFO

    n_samples, photometric, extra = tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC, 0), _numbers(tags.get(_EXTRA, ()))
    if n_samples == 1:
        return max(bits, default=1) in (1, 2, 4, 8)
    separate = tags.get(_PLANAR, 1) == 2
    if photometric not in _COLOURS:
        return not separate
    if extra and (separate or (photometric == _GREY and 1 in extra)):
        return False  # it loses the opacity, or knows no way from it to RGB
    bits = bits * n_samples if len(bits) == 1 else bits[:n_samples]
    return (prefix, photometric, (1,), tags.get(_FILL_ORDER, 1), bits, extra) in OPEN_INFO


def is_tiff(data: bytes) -> bool:
    """Whether a file begins like a TIFF."""
    return data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")) and data[8:10] != b"CR"  # a raw file of Canon's


def _unread(what: str) -> UslError:
    return UslError(f"it is a TIFF with {what} which are not read; save it in 8 or 16 bits as grey or RGB")


def _numbers(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
