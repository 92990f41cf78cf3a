"""Greedy coverage, the one search behind all methods that maximise a kernel's coverage of the images.

    f(S) = mean_j u_j max_{i in S} k(i, j)

is monotone and submodular for k >= 0, so that a gain never grows. Lazy greedy (Minoux 1978) therefore evaluates again only
what may still be the best, and picks what plain greedy picks. No n x n matrix is ever held: the first gains come from one
pass over it in tiles, half of which follow from the other half, since k(i, j) = k(j, i).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import sq_distances, squared_lengths
from ..types import FloatArray, IntArray, Progress

Kernel = Callable[[FloatArray, FloatArray], FloatArray]
"""k of (p, d) and (q, d) unit rows as a new (p, q) float32 matrix of numbers >= 0, the same for either order of a pair."""

MOST_PAIRS = 50_000 * 50_000
"""Of images that the first pass looks at; beyond it, only a sample of the candidates can be picked."""
_TILE = 768  # 768 x 768 float32 are 2 MB
_AT_ONCE = 16, 256  # candidates that are evaluated again together, at first and at most
_ROUNDING = 1e-6
"""Gains that differ by less, relative to the largest there was, are the same, and the lowest row is picked."""
_WIDE = 0.3  # a Gaussian this wide does not see what float32 products lose between near points


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """What was picked.

    Args:
        picks: (m,) int64 rows in the order of picking.
        gains: (m,) float64 by how much each raised f.
        covered: f of the fixed rows and the picks together.
        n_candidates: rows that the picks came from.
        n_evaluations: gains that were computed again after the first pass.
    """

    picks: IntArray
    gains: NDArray[np.float64]
    covered: float
    n_candidates: int
    n_evaluations: int


def gaussian(scale: float) -> Kernel:
    """k(i, j) = exp(-(d_ij / scale)^2), of maxherding and uherding."""
    sharpness = np.float32(scale) ** -2
    if scale < _WIDE:
        return lambda a, b: np.exp(-sharpness * sq_distances(a, b))

    def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
        found = (2 * sharpness * a) @ b.T
        found -= 2 * sharpness
        return np.exp(found, out=found)

    return kernel


def greedy_coverage(
    values: FloatArray,
    budget: int,
    kernel: Kernel,
    *,
    candidates: IntArray,
    fixed: IntArray,
    weights: NDArray[np.floating] | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Coverage:
    """Rows that raise the weighted coverage most, one after the other.

    Args:
        values: (n, d) unit rows, all of which are to be covered; a copy of them is held whose lengths are 1 to all digits.
        budget: m <= candidates.
        kernel: k.
        candidates: sorted rows to pick from. Where candidates x n is beyond `MOST_PAIRS`, a uniform sample of them is.
        fixed: rows that cover already.
        weights: (n,) u >= 0; None: 1 for each.
        seed: of the sample.
        on_progress: see `types.Progress`.
    """
    n = len(values)
    values = (values / np.sqrt(squared_lengths(values))[:, None]).astype(np.float32, copy=False)
    most = max(MOST_PAIRS // n, budget)
    if len(candidates) > most:
        candidates = np.sort(np.random.default_rng(seed).choice(candidates, most, replace=False))
    u = (np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)).astype(np.float32)
    best = _covered_by(values, fixed, kernel)
    before = float(best.astype(np.float64) @ u) / n
    report = on_progress or _silent
    bounds = _first_gains(values, candidates, kernel, u, best, report)
    scale = float(bounds.max(initial=0.0))
    taken = np.zeros(len(candidates), dtype=bool)
    places, gains, n_evaluations = np.empty(budget, dtype=np.int64), np.empty(budget), 0
    for rank in range(budget):
        report(0.9 + 0.1 * rank / budget, f"{rank:,} of {budget:,} images picked")
        fresh = np.full(len(candidates), rank == 0)
        at_once = _AT_ONCE[0]
        while True:
            open_ = np.where(taken, -np.inf, bounds)
            reached = np.where(fresh, open_, -np.inf).max() - 2 * _ROUNDING * scale
            stale = np.flatnonzero(~fresh & (open_ >= reached) & ~taken)
            if len(stale) == 0:
                break
            if len(stale) > at_once:
                stale = np.sort(stale[np.argsort(-open_[stale], kind="stable")[:at_once]])
            at_once = min(2 * at_once, _AT_ONCE[1])
            bounds[stale] = _gains(values, candidates[stale], kernel, u, best)
            fresh[stale] = True
            n_evaluations += len(stale)
        rivals = fresh & ~taken
        place = int(np.flatnonzero(rivals & (bounds >= bounds[rivals].max() - _ROUNDING * scale))[0])
        places[rank], gains[rank], taken[place] = place, bounds[place], True
        np.maximum(best, kernel(values[candidates[[place]]], values)[0], out=best)
    covered = float(best.astype(np.float64) @ u) / n
    assert covered >= before * (1 - _ROUNDING)
    return Coverage(candidates[places], gains / n, covered, len(candidates), n_evaluations)


def _silent(fraction: float, note: str) -> None:
    """Nobody watches."""


def _tiles(n: int, step: int = _TILE) -> list[slice]:
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _covered_by(values: FloatArray, fixed: IntArray, kernel: Kernel) -> FloatArray:
    """(n,) the largest k to a fixed row; 0 without any."""
    best = np.zeros(len(values), dtype=np.float32)
    for part in _tiles(len(fixed)):
        for tile in _tiles(len(values)):
            np.maximum(best[tile], kernel(values[fixed[part]], values[tile]).max(axis=0), out=best[tile])
    return best


def _gain(k: FloatArray, u: FloatArray, best: FloatArray) -> NDArray[np.float64]:
    """(p,) sums over one tile; `k` is overwritten."""
    if best.any():
        k -= best
        np.maximum(k, 0, out=k)
    return (k @ u).astype(np.float64)


def _gains(values: FloatArray, rows: IntArray, kernel: Kernel, u: FloatArray, best: FloatArray) -> NDArray[np.float64]:
    """(len(rows),) n times the gain of each row."""
    total, points = np.zeros(len(rows)), values[rows]
    for tile in _tiles(len(values), max(_TILE, _TILE * _TILE // len(rows) // _TILE * _TILE)):
        total += _gain(kernel(points, values[tile]), u[tile], best[tile])
    return total


def _first_gains(
    values: FloatArray, candidates: IntArray, kernel: Kernel, u: FloatArray, best: FloatArray, report: Progress
) -> NDArray[np.float64]:
    """(len(candidates),) n times the gain of each: pairs of candidates are computed once, and count for both."""
    n = len(values)
    others = np.ones(n, dtype=bool)
    others[candidates] = False
    rest = np.flatnonzero(others)
    total = np.zeros(len(candidates))
    tiles = _tiles(len(candidates))
    pairs, done = len(candidates) * (len(candidates) / 2 + len(rest)), 0.0
    for number, rows in enumerate(tiles):
        a = candidates[rows]
        points, u_a, best_a = values[a], u[a], best[a]
        for columns in tiles[number:]:
            b = candidates[columns]
            k = kernel(points, values[b])
            if columns != rows:
                more = np.maximum(k - best_a[:, None], 0) if best_a.any() else k
                total[columns] += u_a @ more
            total[rows] += _gain(k, u[b], best[b])
        for part in _tiles(len(rest)):
            b = rest[part]
            total[rows] += _gain(kernel(points, values[b]), u[b], best[b])
        done += len(a) * (len(candidates) - rows.start + len(rest))
        report(0.9 * min(done / pairs, 1.0), f"{rows.stop:,} of {len(candidates):,} images weighed")
    return total
