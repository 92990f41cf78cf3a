"""Which guesses teach: those above a threshold, which FlexMatch lowers for the classes that are learned more slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWN = -1
"""In `learned`: no class has been guessed of that image with confidence yet."""


def class_thresholds(learned: Tensor, n_classes: int, threshold: float) -> Tensor:
    """FlexMatch's thresholds: tau * M(beta_c), with M(x) = x / (2 - x).

    beta_c is for how many images class c was guessed with confidence, as a share of the most of any class, or of the images
    that nothing was guessed of, where these are more. At the beginning every guess teaches.

    Args:
        learned: (n,) int64 class that was last guessed with confidence, or `UNKNOWN`.
        n_classes: C.
        threshold: tau.

    Returns:
        (C,) float32.

    Reference: Zhang et al., NeurIPS 2021, equations 5, 7 to 9 (https://arxiv.org/abs/2110.08263).
    """
    counts = (learned - UNKNOWN).bincount(minlength=n_classes + 1)
    beta = counts[1:].float() / counts.max()
    return threshold * beta / (2 - beta)
