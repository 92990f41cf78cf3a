"""The random views of contrastive learning, made for a whole batch on whatever device it lies.

As published for pictures of 32 x 32 pixels: a resized crop, mirrored half of the time; brightness, contrast, saturation and hue
changed four times out of five; grey one time out of five. No blur, which says little at that size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

N_DRAWS = 11
"""Numbers in [0, 1) behind one view: size, shape and place of the crop, mirror, whether and how colours change, grey."""

_RATIO = (3 / 4, 4 / 3)
_JITTER, _HUE = 0.4, 0.1
_CHANGED, _GREY = 0.8, 0.2
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601
_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def random_views(pixels: Tensor, draws: NDArray[np.float64], min_crop: float) -> Tensor:
    """One view of each picture.

    Args:
        pixels: (b, 3, s, s) float32 in [0, 1]; stays as it is.
        draws: (b, N_DRAWS) numbers in [0, 1); a view depends on its row and its picture alone.
        min_crop: smallest share of the picture that a view shows.

    Returns:
        (b, 3, s, s) float32 in [0, 1].
    """
    import torch

    drawn = torch.from_numpy(draws.astype(np.float32)).to(pixels.device)
    return _recoloured(_cropped(pixels, drawn[:, :5], min_crop), drawn[:, 5:])


def _cropped(x: Tensor, drawn: Tensor, min_crop: float) -> Tensor:
    """A part of the picture, stretched to the whole."""
    import torch
    from torch.nn import functional

    share = min_crop + (1 - min_crop) * drawn[:, 0]
    low, high = map(math.log, _RATIO)
    ratio = (low + (high - low) * drawn[:, 1]).exp()
    width, height = (share * ratio).sqrt().clamp(max=1), (share / ratio).sqrt().clamp(max=1)
    left, top = (1 - width) * (2 * drawn[:, 2] - 1), (1 - height) * (2 * drawn[:, 3] - 1)
    mirrored = torch.where(drawn[:, 4] < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    matrix = torch.stack([width * mirrored, zero, left, zero, height, top], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _recoloured(x: Tensor, drawn: Tensor) -> Tensor:
    """Everything but contrast's shift is linear in red, green and blue: one 3 x 3 matrix and one shift for each picture."""
    import torch

    weights = x.new_tensor(_LUMINANCE)
    changed = drawn[:, 0] < _CHANGED
    brightness, contrast, saturation = (
        torch.where(changed, 1 + _JITTER * (2 * drawn[:, column] - 1), 1.0).view(-1, 1, 1) for column in (1, 2, 3)
    )
    hue = torch.where(changed, 2 * math.pi * _HUE * (2 * drawn[:, 4] - 1), 0.0)
    saturation = saturation.where((drawn[:, 5] >= _GREY).view(-1, 1, 1), 0.0)
    grey = weights.expand(3, 3)
    faded = saturation * torch.eye(3, device=x.device) + (1 - saturation) * grey
    matrix = brightness * contrast * (_hue_turn(hue) @ faded)
    mean = brightness * (1 - contrast) * (x.mean(dim=(2, 3)) @ weights).view(-1, 1, 1)
    return torch.baddbmm(mean, matrix, x.flatten(2)).view_as(x).clamp_(0, 1)


def _hue_turn(angle: Tensor) -> Tensor:
    """(b, 3, 3) matrices that turn the colours about the grey axis, in YIQ, by angles (b,)."""
    import torch

    to_yiq = angle.new_tensor(_YIQ)
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)
    return torch.linalg.inv(to_yiq) @ turn @ to_yiq
