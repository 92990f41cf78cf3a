"""What every learner is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..types import FloatArray, IntArray, Neighbors, Progress, Views


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningTask:
    """The arguments of `learn`, already validated.

    Args:
        values: (n, d) unit rows.
        labels: (n,) class ids below `n_classes`, -1 where an image has no label; one image at least has one.
        n_classes: C.
        targets: (t, d) unit rows that probabilities are wanted for; None: the images themselves, t = n.
        seed: whole number >= 0.
        neighbors: kNN graph of the images, where it is known.
        views: of the images, where there are any.
        report: told how far the work is; may raise `Cancelled`.
    """

    values: FloatArray
    labels: IntArray
    n_classes: int
    targets: FloatArray | None
    seed: int
    neighbors: Neighbors | None
    views: Views | None
    report: Progress

    @property
    def labelled(self) -> IntArray:
        """(L,) ascending rows that have a label."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def asked(self) -> FloatArray:
        """(t, d) unit rows that probabilities are wanted for."""
        return self.values if self.targets is None else self.targets

    def about(self, targets: FloatArray) -> LearningTask:
        """The same task, asked about other images: (t, d) unit rows."""
        return replace(self, targets=targets)


Learner = Callable[[LearningTask, object], FloatArray]
"""What stands behind a card: the task and the card's parameter object to (t, C) float32 rows that add up to 1."""
