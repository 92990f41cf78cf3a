"""The task of an evaluation: what methods pick, and what learners make of it; each run goes into the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UslError
from ..evaluation.evaluate import Evaluation, evaluation
from ..pipeline.prepared import Prepared, load_prepared
from ..selection.registry import default_params
from ..types import IntArray, Progress


def labels_told(rows: IntArray, labels: IntArray) -> dict[str, list[int]]:
    """The classes of some images as plain JSON."""
    return {"rows": rows.tolist(), "labels": labels.tolist()}


def evaluation_of(
    made: Prepared,
    methods: Sequence[str],
    budgets: Sequence[int],
    n_seeds: int,
    learners: Sequence[str],
    params: Mapping[str, Mapping[str, Any]],
    near_duplicates: float | None = None,
    reviewed: Mapping[str, Sequence[int]] | None = None,
) -> Evaluation:
    """What the task computes.

    Args:
        made: the data set.
        methods: names.
        budgets: numbers of labels.
        n_seeds: the seeds are 0 to n_seeds - 1.
        learners: names.
        params: by method, its parameters.
        near_duplicates: see `usl_core.select`.
        reviewed: what `labels_told` said of the images that take part, as if there were no others; None: all, with the
            classes that they have.

    Raises:
        UslError: what `usl_core.evaluate` refuses.
    """
    settings = {method: type(default_params(method))(**params[method]) for method in methods if method in params}
    asked = (methods, budgets, range(n_seeds), learners)
    if reviewed is None:
        return evaluation(
            made.features, None, *asked, params=settings, near_duplicates=near_duplicates, neighbors=made.neighbors
        )
    rows, labels = (np.array(reviewed[name], dtype=np.int64) for name in ("rows", "labels"))
    return evaluation(made.features.values[rows], labels, *asked, params=settings, near_duplicates=near_duplicates)


def evaluate_methods(
    source: str, encoder: str, within: Sequence[str] = (), *, on_progress: Progress, **settings: Any
) -> dict[str, Any]:
    """The runs that are not in the cache yet; `settings` are those of `evaluation_of`."""
    made = load_prepared(source, encoder, within=[Path(folder) for folder in within])
    if made is None:
        raise UslError(f"the features of {encoder} are no longer in the cache; encode the images again on the page Data")
    return {"runs": len(evaluation_of(made, **settings).run(on_progress))}
