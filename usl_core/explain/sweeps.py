"""What lambda and alpha do: USL at a row of values of one of them, everything else as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..errors import UslError
from ..evaluation.metrics import Scorecard, score_selection
from ..selection.registry import select
from ..selection.usl_params import UslParams
from ..types import Features, IntArray, Neighbors, Progress

Swept = Literal["reg_weight", "reg_power"]
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
"""lambda, relative to the spreads of the two terms."""
POWERS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""alpha."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """USL at one value.

    Args:
        value: of what is swept.
        changed: picks that are not those of lambda = 0.
        card: the scores of the picks.
    """

    value: float
    changed: int
    card: Scorecard


def sweep(
    features: Features,
    budget: int,
    swept: Swept,
    values: Sequence[float],
    *,
    params: UslParams,
    neighbors: Neighbors,
    seed: int = 0,
    near_duplicates: float | None = None,
    on_progress: Progress | None = None,
) -> list[SweepPoint]:
    """Run USL once per value, on the same clusters.

    Args:
        features: of an image set.
        budget: m.
        swept: "reg_weight" (lambda, in units of the two terms' spreads) or "reg_power" (alpha).
        values: of it.
        params: everything else.
        neighbors: the kNN graph of the same rows.
        seed: of k-means.
        near_duplicates: see `select`.
        on_progress: see `types.Progress`.

    Returns:
        One point per value, in order.

    Raises:
        UslError: nothing to sweep, or what `select` refuses.
    """
    if swept not in ("reg_weight", "reg_power"):
        raise UslError(f"swept must be 'reg_weight' or 'reg_power' but is {swept!r}")
    if not values:
        raise UslError("values must be at least one but are none")
    images = features.images
    given: dict[str, Any] = {"neighbors": neighbors, "near_duplicates": near_duplicates}
    plain = select(features, budget, "usl", replace(params, reg_weight=0.0), seed=seed, **given)
    points = []
    for index, value in enumerate(values):
        if on_progress:
            on_progress(index / len(values), f"{index} of {len(values)} values")
        wanted = (
            replace(params, reg_weight=value, relative_weight=True)
            if swept == "reg_weight"
            else replace(params, reg_power=value)
        )
        picked = select(features, budget, "usl", wanted, cluster_labels=plain.cluster_labels, **given)
        card = score_selection(
            features,
            picked,
            neighbors,
            labels=images.labels,
            n_classes=len(images.class_names) or None,
            n_neighbors=params.n_neighbors,
        )
        points.append(SweepPoint(value=float(value), changed=_changed(plain.indices, picked.indices), card=card))
    if on_progress:
        on_progress(1.0, f"{len(values)} values")
    return points


def _changed(before: IntArray, after: IntArray) -> int:
    return len(set(after.tolist()) - set(before.tolist()))
