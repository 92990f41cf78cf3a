"""Copies share one place on a map, so that what is laid out are the images that differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..distances import blocks
from ..graph.copies import copy_groups
from ..graph.neighbors import find_neighbors
from ..types import FloatArray, IntArray, Neighbors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distinct:
    """One row of each group of copies (feature distance 0).

    Args:
        rows: (p,) the lowest row of each group, ascending.
        places: (n,) which of them each row is a copy of, by its number among `rows`.
    """

    rows: IntArray
    places: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def are_all(self) -> bool:
        """No row has a copy."""
        return len(self.rows) == len(self.places)


def distinct(x: FloatArray, neighbors: Neighbors | None = None) -> Distinct:
    """The rows that differ.

    Args:
        x: (n, d) unit rows.
        neighbors: their kNN graph, which tells quickly which rows have copies.
    """
    first = copy_groups(x, neighbors=neighbors)
    rows, places = np.unique(first, return_inverse=True)
    return Distinct(rows=rows, places=places)


def neighbors_among(x: FloatArray, found: Distinct, k: int, neighbors: Neighbors | None) -> Neighbors:
    """The kNN graph of the distinct rows alone, numbered as in `found.rows`.

    Copies are left out of the graph given; where a row then has too few neighbours left, all are searched again.

    Args:
        x: (n, d) unit rows.
        found: what differs.
        k: neighbours, at most one less than there are distinct rows.
        neighbors: the kNN graph of all rows.
    """
    if neighbors is not None and found.are_all and neighbors.k_max >= k:
        return Neighbors(indices=neighbors.indices[:, :k], distances=neighbors.distances[:, :k])
    thinned = None if neighbors is None or neighbors.k_max < k else _without_copies(found, k, neighbors)
    return thinned or find_neighbors(x[found.rows], k)


def _without_copies(found: Distinct, k: int, neighbors: Neighbors) -> Neighbors | None:
    """None where a row has fewer than k."""
    is_distinct = np.zeros(len(found.places), dtype=bool)
    is_distinct[found.rows] = True
    indices, distances = np.empty((len(found), k), np.int32), np.empty((len(found), k), np.float32)
    for part in blocks(len(found), neighbors.k_max):
        near, dist = neighbors.indices[found.rows[part]], neighbors.distances[found.rows[part]]
        counts = is_distinct[near]
        if (counts.sum(axis=1) < k).any():
            return None
        columns = np.argsort(~counts, axis=1, kind="stable")[:, :k]
        indices[part] = found.places[np.take_along_axis(near, columns, axis=1)]
        distances[part] = np.take_along_axis(dist, columns, axis=1)
    return Neighbors(indices=indices, distances=distances)
