"""Greedy coverage, the one search behind all methods that maximise a kernel's coverage of the images.

    f(S) = mean_j u_j max_{i in S} k(i, j)

is monotone and submodular for k >= 0, so that a gain never grows. Lazy greedy (Minoux 1978) therefore evaluates again only
what may still be the best, and picks what plain greedy picks. A gain is brought up to date by the images alone that the picks
since then cover better, which soon are few. No n x n matrix is ever held: where most gains are needed, they come from one pass
over it in tiles, half of which follow from the other half, since k(i, j) = k(j, i).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import sq_distances, squared_lengths
from ..threads import Run, numpy_threads
from ..types import FloatArray, IntArray, Progress

Kernel = Callable[[FloatArray, FloatArray], FloatArray]
"""k of (p, d) and (q, d) unit rows as a new (p, q) float32 matrix of numbers >= 0, the same for either order of a pair."""

MOST_PAIRS = 50_000 * 50_000
"""Of images that the first pass looks at; beyond it, only a sample of the candidates can be picked."""
_TILE = 768  # 768 x 768 float32 are 2 MB
_AT_ONCE = 16, 4096  # candidates that are evaluated again together, at first and at most
_BY_ONE = 256, 16  # of which one thread takes as many at a time; and tiles of a pass, between two reports
_MOST_COVERED_ANEW = 0.5  # share of the images; where a pick covers more of them better, all gains are computed again
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

    def notes(self, n_asked: int, n: int) -> tuple[str, ...]:
        """What a user should know: whether a sample of the `n_asked` candidates among the n images was looked at."""
        if self.n_candidates >= n_asked:
            return ()
        sampled = f"{self.n_candidates:,} of {n_asked:,} images, drawn by the seed, could be picked"
        return (f"{sampled}; all {n:,} count in the coverage",)


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
    report = on_progress or _silent
    with numpy_threads(max(len(candidates) // _TILE, 1)) as run:
        search = _Search(values, candidates, kernel, u, _covered_by(values, fixed, kernel), run, report)
        return search.picks(budget)


@dataclass(frozen=True, slots=True, eq=False)
class _Cover:
    """What one pick changed.

    Args:
        rows: images that it covers better than all before.
        before: (len(rows),) how well they were covered.
        more: (len(rows),) by how much better they are now.
    """

    rows: IntArray
    before: FloatArray
    more: FloatArray


class _Search:
    """Lazy greedy; `bounds` are the gains as of when each candidate was evaluated last, n times, and `known` is when: after how
    many picks."""

    def __init__(
        self,
        values: FloatArray,
        candidates: IntArray,
        kernel: Kernel,
        u: FloatArray,
        best: FloatArray,
        run: Run,
        report: Progress,
    ) -> None:
        self._values, self._candidates, self._kernel, self._u, self._best = values, candidates, kernel, u, best
        self._run, self._report = run, report
        self._covers: list[_Cover] = []
        self._known = np.zeros(len(candidates), dtype=np.int64)
        self._n_evaluations = 0

    def picks(self, budget: int) -> Coverage:
        n = len(self._values)
        before = self._covered()
        self._bounds = _all_gains(
            self._values, self._candidates, self._kernel, self._u, self._best, self._run, self._report, (0.0, 0.6)
        )
        tolerance = _ROUNDING * float(self._bounds.max(initial=0.0))
        taken = np.zeros(len(self._candidates), dtype=bool)
        places, gains = np.empty(budget, dtype=np.int64), np.empty(budget)
        for rank in range(budget):
            self._report(0.9 + 0.1 * rank / budget, f"{rank:,} of {budget:,} images picked")
            self._bring_up_to_date(rank, taken, tolerance)
            rivals = (self._known == rank) & ~taken
            place = int(np.flatnonzero(rivals & (self._bounds >= self._bounds[rivals].max() - tolerance))[0])
            places[rank], gains[rank], taken[place] = place, self._bounds[place], True
            self._cover(place)
        covered = self._covered()
        assert covered >= before * (1 - _ROUNDING)
        return Coverage(self._candidates[places], gains / n, covered, len(self._candidates), self._n_evaluations)

    def _covered(self) -> float:
        return float(self._best.astype(np.float64) @ self._u) / len(self._values)

    def _cover(self, place: int) -> None:
        found = self._kernel(self._values[self._candidates[[place]]], self._values)[0]
        rows = np.flatnonzero(found > self._best)
        before = self._best[rows]
        self._best[rows] = found[rows]
        self._covers.append(_Cover(rows, before, found[rows] - before))

    def _bring_up_to_date(self, rank: int, taken: NDArray[np.bool_], tolerance: float) -> None:
        """Evaluate candidates until none that is left out can be the best."""
        if rank and len(self._covers[-1].rows) > _MOST_COVERED_ANEW * len(self._values) and rank < np.count_nonzero(~taken):
            span = (0.6, 0.9) if rank == 1 else (0.9, 0.9)
            self._bounds = _all_gains(
                self._values, self._candidates, self._kernel, self._u, self._best, self._run, self._report, span
            )
            self._known[:] = rank
            self._n_evaluations += len(self._candidates)
            return
        at_once = _AT_ONCE[0]
        while True:
            open_ = np.where(taken, -np.inf, self._bounds)
            fresh = self._known == rank
            reached = np.where(fresh, open_, -np.inf).max() - 2 * tolerance
            stale = np.flatnonzero(~fresh & (open_ >= reached) & ~taken)
            if len(stale) == 0:
                return
            if len(stale) > at_once:
                stale = np.sort(stale[np.argsort(-open_[stale], kind="stable")[:at_once]])
            at_once = min(2 * at_once, _AT_ONCE[1])
            parts = [stale[part] for part in _tiles(len(stale), _BY_ONE[0])]
            for part, lost in zip(parts, self._run(self._lost, parts), strict=True):
                self._bounds[part] -= lost
            self._known[stale] = rank
            self._n_evaluations += len(stale)

    def _lost(self, places: IntArray) -> NDArray[np.float64]:
        """(len(places),) n times what the picks since each candidate's last evaluation took from its gain."""
        lost = np.zeros(len(places))
        known = self._known[places]
        points = self._values[self._candidates[places]]
        for pick in range(int(known.min()), len(self._covers)):
            some = np.flatnonzero(known <= pick)
            cover = self._covers[pick]
            for tile in _tiles(len(cover.rows)):
                rows = cover.rows[tile]
                k = self._kernel(points[some], self._values[rows])
                k -= cover.before[tile]
                np.maximum(k, 0, out=k)
                np.minimum(k, cover.more[tile], out=k)
                lost[some] += k @ self._u[rows]
        return lost


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


