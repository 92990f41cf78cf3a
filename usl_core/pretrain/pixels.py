"""The pictures that a training sees: all of them in memory, 3 KB each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..encoders.small import SIDE, small_pixels
from ..errors import UslError
from ..images.scan import open_image
from ..types import ImageSet, IntArray, Progress

MOST = 200_000
_BLOCK = 512


def training_rows(n: int) -> IntArray:
    """The images to learn from: all, or 200,000 spread evenly over them."""
    return np.linspace(0, n - 1, min(n, MOST)).round().astype(np.int64)


def load_pixels(
    images: ImageSet, rows: Sequence[int] | IntArray | None = None, *, on_progress: Progress | None = None
) -> tuple[NDArray[np.uint8], IntArray]:
    """The images at 32 x 32 pixels.

    Args:
        images: an image set.
        rows: which of them; None: `training_rows`.
        on_progress: see `types.Progress`.

    Returns:
        (r, 32, 32, 3) uint8 pixels, and the rows that they belong to: those asked for, without the images that cannot be read.

    Raises:
        UslError: none of them can be read.
    """
    asked = training_rows(len(images)) if rows is None else np.asarray(rows, dtype=np.int64)
    report: Progress = on_progress or (lambda fraction, note: None)
    pixels = np.empty((len(asked), SIDE, SIDE, 3), dtype=np.uint8)
    readable = np.zeros(len(asked), dtype=bool)
    causes: list[UslError] = []

    def fill(index: int) -> None:
        try:
            pixels[index] = small_pixels(open_image(images, int(asked[index]), min_side=2 * SIDE))
            readable[index] = True
        except UslError as error:
            causes.append(error)

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode") as pool:
        for start in range(0, len(asked), _BLOCK):
            report(start / len(asked), f"{start:,} of {len(asked):,} images read")
            list(pool.map(fill, range(start, min(start + _BLOCK, len(asked)))))
    if not readable.any():
        raise UslError(f"none of the {len(asked):,} images can be read; the first: {causes[0] if causes else 'there are none'}")
    report(1.0, f"{readable.sum():,} images read")
    return (pixels, asked) if readable.all() else (pixels[readable], asked[readable])
