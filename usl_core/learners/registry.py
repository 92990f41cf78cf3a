"""The registry of learners, and `learn`, the one door to them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..arithmetic import blas_threads
from ..errors import UslError
from ..types import FloatArray, IntArray, Neighbors, Progress, Views
from ..validation import class_ids, same_images, unit_rows, whole_number
from .cards import CARDS, LearnerCard
from .task import LearningTask

__all__ = ["LearnerCard", "default_learner_params", "learn", "learner_cards", "learners"]

_BY_NAME = {card.name: card for card in CARDS}
_MOST_CLASSES = 1 << 16  # a larger id is a mistake, and a column for each below it would fill the memory


def learners() -> list[str]:
    """Names that `learn` takes. Not among the public names, where this room has the same: those have `learner_cards`."""
    return [card.name for card in CARDS]


def learner_cards() -> list[LearnerCard]:
    """The learners with their descriptions.

    >>> [card.name for card in usl.learner_cards()][:2]
    ['1-nn', 'linear']
    """
    return list(CARDS)


def default_learner_params(learner: str) -> Any:
    """The parameter object that `learn` uses where none is given, or None for a learner that has no parameters.

    Raises:
        UslError: no such learner.
    """
    card = _card(learner)
    return getattr(_home(card)[0], card.params)() if card.params else None


@blas_threads(1)
def learn(
    values: Any,
    labels: Any,
    learner: str = "1-nn",
    *,
    n_classes: int | None = None,
    params: Any = None,
    seed: int = 0,
    neighbors: Neighbors | None = None,
    views: Views | None = None,
    targets: Any = None,
    on_progress: Progress | None = None,
) -> FloatArray:
    """What a learner makes of images, given the labels of some of them.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1.
        labels: (n,) class ids; -1 where an image has no label.
        learner: one of `learners()`.
        n_classes: C, more than the largest id; None: the largest id + 1. Classes that no label names get what the learner
            gives to what it has never seen: 0 or next to it.
        params: the learner's parameter object, e.g. `FixmatchParams()`; None means its defaults.
        seed: whole number >= 0, for learners that draw; same input and seed give the same probabilities on one machine.
        neighbors: a kNN graph of the same rows, for learners on the graph, to avoid a new search.
        views: of the same images, see `encode_views`, for learners that train on them.
        targets: (t, d) features of other images that probabilities are wanted for; None: of the images themselves.
        on_progress: see `types.Progress`.

    Returns:
        (n, C) float32 probabilities, or (t, C); each row adds up to 1.

    Raises:
        UslError: an argument breaks its rule, or no image has a label.

    >>> usl.learn([[1, 0], [0.9, 0.1], [0.1, 0.9], [0, 1]], [0, -1, -1, 1]).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    card = _card(learner)
    module, function = _home(card)
    expected = getattr(module, card.params) if card.params else None
    if params is None:
        params = default_learner_params(learner)
    elif expected is None or not isinstance(params, expected):
        wanted = f"a {card.params}" if card.params else "None (it has no parameters)"
        raise UslError(f"params of learner {learner!r} must be {wanted} but is {params!r:.80}")
    x = unit_rows(values)
    ids, count = _labels(labels, len(x), n_classes)
    task = LearningTask(
        values=x,
        labels=ids,
        n_classes=count,
        targets=None if targets is None else _targets(targets, x.shape[1]),
        seed=whole_number(seed, "seed", 0),
        neighbors=None if neighbors is None else same_images(neighbors, len(x)),
        views=None if views is None else _views(views, x.shape),
        report=on_progress or (lambda fraction, note: None),
    )
    probabilities: FloatArray = getattr(module, function)(task, params)
    task.report(1.0, f"{card.title}: {len(probabilities):,} images")
    return probabilities


def _card(learner: Any) -> LearnerCard:
    card = _BY_NAME.get(learner) if isinstance(learner, str) else None
    if card is None:
        raise UslError(f"learner must be one of {', '.join(_BY_NAME)} but is {learner!r}")
    return card


def _home(card: LearnerCard) -> tuple[ModuleType, str]:
    module, _, function = card.home.partition(":")
    return import_module(f"{__package__}.{module}"), function


def _labels(labels: Any, n: int, n_classes: int | None) -> tuple[IntArray, int]:
    """The labels, and the number of classes."""
    ids = class_ids(labels, n)
    row, largest = int(np.argmin(ids)), int(ids.max())
    if ids[row] < -1:
        raise UslError(f"labels must be class ids from 0 on, or -1 for no label, but that of row {row} is {ids[row]}")
    if largest < 0:
        raise UslError("labels must say the class of one image at least, but all are -1 (no label)")
    if n_classes is not None and largest >= whole_number(n_classes, "n_classes", 1, _MOST_CLASSES):
        raise UslError(f"labels must be below n_classes ({n_classes}) but hold {largest}")
    if largest >= _MOST_CLASSES:
        raise UslError(f"labels must be below {_MOST_CLASSES} but hold {largest}; number the classes from 0 on")
    return ids, largest + 1 if n_classes is None else int(n_classes)


def _targets(targets: Any, dim: int) -> FloatArray:
    try:
        found = unit_rows(targets)
    except UslError as error:
        raise UslError(f"targets do not fit: {error}") from error
    if found.shape[1] != dim:
        raise UslError(f"targets must have the {dim} dimensions of the features but have {found.shape[1]}; use one encoder")
    return found


def _views(views: Any, shape: tuple[int, ...]) -> Views:
    if not isinstance(views, Views):
        raise UslError(f"views must be what encode_views returns but is a {type(views).__name__}")
    if views.values.ndim != 3 or (views.values.shape[0], views.values.shape[2]) != shape:
        raise UslError(
            f"views must belong to the same {shape[0]} images in {shape[1]} dimensions but have {views.values.shape}"
        )
    return views
