"""k-center, greedy: the image farthest from all picks, again and again, so that no image is left far from a pick.

Its largest distance from an image to the nearest pick is at most twice the smallest that m picks can reach, wherever it begins.

References: Gonzalez: Clustering to minimize the maximum intercluster distance, 1985; Sener, Savarese: Active learning for
convolutional neural networks: a core-set approach, ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..distances import blocks, sq_distances, squared_lengths
from ..errors import UslError
from ..parameters import parameter
from ..types import FloatArray, IntArray, Selection
from .context import SelectionContext

First = Literal["mean", "random"]
_ROUNDING = 1e-6
"""Squared distances that differ by less, relative to the larger, are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KCenterParams:
    """The settings of k-center.

    Args:
        first: the first pick where nothing is labelled: "mean" is the image nearest the mean of all, "random" a draw.

    Raises:
        UslError: a value is outside its range.
    """

    first: First = parameter(
        "mean",
        label="First pick",
        usage="the image nearest the mean of all, or one drawn by the seed",
        help="The image nearest the mean of all, or one that the seed draws. Where something is labelled, it begins there.",
    )

    def __post_init__(self) -> None:
        if self.first not in get_args(First):
            raise UslError(f"first must be 'mean' or 'random' but is {self.first!r}")


def select_k_center(
    values: FloatArray, budget: int, params: KCenterParams, *, seed: int, context: SelectionContext
) -> Selection:
    """argmax over i of min_j ||f_i - f_j|| over the labelled rows and the picks so far; of equals, the lowest row.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters; `scores` are the distances to the nearest earlier pick or labelled row, NaN where there was
        none; `info["radius"]` is the largest distance that is left between any image and the nearest pick or labelled row.
    """
    rows, lengths = context.candidates, squared_lengths(values)
    nearest = _nearest(values, context.labelled, lengths)
    picks, scores = np.empty(budget, dtype=np.int64), np.empty(budget)
    free = np.ones(len(rows), dtype=bool)
    for rank in range(budget):
        if rank == 0 and len(context.labelled) == 0:
            place = _first(values, rows, params, seed)
        else:
            gaps = np.where(free, nearest[rows], -1)
            place = int(np.flatnonzero(gaps >= gaps.max() * (1 - _ROUNDING))[0])
        picks[rank] = rows[place]
        scores[rank] = np.sqrt(nearest[rows[place]]) if np.isfinite(nearest[rows[place]]) else np.nan
        free[place] = False
        np.minimum(nearest, sq_distances(values[picks[[rank]]], values, lengths)[0], out=nearest)
        if context.on_progress:
            context.on_progress((rank + 1) / budget, f"{rank + 1:,} of {budget:,} images picked")
    return Selection(
        indices=picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=scores,
        method="k-center",
        params=params,
        seed=seed,
        info={"radius": float(np.sqrt(nearest.max()))},
    )


def _nearest(values: FloatArray, fixed: IntArray, lengths: FloatArray) -> FloatArray:
    """(n,) squared distance of each row to the nearest fixed one; infinite without any."""
    nearest = np.full(len(values), np.inf, dtype=np.float32)
    for part in blocks(len(fixed), len(values)):
        np.minimum(nearest, sq_distances(values[fixed[part]], values, lengths).min(axis=0), out=nearest)
    return nearest


def _first(values: FloatArray, rows: IntArray, params: KCenterParams, seed: int) -> int:
    if params.first == "random":
        return int(np.random.default_rng(seed).integers(len(rows)))
    mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    gaps = sq_distances(mean[None], values)[0][rows]
    return int(np.flatnonzero(gaps <= gaps.min() * (1 + _ROUNDING))[0])
