"""Label propagation: labels spread along the kNN graph, so that they follow clusters of whatever shape.

    w_ij = max(x_i . x_j, 0)^gamma   where j is one of the k nearest neighbours of i, else 0
    W    = w + w^T,   S = D^-1/2 W D^-1/2,   D the row sums of W
    Z    = (I - alpha S)^-1 Y,   Y (n, C): c^-balance at the class of each labelled image, c the labels of that class

Row by row, Z is what the classes send along all walks through the graph, each step at the price of alpha; divided by its sum it
is a probability. The system is solved by conjugate gradients, a class at a time; I - alpha S is never inverted.

References: Zhou, Bousquet, Lal, Weston, Schoelkopf: Learning with local and global consistency, NeurIPS 2003. Iscen, Tolias,
Avrithis, Chum: Label propagation for deep semi-supervised learning, CVPR 2019 (the weights, and the conjugate gradients).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, sq_distances
from ..errors import UslError
from ..graph.neighbors import find_neighbors
from ..parameters import parameter
from ..types import FloatArray, Neighbors
from ..validation import real_number, whole_number
from .nearest import learn_nearest
from .task import LearningTask

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_PRECISION = 1e-12  # of the conjugate gradients, beside the length of a column of Y
_LEAST = 1e-10  # of a label, times 1 / (1 - alpha): an image that is reached by less is not reached


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationParams:
    """The settings of label propagation.

    Args:
        n_neighbors: k >= 1, reduced to n - 1.
        neighbor_weight: alpha in [0, 1), what a label is worth after a step along the graph.
        similarity_power: gamma >= 0; the higher, the less a farther neighbour counts; 0: all neighbours alike.
        balance: in [0, 1]; each of the c labels of a class counts c^-balance: at 0, as in the papers, classes send as much as
            they have labels, at 1 all send the same, however unlike their shares of the images are.

    Raises:
        UslError: a value is outside its range.
    """

    n_neighbors: int = parameter(
        10,
        label="Neighbours k",
        key="pk",
        flag="--propagation-k",
        unit="K",
        usage="neighbours in the graph that labels spread along",
        low=1,
        high=100,
        help="Labels spread along the graph that joins each image to its k nearest neighbours.",
    )
    neighbor_weight: float = parameter(
        0.9,
        label="Neighbour weight α",
        key="palpha",
        flag="--propagation-alpha",
        unit="A",
        usage="what a label is worth after a step along the graph [alpha]",
        high=0.99,
        step=0.01,
        help="What a label is worth after a step along the graph: near 0 it stays where it is, near 1 it goes everywhere.",
    )
    similarity_power: float = parameter(
        8.0,
        label="Similarity power γ",
        key="pgamma",
        flag="--propagation-gamma",
        unit="G",
        usage="power of the cosine that an edge weighs [gamma]",
        high=20.0,
        step=0.5,
        help="An edge weighs the cosine of its images to this power: the higher, the less a farther neighbour counts.",
    )
    balance: float = parameter(
        0.5,
        label="Balance of classes",
        key="pbalance",
        flag="--propagation-balance",
        unit="B",
        usage="of classes: 0 by their labels, 1 all alike",
        step=0.1,
        help="0: a class sends as much as it has labels. 1: all classes send the same. Between: a compromise.",
    )

    def __post_init__(self) -> None:
        whole_number(self.n_neighbors, "n_neighbors (k)", 1)
        weight = real_number(self.neighbor_weight, "neighbor_weight (alpha)", 0, 1)
        if weight > 0.9999:  # at 1 there is no solution, and right before it the search for one does not end
            raise UslError(f"neighbor_weight (alpha) must be at most 0.9999 but is {weight:g}")
        real_number(self.similarity_power, "similarity_power (gamma)", 0)
        real_number(self.balance, "balance", 0, 1)


def learn_propagation(task: LearningTask, params: PropagationParams) -> FloatArray:
    """Labels spread along the graph; images with a label keep it.

    An image that no label reaches, since its part of the graph has none, gets the class of the labelled image nearest to it.
    Images outside of the graph get the mean of their k nearest in it, weighed by w.
    """
    graph = _graph(task, params.n_neighbors)
    operator = spreading(graph, params.n_neighbors, params.similarity_power)
    found = _propagated(task, operator, params)
    return found if task.targets is None else _extended(task, found, params)


def _graph(task: LearningTask, n_neighbors: int) -> Neighbors:
    enough = min(n_neighbors, len(task.values) - 1)
    if task.neighbors is not None and task.neighbors.k_max >= enough:
        return task.neighbors
    return find_neighbors(task.values, n_neighbors, on_progress=lambda done, note: task.report(0.5 * done, note))


def spreading(neighbors: Neighbors, n_neighbors: int, power: float) -> csr_matrix:
    """S, (n, n) sparse and symmetric, float64; all zeros where an image has no edge.

    Args:
        neighbors: kNN graph of unit rows.
        n_neighbors: k, at most `k_max` counts.
        power: gamma.
    """
    from scipy.sparse import csr_matrix, diags

    n, k = len(neighbors), min(n_neighbors, neighbors.k_max)
    weights = _weights(neighbors.distances[:, :k].astype(np.float64) ** 2, power)
    ends = np.repeat(np.arange(n), k), neighbors.indices[:, :k].ravel()
    one_way = csr_matrix((weights.ravel(), ends), shape=(n, n))
    both = one_way + one_way.T
    degrees = np.asarray(both.sum(axis=1)).ravel()
    scale = np.divide(1, np.sqrt(degrees), out=np.zeros(n), where=degrees > 0)
    return (diags(scale) @ both @ diags(scale)).tocsr()


def _weights(sq_dist: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """max(x_i . x_j, 0)^gamma of unit rows at these squared distances."""
    return np.maximum(1 - sq_dist / 2, 0) ** power


def _propagated(task: LearningTask, operator: csr_matrix, params: PropagationParams) -> FloatArray:
    """(n, C) probabilities of the images themselves."""
    from scipy.sparse import identity
    from scipy.sparse.linalg import cg

    n, alpha = len(task.values), params.neighbor_weight
    system = (identity(n, format="csr") - alpha * operator).tocsr()
    sent = np.zeros((n, task.n_classes), dtype=np.float32)
    classes, counts = np.unique(task.labels[task.labelled], return_counts=True)
    for done, (one, count) in enumerate(zip(classes, counts, strict=True)):
        task.report(0.5 + 0.5 * done / len(classes), f"label propagation: class {done + 1} of {len(classes)}")
        sources = (task.labels == one).astype(np.float64)
        column, unfinished = cg(system, sources, rtol=_PRECISION, atol=0.0, maxiter=10_000)
        if unfinished:
            raise UslError(f"label propagation did not end with neighbor_weight (alpha) = {alpha:g}; try a smaller one")
        column[column < _LEAST / (1 - alpha)] = 0  # what is left of rounding
        sent[:, one] = column / count**params.balance
    return _as_probabilities(task, sent)


def _as_probabilities(task: LearningTask, sent: FloatArray) -> FloatArray:
    total = sent.sum(axis=1)
    reached = total > 0
    sent[reached] /= total[reached, None]
    if not reached.all():
        lost = np.flatnonzero(~reached)
        sent[lost] = learn_nearest(task.about(task.values[lost]), None)
    rows = task.labelled
    sent[rows] = 0
    sent[rows, task.labels[rows]] = 1
    return sent


def _extended(task: LearningTask, found: FloatArray, params: PropagationParams) -> FloatArray:
    """(t, C) of the targets, out of (n, C) of the images."""
    asked, k = task.asked, min(params.n_neighbors, len(task.values))
    extended = np.empty((len(asked), task.n_classes), dtype=np.float32)
    for rows in blocks(len(asked), len(task.values)):
        sq_dist = sq_distances(task.values, asked[rows]).T
        near = np.argpartition(sq_dist, k - 1, axis=1)[:, :k]
        of_near = np.take_along_axis(sq_dist, near, axis=1).astype(np.float64)
        weights = _weights(of_near, params.similarity_power)
        nowhere = weights.sum(axis=1) == 0  # at a right angle to all: the nearest alone counts
        weights[nowhere, of_near[nowhere].argmin(axis=1)] = 1
        weights /= weights.sum(axis=1, keepdims=True)
        extended[rows] = np.einsum("tk,tkc->tc", weights, found[near])
    return extended
