"""Which centroid each row is nearest to, step after step of Lloyd's algorithm, without looking at every pair again.

Each row keeps an upper bound of the distance to its own centroid and a lower bound of that to all others. A step moves the
bounds by as much as the centroids moved; while they do not meet, the label stays. Where they do, the centroids that moved most
are looked at first, and all of them only if that does not tell the bounds apart.

The labels are those that all distances would give: bounds allow for what products of float32 may be off, and where two
centroids are too near for such products, differences of float64 decide. Neither blocks nor threads change a label.

Reference:
    Hamerly: Making k-means even faster, SDM 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, sq_distances_of_pairs, squared_lengths
from ..graph.copies import first_of_equals
from ..graph.search import rounding
from ..threads import Run, one_by_one
from ..types import FloatArray, IntArray

BLOCK_ROWS = 4096
"""That one thread takes at a time."""
_SAMPLE = 4096  # rows that tell how many centroids to look at first
_FETCHED = 1000
"""What it takes to look at a row's movers first, in products with a centroid. Most of it comes later: only a look at all
renews the lower bound, without which the row is looked at again sooner."""
_PAIRS = 1 << 19  # entries of differences of float64 at a time: 4 MB


class Centroids:
    """Some (k, d) points, ready to be compared with rows.

    Of equal ones the first stands for all; the others are nobody's nearest.
    """

    def __init__(self, points: FloatArray) -> None:
        self.points = points.copy()
        self._doubled = np.ascontiguousarray((-2 * points).T)
        self._sq_lengths = squared_lengths(points)
        self._sq_lengths[first_of_equals(points, np.arange(len(points))) != np.arange(len(points))] = np.inf
        self.slack = rounding(points.shape[1])  # of a squared distance, by products of float32
        self._wide_slack = self.slack * 2.0**-29  # and of float64

    @property
    def least_gap(self) -> float:
        """Two distances to a row that differ by as much do not tie."""
        return float(2 * np.sqrt(self._wide_slack))

    def scores(self, rows: FloatArray, some: IntArray | None = None) -> NDArray[np.float32]:
        """(b, k) squared distances, less the squared lengths of the rows.

        Args:
            rows: (b, d).
            some: centroids to look at; None: all.
        """
        scores = rows @ (self._doubled if some is None else self._doubled[:, some])
        scores += self._sq_lengths if some is None else self._sq_lengths[some]
        return scores

    def settle(self, rows: FloatArray) -> IntArray:
        """(b,) the nearest of each row, the lowest of those whose distances are the same up to the rounding of float64."""
        wide, points = rows.astype(np.float64), self.points.astype(np.float64)
        scores = wide @ (-2 * points.T)
        scores += np.where(np.isinf(self._sq_lengths), np.inf, np.einsum("ij,ij->i", points, points))
        near = scores <= (scores.min(axis=1) + 4 * self._wide_slack)[:, None]
        row, centroid = np.nonzero(near)
        sq_dist = np.empty(len(row))
        for pairs in blocks(len(row), rows.shape[1], _PAIRS):
            difference = wide[row[pairs]] - points[centroid[pairs]]
            sq_dist[pairs] = np.einsum("ij,ij->i", difference, difference)
        counts = near.sum(axis=1)
        least = np.minimum.reduceat(sq_dist, np.cumsum(counts) - counts)
        tied = np.flatnonzero(sq_dist <= np.repeat(least, counts) + self._wide_slack)
        return centroid[tied[np.searchsorted(row[tied], np.arange(len(rows)))]]


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """From one step to the next.

    Args:
        by: (k,) float64 how far each centroid went.
        farthest: the one that went farthest.
        most: how far, for each row of another cluster.
        most_of_others: how far the others went at most, for the rows of `farthest`.
        movers: centroids to look at before all; empty: all at once.
        most_of_rest: how far those went at most that are no movers.
    """

    by: NDArray[np.float64]
    farthest: int
    most: float
    most_of_others: float
    movers: IntArray
    most_of_rest: float


class Assignment:
    """The labels of all rows.

    Args:
        x: (n, d) unit rows.
        run: over blocks of rows.

    `labels` are (n,) int64; whoever changes them calls `forget`.
    """

    def __init__(self, x: FloatArray, run: Run = one_by_one) -> None:
        self._x, self._run = x, run
        self._sq_lengths = squared_lengths(x)
        self.labels = np.zeros(len(x), dtype=np.int64)
        self._upper, self._lower = np.empty(len(x)), np.empty(len(x))
        self._centroids: Centroids | None = None

    def forget(self) -> None:
        """Look at all pairs in the next step."""
        self._centroids = None

    def step(self, points: FloatArray) -> None:
        """Set `labels` to the nearest of the (k, d) points; ties go to the lowest."""
        before, centroids = self._centroids, Centroids(points)
        starts = range(0, len(self._x), BLOCK_ROWS)
        if before is None or len(points) != len(before.points):
            self._run(lambda start: self._search(np.arange(start, min(start + BLOCK_ROWS, len(self._x))), centroids), starts)
        else:
            move = self._moved(before.points, points)
            if move.most > 0:
                self._run(lambda start: self._update(slice(start, start + BLOCK_ROWS), move, centroids), starts)
        self._centroids = centroids

    def sq_distances(self, points: FloatArray) -> NDArray[np.float32]:
        """(n,) the squared distance of each row to the point of its label."""
        result = np.empty(len(self._x), dtype=np.float32)

        def step(start: int) -> None:
            rows = np.arange(start, min(start + BLOCK_ROWS, len(self._x)))
            result[rows] = sq_distances_of_pairs(self._x, rows, points, self.labels[rows])

        self._run(step, range(0, len(self._x), BLOCK_ROWS))
        return result

    def _moved(self, before: FloatArray, points: FloatArray) -> _Move:
        difference = points.astype(np.float64) - before
        by = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        by *= 1 + 1e-9  # an upper bound for any rounding
        order = np.argsort(-by, kind="stable")
        most = by[order]
        k = len(by)
        n_movers = self._n_movers(by, most)
        others = float(most[1]) if k > 1 else 0.0
        rest = float(most[n_movers]) if n_movers < k else 0.0
        return _Move(by, int(order[0]), float(most[0]), others, np.sort(order[:n_movers]), rest)

    def _n_movers(self, by: NDArray[np.float64], most: NDArray[np.float64]) -> int:
        """What makes least work, going by a sample of the rows."""
        k, some = len(by), slice(None, None, max(len(self._x) // _SAMPLE, 1))
        gap = np.sort(self._lower[some] - self._upper[some] - by[self.labels[some]])

        def share(moved: float) -> float:
            return float(np.searchsorted(gap, moved, side="right")) / len(gap)

        opened = share(float(most[0]))
        work = {0: opened * (_FETCHED + k)}
        for count in (np.count_nonzero(by), k // 32, k // 16, k // 8, k // 4):
            if 0 < count <= k // 2:
                work[int(count)] = opened * (_FETCHED + count) + share(float(most[count])) * (_FETCHED + k)
        return min(work, key=lambda count: (work[count], count))

    def _update(self, block: slice, move: _Move, centroids: Centroids) -> None:
        labels, upper, lower = self.labels[block], self._upper[block], self._lower[block]
        upper += move.by[labels]
        at_rest = lower - move.most_of_rest
        lower -= np.where(labels == move.farthest, move.most_of_others, move.most)
        opened = np.flatnonzero(upper >= lower - centroids.least_gap)
        if len(opened) and len(move.movers):
            for part in blocks(len(opened), len(move.movers)):
                some = opened[part]
                own, other = self._of_movers(some + block.start, move.movers, centroids)
                upper[some] = np.minimum(upper[some], own)
                lower[some] = np.minimum(at_rest[some], other)
            opened = opened[upper[opened] >= lower[opened] - centroids.least_gap]
        if len(opened):
            self._search(opened + block.start, centroids)

    def _of_movers(
        self, rows: IntArray, movers: IntArray, centroids: Centroids
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """An upper bound of the distance to the row's own centroid, infinite if that is no mover, and a lower one to others."""
        scores = centroids.scores(self._x[rows], movers)
        place = np.minimum(np.searchsorted(movers, self.labels[rows]), len(movers) - 1)
        mine = np.flatnonzero(movers[place] == self.labels[rows])
        own = np.full(len(rows), np.inf)
        own[mine] = scores[mine, place[mine]]
        scores[mine, place[mine]] = np.inf
        sq_lengths = self._sq_lengths[rows].astype(np.float64)
        own += sq_lengths + centroids.slack
        other = scores.min(axis=1) + (sq_lengths - centroids.slack)
        return np.sqrt(np.maximum(own, 0)), np.sqrt(np.maximum(other, 0))

    def _search(self, rows: IntArray, centroids: Centroids) -> None:
        """Look at all centroids."""
        for part in blocks(len(rows), len(centroids.points)):
            some = rows[part]
            points, at = self._x[some], np.arange(len(some))
            scores = centroids.scores(points)
            labels = scores.argmin(axis=1)
            least = scores[at, labels]
            scores[at, labels] = np.inf
            gap = scores.min(axis=1).astype(np.float64) - least
            sq_dist = self._sq_lengths[some].astype(np.float64) + least
            unsure = gap <= 3 * centroids.slack
            if unsure.any():
                labels[unsure] = centroids.settle(points[unsure])
            self.labels[some] = labels
            self._upper[some] = np.sqrt(np.maximum(sq_dist + np.where(unsure, 3, 1) * centroids.slack, 0))
            self._lower[some] = np.sqrt(np.maximum(sq_dist + np.where(unsure, 0, gap) - centroids.slack, 0))


def assign(x: FloatArray, centroids: FloatArray) -> tuple[IntArray, NDArray[np.float32]]:
    """Nearest centroid of each row (ties: the lowest) and the squared distance to it."""
    found = Assignment(x)
    found.step(centroids)
    return found.labels, found.sq_distances(centroids)
