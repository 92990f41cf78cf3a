"""The registry of selection methods, and `select`, the one door to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..errors import UslError
from ..types import Neighbors, Progress, Selection, Views
from ..validation import class_ids, index_set, same_images, unit_rows, whole_number
from .context import SelectionContext


@dataclass(frozen=True, slots=True)
class MethodCard:
    """A selection method as users see it.

    Args:
        name: what `select` takes.
        summary: one sentence.
        needs_labels: it looks at the class labels.
        home: "module:function" inside this package; imported on use.
        params: name of the parameter class in that module, or None.
    """

    name: str
    summary: str
    needs_labels: bool
    home: str
    params: str | None = None


_CARDS = (
    MethodCard("random", "Uniform draw without replacement; what most people do today.", False, "random:select_random"),
    MethodCard(
        "stratified",
        "Evenly over the classes, uniform inside each; needs the labels, so it is a reference and not a method to use.",
        True,
        "stratified:select_stratified",
    ),
    MethodCard(
        "cluster-stratified",
        "One uniform draw from each of m k-means clusters; diversity without regard for density.",
        False,
        "stratified:select_cluster_stratified",
    ),
    MethodCard(
        "usl",
        "The densest image of each of m k-means clusters, pushed away from the other clusters' picks (ECCV 2022).",
        False,
        "usl:select_usl",
        "UslParams",
    ),
    MethodCard(
        "usl-t",
        "Clusters learnt by training (learnable k-means), and the most confident image of each (ECCV 2022).",
        False,
        "uslt:select_uslt",
        "UsltParams",
    ),
)
_BY_NAME = {card.name: card for card in _CARDS}


def methods() -> list[str]:
    """Names that `select` takes."""
    return list(_BY_NAME)


def method_cards() -> list[MethodCard]:
    """The methods with their descriptions."""
    return list(_CARDS)


def runs_as(method: str, has_labels: bool) -> str:
    """The name under which `method` really runs: without class labels, stratified becomes cluster-stratified."""
    return "cluster-stratified" if method == "stratified" and not has_labels else method


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
    on_progress: Progress | None = None,
) -> Selection:
    """Pick the images to label.

    Args:
        values: (n, d) features (`Features` or any array); rows are normalised to length 1.
        budget: m in [1, images that are neither labelled nor vetoed].
        method: one of `methods()`.
        params: the method's parameter object, e.g. `UslParams()`; None means its defaults.
        seed: whole number >= 0; same input and seed give the same picks.
        labels: (n,) class ids, for methods that stratify over classes.
        labelled: rows that have a label already: they repel picks and are never returned.
        vetoed: rows that must never be returned.
        neighbors: a kNN graph of the same rows, to avoid a new search.
        cluster_labels: (n,) clusters to use instead of running k-means.
        views: of the same images, see `encode_views`; USL-T trains on them, and on noisy features without.
        on_progress: see `types.Progress`.

    Returns:
        Selection with exactly `budget` distinct rows.

    Raises:
        UslError: any argument breaks its rule.
    """
    card = _BY_NAME.get(method) if isinstance(method, str) else None
    if card is None:
        raise UslError(f"method must be one of {', '.join(_BY_NAME)} but is {method!r}")
    module_name, function = card.home.split(":")
    module = import_module(f"{__name__}.{module_name}")
    expected = getattr(module, card.params) if card.params else None
    if params is not None and (expected is None or not isinstance(params, expected)):
        wanted = f"a {card.params}" if card.params else "None (it has no parameters)"
        raise UslError(f"params of method {method!r} must be {wanted} but is {params!r:.80}")
    x = unit_rows(values)
    n = len(x)
    context = SelectionContext(
        neighbors=None if neighbors is None else same_images(neighbors, n),
        cluster_labels=None if cluster_labels is None else class_ids(cluster_labels, n, "cluster_labels"),
        labels=None if labels is None else class_ids(labels, n),
        labelled=index_set(labelled, n, "labelled"),
        vetoed=index_set(vetoed, n, "vetoed"),
        views=views,
        on_progress=on_progress,
    )
    available = len(context.eligible(n))
    left = "images" if available == n else f"images left of {n}: {len(context.labelled)} labelled, {len(context.vetoed)} vetoed"
    if available == 0:
        raise UslError(f"there is nothing to choose from (0 {left})")
    m = whole_number(budget, "budget", 1, available, left)
    seed = whole_number(seed, "seed", 0)
    if params is None and expected is not None:
        params = expected()
    return getattr(module, function)(x, m, params, seed=seed, context=context)
