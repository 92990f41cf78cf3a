"""What the images of a set look like, judged by a few of them: how large they are, and whether they have colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import UslError
from ..types import ImageSet
from .scan import open_image

SMALL_SIDE = 64
_LOOKED_AT = 16


@dataclass(frozen=True, slots=True)
class Looks:
    """What a few images of a set look like.

    Args:
        side: the longest side among them, in pixels.
        is_grey: they are small, and none of them has a colour; of larger ones it is not asked.
    """

    side: int
    is_grey: bool

    @property
    def is_small(self) -> bool:
        """Whether none of them has a side of more than 64 pixels."""
        return self.side <= SMALL_SIDE


def looks_of(images: ImageSet) -> Looks | None:
    """What up to 16 images, spread over the set, look like; None if none of them can be read."""
    side, is_grey, n_read = 0, True, 0
    for row in np.unique(np.linspace(0, len(images) - 1, min(len(images), _LOOKED_AT)).astype(np.int64)).tolist():
        try:
            image = open_image(images, row)
        except UslError:  # whoever encodes it reports it
            continue
        n_read += 1
        side = max(side, *image.size)
        if side > SMALL_SIDE:
            return Looks(side, False)
        pixels = np.asarray(image)
        is_grey = is_grey and bool((pixels == pixels[..., :1]).all())
    return Looks(side, is_grey) if n_read else None
