"""The coverage family: picks that raise mean_j max over i labelled or picked of k(i, j), each with a kernel k of its own.

    facility-location   k = 2 - d_ij
    maxherding          k = exp(-(d_ij / s)^2)
    probcover           k = 1 where d_ij < r, else 0

One greedy search serves all, see `coverage`; it reaches at least 1 - 1/e of the best coverage that m picks can have. Any number
that is no smaller than the largest distance may stand for 2, which is that of unit vectors: it goes out of every comparison of
facility-location's gains.

References: Nemhauser, Wolsey, Fisher 1978 (the greedy search). Bae, Cho, Sutherland: Generalized coverage for more robust
low-budget active learning, ECCV 2024 (MaxHerding). Yehuda et al.: Active learning through a covering lens, NeurIPS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..distances import sq_distances
from ..parameters import parameter
from ..types import FloatArray, Selection
from ..validation import real_number
from .context import SelectionContext
from .coverage import Kernel, gaussian, greedy_coverage

_FARTHEST = np.float32(2)
_SAMPLED = 2_000
"""Images whose distances the automatic radius is taken of; all where there are no more."""
_SAME = 1e-5  # squared distances that differ by less may differ by rounding alone
SHARE = 0.5
"""Of n / m images, that a ball of the automatic radius holds on average; see docs/method.md for what it was tried on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxherdingParams:
    """The settings of MaxHerding.

    Args:
        scale: s > 0, width of the Gaussian; distances of unit vectors are at most 2.

    Raises:
        UslError: a value is outside its range.
    """

    scale: float = parameter(
        1.0,
        label="Scale s",
        usage="width of the Gaussian",
        low=0.05,
        high=2.0,
        step=0.05,
        help="How far a pick covers: distances of unit vectors are at most 2.",
    )

    def __post_init__(self) -> None:
        real_number(self.scale, "scale (s)", 0, open_low=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbcoverParams:
    """The settings of ProbCover.

    Args:
        radius: r > 0 of the balls; None: such that a ball holds `SHARE` n / m images on average.

    Raises:
        UslError: a value is outside its range.
    """

    radius: float | None = parameter(
        None,
        label="Radius r",
        usage="of the balls that picks cover",
        unset="by the data and m",
        low=0.0,
        high=2.0,
        step=0.01,
        off=0.0,
        help="How far a pick covers; 0: chosen by the data and the budget. Picks change much with it, so look at several.",
    )

    def __post_init__(self) -> None:
        if self.radius is not None:
            real_number(self.radius, "radius (r)", 0, open_low=True)


def select_facility_location(
    values: FloatArray, budget: int, params: None, *, seed: int, context: SelectionContext
) -> Selection:
    """Greedily bring the mean distance from an image to the nearest pick down; of equal gains, the lowest row.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters, whose scores are the gains.
    """

    def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
        found = np.sqrt(sq_distances(a, b))
        return np.subtract(_FARTHEST, found, out=found)

    return _covered(values, budget, kernel, "facility-location", None, {}, seed, context)


def select_maxherding(
    values: FloatArray, budget: int, params: MaxherdingParams, *, seed: int, context: SelectionContext
) -> Selection:
    """Greedily raise the Gaussian's coverage; `uherding` with nothing labelled. Arguments and returns as above."""
    return _covered(values, budget, gaussian(params.scale), "maxherding", params, {"scale": params.scale}, seed, context)


def select_probcover(
    values: FloatArray, budget: int, params: ProbcoverParams, *, seed: int, context: SelectionContext
) -> Selection:
    """Greedily cover the most images by balls. Arguments and returns as above; `info` tells radius and covered share.

    Gains are whole numbers of images, so that many are equal, above all once most images are covered: the seed decides.
    """
    radius = params.radius or usual_radius(values, budget + len(context.labelled))
    limit = np.float32(radius**2)

    def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
        return (sq_distances(a, b) < limit).astype(np.float32)

    order = np.random.default_rng(seed).permutation(len(values))
    place = np.argsort(order)
    shuffled = replace(context, candidates=np.sort(place[context.candidates]), labelled=np.sort(place[context.labelled]))
    found = _covered(values[order], budget, kernel, "probcover", params, {"radius": radius}, seed, shuffled)
    return replace(found, indices=order[found.indices])


def usual_radius(values: FloatArray, count: int) -> float:
    """The radius at which a ball around an image holds `SHARE` n / count of the others on average.

    It lies between a quantile of the distances between the images of a sample, which is spread evenly over them, and the next
    larger distance: at a distance of the data itself, rounding would say what is covered.

    Args:
        values: (n, d) unit rows.
        count: balls, m.
    """
    n = len(values)
    points = values[np.linspace(0, n - 1, min(n, _SAMPLED)).round().astype(np.int64)]
    sq_dist = sq_distances(points, points)[np.triu_indices(len(points), 1)]
    if len(sq_dist) == 0:
        return 1.0
    limit = float(np.quantile(sq_dist, min(SHARE / count, 1.0))) * (1 + _SAME) + _SAME
    inside, outside = sq_dist[sq_dist <= limit].max(), sq_dist[sq_dist > limit].min(initial=2 * float(_FARTHEST) ** 2)
    return float(np.sqrt(max(inside, 0)) + np.sqrt(outside)) / 2


def _covered(
    values: FloatArray,
    budget: int,
    kernel: Kernel,
    method: str,
    params: Any,
    info: dict[str, float],
    seed: int,
    context: SelectionContext,
) -> Selection:
    found = greedy_coverage(
        values,
        budget,
        kernel,
        candidates=context.candidates,
        fixed=context.labelled,
        seed=seed,
        on_progress=context.on_progress,
    )
    return Selection(
        indices=found.picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=found.gains,
        method=method,
        params=params,
        seed=seed,
        info={**info, "covered": found.covered},
        notes=found.notes(len(context.candidates), len(values)),
    )
