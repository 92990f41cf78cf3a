"""Representativeness: how densely the feature space is filled around each image, from its k nearest neighbours."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks
from ..errors import UslError
from ..read_only import KnownOfArrays
from ..types import FloatArray, Neighbors
from ..validation import whole_number

DISTANCE_FLOOR = 1e-4
"""Distances below this count as this, in utilities and penalties alike: with it U <= 10,000 on plain and <= 1e8 on squared
distances, so that exact duplicates (distance 0) rank first and nothing becomes inf. Unit rows lie at most 2 apart."""

Estimate = Literal["mean", "kth"]

_MEANS = KnownOfArrays(limit=1 << 24)
"""Mean distances in read-only graphs, 16 MB of them: every move of a slider asks for them."""


def usable_neighbors(graph: Neighbors, n_neighbors: int) -> int:
    """k clamped to n - 1, the most that n points have.

    Raises:
        UslError: k < 1, or the graph was searched for fewer neighbours than that.
    """
    if not isinstance(graph, Neighbors):
        raise UslError(f"graph must be what find_neighbors returns but is a {type(graph).__name__}")
    k = min(whole_number(n_neighbors, "n_neighbors", 1), max(len(graph) - 1, 0))
    if k > graph.k_max:
        raise UslError(
            f"n_neighbors is {n_neighbors} but this graph holds only {graph.k_max}; "
            f"search again with find_neighbors(values, n_neighbors={n_neighbors})"
        )
    return k


def mean_distance(
    graph: Neighbors,
    n_neighbors: int = 20,
    *,
    squared: bool = False,
    count_self: bool = False,
    estimate: Estimate = "mean",
) -> FloatArray:
    """Dbar(i, k), the mean distance to the k nearest neighbours, or with `estimate="kth"` the distance to the k-th.

    Args:
        graph: neighbours with k_max >= k.
        n_neighbors: k; at most n - 1 are used.
        squared: take squared distances.
        count_self: the point itself is the first of its k neighbours, at distance 0 (as the published code counts).
        estimate: "mean" or "kth".

    Returns:
        (n,) float32, >= 0. A single point, which has no neighbour, gets 0.

    Raises:
        UslError: the graph is too small for k, or an unknown estimate.
    """
    if estimate not in ("mean", "kth"):
        raise UslError(f"estimate must be 'mean' or 'kth' but is {estimate!r}")
    others = whole_number(n_neighbors, "n_neighbors", 1) - (1 if count_self else 0)
    k = usable_neighbors(graph, others) if others else 0
    if k == 0:
        return np.zeros(len(graph), dtype=np.float32)
    key = (k, squared, count_self, estimate)
    found = _MEANS.get(graph.distances, [key]).get(key)
    if found is None:
        found = _mean_distance(graph.distances, *key)
        found.setflags(write=False)
        _MEANS.put(graph.distances, {key: found})
    return found.copy()


def _mean_distance(distances: FloatArray, k: int, squared: bool, count_self: bool, estimate: Estimate) -> FloatArray:
    if estimate == "kth":
        kth = distances[:, k - 1]
        return kth * kth if squared else kth.copy()
    nearest = distances[:, :k]
    total = np.einsum("ij,ij->i", nearest, nearest, dtype=np.float64) if squared else nearest.sum(axis=1, dtype=np.float64)
    return (total / (k + 1 if count_self else k)).astype(np.float32)


def utility(
    graph: Neighbors,
    n_neighbors: int = 20,
    *,
    squared: bool = False,
    count_self: bool = False,
    estimate: Estimate = "mean",
) -> FloatArray:
    """U(i) = 1 / Dbar(i, k): ranks images like the density estimate p, without its d-th power.

    Args: as for `mean_distance`.

    Returns:
        (n,) float32, finite and positive; at most 1 / DISTANCE_FLOOR (1 / DISTANCE_FLOOR^2 with `squared`).

    Raises:
        UslError: as for `mean_distance`.

    Reference:
        Wang, Lian, Yu: Unsupervised Selective Labeling, ECCV 2022, section 3.1.

    >>> graph = usl.find_neighbors([[1, 0], [0.9, 0.1], [0, 1]], 1)
    >>> usl.utility(graph, 1).astype(int).tolist()
    [9, 9, 0]
    """
    floor = DISTANCE_FLOOR**2 if squared else DISTANCE_FLOOR
    mean = mean_distance(graph, n_neighbors, squared=squared, count_self=count_self, estimate=estimate)
    return (1.0 / np.maximum(mean, floor)).astype(np.float32)


def log_density(graph: Neighbors, n_neighbors: int = 20, *, dim: int, estimate: Estimate = "mean") -> NDArray[np.float64]:
    """log p(i) = log k - log n - log A_d - d log D, the kNN density estimate in log space.

    A_d = pi^(d/2) / Gamma(d/2 + 1) is the volume of the unit ball. Only the logarithm is ever formed, because D^d leaves
    the range of float64 for d in the hundreds.

    Args:
        graph: neighbours with k_max >= k.
        n_neighbors: k; at most n - 1 are used.
        dim: d, the number of feature dimensions.
        estimate: "mean" takes D = Dbar(i, k), "kth" the distance to the k-th neighbour.

    Returns:
        (n,) float64, finite (D is clipped at DISTANCE_FLOOR).

    Raises:
        UslError: as for `mean_distance`, or dim < 1.

    Reference:
        Wang, Lian, Yu: Unsupervised Selective Labeling, ECCV 2022, section 3.1.

    >>> graph = usl.find_neighbors([[1, 0], [0.9, 0.1], [0, 1]], 1)
    >>> usl.log_density(graph, 1, dim=2).round(2).tolist()
    [2.16, 2.16, -2.82]
    """
    d = whole_number(dim, "dim", 1)
    mean = mean_distance(graph, n_neighbors, estimate=estimate).astype(np.float64)
    k = max(usable_neighbors(graph, n_neighbors), 1)
    log_ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    return math.log(k) - math.log(len(graph)) - log_ball - d * np.log(np.maximum(mean, DISTANCE_FLOOR))


def density_percentile(density: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rank of each density as a percentage: the share of the other images that are less dense (ties count half).

    Args:
        density: (n,) any quantity that grows with density.

    Returns:
        (n,) float64 in [0, 100]; a single image gets 50.

    >>> usl.density_percentile([3.0, 1.0, 2.0]).tolist()
    [100.0, 0.0, 50.0]
    """
    values = np.asarray(density)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    others_equal = np.searchsorted(ordered, values, side="right") - below - 1
    return 100.0 * (below + others_equal / 2) / (len(values) - 1) if len(values) > 1 else np.full(len(values), 50.0)


def density_peaks(graph: Neighbors, n_neighbors: int = 20) -> NDArray[np.int64]:
    """Images that are denser than each of their k nearest neighbours: the local maxima of the density.

    Args:
        graph: neighbours with k_max >= k.
        n_neighbors: k; at most n - 1 are used.

    Returns:
        (p,) int64 rows, the densest first; of equally dense neighbours the lowest row counts as the denser one.

    Raises:
        UslError: as for `mean_distance`.

    >>> usl.density_peaks(usl.find_neighbors([[1, 0], [0.95, 0.05], [0.9, 0.1], [0, 1]], 2), 2).tolist()
    [1]
    """
    u = utility(graph, n_neighbors)
    k = usable_neighbors(graph, n_neighbors)
    order = np.lexsort((np.arange(len(u)), -u))
    place = np.empty(len(u), dtype=np.int64)
    place[order] = np.arange(len(u))
    is_peak = np.ones(len(u), dtype=bool)
    for rows in blocks(len(u), max(k, 1)):
        if k:
            is_peak[rows] = place[rows] < place[graph.indices[rows, :k]].min(axis=1)
    return order[is_peak[order]]
