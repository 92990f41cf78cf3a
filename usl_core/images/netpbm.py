"""Netpbm files with more than 8 bits a sample: PGM and PPM with a maxval above 255, and PFM."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UslError
from .samples import Samples

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(
    rb"P([2356Ff])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"([-+.\deE]{1,20})(?:#[^\r\n]*[\r\n])?\s"
)
_HEADER_BYTES = 4096
_MAX_DECIMALS = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepNetpbm:
    """A file of 16-bit integers, of decimal numbers, or of floats; `white` is the number for white, and below 0 for
    little-endian floats."""

    data: bytes
    kind: str
    size: tuple[int, int]
    white: float
    start: int

    @property
    def orientation(self) -> int:
        """Always upright."""
        return 1

    def read(self) -> Samples:
        """All samples.

        Raises:
            UslError: some are missing.
        """
        width, height = self.size
        channels = 3 if self.kind in "36F" else 1
        count = width * height * channels
        if self.kind in "23":
            if count > _MAX_DECIMALS:
                raise UslError(
                    f"it has {count:,} numbers in decimal, more than the limit of {_MAX_DECIMALS:,}; save it in binary"
                )
            values = _decimals(self.data[self.start :], count)
        else:
            kind = np.dtype(">u2" if self.kind in "56" else "<f4" if self.white < 0 else ">f4")
            values = np.frombuffer(self.data, kind, -1 if self._lacks(count, kind) else count, self.start)
        if len(values) < count:
            raise UslError(f"the file is damaged or cut off: it lacks {count - len(values):,} of its {count:,} samples")
        values = values.astype(values.dtype.newbyteorder("="), copy=False).reshape(height, width, channels)
        return Samples(values=values[::-1]) if self.kind in "Ff" else Samples(values=values, declared=(0, self.white))

    def _lacks(self, count: int, kind: np.dtype) -> bool:
        return len(self.data) < self.start + count * kind.itemsize


def deep_netpbm(data: bytes) -> DeepNetpbm | None:
    """The file if it has more than 8 bits a sample, else None."""
    header = _HEADER.match(data[:_HEADER_BYTES])
    if header is None:
        return None
    kind, width, height, white = (part.decode() for part in header.groups())
    if kind not in "Ff" and not 255 < int(white) < 65536:
        return None
    return DeepNetpbm(data=data, kind=kind, size=(int(width), int(height)), white=float(white), start=header.end())


def _decimals(text: bytes, count: int) -> NDArray[np.uint16]:
    found = re.sub(rb"#[^\r\n]*", b"", text).split(None, count)[:count]
    return np.array([int(number) for number in found], np.uint16)
