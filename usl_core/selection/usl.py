"""USL: the densest image of each cluster, regularised by the picks of the other clusters.

    pick of cluster c in round t = argmax over i in S_c of U(i) - lambda * RegBar(i, t)
    Reg(i, t)    = sum over picks j of round t - 1 outside i's cluster of 1 / ||f_i - f_j||^alpha
    RegBar(i, t) = m_reg * RegBar(i, t - 1) + (1 - m_reg) * Reg(i, t),    RegBar(i, 1) = 0

Reference: Wang, Lian, Yu: Unsupervised Selective Labeling for More Effective Semi-Supervised Learning, ECCV 2022, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..clustering.kmeans import kmeans
from ..graph.density import utility
from ..graph.neighbors import find_neighbors
from ..types import FloatArray, IntArray, Iteration, Neighbors, Selection
from .candidate_clusters import MOST_EXTRA_CLUSTERS, CandidateClusters, candidate_clusters
from .context import SelectionContext
from .recursion import recursion
from .regularizer import Penalty
from .usl_params import UslParams

_CONVERGED = 1e-6
_ROUNDING = 1e-6  # relative; sums of float32 terms


def select_usl(values: FloatArray, budget: int, params: UslParams, *, seed: int, context: SelectionContext) -> Selection:
    """One pick per cluster that maximises utility minus the regulariser.

    Args: as for `usl_core.select`, already validated.

    Returns:
        Selection in cluster order (the largest cluster first when k-means ran here); `scores` are the regularised
        utilities of the last round; `info` holds both terms' spreads and the absolute lambda.
    """
    n = len(values)
    graph = context.neighbors or find_neighbors(values, params.n_neighbors, on_progress=context.on_progress)
    u = utility(
        graph,
        params.n_neighbors,
        squared=params.squared_distances,
        count_self=params.count_self,
        estimate=params.estimate,
    )
    labels = context.cluster_labels
    if labels is None:
        extra = min(len(context.labelled), MOST_EXTRA_CLUSTERS)
        labels = kmeans(
            values,
            min(budget + extra, n),
            init=params.kmeans_init,
            n_iterations=params.kmeans_iterations,
            seed=seed,
            on_progress=context.on_progress,
        ).labels
    candidates = candidate_clusters(values, labels, budget, context.candidates, context.labelled)
    trace, scores, info = _iterate(values, u, candidates, graph, context, params)
    return Selection(
        indices=trace[-1].picks,
        clusters=candidates.clusters,
        scores=scores,
        method="usl",
        params=params,
        seed=seed,
        trace=trace,
        cluster_labels=candidates.labels,
        info=info,
        notes=_notes(params, candidates, graph, u, info),
    )


def _iterate(
    values: FloatArray,
    u: FloatArray,
    candidates: CandidateClusters,
    graph: Neighbors,
    context: SelectionContext,
    params: UslParams,
) -> tuple[tuple[Iteration, ...], NDArray[np.float64], dict[str, float]]:
    penalty = Penalty(
        values,
        candidates.labels,
        context.labelled,
        power=params.reg_power,
        squared=params.squared_distances,
        horizon_distance=params.horizon_distance,
        horizon_picks=params.horizon_picks,
    )
    weight, info = 0.0, dict[str, float]()

    def choose(reg_bar: NDArray[np.float64]) -> IntArray:
        return _first_copies(candidates.best(u - weight * reg_bar), candidates, graph)

    trace: list[Iteration] = []
    for picks, reg_bar, reg in recursion(penalty, choose, params.reg_momentum):
        moved = int((picks != trace[-1].picks).sum()) if trace else len(picks)
        mean_utility, mean_penalty = float(u[picks].mean(dtype=np.float64)), float(weight * reg_bar[picks].mean())
        trace.append(Iteration(picks, moved, mean_utility, mean_penalty))
        if len(trace) == 1:
            matters = params.n_iterations > 1 or params.relative_weight
            weight, info = _absolute_weight(u, penalty.update(picks) if matters else reg, params, context)
        elif moved == 0 and _is_settled(reg_bar, reg) and np.array_equal(choose(reg), picks):
            # What is left of the way to the limit is a straight line for every score: who wins at both ends wins all along.
            break
        if len(trace) == params.n_iterations:
            break
    return tuple(trace), (u - weight * reg_bar)[picks], info


def _is_settled(reg_bar: NDArray[np.float64], reg: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(reg_bar - reg) <= _CONVERGED * np.maximum(1.0, reg)))


def _absolute_weight(
    u: FloatArray, reg: NDArray[np.float64], params: UslParams, context: SelectionContext
) -> tuple[float, dict[str, float]]:
    rows = slice(None) if context.rules == 1 else context.candidates
    of_u, of_reg = _spread(u[rows]), _spread(reg[rows])
    weight = params.reg_weight
    if params.relative_weight and context.rules == 1:
        weight *= of_u / of_reg if of_u > 0 and of_reg > 0 else 1
    elif params.relative_weight:
        reached = 1 - params.reg_momentum ** (params.n_iterations - 1)
        weight *= of_u / (of_reg * reached) if of_u > 0 and of_reg > 0 and reached else 0
    return weight, {"utility_spread": of_u, "penalty_spread": of_reg, "reg_weight": weight}


def _spread(term: NDArray[np.floating]) -> float:
    """From the 10th to the 90th percentile; 0 where nothing but rounding tells them apart."""
    low, high = np.percentile(term, (10, 90))
    return float(high - low) if high - low > _ROUNDING * abs(high) else 0.0


def _first_copies(picks: IntArray, candidates: CandidateClusters, graph: Neighbors) -> IntArray:
    """Where a pick has exact copies in its cluster, their scores differ by rounding only: take the lowest index."""
    if graph.k_max == 0:
        return picks
    picks = picks.copy()
    for index in np.flatnonzero(graph.distances[picks, 0] == 0):
        row = picks[index]
        copies = graph.indices[row][graph.distances[row] == 0]
        rivals = copies[(copies < row) & candidates.eligible[copies] & (candidates.labels[copies] == candidates.labels[row])]
        picks[index] = min(rivals, default=row)
    return picks


def _notes(
    params: UslParams, candidates: CandidateClusters, graph: Neighbors, u: FloatArray, info: Mapping[str, float]
) -> tuple[str, ...]:
    notes = []
    n = len(u)
    most = n if params.count_self else n - 1
    if params.n_neighbors > most:
        notes.append(f"k was reduced from {params.n_neighbors} to {most}, the most that {n} images allow")
    k = min(params.n_neighbors - params.count_self, n - 1)
    copied = int((graph.distances[:, k - 1] == 0).sum()) if k else 0
    if copied:
        notes.append(f"{copied} images have {k} or more exact copies; their utility is held at its ceiling, {u.max():,.0f}")
    if candidates.n_reseeded:
        notes.append(f"{candidates.n_reseeded} clusters had no image left to pick and were re-seeded at the farthest images")
    if params.reg_weight > 0 and info["reg_weight"] == 0 and params.n_iterations > 1:
        same = "utility" if info["utility_spread"] == 0 else "push of the other picks"
        notes.append(f"the penalty is off: the {same} is the same for nearly all images, so a relative lambda has no unit")
    return tuple(notes)
