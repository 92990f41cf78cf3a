"""ActiveFT (Xie et al., CVPR 2023): m points that learn to stand where images are and apart from each other, a cousin of USL-T.

    loss = - mean_i log( e^{x_i . c / t} / (e^{x_i . c / t} + sum_k e^{sg(c_k) . c / t}) ),    c = the point nearest image i

with unit points c_k that begin at random images, and sg, which stops the gradient: a point is drawn towards the images that it
is nearest to, and pushed away from the other points. In the end each point takes the nearest image.

Reference: https://arxiv.org/abs/2303.14382
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks
from ..parameters import parameter
from ..threads import Run, numpy_threads, one_by_one
from ..types import FloatArray, IntArray, Selection
from ..validation import real_number, whole_number
from .context import SelectionContext

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8  # of Adam
_ROWS = 4_096  # images that a thread looks at at a time
_ROUNDING = 1e-6
"""Cosines that differ by less are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveftParams:
    """The settings of ActiveFT; the defaults are the paper's.

    Args:
        temperature: t > 0.
        learning_rate: of Adam, > 0.
        n_steps: of Adam, each over all images, >= 0.

    Raises:
        UslError: a value is outside its range.
    """

    temperature: float = parameter(
        0.07,
        label="Temperature t",
        usage="the lower, the more the nearest count [t]",
        low=0.01,
        high=1.0,
        step=0.01,
        help="The lower, the less a point feels of what is far from it.",
    )
    learning_rate: float = parameter(
        0.001,
        label="Learning rate",
        usage="of Adam",
        low=0.0001,
        high=0.1,
        step=0.0001,
        format="%.4f",
        help="How far the points move in a step.",
    )
    n_steps: int = parameter(
        300,
        label="Steps",
        usage="of Adam, each over all images",
        low=0,
        high=2000,
        step=10,
        help="Steps that the points move, each over all images.",
    )

    def __post_init__(self) -> None:
        real_number(self.temperature, "temperature (t)", 0, open_low=True)
        real_number(self.learning_rate, "learning_rate", 0, open_low=True)
        whole_number(self.n_steps, "n_steps", 0)


def select_activeft(
    values: FloatArray, budget: int, params: ActiveftParams, *, seed: int, context: SelectionContext
) -> Selection:
    """The images nearest the points that the loss above leads to.

    Labelled images are points that stay where they are: they have the images nearest to them, and push the others away. The
    point with the most images takes its image first; of equally near ones, the lowest row.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection; `clusters` are the points, by how many images they are nearest to; `scores` are the cosines with them.
    """
    rows = context.candidates
    rng = np.random.default_rng(seed)
    points = values[rng.choice(rows, budget, replace=False)].copy()
    fixed = values[context.labelled]
    first, second = np.zeros_like(points), np.zeros_like(points)
    with numpy_threads(len(values) // _ROWS) as run:
        for step in range(1, params.n_steps + 1):
            slope, _ = slope_and_loss(values, points, fixed, params.temperature, run)
            first += (1 - _BETA_1) * (slope - first)
            second += (1 - _BETA_2) * (slope**2 - second)
            size = np.sqrt(second / (1 - _BETA_2**step)) + _EPSILON
            points -= params.learning_rate * (first / (1 - _BETA_1**step)) / size
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            if context.on_progress:
                context.on_progress(step / (params.n_steps + 1), f"step {step:,} of {params.n_steps:,}")
    owner, _ = _nearest(values, np.concatenate([points, fixed]))
    order = np.argsort(-np.bincount(owner, minlength=budget)[:budget], kind="stable")
    picks, cosines = _images(values, rows, points[order])
    return Selection(
        indices=picks,
        clusters=np.arange(budget),
        scores=cosines,
        method="activeft",
        params=params,
        seed=seed,
    )


def slope_and_loss(
    values: FloatArray, points: FloatArray, fixed: FloatArray, temperature: float, run: Run = one_by_one
) -> tuple[FloatArray, float]:
    """(m, d) gradient of the loss by the points, and the loss.

    Likeness is a cosine, so the gradient has no part along a point. Adam, which scales each coordinate by itself, would spend
    nearly all of its step on that part, and to make the points unit again would undo it.

    Args:
        values: (n, d) unit rows.
        points: (m, d) unit rows.
        fixed: (f, d) unit rows that stay.
        temperature: t.
        run: looks at parts of the images.
    """
    both = np.concatenate([points, fixed])
    between = (both @ points.T).astype(np.float64) / temperature  # (m + f, m): of column j, the sum's exponents
    highest = between.max(axis=0)
    shares = np.exp(between - highest)
    apart = highest + np.log(shares.sum(axis=0))  # log of the sum, of each point
    shares /= shares.sum(axis=0)

    def part_of(rows: slice) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """What some images draw each point to, how much its push counts, and the sum of their losses."""
        owner, cosines = _nearest(values[rows], both)
        own = np.flatnonzero(owner < len(points))  # the other points stay where they are
        gap = apart[owner[own]] - cosines[own] / temperature
        missed = 1 / (1 + np.exp(-gap))  # how much of the denominator is the sum's
        pull = _sums(values[rows][own], owner[own], missed, len(points))
        weights = np.bincount(owner[own], weights=missed, minlength=len(points)).astype(np.float64)
        return pull, weights, float(np.logaddexp(0, gap).sum())

    found = run(part_of, [slice(start, start + _ROWS) for start in range(0, len(values), _ROWS)])
    pull, weights = np.sum([part[0] for part in found], axis=0), np.sum([part[1] for part in found], axis=0)
    push = weights[:, None] * (shares.T @ both)
    slope = (push - pull) / (temperature * len(values))
    slope -= (slope * points).sum(axis=1, keepdims=True) * points
    return slope.astype(np.float32), sum(part[2] for part in found) / len(values)


def _nearest(values: FloatArray, points: FloatArray) -> tuple[IntArray, NDArray[np.float64]]:
    """(n,) the point of the largest cosine with each row, the first of equals, and that cosine."""
    owner, cosines = np.empty(len(values), dtype=np.int64), np.empty(len(values))
    for part in blocks(len(values), len(points)):
        found = values[part] @ points.T
        owner[part] = found.argmax(axis=1)
        cosines[part] = np.take_along_axis(found, owner[part][:, None], axis=1)[:, 0]
    return owner, cosines


def _sums(values: FloatArray, owner: IntArray, weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(count, d) weighted sum of the rows of each owner."""
    from scipy.sparse import csr_matrix

    places = np.arange(len(values))
    return np.asarray(csr_matrix((weights, (owner, places)), shape=(count, len(values))) @ values, dtype=np.float64)


def _images(values: FloatArray, rows: IntArray, points: FloatArray) -> tuple[IntArray, NDArray[np.float64]]:
    """Of each point in turn, the nearest row that no point before it has taken."""
    free = np.ones(len(rows), dtype=bool)
    picks, cosines = np.empty(len(points), dtype=np.int64), np.empty(len(points))
    for rank, point in enumerate(points):
        found = np.where(free, (values @ point)[rows], -np.inf)
        place = int(np.flatnonzero(found >= found.max() - _ROUNDING)[0])
        picks[rank], cosines[rank], free[place] = rows[place], found[place], False
    return picks, cosines
