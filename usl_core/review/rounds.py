"""Selections for a review: the first one, another one by other settings, and the next round."""

from __future__ import annotations

from typing import Any

from ..types import Features, Neighbors, Progress, Selection
from .actions import Done
from .session import Call, Session


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
    raise NotImplementedError


def select_call(
    call: Call, features: Features, neighbors: Neighbors, *, on_progress: Progress | None = None
) -> Selection | None:
    """Make, or make again, the selection of a call; the same call gives the same picks. `usl-t` trains here, which takes long.

    Returns:
        Selection of the `budget - len(kept)` picks that are not kept; None where these are none.

    Raises:
        UslError: what `usl.select` refuses.
    """
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


def next_round(session: Session, features: Features, call: Call, selection: Selection | None) -> Done:
    """The current picks go to the history, and a new round begins; arguments as for `reselected`, the call with `next_round`.

    Accepted picks without a label are pending from then on: they repel and are not picked again until `actions.unaccept`.
    """
    raise NotImplementedError


def accuracy_of(session: Session, features: Features) -> tuple[float, str] | None:
    """How well the labels of a review tell the other images, where true classes are known.

    A logistic classifier (`usl.fit_logistic`) of the labelled images, or, where only one class is labelled, the nearest
    labelled image; on all images that have no label here. Classes are compared by name.

    Returns:
        Share that is right, in [0, 1], and "logistic" or "1-NN"; None where the images have no true classes, or where nothing
        or everything has a label here.
    """
    raise NotImplementedError
