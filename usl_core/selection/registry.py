"""The registry of selection methods, and `select`, the one door to them."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..arithmetic import blas_threads
from ..errors import UslError
from ..graph.near_duplicates import candidates_of
from ..json_fields import JsonFields
from ..learners.logistic import LogisticClassifier
from ..types import Features, Neighbors, Progress, Selection, Views
from ..validation import class_ids, index_set, same_images, unit_rows, whole_number
from .cards import CARDS, SECOND_ROUND, MethodCard
from .context import RULES, SelectionContext

__all__ = ["MethodCard", "default_params", "method_cards", "methods", "params_document", "params_of", "runs_as", "select"]

_BY_NAME = {card.name: card for card in (*CARDS, *SECOND_ROUND)}


def methods(*, second_round: bool = False) -> list[str]:
    """Names that `select` takes.

    Args:
        second_round: also those of the methods that need images with labels.

    >>> usl.methods()[:5]
    ['random', 'stratified', 'cluster-stratified', 'usl', 'usl-t']
    >>> usl.methods(second_round=True)[-3:]
    ['margin', 'uherding', 'dropquery']
    """
    return [card.name for card in method_cards(second_round=second_round)]


def method_cards(*, second_round: bool = False) -> list[MethodCard]:
    """The methods with their descriptions; arguments as for `methods`.

    >>> [card.name for card in usl.method_cards() if card.needs_labels]
    ['stratified']
    """
    return [*CARDS, *SECOND_ROUND] if second_round else list(CARDS)


def runs_as(method: str, has_labels: bool) -> str:
    """The name under which `method` really runs: without class labels, stratified becomes cluster-stratified."""
    return "cluster-stratified" if method == "stratified" and not has_labels else method


def is_quick(method: str, n: int) -> bool:
    """Whether a method takes no more than about a second on n images, see `MethodCard.quick_up_to`.

    Raises:
        UslError: no such method.
    """
    most = _card(method).quick_up_to
    return most is None or n <= most


def default_params(method: str) -> Any:
    """The parameter object that `select` uses where none is given, or None for a method that has no parameters.

    Raises:
        UslError: no such method.
    """
    card = _card(method)
    return getattr(_home(card)[0], card.params)() if card.params else None


def params_document(params: Any) -> dict[str, Any] | None:
    """A parameter object, or None, as JSON can hold it without loss."""
    return None if params is None else {key: _plain(value) for key, value in asdict(params).items()}


def params_of(field: JsonFields, method: str) -> Any:
    """The method's parameter object from the field `params` of a document; it validates itself.

    Raises:
        UslError: the field does not fit the method.
    """
    usual = default_params(method)
    if usual is None:
        if field.get("params", object) is not None:
            raise field.wrong("params", "must be null for a method without parameters")
        return None
    try:
        return type(usual)(**field.get("params", dict))
    except (TypeError, UslError) as error:  # a name that the class does not have, or a value that it refuses
        raise field.wrong("params", f"do not fit {type(usual).__name__}: {error}") from error


def params_from(method: str, given: Mapping[str, Any] | None) -> Any:
    """The method's parameter object from the values of its fields, as `params_document` makes them; it validates itself."""
    usual = default_params(method)
    return None if usual is None else type(usual)(**(given or {}))


def _card(method: Any) -> MethodCard:
    card = _BY_NAME.get(method) if isinstance(method, str) else None
    if card is None:
        raise UslError(f"method must be one of {', '.join(_BY_NAME)} but is {method!r}")
    return card


def _home(card: MethodCard) -> tuple[ModuleType, str]:
    module, _, function = card.home.partition(":")
    return import_module(f"{__package__}.{module}"), function


def _checked(classifier: Any, dim: int) -> LogisticClassifier:
    if not isinstance(classifier, LogisticClassifier):
        raise UslError(f"classifier must be what fit_logistic returns but is a {type(classifier).__name__}")
    if classifier.weights.shape[1] != dim:
        fitted = classifier.weights.shape[1]
        raise UslError(f"classifier was fitted on {fitted} dimensions, but the features have {dim}; fit one on these features")
    return classifier