def _all_gains(
    values: FloatArray,
    candidates: IntArray,
    kernel: Kernel,
    u: FloatArray,
    best: FloatArray,
    run: Run,
    report: Progress,
    span: tuple[float, float],
) -> NDArray[np.float64]:
    """(len(candidates),) n times the gain of each: pairs of candidates are computed once, and count for both.

    Args:
        span: from where to where the reported progress goes.
    """
    n = len(values)
    others = np.ones(n, dtype=bool)
    others[candidates] = False
    rest = np.flatnonzero(others)
    total = np.zeros(len(candidates))
    tiles = _tiles(len(candidates))
    pairs, done = len(candidates) * (len(candidates) / 2 + len(rest)), 0.0

    def row_of_tiles(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gains of the rows of a tile, and what they add to those of all candidates behind them."""
        rows = tiles[number]
        a = candidates[rows]
        points, u_a, best_a = values[a], u[a], best[a]
        own, behind = np.zeros(len(a)), np.zeros(len(candidates) - rows.stop)
        for columns in tiles[number:]:
            b = candidates[columns]
            k = kernel(points, values[b])
            if columns != rows:
                more = np.maximum(k - best_a[:, None], 0) if best_a.any() else k
                behind[columns.start - rows.stop : columns.stop - rows.stop] = u_a @ more
            own += _gain(k, u[b], best[b])
        for part in _tiles(len(rest)):
            b = rest[part]
            own += _gain(kernel(points, values[b]), u[b], best[b])
        return own, behind

    for first in range(0, len(tiles), _BY_ONE[1]):
        numbers = range(first, min(first + _BY_ONE[1], len(tiles)))
        for number, (own, behind) in zip(numbers, run(row_of_tiles, numbers), strict=True):
            rows = tiles[number]
            total[rows] += own
            total[rows.stop :] += behind
            done += len(own) * (len(candidates) - rows.start + len(rest))
        share = span[0] + (span[1] - span[0]) * min(done / pairs, 1.0)
        report(share, f"{tiles[numbers[-1]].stop:,} of {len(candidates):,} images weighed")
    return total
