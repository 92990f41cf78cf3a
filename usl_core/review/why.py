"""Why this pick? The numbers behind it, what pushed it, what stood behind it, and how often it would come again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..types import Features, IntArray, Neighbors, Progress
from .pool import Pool
from .session import Call, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """An image and the terms of its score.

    Args:
        row: of the image.
        utility: U.
        penalty: lambda * RegBar of the last round; None for methods other than USL.
        score: by which the method orders images inside a cluster (USL: utility - penalty); None where it has none.
        density_rank: place among the images of its cluster by U, from 1; None without clusters.
    """

    row: int
    utility: float
    penalty: float | None
    score: float | None
    density_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What one other image adds to the penalty of a pick.

    Args:
        row: of the other image.
        kind: "pick" of now; "former": a pick of earlier rounds of the recursion, which the momentum remembers; "labelled":
            it was given as labelled, or was a pick that was kept.
        penalty: its part of lambda * RegBar.
        share: of the whole penalty, in [0, 1]; the shares add up to 1.
    """

    row: int
    kind: str
    penalty: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Of one pick.

    Args:
        pick: its numbers.
        cluster: of the pick; None where the method has none.
        cluster_size: images in it; None without clusters.
        pushes: the strongest first; empty where nothing pushes; None for methods other than USL.
        neighbors: nearest images as (row, distance), the nearest first.
        runners_up: of its cluster, free, in the order of the method.
        unregularised: row that would be picked in its cluster at lambda = 0; None for methods other than USL.
    """

    pick: Scored
    cluster: int | None
    cluster_size: int | None
    pushes: tuple[Push, ...] | None
    neighbors: tuple[tuple[int, float], ...]
    runners_up: tuple[Scored, ...]
    unregularised: int | None


def why(pool: Pool, session: Session, row: int, *, n_neighbors: int = 8, n_runners_up: int = 5) -> Why:
    """The numbers behind a pick, or behind any other image.

    Args:
        pool: of `session.call`.
        session: the review.
        row: of the image.
        n_neighbors: of the graph's.
        n_runners_up: at most.

    Raises:
        UslError: a bad row.
    """
    raise NotImplementedError


def seed_counts(
    features: Features,
    neighbors: Neighbors,
    call: Call,
    seeds: Sequence[int] = tuple(range(10)),
    *,
    on_progress: Progress | None = None,
) -> IntArray:
    """In how many of some seeds each image is picked, everything else as in the call.

    Args:
        features: of the images.
        neighbors: their kNN graph.
        call: of the review.
        seeds: to select with.
        on_progress: see `types.Progress`; raising `Cancelled` there stops it.

    Returns:
        (n,) int64.

    Raises:
        UslError: no seeds, or what `usl.select` refuses.
    """
    raise NotImplementedError
