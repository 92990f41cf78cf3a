"""The encoder that needs no weights: principal components of the images themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import blas_threads
from ..types import FloatArray
from .base import EncoderCard, Model, RawBlocks
from .small import SIDE, small_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS = "pixels:pca"
MAX_DIM = 64
FIT_ON = 10_000
MEAN_IMAGE = 1e-3
"""A picture this near to the mean (Euclidean, in grey levels over all pixels) is the mean but for rounding."""
_EXACT_UP_TO = 512

CARD = EncoderCard(
    name=PIXELS,
    dim=f"up to {MAX_DIM}",
    input_size=SIDE,
    training="none: principal axes of the images themselves",
    licence="MIT",
)


class PixelEncoder:
    """Principal components of the images at 32 x 32 pixels; knows nothing but these images.

    The axes are fitted on at most 10,000 images, spread evenly over the set, exactly up to 512 and by randomised
    projections above (Halko et al. 2011, https://arxiv.org/abs/0909.4061); at most 64 are kept, and no more than the rank.
    Device and precision have no effect.
    """

    name = PIXELS
    shard_size = 1024
    decode_side = 2 * SIDE
    zero_cause = "it equals the mean image, so it has no direction"
    view_strength = 0.1  # on digits; at 0.3 their mean cosine with the image is 0.8 and assignments stay unsure, at 1 it is 0.2
    batch_size = 64
    overlap = True

    def identity(self, precision: str) -> tuple[str, ...]:
        return (
            "no weights",
            f"rgb {SIDE}x{SIDE} bilinear antialiased; version 1",
            f"pca {MAX_DIM}, fitted on {FIT_ON}; version 1",
        )

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        return small_pixels(image)

    def load(self, device: str, precision: str, on_note: Callable[[str], None]) -> Model:
        return self

    def __call__(self, pixels: NDArray[np.uint8]) -> np.ndarray:
        return pixels.reshape(len(pixels), -1)

    def finish(self, raw: RawBlocks, n: int, fit: tuple[RawBlocks, int] | None = None) -> FloatArray:
        """Projections onto the principal axes; the first unit vector for every row if all images are the same."""
        import scipy.linalg  # noqa: F401 - see `blas_threads`

        sample = _sample(*(fit or (raw, n)))
        if not (sample != sample[0]).any():
            return np.ones((n, 1), dtype=np.float32)
        row = 0
        with blas_threads(1):  # the axes would turn a little with the number of threads
            mean, axes = _principal_axes(sample)
            values = np.empty((n, axes.shape[1]), dtype=np.float32)
            for block in raw():
                values[row : row + len(block)] = (block.astype(axes.dtype) - mean) @ axes
                row += len(block)
        values[np.sqrt(np.einsum("ij,ij->i", values, values)) <= MEAN_IMAGE] = 0.0
        return values


def _sample(raw: RawBlocks, n: int) -> NDArray[np.uint8]:
    """At most FIT_ON rows spread evenly, or, if these are all equal, those that differ from them."""
    wanted = np.linspace(0, n - 1, min(n, FIT_ON)).round().astype(np.int64)
    rows, start = [], 0
    for block in raw():
        inside = wanted[(wanted >= start) & (wanted < start + len(block))]
        rows.append(block[inside - start])
        start += len(block)
    sample = np.concatenate(rows)
    if (sample != sample[0]).any():
        return sample
    rare = [sample[:1]]
    for block in raw():
        room = FIT_ON - sum(map(len, rare))
        rare.append(block[np.flatnonzero((block != sample[0]).any(axis=1))[:room]])
        if len(rare[-1]) == room:
            break
    return np.concatenate(rare)


def _principal_axes(sample: NDArray[np.uint8]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (r,) and axes (r, d) of rows that are not all equal; the largest entry of each axis is positive."""
    exact = len(sample) <= _EXACT_UP_TO
    dtype = np.float64 if exact else np.float32
    mean = sample.mean(axis=0, dtype=np.float64).astype(dtype)
    centred, count = sample.astype(dtype) - mean, min(MAX_DIM, *sample.shape)
    if exact:  # as scikit-learn does it, to the last bit; loading that takes longer than all the rest
        from scipy.linalg import svd

        centred -= centred.mean(axis=0)
        _, spread, components = svd(centred, full_matrices=False)
        spread, components = spread[:count], components[:count]
    else:
        from sklearn.decomposition import PCA

        solver = PCA(count, svd_solver="randomized", random_state=0).fit(centred)
        spread, components = solver.singular_values_, solver.components_
    axes = components[spread > spread[0] * max(sample.shape) * np.finfo(dtype).eps].T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return mean, axes * np.sign(largest)
