"""What a file holds before it is a picture: numbers of any type, and what is needed to see them as colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .notes import note, note_by_rule
from .pixel_range import eight_bits, find_range

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """The pixels of one image as numbers.

    Args:
        values: (height, width, 1, 3 or 4): grey, RGB or CMYK; integers or floats.
        alpha: (height, width) opacity in numbers of the same type, or None.
        premultiplied: the colours have been multiplied by `alpha`.
        transparent: (height, width) pixels to which a file gave a transparent colour, or None.
        declared: black and white as the file tells them; see `find_range`.
        depth: bits of an integer if they are fewer than those of its type, else 0.
        no_data: the number that stands for "not measured", or None.
        inverted: the smallest number is white.
    """

    values: NDArray
    alpha: NDArray | None = None
    premultiplied: bool = False
    transparent: NDArray[np.bool_] | None = None
    declared: tuple[float, float] | None = None
    depth: int = 0
    no_data: float | None = None
    inverted: bool = False


def picture(samples: Samples) -> Image.Image:
    """The samples as an image in mode RGB by the rule of `pixel_range`, over white where they are transparent."""
    from PIL import Image

    note_by_rule()
    found = find_range(samples.values, declared=samples.declared, depth=samples.depth, no_data=samples.no_data)
    if found.note:
        note(found.note)
    levels = eight_bits(samples.values, found.low, found.high, no_data=samples.no_data, inverted=samples.inverted)
    if levels.shape[2] == 4:
        levels = np.asarray(Image.fromarray(levels, "CMYK").convert("RGB"))
    if samples.alpha is not None:
        opacity = eight_bits(samples.alpha, 0, _opaque(samples, found.high))
        levels = np.stack([_over_white(row, share, samples.premultiplied) for row, share in zip(levels, opacity, strict=True)])
    if samples.transparent is not None:
        levels = np.where(samples.transparent[..., None], np.uint8(255), levels)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels).convert("RGB")


def _over_white(row: NDArray[np.uint8], opacity: NDArray[np.uint8], premultiplied: bool) -> NDArray[np.uint8]:
    """One row of (width, colours) by (width,) opacity."""
    share = opacity[:, None].astype(np.uint32)
    mixed = row * (np.uint32(255) if premultiplied else share) + 255 * (255 - share)
    return np.minimum((mixed + 127) // 255, 255).astype(np.uint8)


def _opaque(samples: Samples, white: float) -> float:
    """The number that stands for opaque: as many bits as the colours have, or all if it has more; 1 for floats up to there."""
    assert samples.alpha is not None
    largest = float(np.nanmax(samples.alpha, initial=0))
    if samples.alpha.dtype.kind == "f":
        return 1.0 if largest <= 1.05 else white
    if largest <= white:
        return white
    depth = samples.depth or samples.alpha.dtype.itemsize * 8
    return 2 ** (depth - (samples.alpha.dtype.kind == "i")) - 1
