"""Actions: hand-made cases against what they promise, and any sequence of them with undo and redo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core import UslError
from usl_core.review import actions, document, labelling, rounds
from usl_core.review.pool import free, pool_of, runners_up
from usl_core.review.session import Session
from usl_core.review.timeline import MOST_STEPS, Timeline

from .made import N_COPIES, Made, N, check, made

METHODS = ("usl", "random", "stratified", "cluster-stratified")


def rows(made_: Made, session: Session | None = None) -> list[int]:
    return (session or made_.session).pick_rows(made_.images).tolist()


# ---------------------------------------------------------------- by hand


def test_a_veto_brings_the_best_free_image_of_the_cluster():
    one = made()
    for rank, row in enumerate(rows(one)):
        after, said = actions.veto(one.session, one.pool, [row])
        new = rows(one, after)[rank]
        assert one.pool.clusters is not None
        assert one.pool.scores is not None
        taken = set(rows(one)) | {other for pick in rows(one) for other in (pick - (N - N_COPIES), pick + N - N_COPIES)}
        rivals = [r for r in range(N) if one.pool.clusters[r] == one.pool.clusters[row] and r not in taken]
        assert one.pool.scores[new] == max(one.pool.scores[rivals])
        assert after.slots[rank].origin == "veto"
        assert after.slots[rank].instead_of == one.images.paths[row]
        assert [a for place, a in enumerate(after.picks) if place != rank] == [
            b for place, b in enumerate(one.session.picks) if place != rank
        ]
        assert said == f"Vetoed '{one.images.paths[row]}'; '{one.images.paths[new]}' takes its place."


def test_where_a_cluster_has_none_left_the_method_says_what_comes_next():
    one = made()
    assert one.pool.clusters is not None
    row = rows(one)[0]
    cluster = np.flatnonzero(one.pool.clusters == one.pool.clusters[row])
    after = actions.veto(one.session, one.pool, cluster.tolist()).session
    assert len(after.slots) == 8
    assert set(rows(one, after)).isdisjoint(cluster)
    check(after, one.images)


def test_usl_t_gives_its_next_most_confident_image():
    """Its training is not made again: clusters and confidences are those that it ended with."""
    one = made()
    assert one.pool.selection is not None
    confidence = np.random.default_rng(0).permutation(N) / N
    call = replace(one.session.call, method="usl-t", params=usl.UsltParams())
    session = replace(one.session, call=call)
    trained = replace(one.pool.selection, method="usl-t", params=usl.UsltParams())
    pool = pool_of(one.features, one.neighbors, call, trained, confidence=confidence)
    assert pool.clusters is not None
    row = rows(one)[-1]
    after = actions.veto(session, pool, [row]).session
    assert rows(one, after)[-1] == max(runners_up(pool, session, row, None).tolist(), key=lambda other: confidence[other])
    cluster = np.flatnonzero(pool.clusters == pool.clusters[row])
    after = actions.veto(session, pool, cluster.tolist()).session
    check(after, one.images)
    largest = np.bincount(pool.clusters).argmax()
    assert largest != pool.clusters[row]
    rivals = [other for other in np.flatnonzero(free(pool, session)).tolist() if pool.clusters[other] == largest]
    assert rows(one, after)[-1] == max(rivals, key=lambda other: confidence[other])
    blind = pool_of(one.features, one.neighbors, call, trained)
    assert len(runners_up(blind, session, row)) == 0
    with pytest.raises(UslError, match="open the training first"):
        actions.veto(session, blind, [row])


def test_a_copy_of_a_vetoed_image_does_not_come_back():
    one = made()
    session = one.session
    for _ in range(4):
        session = actions.veto(session, one.pool, session.pick_rows(one.images).tolist()).session
    vetoed, picked = set(session.vetoed_rows(one.images).tolist()), set(rows(one, session))
    assert not picked & {(row + N - N_COPIES) for row in vetoed if row < N_COPIES}


@pytest.mark.parametrize("method", METHODS)
def test_places_are_given_up_only_when_nothing_is_left(method):
    one = made(method)
    most = N - 5
    others = [row for row in range(N) if row not in rows(one)]
    after = actions.mark_labelled(one.session, one.pool, others[: most - 8]).session
    assert len(after.slots) == 8
    after, said = actions.veto(after, one.pool, rows(one, after))
    assert len(after.slots) == N - (most - 8) - 8 == 5
    assert "no image was left for 3 of the places" in said
    check(after, one.images)


def test_near_duplicates_of_other_picks_do_not_take_a_place():
    one = made(near_duplicates=0.97)
    row = rows(one)[0]
    found = runners_up(one.pool, one.session, row, None)
    others = [pick for pick in rows(one) if pick != row]
    cosines = one.features.values[found] @ one.features.values[others].T
    assert len(found) == 0 or cosines.max() < 0.97


def test_a_swap_goes_through_all_runners_up_and_back():
    one = made()
    row, session, seen = rows(one)[0], one.session, []
    n = len(runners_up(one.pool, session, row, None))
    for _ in range(n + 1):
        session = actions.swap(session, one.pool, [session.pick_rows(one.images)[0]]).session
        seen.append(session.picks[0])
    assert len(set(seen)) == n + 1
    assert seen[-1] == one.session.picks[0]


def test_a_swap_takes_what_is_given():
    one = made()
    other = int(np.flatnonzero(free(one.pool, one.session))[0])
    session, said = actions.swap(one.session, one.pool, rows(one)[2:3], [other])
    assert session.picks[2] == one.images.paths[other]
    assert session.slots[2].origin == "swap"
    assert said == f"Swapped '{one.session.picks[2]}' for '{one.images.paths[other]}'."


def test_a_pin_takes_the_place_of_its_cluster_else_the_last_free_one():
    one = made()
    assert one.pool.clusters is not None
    row = int(runners_up(one.pool, one.session, rows(one)[3])[0])
    session = actions.pin(one.session, one.pool, [row]).session
    assert session.picks[3] == one.images.paths[row]
    assert session.slots[3].pinned
    accepted = actions.accept(one.session, one.images, [rows(one)[3], rows(one)[7]]).session
    session = actions.pin(accepted, one.pool, [row]).session
    assert session.picks[6] == one.images.paths[row]
    full = actions.accept(one.session, one.images, rows(one)).session
    with pytest.raises(UslError, match="all 8 picks are accepted or pinned; raise the budget"):
        actions.pin(full, one.pool, [row])


def test_all_but_flagged_picks_are_accepted():
    one = made()
    session, said = actions.accept_unflagged(one.session, one.images, rows(one)[:2])
    assert [slot.accepted for slot in session.slots] == [False] * 2 + [True] * 6
    assert said == "Accepted 6 picks; 2 left alone (with a flag)."


def test_a_lasso_leaves_alone_what_it_does_not_apply_to():
    one = made()
    session = labelling.label(one.session, one.images, [rows(one)[0]], "ant").session
    session, said = actions.veto(session, one.pool, rows(one)[:3])
    assert said.startswith("Vetoed 2 images; 1 left alone (labelled, or vetoed already); 2 others take their places")
    assert session.picks[0] == one.session.picks[0]


def test_classes_grow_and_are_renamed_and_merged():
    one = made()
    session = labelling.label(one.session, one.images, [1, 2], " ant ").session
    session = labelling.label(session, one.images, [3], "bee").session
    session = labelling.add_class(session, "cat").session
    assert session.class_names == ("ant", "bee", "cat")
    session = labelling.rename_class(session, "ant", "wasp").session
    assert session.class_names == ("wasp", "bee", "cat")
    session, said = labelling.merge_classes(session, "wasp", "bee")
    assert session.class_names == ("bee", "cat")
    assert set(session.labels.values()) == {"bee"}
    assert said == "Merged the class 'wasp' (2 images) into 'bee'."
    assert labelling.clear_label(session, one.images, [1, 2, 3]).session.labels == {}


def test_notes_stand_until_they_are_emptied():
    one = made()
    session = labelling.note(one.session, one.images, [4, 5], "a second look\nby daylight").session
    assert set(session.notes) == {one.images.paths[4], one.images.paths[5]}
    assert set(labelling.note(session, one.images, [4], " ").session.notes) == {one.images.paths[5]}


BAD: list[tuple[str, Any, str]] = [
    ("a row too high", lambda m, s: actions.accept(s, m.images, [N]), r"rows must hold indices in \[0, 59\] but holds 60"),
    ("a negative row", lambda m, s: actions.veto(s, m.pool, [-1]), "rows must hold indices"),
    ("no number", lambda m, s: actions.veto(s, m.pool, ["a"]), "rows must be a list of image indices"),
    ("no pick", lambda m, s: actions.accept(s, m.images, [_other(m)]), "only picks that are not accepted yet can"),
    ("swap no pick", lambda m, s: actions.swap(s, m.pool, [_other(m)]), "is no pick"),
    ("swap for a pick", lambda m, s: actions.swap(s, m.pool, rows(m)[:1], rows(m)[1:2]), "is a pick already"),
    ("swap for fewer", lambda m, s: actions.swap(s, m.pool, rows(m)[:2], [_other(m)]), "one each, but 1 were given"),
    ("not vetoed", lambda m, s: actions.unveto(s, m.images, [0]), "not vetoed"),
    ("not pinned", lambda m, s: actions.unpin(s, m.images, [0]), "not pinned"),
    ("not accepted", lambda m, s: actions.unaccept(s, m.images, [0]), "not accepted"),
    ("empty name", lambda m, s: labelling.label(s, m.images, [0], " "), "a class needs a name"),
    ("long name", lambda m, s: labelling.label(s, m.images, [0], "a" * 201), "at most 200 characters but has 201"),
    ("odd name", lambda m, s: labelling.label(s, m.images, [0], "a\nb"), r"U\+000A"),
    ("long note", lambda m, s: labelling.note(s, m.images, [0], "a" * 10_001), "at most 10,000 characters"),
    ("unknown class", lambda m, s: labelling.rename_class(s, "ant", "bee"), "there is no class 'ant'; the classes are: none"),
    ("no label", lambda m, s: labelling.clear_label(s, m.images, [0]), "no label"),
]


def _other(one: Made) -> int:
    return next(row for row in range(N) if row not in rows(one))


@pytest.mark.parametrize(("act", "message"), [(act, message) for _, act, message in BAD], ids=[name for name, *_ in BAD])
def test_what_cannot_be_done_is_said(act, message):
    one = made()
    with pytest.raises(UslError, match=message):
        act(one, one.session)


# ---------------------------------------------------------------- any sequence

ACTIONS = (
    *("accept", "unaccept", "unflagged", "swap", "veto", "unveto", "pin", "unpin", "marked", "label", "clear"),
    *("rename", "merge", "note", "reselect", "next", "undo", "redo"),
)


def _act(action: str, made_: Made, session: Session, some: list[int], number: int) -> Any:
    images, name = made_.images, ("ant", "bee", "new")[number % 3]
    pool = made_.pool_for(session) if action in ("swap", "veto", "pin", "marked") else made_.pool
    again = {"method": session.call.method, "params": session.call.params, "seed": number, "when": 2.0}
    if action in ("reselect", "next"):
        budget, next_round = 4 + number % 8, action == "next"
        call = rounds.call_for(session, made_.features, **again, budget=budget, next_round=next_round)
        selection = rounds.select_call(call, made_.features, made_.neighbors)
        return (rounds.next_round if next_round else rounds.reselected)(session, made_.features, call, selection)
    return {
        "accept": lambda: actions.accept(session, images, some),
        "unaccept": lambda: actions.unaccept(session, images, some),
        "unflagged": lambda: actions.accept_unflagged(session, images, some),
        "swap": lambda: actions.swap(session, pool, some[:2]),
        "veto": lambda: actions.veto(session, pool, some),
        "unveto": lambda: actions.unveto(session, images, some),
        "pin": lambda: actions.pin(session, pool, some[:2]),
        "unpin": lambda: actions.unpin(session, images, some),
        "marked": lambda: actions.mark_labelled(session, pool, some),
        "label": lambda: labelling.label(session, images, some, name),
        "clear": lambda: labelling.clear_label(session, images, some),
        "rename": lambda: labelling.rename_class(session, "ant", name),
        "merge": lambda: labelling.merge_classes(session, "bee", "ant"),
        "note": lambda: labelling.note(session, images, some, "looked at" * (number % 2)),
    }[action]()


@settings(max_examples=25)
@given(data=st.data(), method=st.sampled_from(METHODS))
def test_whatever_is_done_keeps_the_promises_and_can_be_undone(data, method):
    one = made(method)
    timeline, complete = Timeline(session=one.session), True
    for row, name in ((0, "ant"), (1, "bee"), (rows(one)[0], "ant")):
        timeline = timeline.did(labelling.label(timeline.session, one.images, [row], name), 3.0)
    steps = data.draw(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9), st.booleans()), max_size=14))
    for action, number, of_picks in steps:
        choose_from = sorted(rows(one, timeline.session)) if of_picks and timeline.session.slots else list(range(N))
        some = data.draw(st.lists(st.sampled_from(choose_from), min_size=1, max_size=5, unique=True))
        try:
            if action in ("undo", "redo"):
                timeline = getattr(timeline, action)()
            else:
                done = _act(action, one, timeline.session, some, number)
                assert done.said.endswith(".")
                assert len(done.said) < 400
                timeline = timeline.did(done, 3.0)
        except UslError:
            continue
        session = timeline.session
        check(session, one.images)
        complete = complete and bool(free(one.pool, session).any())
        if complete:
            assert len(session.slots) == session.call.budget
    end = timeline
    assert document.read(document.written(end), "file") == end
    while timeline.past:
        timeline = timeline.undo()
        check(timeline.session, one.images)
    assert timeline.session == one.session
    while timeline.future:
        timeline = timeline.redo()
    forward = end
    while forward.future:
        forward = forward.redo()
    assert timeline.session == forward.session


def test_two_hundred_steps_can_be_undone():
    one = made()
    timeline = Timeline(session=one.session)
    for number in range(MOST_STEPS + 20):
        timeline = timeline.did(labelling.note(timeline.session, one.images, [number % 7], f"note {number}"))
    assert len(timeline.past) == MOST_STEPS
    assert len(document.written(timeline)) < 100_000
    while timeline.past:
        timeline = timeline.undo()
    assert timeline.session.notes[one.images.paths[19 % 7]] == "note 19"
    with pytest.raises(UslError, match="nothing to undo"):
        timeline.undo()
