"""The last layer of the small encoders: what a network sees at several scales, half whitened.

Fitted without labels once the network is trained. `python -m benchmarks features` says what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGES_PER_AXIS = 8
FEWEST_AXES = 16
"""Axes are estimated from images: where these are few, all but the longest axes would be noise, made as loud as the rest."""
POWER = 0.5
"""0 leaves the principal axes as they are, 1 whitens them: all vary alike, noise included. On CIFAR-10 images that were learned
from, USL's nearest-pick accuracy at m = 40 was 43, 41, 32 % at 0, 0.5, 1, and k-NN accuracy with 15,000 labels 62, 67, 70 %."""
_FLOOR = 1e-6  # of the largest variance: below are rounding errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a network is looked into.

    Args:
        layer: index of the layer whose output is pooled.
        grid: side of the grid of means that it is pooled to.
        channels: of that output.
    """

    layer: int
    grid: int
    channels: int

    @property
    def width(self) -> int:
        """Numbers that the stage gives for a picture."""
        return self.channels * self.grid**2


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """An affine map: features = (pooled - mean) @ axes.

    Args:
        mean: (w,) float32.
        axes: (w, d) float32; a column of zeros where the images were too few for another axis.
    """

    mean: FloatArray
    axes: FloatArray

    def __call__(self, pooled: FloatArray) -> FloatArray:
        """Unit features (n, d) of what the stages gave, (n, w)."""
        values = (pooled - self.mean) @ self.axes
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def plain(stages: Sequence[Stage], dim: int) -> Whitening:
    """What stands there before anything is fitted: the last `dim` numbers of the last stage as they are."""
    width = sum(stage.width for stage in stages)
    return Whitening(np.zeros(width, dtype=np.float32), np.eye(width, dim, dim - width, dtype=np.float32))


def fit_whitening(pooled: FloatArray, stages: Sequence[Stage], dim: int) -> Whitening:
    """Principal axes of what the stages give, each divided by the fourth root of the variance along it.

    Every stage counts alike, however many numbers it gives: it is divided by the square root of its whole variance.

    Args:
        pooled: (n, w) float32 of pooled stages of n images, see `pool_stages`.
        stages: the stages, whose widths sum to w.
        dim: d, length of the features. With n images at most n / 8 axes are kept, but 16 if there are as many; the rest are 0.

    Returns:
        The map; `plain` if the images are all alike to the network.

    Source: whitening before a network as in Coates, Ng and Lee 2011 (https://proceedings.mlr.press/v15/coates11a.html); here it
    comes behind one, and goes half the way.
    """
    from sklearn.decomposition import PCA

    x = pooled.astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    lengths = [np.sqrt((part**2).sum(axis=1).mean()) for part in np.split(x, np.cumsum([s.width for s in stages])[:-1], axis=1)]
    scale = np.repeat([1 / length if length else 0.0 for length in lengths], [stage.width for stage in stages])
    if not scale.any():
        return plain(stages, dim)
    n, width = x.shape
    kept = min(dim, n - 1, width, max(FEWEST_AXES, n // IMAGES_PER_AXIS))
    x *= scale
    solver = PCA(kept, copy=False, svd_solver="covariance_eigh" if n > width else "full").fit(x)
    variance = solver.explained_variance_
    real = variance > _FLOOR * variance[0]
    axes = np.zeros((width, dim), dtype=np.float32)
    axes[:, : real.sum()] = scale[:, None] * solver.components_[real].T / variance[real] ** (POWER / 2)
    return Whitening(mean.astype(np.float32), axes)


def pool_stages(network: nn.Sequential, stages: Sequence[Stage], x: Tensor) -> Tensor:
    """(b, 3, s, s) pixels to (b, w) float32: the means of each stage, channel by channel, one stage after the other."""
    import torch

    return torch.cat([pooled.float().flatten(1) for pooled in _pooled(network, stages, x)], dim=1)


def _pooled(network: nn.Sequential, stages: Sequence[Stage], x: Tensor) -> Iterator[Tensor]:
    from torch.nn.functional import adaptive_avg_pool2d

    grids = {stage.layer: stage.grid for stage in stages}
    for index, layer in enumerate(network[: max(grids) + 1]):
        x = layer(x)
        if index in grids:
            yield adaptive_avg_pool2d(x, grids[index])


def with_whitening(network: nn.Sequential, stages: Sequence[Stage], dim: int) -> nn.Module:
    """The network with this last layer in place of its own: (b, 3, s, s) in, (b, dim) out, `plain` until it is loaded."""
    import torch

    class Whitened(torch.nn.Module):
        mean: Tensor
        axes: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            start = plain(stages, dim)
            self.register_buffer("mean", torch.from_numpy(start.mean))
            self.register_buffer("axes", torch.from_numpy(start.axes))

        def forward(self, x: Tensor) -> Tensor:
            pooled = pool_stages(self.network, stages, x)
            with torch.autocast(x.device.type, enabled=False):  # small differences of the stages become large ones here
                return (pooled - self.mean) @ self.axes

    return Whitened()
