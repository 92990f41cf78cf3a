"""MAK (Jiang et al., NeurIPS 2021): images of the tail, but none from elsewhere, that lie apart from a seed set and each other.

    tailness(i)  = mean over pairs of augmented views of the NT-Xent loss of image i among those of a batch, t = 0.2
    d(i)         = 1 - max cosine to the k-means centres of the seed set
    score        = w z(tailness) - (1 - w) z(d),   z = (value - mean) / standard deviation over the pool

Of the 1.5 m images of the highest score, m are taken by k-center, greedy, which begins at the seed set. That set are the
labelled images; where nothing is labelled, a random tenth of all stands for it. The features are frozen here; MAK trains on.
Without augmented views, noise that is alike for all images makes the loss one of density: it then prefers what lies dense.

Reference: https://arxiv.org/abs/2111.01004
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..clustering.kmeans import kmeans
from ..distances import blocks, sq_distances, squared_lengths
from ..parameters import parameter
from ..threads import Run, numpy_threads
from ..types import FloatArray, IntArray, Progress, Selection
from ..validation import real_number, whole_number
from .context import SelectionContext

BATCH = 512
"""Images that are told apart at a time; of fewer there is one batch."""
SEED_SHARE = 0.1
"""Of all images, that stands for the seed set where nothing is labelled."""
N_CENTERS = 10
_ROUNDING = 1e-6
"""Squared distances that differ by less, relative to the larger, are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakParams:
    """The settings of MAK.

    Args:
        tail_weight: w in [0, 1]; 0: near the seed set is all that counts.
        candidate_ratio: >= 1; so many times m images of the highest score are looked at for diversity.
        temperature: t > 0 of NT-Xent.
        n_views: A >= 0 augmented views per image; fewer than 2, or no images to augment: noise on the features.
        view_strength: see `usl.UsltParams`.
        noise: length of that noise beside a feature vector of length 1, >= 0.

    Raises:
        UslError: a value is outside its range.
    """

    tail_weight: float = parameter(
        0.5,
        label="Weight of the tail, w",
        usage="of what is hard to tell apart, beside what is near the seed set",
        step=0.05,
        help="1: images that are hard to tell from others. 0: images that are like the seed set.",
    )
    candidate_ratio: float = parameter(
        1.5,
        label="Candidates",
        usage="of the highest score, times m",
        low=1.0,
        high=10.0,
        step=0.1,
        help="So many times m images of the highest score are looked at for diversity.",
    )
    temperature: float = parameter(
        0.2,
        label="Temperature t",
        usage="of the similarities",
        low=0.05,
        high=1.0,
        step=0.05,
        help="Lower: the most similar images count for more.",
    )
    n_views: int = parameter(
        2,
        label="Views A",
        usage="augmented views per image; 0: noise",
        high=8,
        typed=True,
        help="Augmented views per image, encoded once. 0: noise on the features in their place.",
    )
    view_strength: float | None = None
    noise: float = parameter(
        0.5,
        label="Noise",
        usage="of the features where there are no views",
        high=2.0,
        step=0.05,
        help="Length of the noise beside a feature vector of length 1, where there are no views.",
    )

    def __post_init__(self) -> None:
        real_number(self.tail_weight, "tail_weight (w)", 0, 1)
        real_number(self.candidate_ratio, "candidate_ratio", 1)
        real_number(self.temperature, "temperature (t)", 0, open_low=True)
        whole_number(self.n_views, "n_views (A)", 0)
        if self.view_strength is not None:
            real_number(self.view_strength, "view_strength", 0, 1, open_low=True)
        real_number(self.noise, "noise", 0)


