"""The order of picks, for a budget that ends early: who labels the first r of m labels the most important ones."""

from __future__ import annotations

from typing import Literal

from ..types import Selection

Order = Literal["method", "cluster size", "score"]
ORDERS: tuple[Order, ...] = ("method", "cluster size", "score")
"""As the method returns them (`MethodCard.order` says how); the largest cluster first; the highest score first."""


def orders_of(selection: Selection) -> tuple[Order, ...]:
    """The orders that a selection can be put in: by cluster size where it has clusters, by score where it has scores."""
    raise NotImplementedError


def ranked(selection: Selection, by: Order) -> Selection:
    """The same picks in another order; equals keep theirs. Everything that is not per pick stays.

    Raises:
        UslError: an order that this selection cannot be put in.
    """
    raise NotImplementedError


def first_picks(selection: Selection, r: int) -> Selection:
    """The first r of the m picks, with a note that says so.

    Raises:
        UslError: r is not in [1, m].
    """
    raise NotImplementedError
