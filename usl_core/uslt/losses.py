"""The losses of USL-T as pure functions on tensors. z are logits, yhat = softmax(z), y = onehot(argmax z).

    L_global = (1/b) * sum over { max yhat(x) >= tau } of KL( y(x) || yhat(x) )
    L_local  = (1/b) * sum of KL( P(x') || yhat(x) ),   P(x') = softmax( (z(x') - alpha log zbar) / t ), no gradient
    L        = L_global + lambda * L_local
    zbar    <- mu * mean over the batch of softmax(z) + (1 - mu) * zbar

Shapes: b images in the batch, d feature dimensions, C clusters, H heads. Where (b, C) stands, (b, H, C) does too: every head is
on its own, and a loss comes once per head. Everything runs in the precision of its input.

Reference: Wang, Lian, Yu: Unsupervised Selective Labeling for More Effective Semi-Supervised Learning, ECCV 2022, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .params import Normalisation, Similarity

if TYPE_CHECKING:
    from torch import Tensor

COSINE_SCALE = 40.0
"""What multiplies the cosine; the published ImageNet head."""


def similarities(features: Tensor, weight: Tensor, bias: Tensor | None, kind: Similarity) -> Tensor:
    """Logits: how near each image is to each centroid.

    Args:
        features: (b, d).
        weight: (C, d), the centroids.
        bias: (C,), used by "linear" only.
        kind: "linear" is f . w + bias; "cosine" is 40 times the cosine of both; "neg_sq_l2" is -||f - w||^2.

    Returns:
        (b, C) logits z.
    """
    if kind == "cosine":
        return COSINE_SCALE * _unit(features) @ _unit(weight).T
    if kind == "linear" and bias is not None:
        return bias.addmm(features, weight.T)
    products = features @ weight.T
    if kind == "linear":
        return products
    return 2 * products - features.square().sum(-1, keepdim=True) - weight.square().sum(-1)


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def hard_assignment(z: Tensor) -> Tensor:
    """The closest centroid of each image: (b, C) logits to (b,) clusters."""
    return z.argmax(dim=-1)


def confidence(z: Tensor) -> Tensor:
    """The highest assignment of each image, max yhat: (b, C) logits to (b,) numbers in [1 / C, 1]."""
    return z.log_softmax(dim=-1).amax(dim=-1).exp()


def log_soft_assignment(z: Tensor) -> Tensor:
    """log yhat = log softmax(z): (b, C) to (b, C)."""
    return z.log_softmax(dim=-1)


def kl_from_hard(assignment: Tensor, log_soft: Tensor) -> Tensor:
    """KL( onehot || yhat ) per image, which is -log yhat at the assigned cluster.

    Args:
        assignment: (b,) clusters.
        log_soft: (b, C) log yhat.

    Returns:
        (b,), each >= 0.
    """
    return -log_soft.gather(-1, assignment.unsqueeze(-1)).squeeze(-1)


def kl_from_soft(log_target: Tensor, log_soft: Tensor) -> Tensor:
    """KL( target || yhat ) per image.

    Args:
        log_target: (b, C) logarithms of rows that sum to 1.
        log_soft: (b, C) log yhat.

    Returns:
        (b,), each >= 0 up to rounding.
    """
    return (log_target.exp() * (log_target - log_soft)).sum(-1)


def confident(top: Tensor, threshold: float, *, strict: bool = False) -> Tensor:
    """Which images are sure enough of their cluster to teach.

    Args:
        top: (b,) max yhat, see `confidence`.
        threshold: tau in [0, 1].
        strict: max yhat > tau, as in the published code, instead of >= tau.

    Returns:
        (b,) bool.
    """
    return top > threshold if strict else top >= threshold


def global_loss(
    z_target: Tensor,
    log_soft: Tensor,
    threshold: float,
    *,
    strict: bool = False,
    balance: bool = False,
    balance_sum: bool = False,
    normalise: Normalisation = "batch",
) -> Tensor:
    """L_global: each sure image is drawn to its own cluster.

    Args:
        z_target: (b, C) logits of the weak view, which name the cluster; no gradient goes through them.
        log_soft: (b, C) log yhat of the strong view, which is to agree.
        threshold: tau in [0, 1].
        strict: see `confident`.
        balance: clusters count alike: a sure image weighs n_sure / (C_present * the sure images of its cluster), where
            C_present clusters have any, so that weights average 1 over the sure images.
        balance_sum: with `balance`, leave C_present out, as the released CIFAR-100 code does: clusters are added up and not
            averaged, so that L_global grows with their number. No difference where weights are divided out again ("masked").
        normalise: divide by the "batch" as the formula does, or by the weights of the "masked" (sure) images alone.

    Returns:
        A number >= 0; 0 if no image is sure.
    """
    z_target = z_target.detach()
    cluster = hard_assignment(z_target)
    weight = confident(confidence(z_target), threshold, strict=strict).to(log_soft.dtype)
    if balance:
        weight = _balanced(cluster, weight, log_soft.shape[1:], add_up=balance_sum)
    total = (weight * kl_from_hard(cluster, log_soft)).sum(0)
    return total / (weight.sum(0).clamp_min(1e-12) if normalise == "masked" else len(weight))


def _balanced(cluster: Tensor, sure: Tensor, shape: Sequence[int], *, add_up: bool) -> Tensor:
    """The weight of each image, 0 for one that is not sure; `shape` is that of one image's assignments."""
    cluster, sure = cluster.movedim(0, -1), sure.movedim(0, -1)
    counts = sure.new_zeros(shape).scatter_add_(-1, cluster, sure)
    weight = sure * sure.sum(-1, keepdim=True) / counts.gather(-1, cluster).clamp_min(1)
    if not add_up:
        weight = weight / (counts > 0).sum(-1, keepdim=True).clamp_min(1)
    return weight.movedim(-1, 0)


