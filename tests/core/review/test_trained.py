"""USL-T under review: its picks, runners-up and next ones are those of one finished training, which is never made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.review import actions, rounds
from usl_core.review.pool import Pool, runners_up
from usl_core.review.session import Call, Session
from usl_core.review.trained import pool_with, select_trained, training_of, training_record
from usl_core.uslt.train import UsltTraining

from .made import check, made

PARAMS = usl.UsltParams(n_epochs=3, n_views=0, n_neighbors=5)
CALL = Call(method="usl-t", params=PARAMS, budget=6, when=1.0)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[UsltTraining, Path]:
    cache, one = tmp_path_factory.mktemp("cache"), made()
    return training_record(CALL, one.features, cache).train(one.neighbors), cache


def begun(training: UsltTraining, call: Call = CALL) -> tuple[Session, Pool]:
    one = made()
    pool = pool_with(one.features, one.neighbors, call, training)
    assert pool.selection is not None
    return rounds.start("made", "/nowhere", one.features, call, pool.selection), pool


def test_the_training_is_found_again_and_gives_its_own_picks(training):
    one, (trained, cache) = made(), training
    found = training_of(CALL, one.features, cache)
    assert found is not None
    selection = select_trained(CALL, one.features, one.neighbors, found)
    assert selection.indices.tolist() == trained.last.picks.tolist()
    assert selection.method == "usl-t"
    assert training_of(replace(CALL, seed=1), one.features, cache) is None
    assert training_of(replace(CALL, method="usl"), one.features, cache) is None


def test_runners_up_come_by_their_confidence(training):
    (trained, _), one = training, made()
    session, pool = begun(trained)
    last = trained.last
    row = int(pool.selection.indices[0])
    free = [
        other
        for other in np.flatnonzero(last.clusters == last.clusters[row]).tolist()
        if one.images.paths[other] not in session.picks and pool.copies[other] != pool.copies[row]
    ]
    first = {int(pool.copies[other]): other for other in sorted(free, reverse=True)}.values()  # of copies the lowest row
    best = sorted(first, key=lambda other: (-last.confidence[other], other))
    assert runners_up(pool, session, row, None).tolist() == best
    after = actions.veto(session, pool, [row]).session
    assert after.pick_rows(one.images)[0] == best[0]
    check(after, one.images)


def test_what_is_kept_stays_and_the_other_clusters_give_the_rest(training):
    (trained, _), one = training, made()
    session, pool = begun(trained)
    rows = session.pick_rows(one.images).tolist()
    session = actions.accept(session, one.images, rows[:2]).session
    session = actions.veto(session, pool, [rows[2]]).session
    call = rounds.call_for(session, one.features, method="usl-t", params=PARAMS, budget=6)
    again = select_trained(call, one.features, one.neighbors, trained)
    assert len(again) == 4
    assert not {*rows[:3]} & set(again.indices.tolist())
    kept = set(trained.last.clusters[rows[:2]].tolist())
    alive = set(trained.last.clusters.tolist())
    if len(alive - kept) >= 4:
        assert not kept & set(trained.last.clusters[again.indices].tolist())
    check(rounds.reselected(session, one.features, call, again).session, one.images)
    whole = replace(call, kept=tuple(one.images.paths[row] for row in range(6)))
    assert select_trained(whole, one.features, one.neighbors, trained) is None


def test_without_its_training_picks_stay_and_nothing_takes_their_places(training):
    one, (trained, _) = made(), training
    session, _ = begun(trained)
    blind = pool_with(one.features, one.neighbors, CALL, None)
    assert len(runners_up(blind, session, 0)) == 0
    with pytest.raises(UslError, match="open the training first"):
        actions.veto(session, blind, [int(session.pick_rows(one.images)[0])])


def test_another_training_or_a_budget_beyond_what_is_left_is_refused(training):
    one, (trained, _) = made(), training
    with pytest.raises(UslError, match="not the one of these picks"):
        select_trained(replace(CALL, budget=7), one.features, one.neighbors, trained)
    with pytest.raises(UslError, match="neither labelled nor vetoed"):
        select_trained(replace(CALL, vetoed=one.images.paths[:-3]), one.features, one.neighbors, trained)
