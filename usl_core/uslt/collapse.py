"""Collapse detection: what can go wrong in a training of USL-T, seen in its reports, and which control prevents it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from .history import column
from .params import UsltParams
from .reports import EpochReport

Collapse = Literal["one-cluster", "uniform", "dying"]

_WARM_UP = 0.25  # share of the training before which nothing is said: every start looks uniform
_SWALLOWED = 0.8  # share of the images in the largest cluster
_UNIFORM = 0.9  # share of the highest possible entropy
_ALIVE = 0.75  # share of the clusters; for as long as a warm-up takes, since clusters come and go while others are born


@dataclass(frozen=True, slots=True)
class Alarm:
    """A collapse.

    Args:
        kind: which.
        seen: what the reports show, in a sentence.
        remedy: what to do, in a sentence.
    """

    kind: Collapse
    seen: str
    remedy: str


def alarms(history: Sequence[EpochReport], params: UsltParams) -> tuple[Alarm, ...]:
    """The collapses that the latest epoch shows; none during the first quarter of a training, and none with one cluster."""
    if not history:
        return ()
    latest = history[-1]
    c, n = latest.n_clusters, len(latest.clusters)
    if c == 1 or latest.epoch < _WARM_UP * params.n_epochs:
        return ()
    found = []
    sizes = latest.sizes
    largest = int(sizes.max())
    # Of two clusters one may rightly hold most images.
    if largest > max(_SWALLOWED, 2 / c) * n:
        found.append(
            Alarm(
                "one-cluster",
                f"Cluster {int(np.argmax(sizes)) + 1} holds {largest / n:.0%} of the images.",
                f"Raise alpha, the logit adjustment (now {params.adjust_strength:g}); the paper uses 2.5 to 5.",
            )
        )
    if latest.assignment_entropy > _UNIFORM:
        found.append(
            Alarm(
                "uniform",
                f"Assignments are nearly uniform: their entropy is {latest.assignment_entropy:.0%} of the most possible.",
                f"Lower t, the sharpening temperature (now {params.sharpen_temperature:g}); the paper uses 0.25 to 0.5."
                if params.sharpen_temperature > 0.5
                else f"Train longer or faster (now {params.n_epochs} epochs at a learning rate of {params.learning_rate:g}).",
            )
        )
    recent = history[-ceil(_WARM_UP * params.n_epochs) :]
    if not found and max(column(recent, "n_alive")) < _ALIVE * min(c, n):
        found.append(
            Alarm(
                "dying",
                f"Only {latest.n_alive} of {c} clusters hold an image.",
                f"Raise alpha, the logit adjustment (now {params.adjust_strength:g}), or ask for fewer clusters (C).",
            )
        )
    return tuple(found)
