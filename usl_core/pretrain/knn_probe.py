"""The k-NN probe: what features are worth, measured with labels that the training never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import FloatArray, IntArray

K = 200
TEMPERATURE = 0.1
MOST = 6000
_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSample:
    """The images of the k-NN probe.

    Args:
        rows: spread evenly over all images.
        labels: their classes, or None.
    """

    rows: IntArray
    labels: IntArray | None

    @property
    def has_classes(self) -> bool:
        """Whether there is something to be accurate about."""
        return self.labels is not None and len(self.rows) >= 10 and len(np.unique(self.labels)) >= 2

    def accuracy(self, features: FloatArray) -> float | None:
        """Of every fifth image, by the others; None without two classes."""
        if self.labels is None or not self.has_classes:
            return None
        asked = np.arange(len(self.rows)) % 5 == 0
        return knn_accuracy(features[~asked], self.labels[~asked], features[asked], self.labels[asked])


def probe_sample(n: int, labels: IntArray | None) -> ProbeSample:
    """At most 6,000 images, in an order that mixes the classes however the folder has them."""
    rows = np.random.default_rng(0).permutation(n)[:MOST]
    return ProbeSample(rows, None if labels is None else np.asarray(labels)[rows])


def knn_accuracy(
    known: FloatArray,
    known_labels: IntArray,
    asked: FloatArray,
    asked_labels: IntArray,
    k: int = K,
    temperature: float = TEMPERATURE,
) -> float:
    """Share of images whose k nearest known images vote for their class, nearer ones weighing exp(cosine / temperature).

    Args:
        known: (n, d) unit rows with labels.
        known_labels: (n,) classes in [0, c).
        asked: (q, d) unit rows.
        asked_labels: (q,) their classes.
        k: >= 1; at most n are asked.
        temperature: > 0.

    Source: Wu et al. 2018, https://arxiv.org/abs/1805.01978, section 3.4, with their k = 200 and temperature.
    """
    k = min(k, len(known))
    n_classes = 1 + max(int(known_labels.max()), int(asked_labels.max()))
    right = 0
    for start in range(0, len(asked), _ROWS):
        cosine = asked[start : start + _ROWS] @ known.T
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        weight = np.exp((np.take_along_axis(cosine, near, axis=1) - 1) / temperature)
        votes = np.zeros((len(near), n_classes))
        for row, (labels, weights) in enumerate(zip(known_labels[near], weight, strict=True)):
            votes[row] = np.bincount(labels, weights, n_classes)
        right += int((votes.argmax(axis=1) == asked_labels[start : start + _ROWS]).sum())
    return right / len(asked)


def spread(features: FloatArray) -> float:
    """How far unit vectors (n, d) point apart: sqrt(d) times the mean deviation of their coordinates.

    0 if all are the same, 1 if they are spread evenly over the sphere.

    Source: Chen and He 2021, https://arxiv.org/abs/2011.10566, section 4.1.
    """
    return float(np.sqrt(features.shape[1]) * features.std(axis=0).mean())
