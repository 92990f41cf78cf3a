"""What pixels alone say of images: size, contrast, sharpness, exposure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import ImageSet, IntArray, Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelFacts:
    """Measured on the grey image in [0, 255], r images.

    Args:
        rows: (r,) int64.
        sides: (r,) int64 pixels of the shorter side.
        contrasts: (r,) float64 standard deviation of the grey values.
        sharpness: (r,) float64 variance of the Laplacian over the variance of the grey values.
        dark: (r,) float64 share of pixels below 16.
        bright: (r,) float64 share of pixels above 239.
    """

    rows: IntArray
    sides: IntArray
    contrasts: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    dark: NDArray[np.float64]
    bright: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def pixel_facts(images: ImageSet, rows: Iterable[int], *, on_progress: Progress | None = None) -> PixelFacts:
    """Decode images and measure them.

    Raises:
        UslError: a bad row, or a file that is gone or has changed.
    """
    raise NotImplementedError
