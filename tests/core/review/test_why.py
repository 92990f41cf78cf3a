"""Why a pick: its numbers against the definition of USL, written out for one image at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import usl_core as usl
from usl_core import Cancelled, UslError
from usl_core.graph.density import DISTANCE_FLOOR
from usl_core.review import actions, rounds
from usl_core.review.pool import Pool
from usl_core.review.why import seed_counts, why

from .made import N, made

PARAMS = [
    usl.UslParams(n_neighbors=5),
    usl.UslParams(n_neighbors=5, reg_power=2.0, reg_momentum=0.5, horizon_picks=3),
    usl.UslParams(n_neighbors=5, squared_distances=True, relative_weight=False, horizon_distance=1.2),
    usl.UslParams(n_neighbors=5, n_iterations=1),
]


def by_definition(pool: Pool, row: int) -> dict[int, float]:
    """lambda * RegBar of one image, by the image that adds to it, from the formulas in selection/usl.py."""
    selection, params = pool.selection, pool.call.params
    assert selection is not None
    assert pool.clusters is not None
    x = pool.features.values.astype(np.float64)
    bar: dict[int, float] = {}
    for one in selection.trace[:-1]:
        others = [int(p) for p in one.picks if pool.clusters[p] != pool.clusters[row]] + pool.repellers.tolist()
        dist = {other: max(float(np.linalg.norm(x[row] - x[other])), DISTANCE_FLOOR) for other in others}
        others = sorted(others, key=dist.__getitem__)[: params.horizon_picks]
        reg = {}
        for other in others:
            if params.horizon_distance is None or dist[other] < params.horizon_distance:
                reg[other] = dist[other] ** (-params.reg_power * (2 if params.squared_distances else 1))
        keys = set(bar) | set(reg)
        m = params.reg_momentum
        bar = {key: m * bar.get(key, 0.0) + (1 - m) * reg.get(key, 0.0) for key in keys}
    return {key: selection.info["reg_weight"] * value for key, value in bar.items() if value > 0}


@pytest.mark.parametrize("params", PARAMS, ids=range(len(PARAMS)))
def test_pushes_are_the_terms_of_the_penalty(params):
    one = made("usl", 8, None, params)
    kept = actions.accept(one.session, one.images, one.session.pick_rows(one.images)[:2].tolist()).session
    call = rounds.call_for(kept, one.features, method="usl", params=params, budget=8)
    kept = rounds.reselected(kept, one.features, call, rounds.select_call(call, one.features, one.neighbors)).session
    for pool, session in ((one.pool, one.session), (one.pool_for(kept), kept)):
        for row in (*session.pick_rows(one.images).tolist(), 17):
            found, wanted = why(pool, session, row), by_definition(pool, row)
            assert found.pushes is not None
            assert {push.row: push.penalty for push in found.pushes} == pytest.approx(wanted, rel=1e-4)
            assert sum(push.penalty for push in found.pushes) == pytest.approx(found.pick.penalty, rel=1e-4, abs=1e-6)
            assert sum(push.share for push in found.pushes) == pytest.approx(1 if wanted else 0)
            given = set(pool.repellers.tolist())
            assert all((push.kind == "labelled") == (push.row in given) for push in found.pushes)


def test_numbers_of_a_pick():
    one = made()
    assert one.pool.clusters is not None
    for rank, row in enumerate(one.session.pick_rows(one.images).tolist()):
        found = why(one.pool, one.session, row, n_neighbors=3)
        members = np.flatnonzero(one.pool.clusters == one.session.slots[rank].cluster)
        assert (found.cluster, found.cluster_size) == (one.session.slots[rank].cluster, len(members))
        assert one.pool.selection is not None
        assert found.pick.score == pytest.approx(one.pool.selection.scores[rank], rel=1e-5)
        assert found.pick.score == pytest.approx(found.pick.utility - (found.pick.penalty or 0))
        assert found.pick.density_rank == 1 + sum(one.pool.utility[members] > one.pool.utility[row])
        assert [other for other, _ in found.neighbors] == one.neighbors.indices[row, :3].tolist()
        scores = [other.score for other in found.runners_up]
        assert scores == sorted(scores, reverse=True)
        assert all(other.row in members for other in found.runners_up)


def test_without_regulariser_it_would_be_what_lambda_0_picks():
    one = made()
    assert one.pool.clusters is not None
    params = replace(one.session.call.params, reg_weight=0.0)
    plain = usl.select(one.features, 8, params=params, neighbors=one.neighbors, cluster_labels=one.pool.clusters)
    by_cluster = dict(zip(plain.clusters.tolist(), plain.indices.tolist(), strict=True))
    for row in one.session.pick_rows(one.images).tolist():
        found = why(one.pool, one.session, row)
        assert found.cluster is not None
        assert found.unregularised == by_cluster[found.cluster]


@pytest.mark.parametrize(("method", "has_clusters"), [("random", False), ("cluster-stratified", True)])
def test_other_methods_say_what_applies(method, has_clusters):
    one = made(method)
    found = why(one.pool, one.session, int(one.session.pick_rows(one.images)[0]))
    assert found.pushes is None
    assert found.unregularised is None
    assert found.pick.penalty is None
    assert found.pick.score is None
    assert (found.cluster is not None, bool(found.runners_up)) == (has_clusters, has_clusters)
    with pytest.raises(UslError, match=r"row must be in \[0, 59\]"):
        why(one.pool, one.session, N)


def test_picks_are_counted_over_seeds():
    one = made()
    told: list[float] = []
    counts = seed_counts(
        one.features, one.neighbors, one.session.call, (0, 1, 2), on_progress=lambda share, _: told.append(share)
    )
    wanted = np.zeros(N, dtype=int)
    for seed in (0, 1, 2):
        wanted[usl.select(one.features, 8, params=one.session.call.params, seed=seed, neighbors=one.neighbors).indices] += 1
    assert counts.tolist() == wanted.tolist()
    assert told == sorted(told)
    assert told[-1] == 1
    with pytest.raises(UslError, match="seeds must be at least one"):
        seed_counts(one.features, one.neighbors, one.session.call, ())

    def stop(share: float, note: str) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        seed_counts(one.features, one.neighbors, one.session.call, on_progress=stop)
