"""One cell of an evaluation: the picks of a method at a budget with a seed, and what every learner makes of their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import UslError
from ..learners.registry import learn
from ..selection.registry import select
from ..types import Features, FloatArray, IntArray, Neighbors, Progress, Views
from .scores import scores_of

Line = dict[str, Any]
"""A row of the frame by column, see `evaluate`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is selected: a method at a budget with a seed."""

    method: str
    budget: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, m = {self.budget}, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What all cells of an evaluation share.

    Args:
        features: that are selected from.
        labels: (n,) class of every image.
        n_classes: C.
        copies: (n,) for each image the lowest row of the group of copies that it belongs to, see `graph.copies`.
        params: parameter objects by method.
        learner_params: parameter objects by learner.
        neighbors: kNN graph of the images.
        views: of the images, or None.
        near_duplicates: see `select`.
        held_out: (t, d) unit rows that are tested; None: the images that are not picked.
        held_out_labels: (t,) their classes.
    """

    features: Features | FloatArray
    labels: IntArray
    n_classes: int
    copies: IntArray
    params: Mapping[str, Any]
    learner_params: Mapping[str, Any]
    neighbors: Neighbors
    views: Views | None = None
    near_duplicates: float | None = None
    held_out: FloatArray | None = None
    held_out_labels: IntArray | None = None

    def lines(self, cell: Cell, learners: Sequence[str], on_progress: Progress | None = None) -> list[Line]:
        """The rows of a cell, one per learner.

        Raises:
            UslError: what `select` or `learn` refuses, said of which cell; or nothing is left to test.
        """
        report: Progress = on_progress or (lambda fraction, note: None)
        parts = 1 + len(learners)
        try:
            picked = select(
                self.features,
                cell.budget,
                cell.method,
                self.params.get(cell.method),
                seed=cell.seed,
                labels=self.labels,
                neighbors=self.neighbors,
                views=self.views,
                near_duplicates=self.near_duplicates,
                on_progress=lambda share, note: report(share / parts, note),
            ).indices
            tested, truth = self._tested(picked)
            lines = []
            for done, learner in enumerate(learners, start=1):
                found = self._learned(picked, learner, cell.seed, lambda share, note: report((done + share) / parts, note))  # noqa: B023
                scores = asdict(scores_of(found[tested], truth))
                covered = len(np.unique(self.labels[picked]))
                lines.append(
                    {
                        "method": cell.method,
                        "budget": cell.budget,
                        "seed": cell.seed,
                        "learner": learner,
                        **{name: scores[name] for name in ("accuracy", "macro_accuracy", "calibration_error")},
                        "classes_covered": covered,
                        "n_tested": scores["n_tested"],
                        "class_accuracy": scores["class_accuracy"],
                        "picks": tuple(picked.tolist()),
                    }
                )
        except UslError as error:
            raise type(error)(f"{cell}: {error}") from error
        return lines

    def _tested(self, picks: IntArray) -> tuple[IntArray, IntArray]:
        """Rows of the probabilities that count, and their classes. A copy of a pick is no test: its label is known."""
        if self.held_out_labels is not None:
            return np.arange(len(self.held_out_labels)), self.held_out_labels
        rows = np.flatnonzero(~np.isin(self.copies, self.copies[picks]))
        if len(rows) == 0:
            raise UslError("every image is picked or a copy of a pick, so none is left to test; choose a smaller budget")
        return rows, self.labels[rows]

    def _learned(self, picks: IntArray, learner: str, seed: int, report: Progress) -> FloatArray:
        known = np.full(len(self.labels), -1)
        known[picks] = self.labels[picks]
        return learn(
            self.features,
            known,
            learner,
            n_classes=self.n_classes,
            params=self.learner_params.get(learner),
            seed=seed,
            neighbors=self.neighbors,
            views=self.views,
            targets=self.held_out,
            on_progress=report,
        )
