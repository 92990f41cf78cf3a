"""What a user does to the picks: each action makes another `Session`, and says in a sentence what it did.

All take rows, one or several (a lasso). Rows to which an action does not apply are left alone, and the sentence counts them; if
it applies to none, that is a `UslError`. Names of classes and what is written on images are in `labelling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..types import ImageSet
from .pool import Pool
from .session import Session


class Done(NamedTuple):
    """What an action made.

    Args:
        session: the new one.
        said: one short sentence for the user, past tense, file names fit to be shown (but not escaped as markup).
    """

    session: Session
    said: str


def accept(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Accept picks: they stay when settings change, and count in the budget.

    Raises:
        UslError: a bad row, or none of them is a pick that is not accepted yet.
    """
    raise NotImplementedError


def unaccept(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Take back that picks, or pending images of earlier rounds, were accepted. One that was given a class stays accepted.

    Raises:
        UslError: a bad row, or none of them is accepted.
    """
    raise NotImplementedError


def accept_unflagged(session: Session, images: ImageSet, flagged: Iterable[int]) -> Done:
    """Accept all picks but these, e.g. the keys of what `flags.find_flags` returns.

    Raises:
        UslError: a bad row, or there is nothing left to accept.
    """
    raise NotImplementedError


def swap(session: Session, pool: Pool, rows: Sequence[int], others: Sequence[int] | None = None) -> Done:
    """Put other images in the places of picks; those are not vetoed, so they may come back.

    Args:
        session: the review.
        pool: of `session.call`.
        rows: of picks.
        others: what takes the place of each; None: the runner-up that comes next after the pick in the order of the method,
            from the last one back to the first.

    Raises:
        UslError: a bad row, a row that is no pick, another number of others, or one that is not free: a pick, vetoed, labelled.
    """
    raise NotImplementedError


def veto(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """Never pick these. Where one is a pick, the next best of its cluster takes its place at once; where the cluster has none
    left, what the method itself says comes next. Labelled images cannot be vetoed.

    Raises:
        UslError: a bad row, or all are labelled or vetoed already.
    """
    raise NotImplementedError


def unveto(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Let images be picked again. The current picks stay.

    Raises:
        UslError: a bad row, or none is vetoed.
    """
    raise NotImplementedError


def pin(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """Images that stay picked whatever the settings say. One that is no pick takes the place of its cluster, else the last one
    that is neither accepted nor pinned.

    Raises:
        UslError: a bad row, one that is vetoed or labelled, or no place is free.
    """
    raise NotImplementedError


def unpin(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Let the next selection decide on them again.

    Raises:
        UslError: a bad row, or none is pinned.
    """
    raise NotImplementedError


def mark_labelled(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """These have a label already, outside of this review: they repel, and are never picked. Where one is a pick, another takes
    its place as after a veto.

    Raises:
        UslError: a bad row, or all are labelled.
    """
    raise NotImplementedError
