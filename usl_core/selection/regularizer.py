"""Reg: how strongly the picks of the other clusters repel each image, updated only for the picks that moved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, sq_distances, sq_distances_to, squared_lengths
from ..graph.density import DISTANCE_FLOOR
from ..read_only import KnownOfArrays, read_only
from ..types import FloatArray, IntArray

KEPT_ENTRIES = 1 << 24
"""At most 64 MB of float32 columns are held, whatever n and m."""

_SQ_DISTANCES = KnownOfArrays(limit=4 * KEPT_ENTRIES)
"""Squared distances from picks to all rows of read-only features, at most 64 MB for the whole process: picks come back when
lambda or alpha moves, whoever moves them."""

_TERMS = KnownOfArrays(limit=4 * KEPT_ENTRIES)
"""What picks add at some alpha and horizon, before clusters are looked at; as much again."""

_MILDEST_FRESH_SUM = -1.0
"""For exponents on the squared distance below this, terms span more digits than float64 has: taking a near pick's term away
again would leave its rounding error behind, larger than all the other terms, so the sum is made anew each round."""


class Penalty:
    """Reg(i) = sum over picks j outside i's cluster, and over all labelled images j, of 1 / ||f_i - f_j||^alpha.

    Distances are clipped from below at DISTANCE_FLOOR, so that a copy of an image in another cluster repels it strongly
    but finitely. Memory is bounded by KEPT_ENTRIES and one block of rows; nothing of size n x m is held.

    Args:
        values: (n, d) unit rows.
        labels: (n,) cluster ids.
        labelled: rows that repel every image, whatever its cluster.
        power: alpha.
        squared: alpha acts on the squared distance.
        horizon_distance: repellers at this plain distance or farther count nothing; None: no limit.
        horizon_picks: only the h nearest repellers count; None: all.
    """

    def __init__(
        self,
        values: FloatArray,
        labels: IntArray,
        labelled: IntArray,
        *,
        power: float,
        squared: bool,
        horizon_distance: float | None,
        horizon_picks: int | None,
    ) -> None:
        self._values, self._labels, self._labelled = values, labels, labelled
        self._sq_lengths = _sq_lengths_of(values)
        fits = labels.min() >= 0 and labels.max() < 1 << 16
        self._narrow_labels = labels.astype(np.uint16) if fits else labels  # four times as many are compared at once
        self._exponent = -power if squared else -power / 2
        self._horizon_sq = None if horizon_distance is None else horizon_distance**2
        self._nearest = horizon_picks
        self._dtype = _dtype(self._exponent)
        self._kept: dict[int, NDArray[np.floating]] = {}
        self._picks: IntArray | None = None
        self._fixed = np.zeros(len(values))
        for some in self._chunks(labelled):
            self._fixed += self._columns(some, spare_own=False).sum(axis=0, dtype=np.float64)
        self._total = self._fixed

    @property
    def n_images(self) -> int:
        """n."""
        return len(self._values)

    def update(self, picks: IntArray) -> NDArray[np.float64]:
        """Reg for these picks, one per cluster and always in the same cluster order; the same picks again cost nothing.

        Returns:
            (n,) float64, finite, >= 0; a copy.
        """
        before = self._picks
        if before is None or not np.array_equal(picks, before):
            if self._nearest is not None:
                self._total = self._sum_of_nearest(picks, self._nearest)
            elif before is not None and self._exponent >= _MILDEST_FRESH_SUM:
                moved = picks != before
                self._total += self._sum(picks[moved]) - self._sum(before[moved])
            else:
                self._total = self._fixed + self._sum(picks)
            self._picks = picks
        # Adding and taking away may leave a rounding error below zero where nothing repels any more.
        return np.maximum(self._total, 0)

    def _sum(self, picks: IntArray) -> NDArray[np.float64]:
        """What these picks add to Reg. Picks come back from round to round, so their columns are kept while there is room."""
        total = np.zeros(len(self._values))
        known = [pick for pick in picks.tolist() if pick in self._kept]
        for pick in known:
            total += self._kept[pick]
        for some in self._chunks(np.setdiff1d(picks, known)):
            columns = self._columns(some, spare_own=True)
            total += columns.sum(axis=0, dtype=np.float64)
            if (len(self._kept) + len(some)) * len(total) > KEPT_ENTRIES:
                self._kept.clear()
            self._kept.update(zip(some.tolist(), columns, strict=True))
        return total

    def _chunks(self, picks: IntArray) -> Iterator[IntArray]:
        at_once = max(1, KEPT_ENTRIES // 2 // len(self._values))
        return (picks[start : start + at_once] for start in range(0, len(picks), at_once))

    def _columns(self, picks: IntArray, *, spare_own: bool) -> NDArray[np.floating]:
        """(len(picks), n) what each pick adds to each image; 0 inside its own cluster with `spare_own`."""
        columns = np.empty((len(picks), len(self._values)), dtype=self._dtype)
        terms = self._terms_of(picks.tolist())
        for column, pick in zip(columns, picks.tolist(), strict=True):
            if spare_own:
                np.multiply(terms[pick], self._narrow_labels != self._narrow_labels[pick], out=column)
            else:
                column[:] = terms[pick]
        return columns

    def _terms_of(self, picks: list[int]) -> dict[int, NDArray[np.floating]]:
        """For each pick, (n,) what it adds to each image, of its own cluster too."""
        keys = {(pick, self._exponent, self._horizon_sq): pick for pick in picks}
        found = _TERMS.get(self._values, keys)
        missing = [pick for key, pick in keys.items() if key not in found]
        sq_dist = _SQ_DISTANCES.get(self._values, missing)
        new = sq_distances_to(self._values, [pick for pick in missing if pick not in sq_dist], self._sq_lengths)
        _SQ_DISTANCES.put(self._values, new)
        sq_dist |= new
        made = {key: read_only(self._terms(sq_dist[pick])) for key, pick in keys.items() if pick in sq_dist}
        _TERMS.put(self._values, made)
        return {keys[key]: terms for key, terms in {**found, **made}.items()}

    def _sum_of_nearest(self, picks: IntArray, nearest: int) -> NDArray[np.float64]:
        total = np.zeros(len(self._values))
        repellers = np.concatenate([picks, self._labelled])
        fixed = np.arange(len(repellers)) >= len(picks)
        for rows in blocks(len(total), len(repellers)):
            sq_dist = sq_distances(self._values[repellers], self._values[rows], self._sq_lengths[rows])
            own = (self._labels[repellers][:, None] == self._labels[rows]) & ~fixed[:, None]
            sq_dist[own] = np.inf
            if nearest < len(repellers):
                sq_dist = np.partition(sq_dist, nearest - 1, axis=0)[:nearest]
            total[rows] = self._terms(sq_dist).sum(axis=0, dtype=np.float64)
        return total

    def _terms(self, sq_dist: NDArray[np.float32]) -> NDArray[np.floating]:
        return push_terms(sq_dist, self._exponent, self._horizon_sq)


def _sq_lengths_of(values: FloatArray) -> FloatArray:
    known = _SQ_DISTANCES.get(values, ["lengths"])
    if not known:
        known = {"lengths": read_only(squared_lengths(values))}
        _SQ_DISTANCES.put(values, known)
    return known["lengths"]


def push_terms(sq_dist: NDArray[np.float32], exponent: float, horizon_sq: float | None) -> NDArray[np.floating]:
    """1 / D^alpha, elementwise; 0 beyond the horizon. Squared distances stay below 4, infinite ones give 0.

    Args:
        sq_dist: squared distances of any shape.
        exponent: on them: -alpha / 2, or -alpha where alpha acts on the square.
        horizon_sq: squared distance from which on nothing counts; None: none.

    Returns:
        The same shape, float32, or float64 where the exponent is below -2.
    """
    dtype = _dtype(exponent)
    beyond = None if horizon_sq is None else sq_dist >= horizon_sq
    clipped = np.maximum(sq_dist, np.float32(DISTANCE_FLOOR**2))
    if exponent == -0.5:
        terms = 1 / np.sqrt(clipped)
    elif exponent == -1:
        terms = 1 / clipped
    elif dtype == np.float32:  # exp and log are vectorised where power is not: twice as fast, off by 1e-6 at most
        terms = np.log(clipped)
        terms *= exponent
        np.exp(terms, out=terms)
    else:
        terms = np.power(clipped, exponent, dtype=dtype)
    if beyond is not None:
        terms[beyond] = 0
    return terms


def _dtype(exponent: float) -> type[np.floating]:
    """1 / DISTANCE_FLOOR^alpha leaves the range of float32 for large alpha."""
    return np.float32 if exponent >= -2 else np.float64
