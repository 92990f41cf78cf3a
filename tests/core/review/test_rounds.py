"""Other settings, the next round, labels that come back, images that change, and the order of picks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import usl_core as usl
from usl_core import UslError
from usl_core.review import actions, changes, labelling, merging, ranks, rounds
from usl_core.review.session import LabelConflict, Session, Slot
from usl_core.types import Features

from .made import Made, N, check, features_of, made


def again(one: Made, session: Session, method: str = "usl", next_round: bool = False, **more: Any) -> Session:
    more = {"budget": 8, "params": one.session.call.params if method == "usl" else None} | more
    call = rounds.call_for(session, one.features, method=method, next_round=next_round, **more)
    selection = rounds.select_call(call, one.features, one.neighbors)
    return (rounds.next_round if next_round else rounds.reselected)(session, one.features, call, selection).session


def labelled_by_truth(one: Made, session: Session) -> Session:
    assert one.images.labels is not None
    for row in session.pick_rows(one.images).tolist():
        session = labelling.label(session, one.images, [row], one.images.class_names[one.images.labels[row]]).session
    return session


# ---------------------------------------------------------------- other settings


def test_the_same_settings_pick_the_same():
    one = made()
    assert again(one, one.session, when=1.0) == one.session


def test_what_is_kept_keeps_its_rank_and_repels():
    one = made()
    rows = one.session.pick_rows(one.images).tolist()
    session = actions.accept(one.session, one.images, [rows[1]]).session
    session = actions.pin(session, one.pool, [rows[6]]).session
    session = actions.veto(session, one.pool, [rows[0]]).session
    session = labelling.label(session, one.images, [next(row for row in range(N) if row not in rows)], "ant").session
    after = again(one, session, seed=3)
    check(after, one.images)
    assert (after.picks[1], after.picks[6]) == (session.picks[1], session.picks[6])
    fixed = [rows[1], rows[6], *session.labelled_rows(one.images).tolist()]
    wanted = usl.select(
        one.features, 6, "usl", session.call.params, 3, labelled=fixed, vetoed=[rows[0]], neighbors=one.neighbors
    )
    assert [path for path in after.picks if path not in session.call.kept] != []
    new = [slot.path for slot in after.slots if not slot.is_kept]
    assert new == [one.images.paths[row] for row in wanted.indices]
    assert again(one, after, seed=3).picks == after.picks


def test_a_smaller_budget_moves_kept_picks_up_but_loses_none():
    one = made()
    rows = one.session.pick_rows(one.images).tolist()
    session = actions.accept(one.session, one.images, [rows[0], rows[7]]).session
    after = again(one, session, budget=3)
    assert (after.picks[0], after.picks[2]) == (session.picks[0], session.picks[7])
    assert again(one, session, budget=2).picks == (session.picks[0], session.picks[7])
    with pytest.raises(UslError, match="budget must be at least 2, the picks that are accepted or pinned, but is 1"):
        again(one, session, budget=1)


def test_a_selection_of_an_older_state_is_refused():
    one = made()
    call = rounds.call_for(one.session, one.features, method="usl", params=one.session.call.params, budget=8)
    selection = rounds.select_call(call, one.features, one.neighbors)
    session = actions.veto(one.session, one.pool, [0]).session
    with pytest.raises(UslError, match="the review has changed since"):
        rounds.reselected(session, one.features, call, selection)


# ---------------------------------------------------------------- the next round


@pytest.mark.parametrize("method", [name for name in usl.methods(second_round=True) if name != "usl-t"])
def test_any_method_makes_the_next_round(method):
    one = made()
    session = labelled_by_truth(one, one.session)
    after = again(one, session, method, next_round=True, budget=5)
    check(after, one.images)
    assert len(after.slots) == 5
    assert [slot.path for slot in after.rounds[0].picks] == list(one.session.picks)
    assert set(after.picks).isdisjoint(one.session.picks)
    assert after.call.n_labelled == 8
    assert after.call.model == "logistic"
    wanted = rounds.accuracy_of(session, one.features)
    assert (after.call.accuracy, after.call.model) == wanted
    pool = one.pool_for(after)
    assert len(actions.veto(after, pool, after.pick_rows(one.images)[:2].tolist()).session.slots) == 5


def test_accepted_picks_without_a_label_are_not_picked_again():
    one = made()
    rows = one.session.pick_rows(one.images).tolist()
    session = actions.accept(one.session, one.images, rows[:4]).session
    after = again(one, session, next_round=True)
    assert after.pending == session.picks[:4]
    assert set(after.picks).isdisjoint(after.pending)
    back = actions.unaccept(after, one.images, rows[:1]).session
    assert back.pending == session.picks[1:4]


def test_the_accuracy_is_that_of_the_classifier_on_what_has_no_label():
    one = made()
    assert rounds.accuracy_of(one.session, one.features) is None
    session = labelling.label(one.session, one.images, [0, 3], "ant").session
    share, model = rounds.accuracy_of(session, one.features) or (0.0, "")
    assert model == "1-NN"
    assert share == pytest.approx(18 / 58)
    session = labelling.label(session, one.images, [1], "bee").session
    fitted = usl.fit_logistic(one.features, session.class_ids(one.images))
    said = fitted.classes[fitted.probabilities(one.features).argmax(axis=1)]
    others = np.setdiff1d(np.arange(N), [0, 1, 3])
    assert rounds.accuracy_of(session, one.features) == (pytest.approx((said == np.arange(N) % 3)[others].mean()), "logistic")
    foreign = labelling.label(one.session, one.images, [0], "not a true class").session
    assert rounds.accuracy_of(foreign, one.features) is None


# ---------------------------------------------------------------- labels that come back


def returned(one: Made, folder: Path, text: str) -> Any:
    (folder / "labels.csv").write_text(f"path,label\n{text}")
    return usl.read_labels(folder / "labels.csv", one.images)


def test_labels_that_come_back_are_new_the_same_or_in_conflict(tmp_path):
    one = made()
    pick = int(one.session.pick_rows(one.images)[0])
    session = labelling.label(one.session, one.images, [20, 21], "bee").session
    session = actions.mark_labelled(session, one.pool, [22]).session
    text = "made/020.png,bee\nmade/021.png,ant\nmade/022.png,cat\nmade/024.png,ant\nmade/024.png,bee\n"
    text += f"{one.images.paths[pick]},ant\n"
    merged = merging.merge_labels(session, one.images, returned(one, tmp_path, text), "labels.csv")
    assert set(merged.new) == {"made/022.png", one.images.paths[pick]}
    assert merged.same == ("made/020.png",)
    assert set(merged.conflicts) == {
        LabelConflict(path="made/021.png", ours="bee", theirs=("ant",), source="labels.csv"),
        LabelConflict(path="made/024.png", ours="", theirs=("ant", "bee"), source="labels.csv"),
    }
    after = merged.session
    check(after, one.images)
    assert after.labels["made/021.png"] == "bee"
    assert after.labels["made/024.png"] is None
    assert after.class_names == ("bee", "ant", "cat")
    assert after.slots[0].accepted
    assert merging.merge_labels(after, one.images, returned(one, tmp_path, text)).session == after
    decided = merging.decide(after, one.images, [24], "ant").session
    decided = merging.decide(decided, one.images, [21], None).session
    assert (decided.labels["made/024.png"], decided.labels["made/021.png"], decided.conflicts) == ("ant", "bee", ())
    with pytest.raises(UslError, match="has no conflict"):
        merging.decide(decided, one.images, [21], "ant")
    with pytest.raises(UslError, match="none of the labels is about an image"):
        merging.merge_labels(after, one.images, returned(one, tmp_path, "other.png,ant\n"))


# ---------------------------------------------------------------- images that change


def changed_set(one: Made, gone: set[int], touched: set[int], new: int) -> Features:
    rows = [row for row in range(N) if row not in gone]
    paths = (*(one.images.paths[row] for row in rows), *(f"made/new{number}.png" for number in range(new)))
    digests = tuple("f" * 32 if row in touched else one.images.digests[row] for row in rows)
    values = np.vstack([one.features.values[rows], one.features.values[:new] + 0.01])
    return features_of(paths, values, (*digests, *(f"e{number}" for number in range(new))))


def test_changed_images_are_listed_and_what_holds_is_kept():
    one = made()
    rows = one.session.pick_rows(one.images).tolist()
    other = next(row for row in range(N) if row not in rows)
    session = actions.accept(one.session, one.images, rows[:3]).session
    session = labelling.note(session, one.images, [other], "remember").session
    assert not changes.changes_of(session, one.images)
    now = changed_set(one, {rows[0], rows[5], other}, {rows[1]}, 2)
    found = changes.changes_of(session, now.images)
    assert set(found.gone) == {session.picks[0], session.picks[5], one.images.paths[other]}
    assert found.changed == (session.picks[1],)
    assert found.new == ("made/new0.png", "made/new1.png")
    after, said = changes.reconciled(session, now.images)
    assert "3 are gone (2 of them picks), 1 have another content, 2 are new" in said
    assert after.notes == session.notes
    assert [slot.accepted for slot in after.slots] == [False, True, False, False, False, False]
    assert not changes.changes_of(after, now.images), "the note outlives its image, which is told of once"
    strange = replace(after, slots=(*after.slots, Slot(path="never/there.png")))
    assert changes.changes_of(strange, now.images).gone == ("never/there.png",)
    assert not changes.changes_of(changes.reconciled(strange, now.images).session, now.images)
    graph = usl.find_neighbors(now, 10)
    call = rounds.call_for(after, now, method="usl", params=session.call.params, budget=8)
    filled = rounds.reselected(after, now, call, rounds.select_call(call, now, graph)).session
    assert len(filled.slots) == 8


# ---------------------------------------------------------------- the order of picks


def test_picks_are_ranked_by_score_or_by_size():
    selection = made().pool.selection
    assert selection is not None
    assert ranks.orders_of(selection) == ("method", "cluster size", "score")
    by_score, by_size = ranks.ranked(selection, "score"), ranks.ranked(selection, "cluster size")
    assert by_score.scores.tolist() == sorted(selection.scores, reverse=True)
    sizes = [int((selection.cluster_labels == cluster).sum()) for cluster in by_size.clusters]
    assert sizes == sorted(sizes, reverse=True)
    of = dict(zip(selection.indices.tolist(), selection.scores.tolist(), strict=True))
    assert dict(zip(by_score.indices.tolist(), by_score.scores.tolist(), strict=True)) == of
    first = ranks.first_picks(by_score, 3)
    assert first.indices.tolist() == by_score.indices[:3].tolist()
    assert first.notes[-1] == "the first 3 of 8 picks"
    with pytest.raises(UslError, match=r"r must be in \[1, 8\]"):
        ranks.first_picks(selection, 9)


def test_only_orders_that_a_method_has():
    selection = made("random").pool.selection
    assert selection is not None
    assert ranks.orders_of(selection) == ("method",)
    with pytest.raises(UslError, match="order must be one of method for a selection of 'random' but is 'score'"):
        ranks.ranked(selection, "score")
    margin = replace(selection, method="margin", scores=np.arange(8.0)[::-1])
    assert ranks.ranked(margin, "score").scores.tolist() == list(range(8))


@pytest.mark.parametrize("method", ["usl", "cluster-stratified", "margin", "uherding"])
def test_picks_come_in_the_order_that_the_card_names(method):
    one = made()
    assert one.images.labels is not None
    labels = np.where(np.arange(N) < 9, one.images.labels, -1)
    given = {"labels": labels, "labelled": range(9)} if method in ("margin", "uherding") else {}
    params = one.session.call.params if method == "usl" else None
    picked = usl.select(one.features, 7, method, params, neighbors=one.neighbors, **given)
    if picked.cluster_labels is not None:
        keys = [-np.count_nonzero(picked.cluster_labels == cluster) for cluster in picked.clusters]
    else:
        keys = (picked.scores if method == "margin" else -picked.scores).tolist()
    assert keys == sorted(keys)


@pytest.mark.parametrize("card", usl.method_cards(second_round=True), ids=lambda card: card.name)
def test_every_method_says_its_order(card):
    assert card.order
