"""The rounds of a selection made again agree with what the selection itself recorded, and with the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

import usl_core as usl
from usl_core.errors import UslError
from usl_core.explain.rounds import rounds_of
from usl_core.explain.steps import steps_to_usl

SETTINGS = [
    usl.UslParams(n_neighbors=5, reg_weight=1.0, relative_weight=True),
    usl.UslParams(n_neighbors=5, reg_weight=0.3, reg_power=3.0, reg_momentum=0.5, n_iterations=4),
    usl.UslParams(n_neighbors=5, reg_weight=0.5, horizon_picks=3, squared_distances=True, count_self=True, reg_power=0.5),
    usl.UslParams(n_neighbors=5, reg_weight=0.5, horizon_distance=0.9, estimate="kth"),
    usl.UslParams(n_neighbors=5, n_iterations=1),
]


def _points(n=150, d=6, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, d)) + 3 * rng.integers(0, 2, (n, d))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("labelled", [None, [3, 90]])
def test_each_round_is_what_the_trace_says(params, labelled):
    x = _points()
    graph = usl.find_neighbors(x, 5)
    chosen = usl.select(x, 12, "usl", params, neighbors=graph, labelled=labelled)
    rounds = rounds_of(x, chosen, graph, labelled=labelled)
    assert len(rounds) == len(chosen.trace)
    for at, step in enumerate(chosen.trace, start=1):
        np.testing.assert_array_equal(rounds.picks[at - 1], step.picks)
        assert rounds.utility[step.picks].mean() == pytest.approx(step.mean_utility, rel=1e-5)
        assert rounds.penalties[at - 1][step.picks].mean() == pytest.approx(step.mean_penalty, rel=1e-5, abs=1e-7)
        moves = rounds.moves(at)
        assert len(moves) == (step.moved if at > 1 else 0)
        if at > 1:
            before = chosen.trace[at - 2].picks
            places = {int(row): place for place, row in enumerate(before)}
            for start, end in moves:
                assert step.picks[places[int(start)]] == end != start
    np.testing.assert_allclose(rounds.regularised(len(rounds))[chosen.indices], chosen.scores, rtol=1e-4, atol=1e-5)
    assert not rounds.penalties[0].any()


def test_the_formulas_written_out():
    x = _points(60, seed=3)
    graph = usl.find_neighbors(x, 4)
    settings = {"reg_weight": 0.7, "reg_power": 2.0, "reg_momentum": 0.8, "n_iterations": 6, "relative_weight": False}
    params = usl.UslParams(n_neighbors=4, **settings)
    chosen = usl.select(x, 5, "usl", params, neighbors=graph)
    rounds = rounds_of(x, chosen, graph)
    labels, bar = chosen.cluster_labels, np.zeros(60)
    distances = np.linalg.norm(x[:, None].astype(float) - x, axis=2)
    for at in range(1, len(rounds)):
        before = rounds.picks[at - 1]
        reg = np.array([sum(max(distances[i, j], 1e-4) ** -2.0 for j in before if labels[j] != labels[i]) for i in range(60)])
        bar = 0.8 * bar + 0.2 * reg
        np.testing.assert_allclose(rounds.penalties[at], 0.7 * bar, rtol=1e-3)


@pytest.mark.filterwarnings("error")
def test_a_push_beyond_float32_is_held_at_its_largest_number():
    x = _points(60)
    x[1] = x[0] + 1e-7
    clusters = np.arange(60) % 2
    graph = usl.find_neighbors(x, 5)
    params = usl.UslParams(n_neighbors=5, reg_power=30.0, reg_weight=1.0, relative_weight=False, n_iterations=3)
    chosen = usl.select(x, 2, "usl", params, neighbors=graph, cluster_labels=clusters)
    rounds = rounds_of(x, chosen, graph)
    assert np.isfinite(rounds.penalties).all()
    assert np.isfinite(rounds.regularised(len(rounds))).all()


def test_each_pick_is_the_best_of_its_cluster_in_its_round():
    x = _points()
    graph = usl.find_neighbors(x, 5)
    chosen = usl.select(x, 9, "usl", usl.UslParams(n_neighbors=5, reg_weight=2.0, relative_weight=True), neighbors=graph)
    rounds = rounds_of(x, chosen, graph)
    assert any(len(rounds.moves(at)) for at in range(1, len(rounds) + 1)), "nothing moves, so nothing is tested"
    for at in range(1, len(rounds) + 1):
        score = rounds.regularised(at)
        for pick in rounds.picks[at - 1]:
            mates = chosen.cluster_labels == chosen.cluster_labels[pick]
            assert score[pick] >= score[mates].max() - 1e-5


def test_what_does_not_belong_together_is_refused():
    x = _points()
    graph = usl.find_neighbors(x, 5)
    params = usl.UslParams(n_neighbors=5)
    chosen = usl.select(x, 9, "usl", params, neighbors=graph)
    with pytest.raises(UslError, match="'random'"):
        rounds_of(x, usl.select(x, 9, "random"), graph)
    with pytest.raises(UslError, match="150 images but the features are of 149"):
        rounds_of(x[:149], chosen, graph)
    rounds = rounds_of(x, chosen, graph)
    for at in (0, len(rounds) + 1, 1.5):
        with pytest.raises(UslError, match="round"):
            rounds.moves(at)
    with pytest.raises(ValueError, match="read-only"):
        rounds.penalties[0, 0] = 1


def test_the_three_steps_on_any_features():
    x = _points()
    graph = usl.find_neighbors(x, 5)
    params = usl.UslParams(n_neighbors=5, reg_weight=1.5, relative_weight=True, estimate="kth", squared_distances=True)
    densest, spread, regularised = steps_to_usl(x, 12, params, neighbors=graph, seed=4)
    u = usl.utility(graph, 5, squared=True, estimate="kth")
    np.testing.assert_array_equal(densest.picks, sorted(range(len(x)), key=lambda row: (-u[row], row))[:12])
    expected = usl.select(x, 12, "usl", params, seed=4, neighbors=graph)
    np.testing.assert_array_equal(regularised.picks, expected.indices)
    np.testing.assert_array_equal(regularised.clusters, spread.clusters)
    for pick in spread.picks:
        assert u[pick] == u[spread.clusters == spread.clusters[pick]].max()
    given = steps_to_usl(x, 3, params, neighbors=graph, cluster_labels=np.arange(150) % 3)
    np.testing.assert_array_equal(given[2].clusters, np.arange(150) % 3)
    with pytest.raises(UslError, match="150"):
        steps_to_usl(x[:149], 3, params, neighbors=graph)
