"""Selections for a review: the first one, another one by other settings, and the next round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..distances import blocks, sq_distances
from ..errors import UslError
from ..learners.logistic import fit_logistic
from ..selection.registry import default_params, method_cards, select
from ..types import Features, FloatArray, ImageSet, IntArray, Neighbors, Progress, Selection
from ..validation import whole_number
from .actions import Done
from .changes import known_paths
from .session import Call, Round, Session, Slot, present_rows


def call_for(
    session: Session,
    features: Features,
    *,
    method: str,
    params: Any = None,
    seed: int = 0,
    budget: int,
    near_duplicates: float | None = None,
    when: float | None = None,
    next_round: bool = False,
) -> Call:
    """What to ask a method in the present state of a review: what is kept, labelled and vetoed, and how many picks are missing.

    Args:
        session: the review.
        features: of its images.
        method, params, seed, near_duplicates: as for `usl.select`; params None: the defaults.
        budget: m, accepted and pinned picks included.
        when: seconds since 1970; None: now.
        next_round: the current picks go to the history, so none is kept.

    Raises:
        UslError: no such method, or the budget is below the picks that are kept.
    """
    kept = () if next_round else tuple(slot.path for slot in session.slots if slot.is_kept)
    if not next_round and whole_number(budget, "budget", 1) < len(kept):
        raise UslError(f"budget must be at least {len(kept)}, the picks that are accepted or pinned, but is {budget}")
    current = tuple(slot.path for slot in session.slots if slot.is_kept) if next_round else ()
    repelling = dict.fromkeys((*session.labels, *session.pending, *current))
    labelled = tuple(path for path in repelling if path not in set(kept))
    classes = {path: name for path, name in session.labels.items() if name is not None}
    known = session.call
    if classes == known.classes and not next_round:
        accuracy, model = known.accuracy, known.model
    else:
        accuracy, model = accuracy_of(session, features) or (None, "")
    asked = _asked(method, params, seed, budget, near_duplicates, when)
    return replace(
        asked,
        kept=kept,
        labelled=labelled,
        classes=classes,
        vetoed=session.vetoed,
        n_labelled=len(session.labels),
        accuracy=accuracy,
        model=model,
    )


def first_call(
    features: Features,
    *,
    method: str,
    params: Any = None,
    seed: int = 0,
    budget: int,
    near_duplicates: float | None = None,
    when: float | None = None,
) -> Call:
    """What to ask a method where there is no review yet; arguments as for `call_for`."""
    whole_number(budget, "budget", 1, len(features), "images")
    return _asked(method, params, seed, budget, near_duplicates, when)


def select_call(
    call: Call, features: Features, neighbors: Neighbors, *, on_progress: Progress | None = None
) -> Selection | None:
    """Make, or make again, the selection of a call; the same call gives the same picks. `usl-t` trains here, which takes long.

    Returns:
        Selection of the `budget - len(kept)` picks that are not kept; None where these are none.

    Raises:
        UslError: what `usl.select` refuses.
    """
    missing = call.budget - len(call.kept)
    if missing == 0:
        return None
    images = features.images
    return select(
        features,
        missing,
        call.method,
        call.params,
        call.seed,
        labels=_class_ids(call, images) if _learns(call.method) else images.labels,
        labelled=present_rows(images, (*call.kept, *call.labelled)).tolist(),
        vetoed=present_rows(images, call.vetoed).tolist(),
        neighbors=neighbors,
        near_duplicates=call.near_duplicates,
        on_progress=on_progress,
    )


def start(name: str, source: str, features: Features, call: Call, selection: Selection) -> Session:
    """A new review.

    Args:
        name: of the data set.
        source: of the data set.
        features: of its images.
        call: how the selection was made; `first_call` makes one.
        selection: its picks.

    Raises:
        UslError: selection and call do not fit.
    """
    images = features.images
    if len(selection) != call.budget:
        raise UslError(f"the selection holds {len(selection)} picks, but {call.budget} were asked for")
    session = Session(
        name=name,
        source=source,
        images=images.fingerprint,
        n_images=len(images),
        known=known_paths(images),
        encoder=features.encoder,
        call=call,
    )
    slots = _new_slots(selection, images)
    return session.changed(images, (slot.path for slot in slots), slots=tuple(slots))


def reselected(session: Session, features: Features, call: Call, selection: Selection | None) -> Done:
    """After other settings: kept picks stay at their ranks, all other places are filled anew, in order.

    Args:
        session: the review.
        features: of its images.
        call: by `call_for`.
        selection: by `select_call`, of that call.

    Raises:
        UslError: the session has changed since the call was made.
    """
    kept = [(rank, slot) for rank, slot in enumerate(session.slots) if slot.is_kept]
    _refuse_other_state(session, call, tuple(slot.path for _, slot in kept), ())
    new = _new_slots(selection, features.images)
    _refuse_other_number(call, new, len(kept))
    filled: dict[int, Slot] = {rank: slot for rank, slot in kept if rank < call.budget}
    spare = [rank for rank in range(call.budget) if rank not in filled]
    late = [slot for rank, slot in kept if rank >= call.budget]
    # Kept picks of ranks that are no more take the last places.
    filled |= dict(zip(spare, [*new, *late], strict=True))
    slots = tuple(_clustered(filled[rank], selection, features.images) for rank in range(call.budget))
    after = session.changed(features.images, (slot.path for slot in slots), call=call, slots=slots, encoder=features.encoder)
    fresh = len({slot.path for slot in slots}.difference(session.picks))
    return Done(after, f"Picked again by {call.method}, m = {call.budget:,}: {len(kept):,} kept, {fresh:,} new.")


def next_round(session: Session, features: Features, call: Call, selection: Selection | None) -> Done:
    """The current picks go to the history, and a new round begins; arguments as for `reselected`, the call with `next_round`.

    Picks that were accepted or pinned and have no label are pending from then on: they repel and are not picked again until
    `actions.unaccept`.

    Raises:
        UslError: the session has changed since the call was made, or there are no picks to go on from.
    """
    if not session.slots:
        raise UslError("there is no round to end: nothing is picked")
    _refuse_other_state(session, call, (), tuple(slot.path for slot in session.slots if slot.is_kept))
    new = _new_slots(selection, features.images)
    _refuse_other_number(call, new, 0)
    rounds = (*session.rounds, Round(call=session.call, picks=session.slots))
    after = session.changed(
        features.images, (slot.path for slot in new), call=call, slots=tuple(new), rounds=rounds, encoder=features.encoder
    )
    labels = "1 label" if call.n_labelled == 1 else f"{call.n_labelled:,} labels"
    return Done(after, f"Began round {len(rounds) + 1} with {labels}: {len(new):,} picks by {call.method}.")


def accuracy_of(session: Session, features: Features) -> tuple[float, str] | None:
    """How well the labels of a review tell the other images, where true classes are known.

    A logistic classifier (`usl.fit_logistic`) of the labelled images, or, where only one class is labelled, the nearest
    labelled image; on all images that have no label here. Classes are compared by name.

    Returns:
        Share that is right, in [0, 1], and "logistic" or "1-NN"; None where the images have no true classes, where no class
        here has the name of one, or where nothing or everything has a label here.
    """
    images = features.images
    ids = session.class_ids(images)
    truth = images.labels
    others = np.setdiff1d(np.arange(len(images)), session.labelled_rows(images))
    if truth is None or not (ids >= 0).any() or not len(others):
        return None
    place = {name: number for number, name in enumerate(images.class_names)}
    true_id = np.array([place.get(name, -1) for name in session.class_names], dtype=np.int64)
    if not (true_id[np.unique(ids[ids >= 0])] >= 0).any():
        return None
    known = np.flatnonzero(ids >= 0)
    if len(np.unique(ids[known])) > 1:
        fitted, model = fit_logistic(features, ids), "logistic"
        said = fitted.classes[fitted.probabilities(features.values[others]).argmax(axis=1)]
    else:
        said, model = ids[known[_nearest(features.values, known, others)]], "1-NN"
    return float((true_id[said] == truth[others]).mean()), model


def _nearest(values: FloatArray, known: IntArray, rows: IntArray) -> IntArray:
    """(len(rows),) place in `known` of the nearest one."""
    found = np.empty(len(rows), dtype=np.int64)
    for some in blocks(len(rows), len(known)):
        found[some] = sq_distances(values[known], values[rows[some]]).argmin(axis=0)
    return found


def _asked(method: str, params: Any, seed: int, budget: int, near_duplicates: float | None, when: float | None) -> Call:
    usual = default_params(method)
    return Call(
        method=method,
        params=usual if params is None else params,
        seed=whole_number(seed, "seed", 0),
        budget=whole_number(budget, "budget", 1),
        near_duplicates=near_duplicates,
        when=time.time() if when is None else when,
    )


def _learns(method: str) -> bool:
    return next(card.second_round for card in method_cards(second_round=True) if card.name == method)


def _class_ids(call: Call, images: ImageSet) -> IntArray:
    names = {name: number for number, name in enumerate(dict.fromkeys(call.classes.values()))}
    ids = np.full(len(images), -1, dtype=np.int64)
    there = [path for path in call.classes if len(present_rows(images, [path]))]
    ids[present_rows(images, there)] = [names[call.classes[path]] for path in there]
    return ids


def _new_slots(selection: Selection | None, images: ImageSet) -> list[Slot]:
    if selection is None:
        return []
    pairs = zip(selection.indices.tolist(), selection.clusters.tolist(), strict=True)
    return [Slot(path=images.paths[row], cluster=max(int(cluster), -1)) for row, cluster in pairs]


def _clustered(slot: Slot, selection: Selection | None, images: ImageSet) -> Slot:
    """A kept pick with the number of its cluster among the new ones."""
    if not slot.is_kept:
        return slot
    labels = None if selection is None else selection.cluster_labels
    rows = present_rows(images, [slot.path])
    return replace(slot, cluster=-1 if labels is None or not len(rows) else int(labels[rows[0]]))


def _refuse_other_state(session: Session, call: Call, kept: Sequence[str], more: Sequence[str]) -> None:
    labelled = {*session.labels, *session.pending, *more}.difference(kept)
    if tuple(kept) != call.kept or labelled != set(call.labelled) or set(session.vetoed) != set(call.vetoed):
        raise UslError("the review has changed since this selection was asked for; select again")


def _refuse_other_number(call: Call, new: Sequence[Slot], n_kept: int) -> None:
    if len(new) + n_kept != call.budget:
        raise UslError(f"the selection holds {len(new)} picks and {n_kept} are kept, but the budget is {call.budget}")
