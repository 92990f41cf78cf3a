"""The two losses of contrastive learning, as pure functions of unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss: each view should find the other view of its picture among all the other views of the batch.

    Args:
        first: (b, d) unit vectors, one view of each picture.
        second: (b, d) unit vectors, another view of each.
        temperature: > 0.

    Returns:
        (2b,) cross-entropies, those of `first` before those of `second`.

    Source: Chen et al. 2020, equation 1.
    """
    import torch

    b = len(first)
    views = torch.cat([first, second])
    logits = (views @ views.T / temperature).fill_diagonal_(float("-inf"))
    partner = torch.arange(2 * b, device=views.device).roll(b)
    return torch.nn.functional.cross_entropy(logits, partner, reduction="none")


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """MoCo's loss: each view should find the other view of its picture among earlier pictures.

    Args:
        query: (b, d) unit vectors with gradient.
        key: (b, d) unit vectors of the other views, by the slower network.
        queue: (q, d) unit vectors of earlier pictures, by the slower network.
        temperature: > 0.

    Returns:
        (b,) cross-entropies. No gradient reaches `key` and `queue`.

    Source: He et al. 2020, equation 1, https://arxiv.org/abs/1911.05722.
    """
    import torch

    key, queue = key.detach(), queue.detach()
    logits = torch.cat([(query * key).sum(dim=1, keepdim=True), query @ queue.T], dim=1) / temperature
    return torch.nn.functional.cross_entropy(logits, logits.new_zeros(len(query), dtype=torch.int64), reduction="none")
