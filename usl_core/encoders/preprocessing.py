"""What a network sees of an image: resized, cropped, and its colours in the numbers that it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[float, float, float]
Interpolation = Literal["bilinear", "bicubic"]

IMAGENET: tuple[Colour, Colour] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LONGEST = 4  # a strip is cut to this many times its short side before it is resized, or 1 x 5,000 would fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What published transforms do to an image.

    Args:
        side: of the square that the network sees, in pixels.
        resize: short side before the centre crop, in pixels; None: the whole image is stretched to the square.
        interpolation: of the resizing, antialiased.
        colours: mean and standard deviation of red, green and blue in [0, 1] that the network knows.
    """

    side: int
    resize: int | None
    interpolation: Interpolation = "bilinear"
    colours: tuple[Colour, Colour] = IMAGENET

    @property
    def text(self) -> str:
        """What names it in fingerprints."""
        mean, spread = self.colours
        colours = "ImageNet mean and std" if self.colours == IMAGENET else f"mean {mean}, std {spread}"
        if self.resize is None:
            return f"rgb, stretched to {self.side} {self.interpolation} antialiased, {colours}; version 1"
        resized = f"short side to {self.resize} {self.interpolation} antialiased"
        return f"rgb, {resized}, centre crop {self.side}, {colours}; version 1"

    @property
    def decode_side(self) -> int:
        """A JPEG may be decoded at reduced size while its short side keeps this many pixels."""
        return 2 * (self.resize or self.side)

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """(side, side, 3) uint8: all that the published transforms do before they turn to floating point."""
        from PIL.Image import Resampling

        method = Resampling.BICUBIC if self.interpolation == "bicubic" else Resampling.BILINEAR
        if self.resize is None:
            return np.asarray(image.resize((self.side, self.side), method, reducing_gap=3.0))
        image = _cut_strip(image)
        width, height = image.size
        short = min(width, height)
        width, height = (self.resize if side == short else int(self.resize * side / short) for side in (width, height))
        image = image.resize((width, height), method)
        left, top = round((width - self.side) / 2), round((height - self.side) / 2)
        return np.asarray(image.crop((left, top, left + self.side, top + self.side)))


def _cut_strip(image: Image) -> Image:
    """The middle of a very long image. The centre crop shows no more of it, so nothing visible is lost."""
    width, height = image.size
    short, long = sorted((width, height))
    if long <= _LONGEST * short:
        return image
    keep = _LONGEST * short + (long - _LONGEST * short) % 2  # same parity, so the centre stays where it is
    start = (long - keep) // 2
    box = (start, 0, start + keep, height) if width > height else (0, start, width, start + keep)
    return image.crop(box)
