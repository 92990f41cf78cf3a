"""Strong augmentation by RandAugment and Cutout: what a picture may go through and still show the same thing.

At full strength: a horizontal flip half of the time, RandAugment (four operations drawn from the list below), and Cutout (a
grey square over a part of it), as in the published CIFAR code. Weaker views do less of each and are never flipped below half
strength: features that know nothing but pixels lose an image that went through all this.

All views of a batch are made together, on whatever device it lies: x is (j, 3, s, s) float32 in [0, 255], and each picture has
its own magnitude in [0, 1), u (j, 1, 1, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

VERSION = "mirror, 4 of 14 operations, square of half the side; version 1"
N_OPERATIONS = 4
N_DRAWS = 1 + 2 * N_OPERATIONS + 2  # mirror; which operation and how much, each four times; two coordinates of the square
MIRROR_FROM = 0.5
_GREY = 128.0
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601

Operation = Callable[["Tensor", "Tensor", float], "Tensor"]


def draw(rng: np.random.Generator) -> NDArray[np.float64]:
    """(N_DRAWS,) numbers in [0, 1): everything that is random about one view."""
    return rng.random(N_DRAWS)


def strong_views(pixels: Tensor, draws: NDArray[np.float64], strength: float = 1.0) -> Tensor:
    """One strongly augmented view of each picture.

    Args:
        pixels: (b, 3, s, s) float32 in [0, 255]; stays as it is.
        draws: (b, N_DRAWS), a row of `draw` for each; a view depends on its row and its picture alone.
        strength: in (0, 1]; 1 is the published strength.

    Returns:
        (b, 3, s, s) float32 whole numbers in [0, 255].
    """
    import torch

    x = pixels.clone()
    if strength >= MIRROR_FROM:
        mirrored = torch.from_numpy(np.flatnonzero(draws[:, 0] < 0.5)).to(x.device)
        x[mirrored] = x[mirrored].flip(3)
    for turn in range(N_OPERATIONS):
        which = (draws[:, 1 + turn] * len(OPERATIONS)).astype(np.int64)
        magnitude = torch.from_numpy(draws[:, 1 + N_OPERATIONS + turn].astype(np.float32)).to(x.device).view(-1, 1, 1, 1)
        for index, operation in enumerate(OPERATIONS):
            rows = torch.from_numpy(np.flatnonzero(which == index)).to(x.device)
            if len(rows):
                x[rows] = operation(x[rows], magnitude[rows], strength)
    return _cut_out(x, draws[:, -2:], strength).round().clamp(0, 255)


def _cut_out(x: Tensor, center: NDArray[np.float64], strength: float) -> Tensor:
    """A square of at most half the side, centred anywhere, so that less of it may lie inside."""
    import torch

    side = x.shape[-1]
    cut = round(strength * side / 2)
    start = torch.from_numpy((center * side).astype(np.int64) - cut // 2).to(x.device)
    places = torch.arange(side, device=x.device)
    inside = (places >= start[..., None]) & (places < start[..., None] + cut)  # (b, 2, s)
    return x.masked_fill((inside[:, 0, :, None] & inside[:, 1, None, :])[:, None], _GREY)


def _same(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return x


def _autocontrast(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Each channel stretched to the whole range."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return x + strength * ((x - low) * (255 / (high - low).clamp_min(1)) - x)


def _equalize(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Each channel's grey levels spread so that all are about equally frequent.

    torchvision has the same, but importing it takes two seconds, and nothing else here needs it.
    """
    import torch

    levels = x.round().clamp(0, 255).to(torch.int64).flatten(2)  # (j, 3, s * s)
    counts = torch.zeros(*levels.shape[:2], 256, device=x.device).scatter_add_(
        2, levels, torch.ones_like(levels, dtype=x.dtype)
    )
    below = counts.cumsum(2) - counts
    last = below.gather(2, levels.amax(2, keepdim=True))  # 0 where there is one level only, which stays
    spread = (below * (255 / last)).where(last > 0, torch.arange(256.0, device=x.device))
    return x + strength * (spread.gather(2, levels).view_as(x) - x)


def _posterize(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Fewer bits per channel, down to 4."""
    step = 2 ** (strength * (5 * u).floor()).round()
    return (x / step).floor() * step


def _solarize(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """What is brighter than a threshold turns negative."""
    return x.where(x < 256 - strength * 257 * u, 255 - x)


def _color(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _faded(x, _grey(x), u, strength)


def _contrast(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _faded(x, _grey(x).mean((2, 3), keepdim=True), u, strength)


def _brightness(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _faded(x, x.new_zeros(()), u, strength)


def _sharpness(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Towards a picture smoothed over 3 x 3 pixels, the middle one weighing five."""
    from torch.nn import functional

    around = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return _faded(x, (9 * around + 4 * x) / 13, u, strength)


def _faded(x: Tensor, neutral: Tensor, u: Tensor, strength: float) -> Tensor:
    return x + strength * (0.05 + 0.9 * u) * (neutral - x)


def _grey(x: Tensor) -> Tensor:
    return (x * x.new_tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _rotate(x: Tensor, u: Tensor, strength: float) -> Tensor:
    angle = strength * math.radians(30) * (2 * u - 1)
    return _moved(x, angle.cos(), angle.sin(), -angle.sin(), angle.cos())


def _shear_x(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _moved(x, b=strength * 0.1 * (2 * u - 1))


def _shear_y(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _moved(x, c=strength * 0.1 * (2 * u - 1))


def _translate_x(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _moved(x, right=strength * 0.2 * (2 * u - 1))


def _translate_y(x: Tensor, u: Tensor, strength: float) -> Tensor:
    return _moved(x, down=strength * 0.2 * (2 * u - 1))


def _moved(
    x: Tensor,
    a: Tensor | float = 1.0,
    b: Tensor | float = 0.0,
    c: Tensor | float = 0.0,
    d: Tensor | float = 1.0,
    right: Tensor | float = 0.0,
    down: Tensor | float = 0.0,
) -> Tensor:
    """Turned and sheared about the middle, and moved; the picture reaches from -1 to 1.

    What comes in from outside has the colour of the upper left corner, so that scans keep their paper.
    """
    import torch
    from torch.nn import functional

    row = x.new_ones(len(x))
    entries = [entry.flatten() if isinstance(entry, torch.Tensor) else entry * row for entry in (a, b, right, c, d, down)]
    grid = functional.affine_grid(torch.stack(entries, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
    outside = x[:, :, :1, :1]
    return functional.grid_sample(x - outside, grid, align_corners=False) + outside


OPERATIONS: tuple[Operation, ...] = (
    *(_same, _autocontrast, _equalize, _posterize, _solarize, _color, _contrast, _brightness, _sharpness),
    *(_rotate, _shear_x, _shear_y, _translate_x, _translate_y),
)
