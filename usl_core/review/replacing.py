"""What takes the place of a pick that goes: the next best of its cluster, else what the method itself picks next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..errors import UslError
from ..graph.near_duplicates import candidates_of, find_near_duplicates
from ..selection.registry import method_cards, select
from ..types import IntArray
from ..uslt.reports import most_confident
from .pool import Pool, runners_up
from .sentences import named, shown
from .session import Origin, Session, Slot, present_rows, row_by_path, rows_of


def next_after(pool: Pool, session: Session, path: str) -> int:
    """The runner-up that comes next after a pick in the order of its method, from the last one back to the first.

    Raises:
        UslError: there is none.
    """
    row = int(rows_of(pool.features.images, [path])[0])
    rows = runners_up(pool, session, row, None)
    if len(rows):
        order = np.asarray(pool.order)
        behind = (order[rows] < order[row]) | ((order[rows] == order[row]) & (rows > row))
        return int(rows[behind][0] if behind.any() else rows[0])
    chosen = _by_method(pool, session, 1)
    if not len(chosen):
        raise UslError(f"nothing can take the place of {shown(path)}: no other image is free")
    return int(chosen[0])


def replaced(session: Session, pool: Pool, paths: Iterable[str], origin: Origin) -> tuple[Session, str]:
    """The session with other images in the places of picks that were just vetoed or labelled, and what to say of it.

    Clusters give their next best first; what is missing then is chosen by the method in one go. Places for which no image is
    left are given up.
    """
    images, gone = pool.features.images, set(paths)
    for slot in session.slots:
        if slot.path in gone and slot.path in row_by_path(images):
            best = runners_up(pool, session, int(rows_of(images, [slot.path])[0]), 1)
            if len(best):
                session = _put(session, pool, {slot.path: int(best[0])}, origin)
    waiting = [path for path in session.picks if path in gone]
    chosen = _by_method(pool, session, len(waiting)) if waiting else np.empty(0, dtype=np.int64)
    session = _put(session, pool, dict(zip(waiting, chosen.tolist(), strict=False)), origin)
    lost = waiting[len(chosen) :]
    session = replace(session, slots=tuple(slot for slot in session.slots if slot.path not in lost))
    came = [slot.path for slot in session.slots if slot.instead_of in gone]
    said = f"; {named(came, 'others')} {'takes its place' if len(came) == 1 else 'take their places'}" if came else ""
    return session, said + (f"; no image was left for {len(lost)} of the places" if lost else "")


def _put(session: Session, pool: Pool, rows: dict[str, int], origin: Origin) -> Session:
    images = pool.features.images

    def other(slot: Slot) -> Slot:
        row = rows.get(slot.path)
        if row is None:
            return slot
        cluster = -1 if pool.clusters is None else int(pool.clusters[row])
        return Slot(path=images.paths[row], cluster=cluster, origin=origin, instead_of=slot.path)

    slots = tuple(map(other, session.slots))
    return session.changed(images, (slot.path for slot in slots), slots=slots)


def _by_method(pool: Pool, session: Session, most: int) -> IntArray:
    """What the method picks next, at most so many rows, where all that is picked, labelled or pending is labelled."""
    images, call = pool.features.images, session.call
    vetoed = session.vetoed_rows(images)
    fixed = np.setdiff1d(present_rows(images, (*session.picks, *session.labels, *session.pending)), vetoed)
    left = len(pool) - len(np.union1d(fixed, vetoed))
    if call.near_duplicates is not None:
        groups = find_near_duplicates(
            pool.features, call.near_duplicates, neighbors=pool.neighbors, labelled=fixed, vetoed=vetoed
        )
        left = min(left, len(groups.open))
    most = min(most, left)
    if most == 0:
        return np.empty(0, dtype=np.int64)
    if call.method == "usl-t":
        # Its own rule for clusters without an image to give; to train again for one pick would move all clusters.
        if pool.clusters is None or pool.scores is None:
            raise UslError("the next pick of usl-t needs the confidences of its training; open the training first")
        choice = candidates_of(
            *(pool.features.values, most, fixed, vetoed),
            duplicates=images.duplicates,
            neighbors=pool.neighbors,
            near_duplicates=call.near_duplicates,
        )
        scores = pool.scores.astype(np.float32)
        return most_confident(pool.clusters.astype(np.int32), scores, most, choice.rows, fixed)
    learns = next(card.second_round for card in method_cards(second_round=True) if card.name == call.method)
    picked = select(
        pool.features,
        most,
        call.method,
        call.params,
        call.seed,
        labels=session.class_ids(images) if learns else images.labels,
        labelled=fixed,
        vetoed=vetoed,
        neighbors=pool.neighbors,
        cluster_labels=None if call.method == "stratified" else pool.clusters,
        near_duplicates=call.near_duplicates,
    )
    return picked.indices
