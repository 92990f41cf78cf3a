"""What stands behind the network while it learns, and is thrown away afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def new_projection(dim: int, out: int, seed: int) -> nn.Module:
    """A perceptron of two layers, (b, dim) in, (b, out) out; the losses compare what comes out of it."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(dim, 2 * dim, bias=False), nn.BatchNorm1d(2 * dim), nn.ReLU(), nn.Linear(2 * dim, out))


def unit(x: Tensor) -> Tensor:
    """Rows of length 1."""
    from torch.nn import functional

    return functional.normalize(x.float(), dim=1)
