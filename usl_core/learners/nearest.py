"""The nearest labelled neighbour (1-NN): nothing is trained, nothing is tuned.

Reference: Cover, Hart: Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13(1), 1967.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..distances import blocks, sq_distances
from ..types import FloatArray, IntArray
from .task import LearningTask


def learn_nearest(task: LearningTask, params: None) -> FloatArray:
    """Each image has the class of the nearest labelled image, of several equally near ones that of the lowest row.

    Its probabilities are 1 for that class and 0 elsewhere: sure of everything, so that its calibration error is its error.
    """
    rows = task.labelled
    place, _ = nearest_point(task.values[rows], task.asked)
    probabilities = np.zeros((len(place), task.n_classes), dtype=np.float32)
    probabilities[np.arange(len(place)), task.labels[rows][place]] = 1
    return probabilities


def nearest_point(points: FloatArray, values: FloatArray) -> tuple[IntArray, NDArray[np.float32]]:
    """For every row, the place of the nearest point (ties: the first) and the plain distance to it.

    Args:
        points: (p, d) unit rows.
        values: (n, d) unit rows.

    Returns:
        (n,) int64 and (n,) float32.
    """
    place = np.empty(len(values), dtype=np.int64)
    dist = np.empty(len(values), dtype=np.float32)
    for rows in blocks(len(values), len(points)):
        sq_dist = sq_distances(points, values[rows])
        place[rows] = sq_dist.argmin(axis=0)
        dist[rows] = np.sqrt(sq_dist.min(axis=0))
    return place, dist
