"""Near-duplicates: images so alike that one label says it for all of them, in groups around a representative.

Every image of a group is alike to its representative, and no two representatives are alike to each other, so that one pick per
group repeats nothing and leaves nothing out. Connected components would promise only the first: frames of a slow pan form a
chain, each alike to the next, whose ends show different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..distances import CLOSE_SQ_DIST, blocks, sq_distances_of_pairs, squared_lengths
from ..errors import UslError
from ..types import Features, FloatArray, IntArray, Neighbors
from ..validation import index_set, real_number, same_images, unit_rows, whole_number
from .copies import Candidates, candidates, copy_groups
from .neighbors import find_neighbors

RANKED_BY = 20
"""Who represents a group goes by the images alike among the 20 nearest, so that it does not depend on the k of the graph."""

_ROUNDING = (
    1e-3,
    1e-5,
)  # relative and absolute, of squared distances by matrix products; nearer to the limit, differences decide
_LABELLED, _OPEN, _VETOED = 0, 1, 2  # the order in which images are asked to represent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearDuplicates:
    """Groups of images that are alike.

    Args:
        cosine: from which on two images are alike.
        representatives: (n,) int64 row of the image that stands for each image; itself, where it stands for itself.
        open: sorted rows of the representatives that may be picked: not labelled, and neither vetoed nor a copy of one that is.
    """

    cosine: float
    representatives: IntArray
    open: IntArray

    def __len__(self) -> int:
        """How many groups of two or more images there are."""
        return int(np.count_nonzero(self._sizes() > 1))

    @property
    def n_images(self) -> int:
        """Images in groups of two or more."""
        sizes = self._sizes()
        return int(sizes[sizes > 1].sum())

    def groups(self, most: int | None = None) -> list[IntArray]:
        """The rows of each group of two or more images: the representative, then the others in order of row.

        Args:
            most: only so many; None: all of them.

        Returns:
            The largest group first; of equally large ones, the one whose representative comes first.
        """
        sizes = self._sizes()
        large_first = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes > 1)][:most]
        by_group = np.argsort(self.representatives, kind="stable")
        ends = np.cumsum(sizes)
        members = ((row, by_group[ends[row] - sizes[row] : ends[row]]) for row in large_first.tolist())
        return [np.concatenate([[row], rows[rows != row]]) for row, rows in members]

    def repeats(self, picks: IntArray) -> int:
        """How many of some picks show what another of them shows: picks less the groups that they are of."""
        return len(picks) - len(np.unique(self.representatives[picks]))

    def _sizes(self) -> IntArray:
        """(n,) images for which each image stands."""
        return np.bincount(self.representatives, minlength=len(self.representatives))


def find_near_duplicates(
    values: Any,
    cosine: float = 0.99,
    *,
    neighbors: Neighbors | None = None,
    labelled: Iterable[int] | None = None,
    vetoed: Iterable[int] | None = None,
) -> NearDuplicates:
    """Group the images whose feature vectors are alike.

    Two images are alike if 1 - D^2 / 2, the cosine of unit vectors at distance D, is at least `cosine`, or if they are copies
    (see `graph.copies`). The image with the most images alike among its 20 nearest (of several, the one to which they are
    nearest, then the lowest row) represents all that are alike to it; the next of those left does the same, until each image
    is represented. Labelled images come first, and each represents itself; vetoed ones come last.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1. Which files are the same is known
            where they are `Features`.
        cosine: in (0, 1]; at 1 only copies are alike.
        neighbors: a kNN graph of the same rows, to avoid a new search. Images with more than k alike are compared with all
            others, so that the groups are the same for every k.
        labelled: rows that have a label already.
        vetoed: rows that must never be picked.

    Returns:
        NearDuplicates.

    Raises:
        UslError: any argument breaks its rule.

    >>> found = usl.find_near_duplicates([[1, 0], [0, 1], [1, 0.1], [1, 0.2]], 0.99)
    >>> [group.tolist() for group in found.groups()], found.open.tolist()
    ([[2, 0, 3]], [1, 2])
    """
    x = unit_rows(values)
    n = len(x)
    cosine = checked_cosine(cosine)
    fixed, barred = index_set(labelled, n, "labelled"), index_set(vetoed, n, "vetoed")
    graph = None if neighbors is None else same_images(neighbors, n)
    duplicates = values.images.duplicates if isinstance(values, Features) else ()
    return _grouped(x, copy_groups(x, neighbors=graph, duplicates=duplicates), cosine, graph, fixed, barred)


def candidates_of(
    x: FloatArray,
    budget: int,
    labelled: IntArray,
    vetoed: IntArray,
    *,
    duplicates: Iterable[Sequence[int]] = (),
    neighbors: Neighbors | None = None,
    near_duplicates: float | None = None,
    copies_count: bool = True,
) -> Candidates:
    """The rows that may be picked from, the same for all methods.

    Args:
        x: (n, d) unit rows.
        budget: m <= images that are neither labelled nor vetoed.
        labelled: sorted rows that have a label already.
        vetoed: sorted rows that must never be picked.
        duplicates: groups of rows whose files are the same.
        neighbors: kNN graph of the same rows, or None.
        near_duplicates: the cosine from which on images are one; None: copies alone are, and only as long as others are left.
        copies_count: False lets copies be picked like any image.

    Raises:
        UslError: no cosine, or a larger budget than there are groups to pick from.
    """
    copies = copy_groups(x, neighbors=neighbors, duplicates=duplicates) if copies_count else np.arange(len(x))
    if near_duplicates is None:
        return candidates(copies, budget, labelled, vetoed)
    cosine = checked_cosine(near_duplicates)
    found = _grouped(x, copies, cosine, neighbors, labelled, vetoed)
    if len(found.open) == 0:
        raise UslError(
            f"there is nothing to choose from: at cosine {cosine:g} every image is vetoed or a near-duplicate of a labelled "
            "one; raise near_duplicates or leave it out"
        )
    left = f"images that are no near-duplicates at cosine {cosine:g}; for more, raise near_duplicates or leave it out"
    whole_number(budget, "budget", 1, len(found.open), left)
    held = f"{len(found):,} groups hold {found.n_images:,} images; at most one of each is picked" if len(found) else "none"
    return Candidates(found.open, (f"near-duplicates, at cosine {cosine:g} or more: {held}",))


def checked_cosine(value: Any) -> float:
    """`value` as a cosine from which on images are near-duplicates.

    Raises:
        UslError: it is none in (0, 1].
    """
    return real_number(value, "near_duplicates (cosine)", 0, 1, open_low=True)


def _grouped(
    x: FloatArray, copies: IntArray, cosine: float, graph: Neighbors | None, labelled: IntArray, vetoed: IntArray
) -> NearDuplicates:
    """As `find_near_duplicates`, whose arguments have been checked. Of copies the first one is looked at."""
    n = len(x)
    if graph is None or graph.k_max < min(RANKED_BY, n - 1):
        graph = find_neighbors(x, RANKED_BY)
    is_first = copies == np.arange(n)
    turn = np.full(n, _OPEN)
    turn[copies[vetoed]] = _VETOED
    turn[copies[labelled]] = _LABELLED
    alike = _Alike(x, graph, 2 * (1 - cosine), is_first)
    order = np.flatnonzero(is_first & (alike.counts > 0))
    order = order[np.lexsort((order, alike.sums[order], -alike.counts[order], turn[order]))]
    heads = np.arange(n)
    is_free = is_first & (turn != _LABELLED)
    for row in order.tolist():
        if heads[row] == row:
            is_free[row] = False
            others = alike.to(row, is_free)
            heads[others] = row
            is_free[others] = False
    is_open = is_first & (heads == np.arange(n)) & (turn == _OPEN)
    return NearDuplicates(cosine=cosine, representatives=heads[copies], open=np.flatnonzero(is_open))


class _Alike:
    """Which rows are alike.

    Args:
        x: (n, d) unit rows.
        graph: their kNN graph, of at least `RANKED_BY` neighbours if there are as many others.
        limit: the squared distance up to which rows are alike.
        counted: (n,) the rows that others can be alike to.
    """

    def __init__(self, x: FloatArray, graph: Neighbors, limit: float, counted: NDArray[np.bool_]) -> None:
        self._x, self._limit = x, limit
        self._margin = _ROUNDING[0] * limit + _ROUNDING[1]
        n, k = graph.indices.shape
        rows, places = _listed(graph.distances, np.sqrt(limit + self._margin))
        others = graph.indices[rows, places].astype(np.int64)
        sq_dist = graph.distances[rows, places] ** 2
        rough = (np.abs(sq_dist - limit) <= self._margin) | ((places < RANKED_BY) & (sq_dist >= CLOSE_SQ_DIST))
        sq_dist[rough] = sq_distances_of_pairs(x, rows[rough], x, others[rough])
        known = sq_dist <= limit
        ranked = known & (places < RANKED_BY)
        self.counts = np.bincount(rows[ranked], minlength=n)
        """(n,) rows alike among the nearest."""
        self.sums = np.bincount(rows[ranked], weights=np.sqrt(sq_dist[ranked].astype(np.float64)), minlength=n)
        """(n,) sum of the distances to them."""
        self._has_more = np.zeros(n, dtype=bool)  # rows for which the graph may not list all that are alike
        if 0 < k < n - 1:
            self._has_more = graph.distances[:, -1] ** 2 <= limit + self._margin
        self._sq_lengths = squared_lengths(x) if self._has_more.any() else None
        known &= counted[others]
        self._others = others[known]
        self._starts = np.searchsorted(rows[known], np.arange(n + 1))

    def to(self, row: int, among: NDArray[np.bool_]) -> IntArray:
        """The rows of a mask that are alike to one, which is not in it."""
        if self._sq_lengths is None or not self._has_more[row]:
            others = self._others[self._starts[row] : self._starts[row + 1]]
            return others[among[others]]
        sq_dist = self._sq_lengths + self._sq_lengths[row] - 2 * (self._x @ self._x[row])
        others = np.flatnonzero(among & (sq_dist <= self._limit + self._margin))
        return others[sq_distances_of_pairs(self._x, others, self._x, np.full(len(others), row)) <= self._limit]


def _listed(distances: FloatArray, farthest: float) -> tuple[IntArray, IntArray]:
    """Rows of neighbours that are no farther, and their places in the lists, row by row."""
    found = [(np.nonzero(distances[some] <= farthest), some.start) for some in blocks(*distances.shape)]
    return np.concatenate([rows + start for (rows, _), start in found]), np.concatenate([places for (_, places), _ in found])
