"""Picks that are not what a method returned: cut after the first r, or changed by hand; and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping

import usl_core as usl
from usl_core.evaluation.metrics import Scorecard, default_radius
from usl_core.fingerprints import fingerprint
from usl_core.pipeline.prepared import Prepared
from usl_core.review.ranks import first_picks, ranked
from usl_core.types import Selection

from . import cached
from .keeping import kept


def first(selections: Mapping[str, Selection], r: int, *, by_score: bool) -> dict[str, Selection]:
    """The first r picks of each method; those of USL in the order of their regularised utility, if that is wanted."""
    return {
        method: first_picks(ranked(found, "score") if by_score and method == "usl" else found, min(r, len(found)))
        for method, found in selections.items()
    }


def scorecards(made: Prepared, selections: Mapping[str, Selection], n_neighbors: int) -> dict[str, Scorecard]:
    """Numbers by method, of the picks as they are; density and radius are taken at this k."""
    return {
        method: _score(made.features.fingerprint, fingerprint(found.indices), made, found, n_neighbors)
        for method, found in selections.items()
    }


@kept(256)
def _score(features: str, picks: str, _made: Prepared, _picked: Selection, n_neighbors: int) -> Scorecard:
    return usl.score_selection(
        _made.features,
        _picked,
        _made.neighbors,
        labels=_made.images.labels,
        n_classes=len(_made.images.class_names) or None,
        n_neighbors=n_neighbors,
        radius=_radius(features, _made, n_neighbors),
        percentile=cached.density_percentiles(_made, n_neighbors),
    )


@kept(64)
def _radius(features: str, _made: Prepared, n_neighbors: int) -> float:
    return default_radius(_made.neighbors, n_neighbors)