@blas_threads(1)
def select(
    values: Any,
    budget: int,
    method: str = "usl",
    params: Any = None,
    seed: int = 0,
    labels: Any = None,
    labelled: Iterable[int] | None = None,
    vetoed: Iterable[int] | None = None,
    neighbors: Neighbors | None = None,
    cluster_labels: Any = None,
    views: Views | None = None,
    classifier: LogisticClassifier | None = None,
    on_progress: Progress | None = None,
    rules: int = RULES,
    near_duplicates: float | None = None,
) -> Selection:
    """Pick the images to label.

    Copies, images whose features or whose files are the same, are one image: no two of them are picked, and none of a labelled
    or vetoed image, while anything else is left. Which files are the same is known where `values` are `Features`.

    The methods of the second round, `methods(second_round=True)`, go by a classifier that is fitted to the labels of the
    labelled rows; labels of other rows are not looked at.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1.
        budget: m in [1, images that are neither labelled nor vetoed].
        method: one of `methods(second_round=True)`.
        params: the method's parameter object, e.g. `UslParams()`; None means its defaults.
        seed: whole number >= 0; same input and seed give the same picks.
        labels: (n,) class ids, for methods that stratify over classes, and of the second round; for these, -1 is unknown.
        labelled: rows that have a label already: they repel picks and are never returned.
        vetoed: rows that must never be returned.
        neighbors: a kNN graph of the same rows, to avoid a new search.
        cluster_labels: (n,) clusters to use instead of running k-means.
        views: of the same images, see `encode_views`; USL-T trains on them, and on noisy features without.
        classifier: for methods of the second round, what `fit_logistic` made of the labels; None: they fit one.
        on_progress: see `types.Progress`.
        rules: 2, or 1 to repeat a run that was recorded before copies counted as one image, see `selection.context.RULES`.
        near_duplicates: a cosine in (0, 1] from which on images are so alike that one label is enough: at most one of each
            group of `find_near_duplicates` is picked, and none of what is alike to a labelled image; None: copies alone count.

    Returns:
        Selection with exactly `budget` distinct rows; `notes` tell how many copies had to be picked, or how many images are
        near-duplicates.

    Raises:
        UslError: any argument breaks its rule, or the budget is larger than there are groups of near-duplicates.

    >>> features = usl.load_demo("digits").features
    >>> picks = usl.select(features, 10, "usl")
    >>> len(set(picks.indices.tolist())), picks.method
    (10, 'usl')
    """
    card = _card(method)
    module, function = _home(card)
    expected = getattr(module, card.params) if card.params else None
    if params is not None and (expected is None or not isinstance(params, expected)):
        wanted = f"a {card.params}" if card.params else "None (it has no parameters)"
        raise UslError(f"params of method {method!r} must be {wanted} but is {params!r:.80}")
    x = unit_rows(values)
    n = len(x)
    fixed, barred = index_set(labelled, n, "labelled"), index_set(vetoed, n, "vetoed")
    available = n - len(np.union1d(fixed, barred))
    left = "images" if available == n else f"images left of {n}: {len(fixed)} labelled, {len(barred)} vetoed"
    if available == 0:
        raise UslError(f"there is nothing to choose from (0 {left})")
    m = whole_number(budget, "budget", 1, available, left)
    rules = whole_number(rules, "rules", 1, RULES)
    seed = whole_number(seed, "seed", 0)
    graph = None if neighbors is None else same_images(neighbors, n)
    duplicates = values.images.duplicates if isinstance(values, Features) else ()
    choice = candidates_of(
        *(x, m, fixed, barred),
        duplicates=duplicates,
        neighbors=graph,
        near_duplicates=near_duplicates,
        copies_count=rules > 1,
    )
    context = SelectionContext(
        candidates=choice.rows,
        neighbors=graph,
        cluster_labels=None if cluster_labels is None else class_ids(cluster_labels, n, "cluster_labels"),
        labels=None if labels is None else class_ids(labels, n),
        labelled=fixed,
        vetoed=barred,
        views=views,
        classifier=None if classifier is None else _checked(classifier, x.shape[1]),
        rules=rules,
        on_progress=on_progress,
    )
    if params is None:
        params = default_params(method)
    selection: Selection = getattr(module, function)(x, m, params, seed=seed, context=context)
    return replace(selection, notes=(*selection.notes, *choice.notes))


def _plain(value: Any) -> Any:
    """Numbers of other types (NumPy's) as Python's, without loss."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value
