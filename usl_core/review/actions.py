"""What a user does to the picks: each action makes another `Session`, and says in a sentence what it did.

All take rows, one or several (a lasso). Rows to which an action does not apply are left alone, and the sentence counts them; if
it applies to none, that is a `UslError`. Names of classes and what is written on images are in `labelling`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import UslError
from ..types import ImageSet
from .pool import Pool
from .replacing import next_after, replaced
from .sentences import named, others_left, shown
from .session import Session, Slot, paths_of, rows_of


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
    paths = paths_of(images, rows)
    open_picks = {slot.path for slot in session.slots if not slot.accepted}
    chosen = [path for path in paths if path in open_picks]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be accepted: only picks that are not accepted yet can")
    left = others_left(len(paths) - len(chosen), "no picks, or accepted already")
    return Done(_with_slots(session, chosen, lambda slot: replace(slot, accepted=True)), f"Accepted {named(chosen)}{left}.")


def unaccept(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Take back that picks, or pending images of earlier rounds, were accepted. One that has a label stays accepted.

    Raises:
        UslError: a bad row, or none of them is accepted, or has no label.
    """
    paths = paths_of(images, rows)
    accepted = {slot.path for slot in session.slots if slot.accepted and slot.path not in session.labels}
    pending = set(session.pending)
    chosen = [path for path in paths if path in accepted or path in pending]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be taken back: not accepted, or with a label (clear that first)")
    former = pending.intersection(chosen)
    rounds = session.rounds
    if former:
        back = {
            slot.path: replace(slot, accepted=False, pinned=False)
            for one in rounds
            for slot in one.picks
            if slot.path in former
        }
        rounds = tuple(replace(one, picks=tuple(back.get(slot.path, slot) for slot in one.picks)) for one in rounds)
    session = replace(session, rounds=rounds)
    left = others_left(len(paths) - len(chosen), "not accepted, or labelled")
    return Done(_with_slots(session, chosen, lambda slot: replace(slot, accepted=False)), f"Took back {named(chosen)}{left}.")


def accept_unflagged(session: Session, images: ImageSet, flagged: Iterable[int]) -> Done:
    """Accept all picks but these, e.g. the keys of what `flags.find_flags` returns.

    Raises:
        UslError: a bad row, or there is nothing left to accept.
    """
    doubtful = set(paths_of(images, flagged))
    chosen = [slot.path for slot in session.slots if not slot.accepted and slot.path not in doubtful]
    if not chosen:
        raise UslError("there is nothing to accept: every pick is accepted already or has a flag")
    left = sum(not slot.accepted and slot.path in doubtful for slot in session.slots)
    accepted = _with_slots(session, chosen, lambda slot: replace(slot, accepted=True))
    return Done(accepted, f"Accepted {named(chosen, 'picks')}{others_left(left, 'with a flag')}.")


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
    images = pool.features.images
    paths = paths_of(images, rows)
    if not paths:
        raise UslError("there is nothing to swap: no picks were given")
    for path in paths:
        if session.rank_of(path) is None:
            raise UslError(f"{shown(path)} is no pick, so nothing can take its place")
        if path in session.labels:
            raise UslError(f"{shown(path)} has a label, so it stays; clear the label first")
    news = None if others is None else paths_of(images, others)
    if news is not None and len(news) != len(paths):
        raise UslError(f"swap {len(paths)} picks for {len(paths)} other images, one each, but {len(news)} were given")
    swapped = session
    for place, path in enumerate(paths):
        new = images.paths[next_after(pool, swapped, path)] if news is None else news[place]
        _refuse_taken(swapped, new)
        slots = (_in_place(slot, new, pool) if slot.path == path else slot for slot in swapped.slots)
        swapped = swapped.changed(images, (path, new), slots=tuple(slots))
    last = swapped.slots[session.picks.index(paths[0])].path
    said = f"Swapped {shown(paths[0])} for {shown(last)}." if len(paths) == 1 else f"Swapped {len(paths):,} picks."
    return Done(swapped, said)


