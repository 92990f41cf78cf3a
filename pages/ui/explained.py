"""What explains a selection, computed once and kept, see `keeping`: utilities, the rounds of USL, the steps to it."""

from __future__ import annotations

import numpy as np

import usl_core as usl
from usl_core.clustering.kmeans import Clustering
from usl_core.evaluation.metrics import Scorecard
from usl_core.explain.rounds import Rounds, rounds_of
from usl_core.explain.steps import Step, steps_to_usl
from usl_core.graph.density import Estimate
from usl_core.pipeline.prepared import Prepared
from usl_core.selection.usl_params import UslParams
from usl_core.types import Selection

from . import cached
from .keeping import kept
from .state import Choices


@kept(64)
def _utility(
    fingerprint: str, _made: Prepared, n_neighbors: int, squared: bool, count_self: bool, estimate: Estimate
) -> np.ndarray:
    return usl.utility(_made.neighbors, n_neighbors, squared=squared, count_self=count_self, estimate=estimate)


@kept(64)
def _utility_percentiles(
    fingerprint: str, _made: Prepared, n_neighbors: int, squared: bool, count_self: bool, estimate: Estimate
) -> np.ndarray:
    return usl.density_percentile(_utility(fingerprint, _made, n_neighbors, squared, count_self, estimate))


def utility(made: Prepared, params: UslParams, estimate: Estimate) -> np.ndarray:
    """(n,) float32 U by one of the estimates, everything else as in `params`."""
    return _utility(made.features.fingerprint, made, params.n_neighbors, params.squared_distances, params.count_self, estimate)


def utility_percentiles(made: Prepared, params: UslParams, estimate: Estimate) -> np.ndarray:
    """(n,) float64: the share of other images of less utility, in percent; arguments as for `utility`."""
    return _utility_percentiles(
        made.features.fingerprint, made, params.n_neighbors, params.squared_distances, params.count_self, estimate
    )


def rounds(made: Prepared, choices: Choices) -> Rounds:
    """What the scores were made of in each round of `cached.selection` with "usl"."""
    return _rounds(*_asked(made, choices), cached.selection(made, choices, "usl"))


@kept(16)
def _rounds(
    fingerprint: str,
    _made: Prepared,
    budget: int,
    seed: int,
    params: UslParams,
    near_duplicates: float | None,
    _picked: Selection,
) -> Rounds:
    return rounds_of(_made.features.values, _picked, _made.neighbors)


def steps(made: Prepared, choices: Choices) -> tuple[tuple[Step, ...], tuple[Scorecard, ...]]:
    """The three steps to USL and what each is worth."""
    asked = _asked(made, choices)
    found = _steps(*asked, cached.clusters(made, choices))
    return found, _step_scores(*asked, found)


@kept(32)
def _steps(
    fingerprint: str,
    _made: Prepared,
    budget: int,
    seed: int,
    params: UslParams,
    near_duplicates: float | None,
    _clusters: Clustering,
) -> tuple[Step, ...]:
    return tuple(
        steps_to_usl(
            _made.features.values,
            budget,
            params,
            neighbors=_made.neighbors,
            seed=seed,
            cluster_labels=_clusters.labels,
            near_duplicates=near_duplicates,
        )
    )


@kept(64)
def _step_scores(
    fingerprint: str,
    _made: Prepared,
    budget: int,
    seed: int,
    params: UslParams,
    near_duplicates: float | None,
    _steps: tuple[Step, ...],
) -> tuple[Scorecard, ...]:
    return tuple(cached.scored(_made, step.selection, params.n_neighbors) for step in _steps)


def _asked(made: Prepared, choices: Choices) -> tuple[str, Prepared, int, int, UslParams, float | None]:
    return made.features.fingerprint, made, choices.budget, choices.seed, choices.params, choices.near_duplicates
