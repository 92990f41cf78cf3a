"""What each part of USL adds: local density alone, then one pick per cluster, then the regulariser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph.density import utility
from ..graph.near_duplicates import candidates_of
from ..selection.registry import select
from ..selection.usl_params import UslParams
from ..types import FloatArray, IntArray, Neighbors, Selection
from ..validation import same_images, unit_rows, whole_number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One of the three steps to USL.

    Args:
        title: what is looked at.
        selection: what is picked so.
    """

    title: str
    selection: Selection

    @property
    def picks(self) -> IntArray:
        """(m,) rows."""
        return self.selection.indices

    @property
    def clusters(self) -> IntArray | None:
        """(n,) cluster of each image, or None where there are none."""
        return self.selection.cluster_labels


def steps_to_usl(
    values: FloatArray,
    budget: int,
    params: UslParams,
    *,
    neighbors: Neighbors,
    seed: int = 0,
    cluster_labels: IntArray | None = None,
    near_duplicates: float | None = None,
) -> list[Step]:
    """The picks after each of the three steps.

    Args:
        values: (n, d) features; rows are normalised to length 1.
        budget: m.
        params: of USL.
        neighbors: the kNN graph of the same rows.
        seed: of k-means.
        cluster_labels: (n,) clusters to use instead of running k-means.
        near_duplicates: see `select`.

    Returns:
        Three steps: the m densest images, the densest first (of equally dense ones the lowest row); the densest image of each
        of m clusters; USL.

    Raises:
        UslError: as `select`.

    Reference:
        Wang, Lian, Yu: Unsupervised Selective Labeling, ECCV 2022, section 3.
    """
    x = unit_rows(values)
    u = utility(
        same_images(neighbors, len(x)),
        params.n_neighbors,
        squared=params.squared_distances,
        count_self=params.count_self,
        estimate=params.estimate,
    )
    m = whole_number(budget, "budget", 1, len(x), "images")
    none = np.empty(0, dtype=np.int64)
    different = candidates_of(x, m, none, none, neighbors=neighbors, near_duplicates=near_duplicates).rows
    densest = different[np.argsort(-u[different], kind="stable")[:m]]
    local = Selection(
        indices=densest, clusters=np.full(m, -1), scores=u[densest].astype(np.float64), method="densest", params=params
    )
    unweighted = replace(params, reg_weight=0.0)
    given: dict[str, Any] = {"seed": seed, "neighbors": neighbors, "near_duplicates": near_duplicates}
    plain = select(x, budget, "usl", unweighted, cluster_labels=cluster_labels, **given)
    # The same clusters, not made a second time.
    regularised = select(x, budget, "usl", params, cluster_labels=plain.cluster_labels, **given)
    return [
        Step(title="Local: the densest", selection=local),
        Step(title="+ global: one per cluster", selection=plain),
        Step(title="+ regularisation: USL", selection=regularised),
    ]
