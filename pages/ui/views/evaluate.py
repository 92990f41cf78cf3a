"""An evaluation on a page: what is asked for, which labels it is held against, how far it is, and its job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.jobs.evaluate_task import evaluation_of, labels_told
from usl_core.pipeline.prepared import Prepared
from usl_core.types import IntArray

from ..access import folders
from ..jobs import work
from ..jobs.state import Job
from ..review import opened
from ..state import Choices
from . import evaluate_settings

if TYPE_CHECKING:
    import pandas

FEWEST = 20
"""Images that have to have a label on Review: with fewer, next to nothing is left to test on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """The labels that predictions are held against.

    Args:
        rows: (t,) ascending rows of the images that take part.
        labels: (t,) their class ids.
        names: of the classes.
        is_reviewed: they come from Review, which knows some of the images only.
    """

    rows: IntArray
    labels: IntArray
    names: tuple[str, ...]
    is_reviewed: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_enough(self) -> bool:
        """Whether methods can be told apart by it."""
        return len(self) >= FEWEST and len(np.unique(self.labels)) > 1


def truth_of(made: Prepared) -> Truth:
    """The classes of the images, or else what people said on Review, which may be nobody's class."""
    images = made.images
    if images.labels is not None:
        return Truth(rows=np.arange(len(images)), labels=images.labels.astype(np.int64), names=images.class_names)
    review = opened.current(made.source)
    if review.timeline is None or review.changes(made):
        return Truth(rows=np.empty(0, dtype=np.int64), labels=np.empty(0, dtype=np.int64), names=(), is_reviewed=True)
    ids = review.session.class_ids(images)
    rows = np.flatnonzero(ids >= 0)
    return Truth(rows=rows, labels=ids[rows], names=review.session.class_names, is_reviewed=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """An evaluation, begun or not.

    Args:
        made: the data set.
        truth: what it is held against.
        methods: names.
        budgets: ascending.
        n_seeds: the seeds are 0 to n_seeds - 1.
        learners: names.
        choices: of the sidebar, which has the parameters.
    """

    made: Prepared
    truth: Truth
    methods: Sequence[str]
    budgets: Sequence[int]
    n_seeds: int
    learners: Sequence[str]
    choices: Choices

    @property
    def n_runs(self) -> int:
        """Rows of the finished evaluation."""
        return len(self.methods) * len(self.budgets) * self.n_seeds * len(self.learners)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the task takes beside the images."""
        return {
            "methods": list(self.methods),
            "budgets": list(self.budgets),
            "n_seeds": self.n_seeds,
            "learners": list(self.learners),
            "params": evaluate_settings.params_told(self.choices, self.methods),
            "near_duplicates": self.choices.near_duplicates,
            "reviewed": labels_told(self.truth.rows, self.truth.labels) if self.truth.is_reviewed else None,
        }

    @cached_property
    def key(self) -> str:
        """Of its job."""
        return f"evaluate {fingerprint(self.made.features.fingerprint, self.settings)}"

    @property
    def job(self) -> Job | None:
        return work.find(self.key)

    @property
    def is_running(self) -> bool:
        job = self.job
        return job is not None and job.active

    def known(self) -> pandas.DataFrame:
        """The runs that are in the cache, see `usl.evaluate`; picks are rows of the data set, whoever takes part."""
        frame = evaluation_of(self.made, **self.settings).known()
        if self.truth.is_reviewed:
            frame["picks"] = [tuple(self.truth.rows[list(picks)].tolist()) for picks in frame.picks]
        return frame


def run(asked: Asked, frame: pandas.DataFrame) -> None:
    """The button that starts it, its progress, cancel, and what happened; nothing once all of it is there.

    Args:
        asked: the evaluation.
        frame: what is known of it.
    """
    if len(frame) == asked.n_runs and not asked.is_running:
        return
    if folders.is_read_only():
        st.info("This public server does not evaluate; it shows what is known already.", icon=":material/info:")
        return
    so_far = f" {len(frame):,} of {asked.n_runs:,} are known already." if len(frame) else ""
    work.section(
        asked.key,
        "evaluate",
        {"source": asked.made.source, "encoder": asked.made.features.encoder, **asked.settings},
        doing="Evaluating",
        label="Evaluate",
        help=f"{asked.n_runs:,} runs: methods x budgets x seeds x learners.{so_far} In the background, from seconds on the "
        "demos to minutes on large folders; every run is kept on disk.",
        is_there=lambda: len(asked.known()) == asked.n_runs,
    )
