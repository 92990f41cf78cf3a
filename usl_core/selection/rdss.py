"""RDSS (Shao et al., NeurIPS 2024): picks that stand for all images and lie apart from each other, by one greedy rule.

    pick p = argmin over i not picked of  S_i - alpha mu_i,      then  S <- (1 - 1/p) S + (1/p) k(pick, .)

    k(i, j) = exp(-d_ij^2 / s^2),  s the median distance;  mu_i = mean_j k(i, j);  alpha = 1 - 1 / sqrt(m);  S = 0 at first

S_i is how near i is to the picks, mu_i how near to all images: at alpha = 1 the rule would be kernel herding, and the maximum
mean discrepancy between picks and images its aim.

Reference: https://arxiv.org/abs/2409.11653, whose released code uses a fixed kernel and raw features; this follows the paper.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..distances import sq_distances, squared_lengths
from ..types import FloatArray, Progress, Selection
from .context import SelectionContext
from .kernel_means import gaussian_means

_SAMPLED = 2_000
"""Images whose distances the median is taken of; all where there are no more. Its error is below 0.5 %."""
_ROUNDING = 1e-7
"""Values of the rule, all in [-1, 1], that differ by less are the same."""


def select_rdss(values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext) -> Selection:
    """The greedy picks of the rule above; rows that are labelled count as picked before. Of equals, the lowest row.

    Nothing in it is random; where there are more than 50,000 images, mu is taken over a sample of them that the seed draws.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters; `scores` are mu, `info` tells s and alpha.
    """
    rows, fixed = context.candidates, context.labelled
    scale = median_distance(values)
    means, note = gaussian_means(values, scale, seed=seed, on_progress=_first_part(context.on_progress))
    alpha = 1 - 1 / math.sqrt(budget + len(fixed))
    lengths = squared_lengths(values)
    near = np.zeros(len(values))
    for done, row in enumerate(fixed, start=1):
        near += (_kernel(values, row, lengths, scale) - near) / done
    wanted = alpha * means[rows]
    free = np.ones(len(rows), dtype=bool)
    picks = np.empty(budget, dtype=np.int64)
    for rank in range(budget):
        rule = np.where(free, near[rows] - wanted, np.inf)
        place = int(np.flatnonzero(rule <= rule.min() + _ROUNDING)[0])
        picks[rank], free[place] = rows[place], False
        near += (_kernel(values, picks[rank], lengths, scale) - near) / (len(fixed) + rank + 1)
        if context.on_progress:
            context.on_progress(0.9 + 0.1 * (rank + 1) / budget, f"{rank + 1:,} of {budget:,} images picked")
    return Selection(
        indices=picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=means[picks],
        method="rdss",
        seed=seed,
        info={"kernel_scale": scale, "alpha": alpha},
        notes=note,
    )


def median_distance(values: FloatArray) -> float:
    """Median of the distances between different images, over all pairs of a sample spread evenly over them; 1 where it is 0."""
    n = len(values)
    points = values[np.linspace(0, n - 1, min(n, _SAMPLED)).round().astype(np.int64)]
    sq_dist = sq_distances(points, points)[np.triu_indices(len(points), 1)]
    median = math.sqrt(max(float(np.median(sq_dist)), 0.0)) if len(sq_dist) else 0.0
    return median or 1.0


def _kernel(values: FloatArray, row: int, lengths: FloatArray, scale: float) -> NDArray[np.float64]:
    return np.exp(-sq_distances(values[[row]], values, lengths)[0].astype(np.float64) / scale**2)


def _first_part(report: Progress | None) -> Progress | None:
    return None if report is None else lambda share, note: report(0.9 * share, note)
