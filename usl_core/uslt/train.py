"""USL-T from settings to picks: `train_uslt`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..errors import UslError
from ..graph.copies import Candidates
from ..graph.near_duplicates import candidates_of
from ..graph.neighbors import find_neighbors
from ..training.loop import run_epochs
from ..training.trainer import State
from ..types import Features, FloatArray, IntArray, Neighbors, Progress, Views
from ..validation import class_ids, index_set, same_images, unit_rows, whole_number
from .epochs import EpochTraining
from .frozen import FrozenTraining
from .history import KEPT_BYTES, History
from .params import UsltParams
from .reports import EpochReport, Reporter

OnEpoch = Callable[[EpochReport], None]
Mode = Literal["frozen", "finetune"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsltTraining:
    """A training and what came of it.

    Args:
        params: its settings.
        budget: m.
        seed: its seed.
        history: one report per epoch; the last one is the result. Beyond `keep_bytes` of `train_uslt` only the numbers of
            early epochs are left.
        state: of the trainer after the last good epoch.
        notes: sentences that a user should see.
    """

    params: UsltParams
    budget: int
    seed: int
    history: History
    state: State
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> EpochReport:
        """The report whose picks count."""
        return self.history[-1]


def train_uslt(
    values: Any,
    budget: int,
    params: UsltParams | None = None,
    *,
    seed: int = 0,
    neighbors: Neighbors | None = None,
    views: Views | None = None,
    labels: Any = None,
    labelled: Iterable[int] | None = None,
    vetoed: Iterable[int] | None = None,
    candidates: Iterable[int] | None = None,
    on_epoch: OnEpoch | None = None,
    on_progress: Progress | None = None,
    resume: tuple[Iterable[EpochReport], State] | None = None,
    on_state: Callable[[State], None] | None = None,
    mode: Mode = "frozen",
    device: str = "auto",
    keep_bytes: int = KEPT_BYTES,
) -> UsltTraining:
    """Train the heads on features that stay as they are, or the encoder together with them.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1.
        budget: m in [1, images that are neither labelled nor vetoed].
        params: None means `UsltParams()`.
        seed: whole number >= 0; same input and seed give the same training on one machine, of "frozen" on any number of
            threads, of "finetune" on as many; what is gone on with goes on with as many as it was begun with.
        neighbors: a kNN graph of the same rows, to avoid a new search.
        views: of the same images, see `usl_core.encode_views`; None: noise on the features stands in.
        labels: (n,) class ids, for purity, NMI and ARI in the reports; the training never sees them.
        labelled: rows that have a label already; never picked, and their clusters come last.
        vetoed: rows that must never be picked.
        candidates: the rows to pick from, at least m; None: those that are neither labelled nor vetoed, of copies one, see
            `graph.copies`. Which files are the same is known where `values` are `Features`.
        on_epoch: told after every epoch; may raise `Cancelled`.
        on_progress: see `types.Progress`.
        resume: the reports and the state of an unfinished training with the same arguments, to go on with.
        on_state: given the state after every epoch, before `on_epoch` hears of it; to be kept for `resume`.
        mode: "frozen": the heads alone, on a CPU. "finetune": `values` are `Features` by one of torchvision's networks, which
            is trained from the images, views made anew at every step; the settings made for it are `published_cifar10`.
        device: of "finetune", see `usl_core.encode`.
        keep_bytes: of the assignments in the history, those of the newest epochs and always those of the last.

    Returns:
        UsltTraining. If the loss stopped being finite after the first epoch, the training up to then, with a note.

    Raises:
        UslError: any argument breaks its rule, an image cannot be read any more, memory ran out, or the loss is not finite in
            the first epoch.
        Cancelled: as raised by a callback.

    >>> features = usl.load_demo("digits").features
    >>> training = usl.train_uslt(features, 10, usl.UsltParams(n_epochs=2, n_views=0))
    >>> len(training.last.picks), len(training.history)
    (10, 2)
    """
    x = unit_rows(values)
    n = len(x)
    params = _checked(params)
    fixed, barred, m = _barred(n, budget, labelled, vetoed)
    classes = None if labels is None else class_ids(labels, n)
    seed = whole_number(seed, "seed", 0)
    graph = find_neighbors(x, params.n_neighbors) if neighbors is None else same_images(neighbors, n)
    if graph.k_max < min(params.n_neighbors, n - 1):
        raise UslError(f"neighbors must hold k = {params.n_neighbors} neighbours of each image but holds {graph.k_max}")
    if mode not in get_args(Mode):
        raise UslError(f"mode must be {' or '.join(map(repr, get_args(Mode)))} but is {mode!r}")
    c = n_clusters(params, m, n)
    choice = _choice(values, x, graph, m, fixed, barred, candidates)
    reporter = Reporter(m, choice.rows, fixed, classes)
    trainer: EpochTraining
    if mode == "finetune":
        trainer = _finetune(values, views, graph, params, c, seed, reporter, device)
    else:
        vectors = x[:, None] if views is None else _vectors(views, n, params.n_views)
        trainer = FrozenTraining(vectors, graph, params, c, seed, reporter)
    notes = [f"k was reduced from {params.n_neighbors} to {n - 1}, the most that {n} images allow"] * (params.n_neighbors >= n)
    if views is None and mode == "frozen":
        notes.append("trained with noise on the features in place of augmented views")
    notes.extend(choice.notes)
    history, begun = History(), None
    if resume is not None:
        begun = resume[1]
        history = (resume[0] if isinstance(resume[0], History) else History(resume[0]))[: int(begun["epoch"])]

    def remember(report: EpochReport, state: State) -> None:
        nonlocal history
        history = (history + History([report])).within(keep_bytes)
        if on_state is not None:
            on_state(state)
        if on_epoch is not None:
            on_epoch(report)

    state, problem = run_epochs(trainer, state=begun, on_epoch=remember, on_progress=on_progress)
    return UsltTraining(params=params, budget=m, seed=seed, history=history, state=state, notes=(*notes, *problem))


def _finetune(
    values: Any, views: Any, graph: Neighbors, params: UsltParams, c: int, seed: int, reporter: Reporter, device: str
) -> EpochTraining:
    from .finetune import FinetuneTraining

    if not isinstance(values, Features):
        raise UslError("to train an encoder, give the Features that it made, which know their images, not an array")
    if views is not None:
        raise UslError("views must be None where the encoder is trained: it makes its own from the images")
    return FinetuneTraining(values, graph, params, c, seed, reporter, device)


def n_clusters(params: UsltParams, budget: int, n: int) -> int:
    """C: as asked, or one per pick.

    Raises:
        UslError: more than there are images.
    """
    wanted = budget if params.n_clusters is None else params.n_clusters
    if wanted > n:
        raise UslError(f"n_clusters (C) must be in [1, {n}] (images) but is {wanted}")
    return wanted


def _checked(params: Any) -> UsltParams:
    if params is None:
        return UsltParams()
    if not isinstance(params, UsltParams):
        raise UslError(f"params must be a UsltParams but is {params!r:.80}")
    return params


def _barred(n: int, budget: Any, labelled: Any, vetoed: Any) -> tuple[IntArray, IntArray, int]:
    """The rows that have a label, those that must never be picked, and m."""
    fixed, barred = index_set(labelled, n, "labelled"), index_set(vetoed, n, "vetoed")
    left = n - len(np.union1d(fixed, barred))
    if left == 0:
        raise UslError(f"there is nothing to choose from (0 images left of {n}: {len(fixed)} labelled, {len(barred)} vetoed)")
    return fixed, barred, whole_number(budget, "budget", 1, left, "images that are neither labelled nor vetoed")


def _choice(
    values: Any, x: FloatArray, graph: Neighbors, m: int, fixed: IntArray, barred: IntArray, rows: Iterable[int] | None
) -> Candidates:
    if rows is None:
        duplicates = values.images.duplicates if isinstance(values, Features) else ()
        return candidates_of(x, m, fixed, barred, duplicates=duplicates, neighbors=graph)
    given = index_set(rows, len(x), "candidates")
    if len(given) < m or np.isin(given, np.union1d(fixed, barred)).any():
        raise UslError(f"candidates must be at least {m} rows (budget) that are neither labelled nor vetoed")
    return Candidates(given)


def _vectors(views: Any, n: int, n_views: int) -> FloatArray:
    if not isinstance(views, Views):
        raise UslError(f"views must be what encode_views returns but is a {type(views).__name__}")
    if len(views.values) != n:
        raise UslError(f"views must belong to the same {n} images but hold {len(views.values)}")
    if views.values.shape[1] != 1 + n_views:
        raise UslError(f"views must hold n_views (A) = {n_views} strong views but hold {views.values.shape[1] - 1}")
    return views.values
