"""Does it help? Every method at several budgets, over several seeds, judged by several learners: `evaluate`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cache.store import Store, fingerprint
from ..errors import UslError
from ..graph.copies import copy_groups
from ..graph.neighbors import find_neighbors
from ..learners.registry import default_learner_params, learner_cards
from ..learners.registry import learners as known_learners
from ..selection.registry import default_params, method_cards, params_document, runs_as
from ..selection.registry import methods as known_methods
from ..types import Features, FloatArray, IntArray, Neighbors, Progress, Views
from ..validation import class_ids, each_once, same_images, unit_rows, whole_number
from .cells import Cell, Line, Trial
from .kept import KeptLines
from .workers import Work, results, usual_workers

if TYPE_CHECKING:
    import pandas

KIND = "evaluation"
ALGORITHM = 1  # a new number makes everything that is kept a miss
COLUMNS = (
    *("method", "budget", "seed", "learner", "accuracy", "macro_accuracy", "calibration_error", "classes_covered", "n_tested"),
    *("class_accuracy", "picks"),
)
BUDGETS, SEEDS, LEARNERS = (10, 20, 40, 100), tuple(range(10)), ("1-nn", "linear")
METHODS = ("random", "stratified", "kmeans-center", "usl")
"""What is compared where nothing else is asked for."""
_TRAINED = "usl-t"  # the method that trains on views


def evaluate(
    features: Any,
    labels: Any = None,
    methods: Sequence[str] = METHODS,
    budgets: Iterable[int] = BUDGETS,
    seeds: Iterable[int] = SEEDS,
    learners: Sequence[str] = LEARNERS,
    *,
    params: Mapping[str, Any] | None = None,
    learner_params: Mapping[str, Any] | None = None,
    held_out: Any = None,
    held_out_labels: Any = None,
    neighbors: Neighbors | None = None,
    views: Views | None = None,
    near_duplicates: float | None = None,
    n_workers: int | None = None,
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
) -> pandas.DataFrame:
    """What each method's picks are worth, once they have their labels, to each learner.

    Tested are the images that are not picked, and no copies of those that are; or `held_out`. Whatever is done is kept in the
    cache: after an interruption the same call goes on, and one that asks for more computes what is new.

    Args:
        features: that are selected from (`Features`, or (n, d) numbers, whose rows are normalised to length 1).
        labels: (n,) the class of every image; None: those of the image set. Of the methods only `stratified` looks at them.
        methods: names from `methods()`, each once.
        budgets: m, each once; below the number of images where these are tested.
        seeds: whole numbers >= 0, each once; the same for every method, so that differences are paired.
        learners: names from `learners()`, each once.
        params: parameter objects by method; missing ones mean defaults.
        learner_params: parameter objects by learner; missing ones mean defaults.
        held_out: features, by the same encoder, of other images to test on.
        held_out_labels: (t,) their classes; None: those of their image set, where classes of one name are the same.
        neighbors: a kNN graph of the images, to avoid a new search.
        views: of the images, see `encode_views`; for USL-T, and for learners that train on them.
        near_duplicates: see `select`; every method obeys.
        n_workers: processes that compute at a time; None: as many as there are cores.
        cache_dir: see `Store`.
        on_progress: see `types.Progress`.

    Returns:
        A row per learner, method, budget and seed. Columns: `method`; `budget`; `seed`; `learner`; `accuracy`, share of the
        tested images whose class is right; `macro_accuracy`, its mean over the classes; `calibration_error`, see `scores`;
        `classes_covered` by the picks; `n_tested` images; `class_accuracy`, a tuple of a share per class, NaN where none of its
        images was tested; `picks`, a tuple of rows in the method's order.

    Raises:
        UslError: an argument breaks its rule, or what `select` and `learn` refuse.
        Cancelled: as raised by `on_progress`.

    >>> features = usl.load_demo("digits").features
    >>> frame = usl.evaluate(features, methods=("random", "usl"), budgets=(10, 20), seeds=(0, 1), learners=["1-nn"])
    >>> frame.groupby(["method", "budget"]).accuracy.mean().round(2).to_dict()
    {('random', 10): 0.63, ('random', 20): 0.72, ('usl', 10): 0.76, ('usl', 20): 0.88}
    """
    asked = evaluation(
        *(features, labels, methods, budgets, seeds, learners),
        params=params,
        learner_params=learner_params,
        held_out=held_out,
        held_out_labels=held_out_labels,
        neighbors=neighbors,
        views=views,
        near_duplicates=near_duplicates,
        cache_dir=cache_dir,
    )
    return asked.run(on_progress, n_workers=n_workers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """An evaluation that may be done, begun, or not. Made by `evaluation`, which checks everything; fields as its arguments."""

    features: Features | FloatArray
    labels: IntArray
    n_classes: int
    methods: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    learners: tuple[str, ...]
    params: Mapping[str, Any]
    learner_params: Mapping[str, Any]
    held_out: Features | FloatArray | None
    held_out_labels: IntArray | None
    neighbors: Neighbors | None
    views: Views | None
    near_duplicates: float | None
    cache_dir: Path | str | None

    @property
    def n_runs(self) -> int:
        """Rows of the frame once it is done."""
        return len(self.methods) * len(self.budgets) * len(self.seeds) * len(self.learners)

    def known(self) -> pandas.DataFrame:
        """The rows that are in the cache, in the order of `evaluate`. Raises UslError if the cache cannot be read."""
        return self._frame(self._kept.lines())

    def run(
        self,
        on_progress: Progress | None = None,
        *,
        n_workers: int | None = None,
        on_lines: Callable[[list[Line]], None] | None = None,
    ) -> pandas.DataFrame:
        """Compute what is not known yet, keep it, and return all; errors as for `evaluate`.

        Args:
            on_progress: see `types.Progress`.
            n_workers: processes that compute at a time; None: as many as there are cores.
            on_lines: told of the rows of every cell that was computed.
        """
        report: Progress = on_progress or (lambda fraction, note: None)
        count = usual_workers() if n_workers is None else whole_number(n_workers, "n_workers", 1)

        def waiting() -> None:
            report(0.0, "another process evaluates the same images; this one waits for it")

        with self._kept.turn(waiting):
            work = self._missing()
            if work:
                done = 1 - len(work) / (len(self.methods) * len(self.budgets) * len(self.seeds))

                def tell(share: float, note: str) -> None:
                    report(done + (1 - done) * share, note)

                trial = self._trial(self._graph(report))
                with contextlib.closing(results(trial, work, count, tell)) as found:
                    for cell, lines in found:
                        self._kept.keep(cell, lines)
                        if on_lines is not None:
                            on_lines(lines)
        report(1.0, f"{self.n_runs:,} runs")
        return self._frame(self._kept.lines())

    def _graph(self, report: Progress) -> Neighbors:
        wanted = [*self.params.values(), *self.learner_params.values()]
        k = max((some.n_neighbors for some in wanted if hasattr(some, "n_neighbors")), default=1)
        if self.neighbors is not None and self.neighbors.k_max >= min(k, len(self.features) - 1):
            return self.neighbors
        return find_neighbors(self.features, k, on_progress=lambda share, note: report(0.0, note))

    def _trial(self, graph: Neighbors) -> Trial:
        duplicates = self.features.images.duplicates if isinstance(self.features, Features) else ()
        return Trial(
            features=self.features,
            labels=self.labels,
            n_classes=self.n_classes,
            copies=copy_groups(_rows(self.features), neighbors=graph, duplicates=duplicates),
            params=self.params,
            learner_params=self.learner_params,
            neighbors=graph,
            views=self.views,
            near_duplicates=self.near_duplicates,
            held_out=None if self.held_out is None else _rows(self.held_out),
            held_out_labels=self.held_out_labels,
        )

    def _cells(self) -> Iterator[Cell]:
        """Seed by seed, so that curves are there from the first seed on and grow surer."""
        for seed in self.seeds:
            for budget in self.budgets:
                for method in self.methods:
                    yield Cell(method, budget, seed)

    def _missing(self) -> list[Work]:
        known = {(line["method"], line["budget"], line["seed"], line["learner"]) for line in self._kept.lines()}
        work = []
        for cell in self._cells():
            learners = [name for name in self.learners if (cell.method, cell.budget, cell.seed, name) not in known]
            if learners:
                work.append((cell, tuple(learners)))
        return work

    @cached_property
    def _kept(self) -> KeptLines:
        return KeptLines(Store(self.cache_dir), KIND, self._key, self._parts())

    @cached_property
    def _key(self) -> str:
        """Of all that the cells share."""
        tested = None if self.held_out is None else (_known_by(self.held_out), self.held_out_labels)
        return fingerprint(KIND, ALGORITHM, _known_by(self.features), self.labels, self.n_classes, self.near_duplicates, tested)

    def _parts(self) -> dict[tuple[str, int, str], str]:
        """A key for each method, seed and learner."""
        views = None if self.views is None else self.views.fingerprint
        cards = {card.name: card.algorithm for card in method_cards()}
        settings = {method: (cards[method], params_document(self.params.get(method))) for method in self.methods}
        judges = {
            card.name: (
                None if self.learner_params[card.name] is None else asdict(self.learner_params[card.name]),
                views if card.uses_views else None,
            )
            for card in learner_cards()
            if card.name in self.learners
        }
        return {
            (method, seed, learner): fingerprint(
                *(self._key, method, settings[method], views if method == _TRAINED else None, seed, learner, judges[learner])
            )
            for method in self.methods
            for seed in self.seeds
            for learner in self.learners
        }

    def _frame(self, lines: Iterable[Line]) -> pandas.DataFrame:
        import pandas

        wanted = {
            name: {value: place for place, value in enumerate(getattr(self, f"{name}s"))}
            for name in ("learner", "method", "budget", "seed")
        }
        here = [line for line in lines if all(line[name] in places for name, places in wanted.items())]
        here.sort(key=lambda line: tuple(places[line[name]] for name, places in wanted.items()))
        return pandas.DataFrame(here, columns=list(COLUMNS))


def evaluation(
    features: Any,
    labels: Any = None,
    methods: Sequence[str] = METHODS,
    budgets: Iterable[int] = BUDGETS,
    seeds: Iterable[int] = SEEDS,
    learners: Sequence[str] = LEARNERS,
    *,
    params: Mapping[str, Any] | None = None,
    learner_params: Mapping[str, Any] | None = None,
    held_out: Any = None,
    held_out_labels: Any = None,
    neighbors: Neighbors | None = None,
    views: Views | None = None,
    near_duplicates: float | None = None,
    cache_dir: Path | str | None = None,
) -> Evaluation:
    """What `evaluate` would compute, to be asked what is known of it already. Arguments and errors as there."""
    values = _features(features)
    truth = _labels_of(values, labels, "labels")
    theirs = None
    if held_out is not None:
        held_out = _features(held_out)
        theirs = _held_out_classes(values, held_out, held_out_labels, by_name=labels is None)
    elif held_out_labels is not None:
        raise UslError("held_out_labels are the classes of held_out; give both, or neither")
    asked, judges = _names(methods, "methods", known_methods()), _names(learners, "learners", known_learners())
    own, learner_own = dict(params or {}), dict(learner_params or {})
    for given, known, what in ((own, known_methods(), "params"), (learner_own, known_learners(), "learner_params")):
        if unknown := sorted(set(given) - set(known)):
            raise UslError(f"{what} must be by {', '.join(known)} but have {unknown[0]!r}")
    named = len(values.images.class_names) if isinstance(values, Features) and labels is None else 0
    highest = max(int(truth.max()), -1 if theirs is None else int(theirs.max()))
    return Evaluation(
        features=values,
        labels=truth,
        n_classes=max(highest + 1, named),
        methods=tuple(dict.fromkeys(runs_as(method, True) for method in asked)),
        budgets=tuple(sorted(_numbers(budgets, "budgets", 1, None if held_out is not None else len(values) - 1))),
        seeds=tuple(_numbers(seeds, "seeds", 0, None)),
        learners=tuple(judges),
        params={method: own.get(method) or default_params(method) for method in asked},
        learner_params={learner: learner_own.get(learner) or default_learner_params(learner) for learner in judges},
        held_out=held_out,
        held_out_labels=theirs,
        neighbors=None if neighbors is None else same_images(neighbors, len(values)),
        views=views,
        near_duplicates=near_duplicates,
        cache_dir=cache_dir,
    )


def _features(given: Any) -> Features | FloatArray:
    return given if isinstance(given, Features) else unit_rows(given)


def _rows(features: Features | FloatArray) -> FloatArray:
    return features.values if isinstance(features, Features) else features


def _known_by(features: Features | FloatArray) -> str:
    return features.fingerprint if isinstance(features, Features) else fingerprint(features)


def _labels_of(features: Features | FloatArray, labels: Any, name: str) -> IntArray:
    """(n,) int64 class of every image."""
    given = labels
    if labels is None and isinstance(features, Features):
        given = features.images.labels
    if given is None:
        whose = f": {features.images.root} tells no classes" if isinstance(features, Features) else ""
        raise UslError(
            f"{name} are missing{whose}. An evaluation holds what a learner says against the true classes; sort the images "
            "into class subfolders, or give the labels"
        )
    ids = class_ids(given, len(features), name)
    if ids.min() < 0:
        raise UslError(f"{name} must say the class of every image but hold {ids.min()}; leave out the images without one")
    return ids


def _held_out_classes(
    features: Features | FloatArray, held_out: Features | FloatArray, labels: Any, *, by_name: bool
) -> IntArray:
    """(t,) int64 class of every held-out image, in the numbers of the others."""
    sources = [_encoded(one) for one in (features, held_out)]
    if sources[0] != sources[1]:
        raise UslError(f"held_out must be encoded as the others are, {sources[0]}, but is {sources[1]}")
    ids = _labels_of(held_out, labels, "held_out_labels")
    if labels is not None or not by_name or not isinstance(features, Features) or not isinstance(held_out, Features):
        return ids
    names, theirs = features.images.class_names, held_out.images.class_names
    if unknown := [name for name in theirs if name not in names]:
        raise UslError(
            f"held_out has the class {unknown[0]!r}, which no image to select from has; these have {', '.join(names)}"
        )
    return np.array([names.index(name) for name in theirs])[ids]


def _encoded(features: Features | FloatArray) -> str:
    by = f"by {features.encoder} " if isinstance(features, Features) else ""
    return f"{by}into {_rows(features).shape[1]} dimensions"


def _names(given: Any, what: str, known: Sequence[str]) -> list[str]:
    names = each_once(given, what)
    if unknown := [name for name in names if name not in known]:
        raise UslError(f"{what} must be among {', '.join(known)} but hold {unknown[0]!r}")
    return names


def _numbers(given: Any, what: str, low: int, high: int | None) -> list[int]:
    return [whole_number(number, what, low, high, "images, one of which is tested") for number in each_once(given, what)]
