"""Weak views, which make the guesses, and strong ones, which learn them; both made for a whole batch on its device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..features.augment import N_DRAWS as STRONG_DRAWS
from ..features.augment import N_OPERATIONS, strong_views

if TYPE_CHECKING:
    from torch import Tensor

WEAK_DRAWS = 3
"""Numbers in [0, 1) behind a weak view: mirror, and how far it is moved each way."""
N_DRAWS = 2 * WEAK_DRAWS + STRONG_DRAWS
"""Of one weak view and one strong view."""
_MOVE = 4  # pixels at most, an eighth of the side
_OPERATIONS = 2  # of RandAugment, as published


def weak_views(pixels: Tensor, draws: NDArray[np.float64], *, mirror: bool) -> Tensor:
    """Each picture moved by up to an eighth of its side, what comes in mirrored at the edge, and mirrored half of the time.

    Args:
        pixels: (b, 3, s, s) float32.
        draws: (b, WEAK_DRAWS) numbers in [0, 1); a view depends on its row and its picture alone.
        mirror: whether it may be mirrored.

    Returns:
        (b, 3, s, s), values that are in `pixels`.
    """
    import torch
    from torch.nn import functional

    side = pixels.shape[-1]
    padded = functional.pad(pixels, (_MOVE,) * 4, mode="reflect")
    down, right = (torch.from_numpy((draws[:, 1 + axis] * (2 * _MOVE + 1)).astype(np.int64)) for axis in (0, 1))
    places = torch.arange(side)
    columns = right[:, None] + places
    if mirror:
        columns = torch.where(torch.from_numpy(draws[:, :1] < 0.5), columns.flip(1), columns)
    rows = (down[:, None] + places).to(pixels.device)
    columns = columns.to(pixels.device)
    which = torch.arange(len(pixels), device=pixels.device)
    # An index beside a slice puts its axes in front: (b, s, s, 3).
    return padded[which[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def strong(pixels: Tensor, draws: NDArray[np.float64], *, mirror: bool) -> Tensor:
    """A weak view that went through two operations of RandAugment and Cutout.

    Args:
        pixels: (b, 3, s, s) float32 in [0, 255].
        draws: (b, WEAK_DRAWS + STRONG_DRAWS) numbers in [0, 1).
        mirror: whether it may be mirrored.

    Returns:
        (b, 3, s, s) float32 whole numbers in [0, 255].
    """
    behind = draws[:, WEAK_DRAWS:].copy()
    behind[:, 0] = 1.0  # the weak view is mirrored already, or must not be
    behind[:, 1 + _OPERATIONS : 1 + N_OPERATIONS] = 0.0  # the first operation changes nothing
    return strong_views(weak_views(pixels, draws[:, :WEAK_DRAWS], mirror=mirror), behind)