def veto(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """Never pick these. Where one is a pick, the next best of its cluster takes its place at once; where the cluster has none
    left, what the method itself says comes next. Labelled images cannot be vetoed.

    Raises:
        UslError: a bad row, or all are labelled or vetoed already.
    """
    paths = paths_of(pool.features.images, rows)
    barred = {*session.vetoed, *session.labels}
    chosen = [path for path in paths if path not in barred]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be vetoed: vetoed already, or with a label (clear that first)")
    marked = session.changed(pool.features.images, chosen, vetoed=(*session.vetoed, *chosen))
    after, said = replaced(marked, pool, chosen, "veto")
    left = others_left(len(paths) - len(chosen), "labelled, or vetoed already")
    return Done(after, f"Vetoed {named(chosen)}{left}{said}.")


def unveto(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Let images be picked again. The current picks stay.

    Raises:
        UslError: a bad row, or none is vetoed.
    """
    paths = paths_of(images, rows)
    barred = set(session.vetoed)
    chosen = [path for path in paths if path in barred]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be let in again: not vetoed")
    left = others_left(len(paths) - len(chosen), "not vetoed")
    kept = tuple(path for path in session.vetoed if path not in set(chosen))
    return Done(replace(session, vetoed=kept), f"Took back the veto of {named(chosen)}{left}.")


def pin(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """Images that stay picked whatever the settings say. One that is no pick takes the place of its cluster, else the last one
    that is neither accepted nor pinned.

    Raises:
        UslError: a bad row, one that is vetoed or labelled, all are pinned already, or no place is free.
    """
    images = pool.features.images
    paths = paths_of(images, rows)
    done = {slot.path for slot in session.slots if slot.pinned}
    chosen = [path for path in paths if path not in done]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be pinned: pinned already")
    slots, given = list(session.slots), set(chosen)
    # Those that are picks first, so that none of the others takes their place.
    for path in sorted(chosen, key=lambda path: path not in session.picks):
        place = next((place for place, slot in enumerate(slots) if slot.path == path), None)
        if place is not None:
            slots[place] = replace(slots[place], pinned=True)
            continue
        _refuse_taken(session, path)
        cluster = _cluster(pool, path)
        spare = [place for place, slot in enumerate(slots) if not slot.is_kept and slot.path not in given]
        if not spare:
            raise UslError(f"{shown(path)} cannot be pinned: all {len(slots)} picks are accepted or pinned; raise the budget")
        own = [place for place in spare if cluster >= 0 and slots[place].cluster == cluster]
        place = own[0] if own else spare[-1]
        slots[place] = Slot(path=path, cluster=cluster, origin="pin", instead_of=slots[place].path, pinned=True)
    after = session.changed(images, chosen, slots=tuple(slots))
    return Done(after, f"Pinned {named(chosen)}{others_left(len(paths) - len(chosen), 'pinned already')}.")


def unpin(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Let the next selection decide on them again.

    Raises:
        UslError: a bad row, or none is pinned.
    """
    paths = paths_of(images, rows)
    pinned = {slot.path for slot in session.slots if slot.pinned}
    chosen = [path for path in paths if path in pinned]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be let go: not pinned")
    left = others_left(len(paths) - len(chosen), "not pinned")
    return Done(_with_slots(session, chosen, lambda slot: replace(slot, pinned=False)), f"Let go of {named(chosen)}{left}.")


def mark_labelled(session: Session, pool: Pool, rows: Iterable[int]) -> Done:
    """These have a label already, outside of this review: they repel, and are never picked. Where one is a pick, another takes
    its place as after a veto.

    Raises:
        UslError: a bad row, or all are labelled.
    """
    images = pool.features.images
    paths = paths_of(images, rows)
    chosen = [path for path in paths if path not in session.labels]
    if not chosen:
        raise UslError(f"{named(paths)} cannot be marked: labelled already")
    vetoed = tuple(path for path in session.vetoed if path not in set(chosen))
    marked = session.changed(images, chosen, labels={**session.labels, **dict.fromkeys(chosen)}, vetoed=vetoed)
    after, said = replaced(marked, pool, chosen, "labelled")
    left = others_left(len(paths) - len(chosen), "labelled already")
    return Done(after, f"Marked {named(chosen)} as labelled already{left}{said}.")


def _with_slots(session: Session, paths: Iterable[str], change: Callable[[Slot], Slot]) -> Session:
    chosen = set(paths)
    return replace(session, slots=tuple(change(slot) if slot.path in chosen else slot for slot in session.slots))


def _in_place(slot: Slot, path: str, pool: Pool) -> Slot:
    return Slot(path=path, cluster=_cluster(pool, path), origin="swap", instead_of=slot.path)


def _cluster(pool: Pool, path: str) -> int:
    return -1 if pool.clusters is None else int(pool.clusters[rows_of(pool.features.images, [path])[0]])


def _refuse_taken(session: Session, path: str) -> None:
    if session.rank_of(path) is not None:
        raise UslError(f"{shown(path)} is a pick already")
    if path in session.vetoed:
        raise UslError(f"{shown(path)} is vetoed; take back the veto first")
    if path in session.labels:
        raise UslError(f"{shown(path)} has a label already, so it needs no place")
    if path in session.pending:
        raise UslError(f"{shown(path)} was accepted in an earlier round and waits for its label")