def select_mak(values: FloatArray, budget: int, params: MakParams, *, seed: int, context: SelectionContext) -> Selection:
    """The picks of the rule above.

    A random seed set is picked from only where nothing else is left: it stands for what is known already.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection without clusters; `scores` are those of the rule, over all images that are not in the seed set.
    """
    rng = np.random.default_rng(seed)
    known, notes = context.labelled, list[str]()
    if len(known) == 0:
        known = np.sort(rng.choice(len(values), max(1, round(SEED_SHARE * len(values))), replace=False))
        notes.append(f"nothing is labelled, so {len(known):,} images drawn by the seed stand for what is known already")
    outside = np.ones(len(values), dtype=bool)
    outside[known] = False
    pool, rows = np.flatnonzero(outside), context.candidates
    if outside[rows].sum() >= budget:
        rows = rows[outside[rows]]
    else:
        pool = np.union1d(pool, rows)
    views = _views(values, params, context, rng)
    if context.views is None or context.views.values.shape[1] < 2:
        notes.append("without augmented views, noise on the features took their place")
    with numpy_threads(max(len(pool) // BATCH, 1)) as run:
        hard = tailness([view[pool] for view in views], params.temperature, rng, run, context.on_progress)
    far = 1 - _likeness(values[pool], _centers(values[known], seed))
    score = np.full(len(values), np.nan)
    score[pool] = params.tail_weight * _z(hard) - (1 - params.tail_weight) * _z(far)
    count = min(max(math.ceil(params.candidate_ratio * budget), budget), len(rows))
    best = rows[np.argsort(-score[rows], kind="stable")[:count]]
    picks = _apart(values, np.sort(best), known, budget)
    return Selection(
        indices=picks,
        clusters=np.full(budget, -1, dtype=np.int64),
        scores=score[picks],
        method="mak",
        params=params,
        seed=seed,
        info={"seed_images": len(known)},
        notes=tuple(notes),
    )


def _views(values: FloatArray, params: MakParams, context: SelectionContext, rng: np.random.Generator) -> list[FloatArray]:
    """Two or more (n, d) views of all images."""
    given = None if context.views is None else context.views.values
    if given is not None and given.shape[1] > 2:
        return [given[:, view] for view in range(1, given.shape[1])]
    if given is not None and given.shape[1] == 2:
        return [given[:, 0], given[:, 1]]
    noisy = []
    for _ in range(2):
        view = values + np.float32(params.noise * values.shape[1] ** -0.5) * rng.standard_normal(values.shape, dtype=np.float32)
        noisy.append(view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), np.finfo(np.float32).tiny))
    return noisy


def tailness(
    views: list[FloatArray], temperature: float, rng: np.random.Generator, run: Run, on_progress: Progress | None = None
) -> NDArray[np.float64]:
    """(p,) mean over all pairs of views of the NT-Xent loss of each image, in random batches of about 512.

    Args:
        views: two or more (p, d) unit rows of the same images.
        temperature: t.
        rng: draws the batches of every pair.
        run: looks at batches.
        on_progress: see `types.Progress`.
    """
    n, pairs = len(views[0]), list(combinations(views, 2))
    losses = np.zeros(n)
    for done, (one, other) in enumerate(pairs):
        batches = np.array_split(rng.permutation(n), max(1, round(n / BATCH)))
        for part in blocks(len(batches), 1, 16):
            some = batches[part]
            found = run(partial(_nt_xent_of, one, other, temperature), some)
            for rows, loss in zip(some, found, strict=True):
                losses[rows] += loss / len(pairs)
            if on_progress:
                on_progress((done + part.stop / len(batches)) / len(pairs), f"pair of views {done + 1} of {len(pairs)}")
    return losses


def _nt_xent_of(one: FloatArray, other: FloatArray, temperature: float, rows: IntArray) -> NDArray[np.float64]:
    return _nt_xent(one[rows], other[rows], temperature)


def _nt_xent(one: FloatArray, other: FloatArray, temperature: float) -> NDArray[np.float64]:
    """(b,) loss of each image, mean over its two views."""
    both = np.concatenate([one, other])
    likeness = both @ both.T
    likeness /= np.float32(temperature)
    partner = np.concatenate([np.diagonal(likeness, len(one)), np.diagonal(likeness, -len(one))]).astype(np.float64)
    np.fill_diagonal(likeness, -np.inf)
    highest = likeness.max(axis=1, keepdims=True)
    likeness -= highest
    total = np.exp(likeness, out=likeness).sum(axis=1, dtype=np.float64)
    loss = np.log(total) + highest[:, 0] - partner
    return np.asarray((loss[: len(one)] + loss[len(one) :]) / 2)


def _centers(known: FloatArray, seed: int) -> FloatArray:
    found = kmeans(known, min(N_CENTERS, len(known)), seed=seed).centroids
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _likeness(values: FloatArray, centers: FloatArray) -> NDArray[np.float64]:
    """(p,) largest cosine to a centre."""
    found = np.empty(len(values))
    for part in blocks(len(values), len(centers)):
        found[part] = (values[part] @ centers.T).max(axis=1)
    return found


def _z(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = numbers.std()
    return (numbers - numbers.mean()) / spread if spread > 0 else np.zeros_like(numbers)


def _apart(values: FloatArray, rows: IntArray, known: IntArray, budget: int) -> IntArray:
    """(m,) of the rows, by k-center from the known ones; of equals, the lowest row."""
    points, lengths = values[rows], squared_lengths(values[rows])
    nearest = np.full(len(rows), np.inf, dtype=np.float32)
    for part in blocks(len(known), len(rows)):
        np.minimum(nearest, sq_distances(values[known[part]], points, lengths).min(axis=0), out=nearest)
    free, picks = np.ones(len(rows), dtype=bool), np.empty(budget, dtype=np.int64)
    for rank in range(budget):
        gaps = np.where(free, nearest, -1)
        place = int(np.flatnonzero(gaps >= gaps.max() * (1 - _ROUNDING))[0])
        picks[rank], free[place] = rows[place], False
        np.minimum(nearest, sq_distances(points[[place]], points, lengths)[0], out=nearest)
    return picks
