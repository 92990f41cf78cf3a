"""What pixels alone say of images: size, contrast, sharpness, exposure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..images.scan import open_image
from ..types import ImageSet, IntArray, Progress
from ..validation import index_set

LONGEST_SIDE = 256
"""Larger pictures are measured at this size: what is blurred there cannot be told from what is sharp in a gallery either."""
DARK, BRIGHT = 16, 239
"""Grey values below and above which nothing can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelFacts:
    """Measured on the grey image in [0, 255], r images.

    Args:
        rows: (r,) int64.
        sides: (r,) int64 pixels of the shorter side, before anything is made smaller.
        contrasts: (r,) float64 standard deviation of the grey values.
        sharpness: (r,) float64 variance of the Laplacian over the variance of the grey values; 0 of one colour. Contrast
            alone does not change it.
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

    Args:
        images: the image set.
        rows: of it.
        on_progress: see `types.Progress`.

    Returns:
        PixelFacts in the order of the rows.

    Raises:
        UslError: a bad row, or a file that is gone or has changed.

    Reference:
        Pech-Pacheco et al.: Diatom autofocusing in brightfield microscopy, ICPR 2000 (variance of the Laplacian).

    >>> facts = pixel_facts(usl.load_demo("digits").images, [0, 1])
    >>> facts.sides.tolist()
    [8, 8]
    """
    wanted = list(rows)
    index_set(wanted, len(images), "rows")
    found = np.zeros((len(wanted), 5))
    for place, row in enumerate(wanted):
        if on_progress:
            on_progress(place / len(wanted), f"{place:,} of {len(wanted):,} images looked at")
        found[place] = _measured(images, int(row))
    if on_progress:
        on_progress(1.0, f"{len(wanted):,} images looked at")
    sides, contrasts, sharpness, dark, bright = found.T
    return PixelFacts(
        rows=np.array(wanted, dtype=np.int64),
        sides=sides.astype(np.int64),
        contrasts=contrasts,
        sharpness=sharpness,
        dark=dark,
        bright=bright,
    )


def _measured(images: ImageSet, row: int) -> tuple[float, float, float, float, float]:
    image = open_image(images, row).convert("L")
    side = min(image.size)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    grey = np.asarray(image, dtype=np.float64)
    inner = grey[1:-1, 1:-1]
    sharpness = 0.0
    if inner.size and inner.var() > 0:
        laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
        sharpness = float(laplacian.var() / inner.var())
    return side, float(grey.std()), sharpness, float((grey < DARK).mean()), float((grey > BRIGHT).mean())
