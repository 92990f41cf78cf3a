"""The training behind the picks of USL-T: looked for in the cache, never begun here, since it takes long."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UslError
from ..features.views import views_key
from ..graph.near_duplicates import candidates_of
from ..selection.uslt import selection_of
from ..types import Features, Neighbors, Progress, Selection
from ..uslt.records import TrainingRecord
from ..uslt.train import UsltTraining
from ..validation import whole_number
from .pool import Pool, pool_of
from .rounds import select_call
from .session import Call, present_rows


def training_record(call: Call, features: Features, cache_dir: Path | str | None = None) -> TrainingRecord:
    """Where the training of a call of `usl-t` is kept, be it there or not.

    It is the one of all m picks, the kept ones included, and knows nothing of labels and vetoes: these say what may be picked,
    not what the heads learn.
    """
    params = call.params
    key = views_key(features, params.n_views, strength=params.view_strength) if params.n_views else None
    return TrainingRecord(features, call.budget, params, seed=call.seed, views_key=key, cache_dir=cache_dir)


def training_of(call: Call, features: Features, cache_dir: Path | str | None = None) -> UsltTraining | None:
    """The finished training of a call; None where there is none, and for methods that need none.

    Raises:
        UslError: the system does not let it be read.
    """
    return training_record(call, features, cache_dir).load() if call.method == "usl-t" else None


def select_trained(call: Call, features: Features, neighbors: Neighbors, training: UsltTraining) -> Selection | None:
    """What `rounds.select_call` would be for `usl-t` if its training had been this one.

    The most confident images of the clusters that it ended with; clusters of kept and labelled images count as having had
    their pick.

    Returns:
        Selection of the `budget - len(kept)` picks that are not kept; None where these are none.

    Raises:
        UslError: it is the training of another call, or what `usl.select` refuses.
    """
    if (training.params, training.budget, training.seed) != (call.params, call.budget, call.seed):
        raise UslError(f"this training of USL-T is not the one of these picks (m = {call.budget:,}, seed {call.seed})")
    missing, images = call.budget - len(call.kept), features.images
    if missing == 0:
        return None
    fixed = np.unique(present_rows(images, (*call.kept, *call.labelled)))
    barred = np.unique(present_rows(images, call.vetoed))
    left = len(features) - len(np.union1d(fixed, barred))
    whole_number(missing, "budget", 1, left, "images that are neither labelled nor vetoed")
    choice = candidates_of(
        *(features.values, missing, fixed, barred),
        duplicates=images.duplicates,
        neighbors=neighbors,
        near_duplicates=call.near_duplicates,
    )
    return selection_of(training, choice, fixed, budget=missing)


def pool_with(
    features: Features,
    neighbors: Neighbors,
    call: Call,
    training: UsltTraining | None,
    *,
    on_progress: Progress | None = None,
) -> Pool:
    """The pool of a call.

    Args:
        features: of the images of the review.
        neighbors: their kNN graph.
        call: `Session.call`.
        training: by `training_of`. A call of `usl-t` without it has a pool without clusters and runners-up: its picks stay,
            but nothing can take their places.
        on_progress: see `types.Progress`; of many picks it takes seconds to select them again.

    Raises:
        UslError: what `usl.select` refuses.
    """
    if call.method != "usl-t":
        return pool_of(features, neighbors, call, select_call(call, features, neighbors, on_progress=on_progress))
    if training is None:
        return pool_of(features, neighbors, call, None)
    selection = select_trained(call, features, neighbors, training)
    return pool_of(features, neighbors, call, selection, confidence=training.last.confidence)