def adjusted(z: Tensor, mean_assignment: Tensor, strength: float) -> Tensor:
    """Logit adjustment against the one-cluster collapse: zhat = z - alpha log zbar.

    Args:
        z: (b, C) logits.
        mean_assignment: zbar, (C,), sums to 1.
        strength: alpha >= 0.

    Returns:
        (b, C).
    """
    import torch

    # A cluster that nobody uses may underflow to 0, whose logarithm would turn every target into NaN.
    return z - strength * mean_assignment.clamp_min(torch.finfo(z.dtype).tiny).log()


def log_sharpened(z: Tensor, temperature: float) -> Tensor:
    """Sharpening against the uniform collapse: log softmax(z / t), where softmax(z / t) is softmax(z)^(1/t) made to sum to 1.

    Args:
        z: (b, C) logits.
        temperature: t > 0.

    Returns:
        (b, C) logarithms of rows that sum to 1.
    """
    return (z / temperature).log_softmax(dim=-1)


def log_local_target(z_neighbor: Tensor, mean_assignment: Tensor, strength: float, temperature: float) -> Tensor:
    """log P(x'): what the neighbour teaches, adjusted and sharpened, without gradient. Shapes as above."""
    return log_sharpened(adjusted(z_neighbor.detach(), mean_assignment, strength), temperature)


def local_loss(z_neighbor: Tensor, log_soft: Tensor, mean_assignment: Tensor, strength: float, temperature: float) -> Tensor:
    """L_local: each image is drawn to where its neighbour belongs.

    Args:
        z_neighbor: (b, C) logits of one neighbour of each image; no gradient goes through them.
        log_soft: (b, C) log yhat of the images.
        mean_assignment: zbar, (C,).
        strength: alpha.
        temperature: t.

    Returns:
        A number >= 0 up to rounding.
    """
    return kl_from_soft(log_local_target(z_neighbor, mean_assignment, strength, temperature), log_soft).mean(0)


def total_loss(global_term: Tensor, local_term: Tensor, local_weight: float) -> Tensor:
    """L = L_global + lambda L_local; of several heads the sum."""
    return (global_term + local_weight * local_term).sum()


def updated_mean(mean_assignment: Tensor, z: Tensor, momentum: float) -> Tensor:
    """The running mean of the assignments: mu * mean softmax(z) + (1 - mu) * zbar, renormalised.

    Args:
        mean_assignment: zbar, (C,).
        z: (b, C) unadjusted logits.
        momentum: mu in (0, 1], the share of this batch.

    Returns:
        (C,), without gradient.
    """
    mixed = momentum * z.detach().softmax(dim=-1).mean(dim=0) + (1 - momentum) * mean_assignment
    return mixed / mixed.sum(-1, keepdim=True)
