"""Why this pick? The numbers behind it, what pushed it, what stood behind it, and how often it would come again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import UslError
from ..selection.usl_params import UslParams
from ..types import Features, IntArray, Neighbors, Progress
from ..validation import whole_number
from .pool import Pool, runners_up
from .pushes import Push, pushes_on
from .rounds import select_call
from .session import Call, Session, row_by_path


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
    row = whole_number(row, "row", 0, len(pool) - 1)
    n_neighbors = whole_number(n_neighbors, "n_neighbors", 0)
    n_runners_up = whole_number(n_runners_up, "n_runners_up", 0)
    cluster, members = None, np.empty(0, dtype=np.int64)
    if pool.clusters is not None:
        cluster = int(pool.clusters[row])
        members = np.flatnonzero(pool.clusters == cluster)
    indices, distances = pool.neighbors.indices[row, :n_neighbors], pool.neighbors.distances[row, :n_neighbors]
    return Why(
        pick=_scored(pool, row, members),
        cluster=cluster,
        cluster_size=None if cluster is None else len(members),
        pushes=pushes_on(pool, row),
        neighbors=tuple(zip(indices.tolist(), distances.tolist(), strict=True)),
        runners_up=tuple(_scored(pool, int(other), members) for other in runners_up(pool, session, row, n_runners_up)),
        unregularised=_densest(pool, session, row, members),
    )


def seed_counts(
    features: Features,
    neighbors: Neighbors,
    call: Call,
    seeds: Sequence[int] = tuple(range(10)),
    *,
    on_progress: Progress | None = None,
) -> IntArray:
    """In how many of some seeds each image is picked, everything else as in the call. Kept picks come in all of them.

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
    if not len(seeds):
        raise UslError("seeds must be at least one but are none")
    counts = np.zeros(len(features), dtype=np.int64)
    for done, seed in enumerate(seeds):

        def report(fraction: float, note: str, done: int = done) -> None:
            if on_progress:
                on_progress((done + fraction) / len(seeds), f"seed {done + 1} of {len(seeds)}: {note}")

        report(0.0, "selecting")
        selection = select_call(replace(call, seed=whole_number(seed, "seed", 0)), features, neighbors, on_progress=report)
        if selection is not None:
            counts[selection.indices] += 1
    places = row_by_path(features.images)
    counts[[places[path] for path in call.kept if path in places]] = len(seeds)
    if on_progress:
        on_progress(1.0, f"{len(seeds)} seeds")
    return counts


def _scored(pool: Pool, row: int, members: IntArray) -> Scored:
    """`members`: rows of its cluster, empty without clusters. Of equally dense images the lower row is the denser one."""
    u = pool.utility
    denser = (u[members] > u[row]) | ((u[members] == u[row]) & (members < row))
    return Scored(
        row=row,
        utility=float(u[row]),
        penalty=None if pool.penalty is None else float(pool.penalty[row]),
        score=None if pool.scores is None else float(pool.scores[row]),
        density_rank=int(denser.sum()) + 1 if len(members) else None,
    )


def _densest(pool: Pool, session: Session, row: int, members: IntArray) -> int | None:
    """The densest image of the cluster that could be picked when the method was asked: not vetoed or labelled then, and no copy
    of such an image; None for other methods, and where the cluster had none."""
    if pool.selection is None or not isinstance(pool.selection.params, UslParams):
        return None
    places = row_by_path(pool.features.images)
    barred = np.array([places[path] for path in pool.call.vetoed if path in places], dtype=np.int64)
    closed = np.isin(pool.copies, pool.copies[np.union1d(barred, pool.repellers)])
    rows = members[~closed[members]]
    return int(rows[np.argmax(pool.utility[rows])]) if len(rows) else None
