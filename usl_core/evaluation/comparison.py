"""Several methods on the same images at the same budget, over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UslError
from ..graph.neighbors import find_neighbors
from ..selection.registry import default_params, runs_as, select
from ..selection.registry import methods as known_methods
from ..types import Features, IntArray, Neighbors, Progress, Selection, Views
from ..validation import each_once, same_images, whole_number
from .metrics import METRICS, Scorecard, default_radius, score_selection

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """The picks and scores of each method for each seed.

    Args:
        features: what was selected from.
        neighbors: its kNN graph.
        budget: m.
        seeds: the seeds, in order.
        n_neighbors: k of the density percentile and of the coverage radius, the same for every method: the largest that one
            of them uses.
        selections: per method, one Selection per seed; under the name that it ran as (see `runs_as`).
        scorecards: per method, one Scorecard per seed, under the same names.
        near_duplicates: what `select` was told of them.
    """

    features: Features
    neighbors: Neighbors
    budget: int
    seeds: tuple[int, ...]
    n_neighbors: int
    selections: Mapping[str, tuple[Selection, ...]]
    scorecards: Mapping[str, tuple[Scorecard, ...]]
    near_duplicates: float | None = None

    def mean_and_sd(self, method: str, key: str) -> tuple[float, float]:
        """Mean and sample standard deviation over the seeds of one number of the scorecards.

        Args:
            method: one of the compared methods.
            key: `Metric.key`.

        Returns:
            (mean, sd); sd is NaN for a single seed, both are NaN where the number is unknown.
        """
        values = np.array([getattr(card, key) for card in self.scorecards[method]])
        return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")

    def frame(self) -> pandas.DataFrame:
        """Every score of every run as a data frame, a row per method and seed, with the columns `method`, `seed`, `budget` and
        one per `Metric.key`; NaN where a number is unknown.

        >>> frame = usl.compare(usl.load_demo("digits").features, 10, ["random", "usl"], seeds=(0, 1)).frame()
        >>> frame.groupby("method").classes_covered.mean().to_dict()
        {'random': 8.0, 'usl': 8.5}
        """
        import pandas

        return pandas.DataFrame(
            {"method": method, "seed": seed, "budget": self.budget}
            | {metric.key: float(getattr(card, metric.key)) for metric in METRICS}
            for method, cards in self.scorecards.items()
            for seed, card in zip(self.seeds, cards, strict=True)
        )

    def pick_counts(self, method: str) -> IntArray:
        """(n,) for how many of the seeds a method picks each image; picks that every seed repeats are stable."""
        rows = np.concatenate([picked.indices for picked in self.selections[method]])
        return np.bincount(rows, minlength=len(self.features))


def compare(
    features: Features,
    budget: int,
    methods: Sequence[str] = ("random", "stratified", "usl"),
    *,
    seeds: Sequence[int] = (0,),
    params: Mapping[str, Any] | None = None,
    neighbors: Neighbors | None = None,
    views: Views | None = None,
    near_duplicates: float | None = None,
    on_progress: Progress | None = None,
) -> Comparison:
    """Run each method once per seed on the same features and score every selection.

    Args:
        features: of an image set; its labels, if any, feed `stratified` and the class scores.
        budget: m.
        methods: names from `methods()`, without repetition.
        seeds: whole numbers >= 0, without repetition.
        params: parameter objects by method; missing ones mean defaults.
        neighbors: a kNN graph of the same rows, to avoid a new search.
        views: of the same images, for USL-T; see `select`.
        near_duplicates: see `select`; every method obeys.
        on_progress: see `types.Progress`.

    Returns:
        Comparison.

    Raises:
        UslError: no or repeated methods or seeds, or what `select` refuses.

    >>> comparison = usl.compare(usl.load_demo("digits").features, 10, ["random", "usl"], seeds=(0, 1, 2))
    >>> mean, sd = comparison.mean_and_sd("usl", "classes_covered")
    >>> round(mean, 1)
    8.7
    """
    if not isinstance(features, Features):
        raise UslError(f"features must be what encode returns but is a {type(features).__name__}")
    methods, seeds = each_once(methods, "methods"), each_once(seeds, "seeds")
    unknown = [method for method in methods if method not in known_methods()]
    if unknown:
        raise UslError(f"methods must be among {', '.join(known_methods())} but hold {unknown[0]!r}")
    for seed in seeds:
        whole_number(seed, "seed", 0)
    params = {} if params is None else params
    if not isinstance(params, Mapping) or not set(params) <= set(known_methods()):
        raise UslError(f"params must map names of methods ({', '.join(known_methods())}) to parameters but is {params!r:.80}")
    settings = {method: params.get(method) or default_params(method) for method in methods}
    k = max((some.n_neighbors for some in settings.values() if hasattr(some, "n_neighbors")), default=20)
    graph = find_neighbors(features, k) if neighbors is None else same_images(neighbors, len(features))
    n_classes = len(features.images.class_names) or None
    radius = default_radius(graph, k)
    asked: dict[str, str] = {}
    for method in methods:
        asked.setdefault(runs_as(method, features.images.labels is not None), method)
    selections: dict[str, list[Selection]] = {name: [] for name in asked}
    scorecards: dict[str, list[Scorecard]] = {name: [] for name in asked}
    for done, seed in enumerate(seeds):
        for index, (name, method) in enumerate(asked.items()):
            if on_progress:
                on_progress((done + index / len(asked)) / len(seeds), f"{name}, seed {seed}")
            picked = select(
                features,
                budget,
                method,
                params=settings[method],
                seed=seed,
                labels=features.images.labels,
                neighbors=graph,
                views=views,
                near_duplicates=near_duplicates,
            )
            selections[name].append(picked)
            scorecards[name].append(
                score_selection(
                    features,
                    picked,
                    graph,
                    labels=features.images.labels,
                    n_classes=n_classes,
                    n_neighbors=k,
                    radius=radius,
                )
            )
    if on_progress:
        on_progress(1.0, f"{len(asked)} methods, {len(seeds)} seeds")
    return Comparison(
        features=features,
        neighbors=graph,
        budget=budget,
        seeds=tuple(seeds),
        n_neighbors=k,
        selections={method: tuple(runs) for method, runs in selections.items()},
        scorecards={method: tuple(runs) for method, runs in scorecards.items()},
        near_duplicates=near_duplicates,
    )
