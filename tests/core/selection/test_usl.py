"""USL against its formulas, written out densely in float64, and the promises that hold for any input."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from usl_core import UslParams, find_neighbors, kmeans, score_selection, select
from usl_core.errors import UslError
from usl_core.graph.density import DISTANCE_FLOOR
from usl_core.selection import regularizer, usl
from usl_core.selection.candidate_clusters import _compacted
from usl_core.selection.recursion import recursion
from usl_core.selection.regularizer import Penalty
from usl_core.types import Selection
from usl_core.validation import unit_rows

# ---------------------------------------------------------------- the oracle: section 4 of the method, nothing shared


def _distances(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.stack([np.sqrt(((x - row) ** 2).sum(axis=1)) for row in x])


def _utility(dist: np.ndarray, params: UslParams) -> np.ndarray:
    n = len(dist)
    others = np.sort(np.where(np.eye(n, dtype=bool), np.inf, dist), axis=1)[:, : n - 1]
    if params.count_self:
        others = np.concatenate([np.zeros((n, 1)), others], axis=1)
    nearest = others[:, : params.n_neighbors]
    if not nearest.size:
        nearest = np.zeros((n, 1))
    power = 2 if params.squared_distances else 1
    estimate = nearest[:, -1] if params.estimate == "kth" else (nearest**power).mean(axis=1) ** (1 / power)
    return 1 / np.maximum(estimate, DISTANCE_FLOOR) ** power


def _reg(dist: np.ndarray, clusters: np.ndarray, picks: np.ndarray, labelled: Any, params: UslParams) -> np.ndarray:
    """Reg(i): for each image the repellers outside its cluster and all labelled ones, nearest first, as far as they count."""
    repellers = np.array([*picks, *labelled], dtype=int)
    own = clusters[:, None] == clusters[repellers]
    own[:, len(picks) :] = False
    near = np.sort(np.where(own, np.inf, dist[:, repellers]), axis=1)[:, : params.horizon_picks]
    counts = near < (np.inf if params.horizon_distance is None else params.horizon_distance)
    base = np.maximum(near, DISTANCE_FLOOR) ** (2 if params.squared_distances else 1)
    return np.where(counts, 1 / base**params.reg_power, 0).sum(axis=1)


def _weight(u: np.ndarray, reg: np.ndarray, params: UslParams, free: np.ndarray) -> float:
    """The absolute lambda; RegBar grows by (1 - m_reg) m_reg^s Reg per round while the picks stay."""
    if not params.relative_weight:
        return params.reg_weight
    reached = sum((1 - params.reg_momentum) * params.reg_momentum**s for s in range(params.n_iterations - 1))
    of_u, of_reg = (np.subtract(*np.percentile(term[free], (90, 10))) for term in (u, reg))
    if of_u <= 1e-6 * np.percentile(u[free], 90) or of_reg <= 1e-6 * np.percentile(reg[free], 90) or not reached:
        return 0.0
    return params.reg_weight * of_u / (of_reg * reached)


def _free(x: np.ndarray, budget: int, labelled: Any = (), vetoed: Any = ()) -> np.ndarray:
    """The rows that may be picked: of rows that are equal the first, unless one of them is labelled or vetoed; where these
    are too few, everything that was not used yet, copies of vetoed rows last."""
    used = {*labelled, *vetoed}
    like = [[j for j in range(len(x)) if (x[i] == x[j]).all()] for i in range(len(x))]
    different = [i for i in range(len(x)) if like[i][0] == i and not used & set(like[i])]
    spare = [i for i in range(len(x)) if i not in used and i not in different]
    spare.sort(key=lambda i: bool(set(vetoed) & set(like[i])))
    return np.array(sorted(different + spare[: max(budget - len(different), 0)]))


def _oracle(
    x: np.ndarray,
    clusters: np.ndarray,
    params: UslParams,
    labelled: Any = (),
    vetoed: Any = (),
    free: np.ndarray | None = None,
) -> list[list[int]]:
    """The picks of every round, one per cluster that holds an image to pick, in ascending order of cluster id."""
    dist = _distances(x)
    u = _utility(dist, params)
    if free is None:
        free = np.setdiff1d(np.arange(len(x)), [*labelled, *vetoed])
    territories = [free[clusters[free] == c] for c in np.unique(clusters[free])]
    reg_bar = np.zeros(len(x))
    rounds: list[list[int]] = []
    weight = 0.0
    for t in range(params.n_iterations):
        if t:
            reg = _reg(dist, clusters, np.array(rounds[-1]), labelled, params)
            reg_bar = params.reg_momentum * reg_bar + (1 - params.reg_momentum) * reg
            weight = _weight(u, reg, params, free) if t == 1 else weight
        score = u - weight * reg_bar
        rounds.append([int(rows[np.argmax(score[rows])]) for rows in territories])
    return rounds


def _check_against_oracle(selection: Selection, rounds: list[list[int]]) -> None:
    assert [step.picks.tolist() for step in selection.trace] == rounds[: len(selection.trace)]
    assert all(later == rounds[len(selection.trace) - 1] for later in rounds[len(selection.trace) :]), "stopped too early"
    assert selection.indices.tolist() == rounds[-1]


def _points(n: int = 160, d: int = 6, seed: int = 0) -> np.ndarray:
    """Clustered points in few dimensions, so that picks of neighbouring clusters come close and really repel."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(7, d))
    return unit_rows(centers[rng.integers(7, size=n)] + 0.4 * rng.normal(size=(n, d)))


VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {"relative_weight": True},
    "relative, strong": {"relative_weight": True, "reg_weight": 3.0},
    "relative, no momentum": {"relative_weight": True, "reg_weight": 1.0, "reg_momentum": 0.0},
    "relative, one round": {"relative_weight": True, "n_iterations": 1},
    "relative, three rounds": {"relative_weight": True, "reg_weight": 2.0, "n_iterations": 3},
    "relative, squared": {"relative_weight": True, "reg_weight": 1.0, "squared_distances": True, "estimate": "kth"},
    "relative, one pick": {"relative_weight": True, "reg_weight": 1.0, "horizon_picks": 1},
    "absolute": {},
    "no regulariser": {"reg_weight": 0.0},
    "strong": {"reg_weight": 5.0},
    "no momentum": {"reg_momentum": 0.0},
    "much momentum": {"reg_momentum": 0.99},
    "alpha 0.5": {"reg_power": 0.5},
    "alpha 0.7": {"reg_power": 0.7},
    "alpha 2": {"reg_power": 2.0},
    "alpha 3.3": {"reg_power": 3.3, "reg_weight": 0.01},
    "alpha 20": {"reg_power": 20.0, "reg_weight": 1e-6},
    "near picks only": {"horizon_distance": 0.8},
    "very near picks only": {"horizon_distance": 0.3, "reg_weight": 3.0},
    "one pick": {"horizon_picks": 1},
    "three picks": {"horizon_picks": 3, "reg_momentum": 0.0},
    "more picks than there are": {"horizon_picks": 1000},
    "both horizons": {"horizon_picks": 2, "horizon_distance": 0.9},
    "squared": {"squared_distances": True},
    "squared alpha 0.5": {"squared_distances": True, "reg_power": 0.5},
    "squared alpha 0.7": {"squared_distances": True, "reg_power": 0.7},
    "squared alpha 2": {"squared_distances": True, "reg_power": 2.0},
    "squared alpha 20": {"squared_distances": True, "reg_power": 20.0, "reg_weight": 1e-9},
    "squared within a distance": {"squared_distances": True, "horizon_distance": 0.7},
    "squared three picks": {"squared_distances": True, "horizon_picks": 3},
    "self counted": {"count_self": True, "n_neighbors": 5},
    "k-th distance": {"estimate": "kth", "n_neighbors": 9},
    "k-th distance, squared": {"estimate": "kth", "n_neighbors": 9, "squared_distances": True},
    "k-th distance, self counted": {"estimate": "kth", "n_neighbors": 6, "count_self": True},
    "k beyond n": {"n_neighbors": 1000},
    "k beyond n, self counted": {"n_neighbors": 1000, "count_self": True},
    "k one": {"n_neighbors": 1},
    "one round": {"n_iterations": 1},
    "two rounds": {"n_iterations": 2},
    "many rounds": {"n_iterations": 60, "reg_momentum": 0.5},
    "published": dataclasses.asdict(UslParams.published()) | {"n_neighbors": 30},
    "published cifar100": dataclasses.asdict(UslParams.published_cifar100()) | {"n_neighbors": 30},
    "published moco": dataclasses.asdict(UslParams.published_imagenet_moco()) | {"horizon_picks": 4},
    "published clip": dataclasses.asdict(UslParams.published_imagenet_clip()) | {"horizon_picks": 4},
}


def _params(name: str) -> UslParams:
    return UslParams(**{"relative_weight": False} | VARIANTS[name])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_round_equals_the_oracle(name, seed):
    x = _points(seed=seed)
    params = _params(name)
    clusters = kmeans(x, 12, seed=seed).labels
    selection = select(x, 12, params=params, cluster_labels=clusters)
    _check_against_oracle(selection, _oracle(x, clusters, params))


def test_the_variants_differ():
    x = _points()
    clusters = kmeans(x, 12).labels
    last = {name: tuple(_oracle(x, clusters, _params(name))[-1]) for name in VARIANTS}
    assert len(set(last.values())) > 12, "an oracle that ignores its parameters would prove nothing"


@pytest.mark.parametrize("name", ["defaults", "strong", "alpha 0.5", "alpha 20", "squared alpha 2", "three picks"])
def test_labelled_images_enter_every_sum_as_fixed_picks(name):
    x = _points(seed=3)
    params = _params(name)
    clusters = kmeans(x, 12).labels
    labelled = np.flatnonzero(clusters == 4)[:2].tolist() + np.flatnonzero(clusters == 9)[:1].tolist()
    vetoed = np.flatnonzero(clusters == 0)[::2].tolist()
    selection = select(x, 12, params=params, cluster_labels=clusters, labelled=labelled, vetoed=vetoed)
    _check_against_oracle(selection, _oracle(x, clusters, params, labelled, vetoed))
    if name == "strong":
        assert selection.indices.tolist() != select(x, 12, params=params, cluster_labels=clusters).indices.tolist()


@pytest.mark.parametrize("name", ["defaults", "strong", "alpha 20", "squared alpha 2", "squared alpha 20", "published"])
@pytest.mark.parametrize("crossing", [False, True])
def test_copies_across_a_border_repel_finitely(name, crossing):
    """Copies and near copies of an image on both sides of a border: terms of up to DISTANCE_FLOOR^-alpha come and go. By the
    rules of old records both copies may be picked."""
    rng = np.random.default_rng(8)
    base = _points(60, seed=5)
    x = unit_rows(np.concatenate([base, base[:20], base[20:40] + 1e-3 * rng.normal(size=(20, 6))]))
    clusters = rng.integers(8, size=len(x))
    params = _params(name)
    selection = select(x, 8, params=params, cluster_labels=clusters, rules=1 if crossing else 2)
    assert np.isfinite(selection.scores).all()
    assert all(np.isfinite([step.mean_utility, step.mean_penalty]).all() for step in selection.trace)
    _check_each_round(x, selection, params, None if crossing else _free(x, 8))


@pytest.mark.parametrize("reg_power", [0.1, 1, 5, 30])
@pytest.mark.parametrize("squared", [False, True])
def test_the_largest_powers_stay_finite(reg_power, squared):
    x = np.repeat(_points(6), 5, axis=0)
    params = UslParams(reg_power=reg_power, squared_distances=squared)
    selection = select(x, 4, params=params, cluster_labels=np.tile(np.arange(5), 6))
    assert np.isfinite(selection.scores).all()
    assert len(set(selection.indices.tolist())) == 4


# ---------------------------------------------------------------- Reg itself


@pytest.mark.parametrize("kept", [1, 1000, 1 << 24])
@pytest.mark.parametrize(
    "options", [{}, {"power": 2.0}, {"power": 20.0}, {"power": 5.0, "squared": True}, {"horizon_picks": 2}]
)
def test_reg_follows_moving_picks(monkeypatch, kept, options):
    monkeypatch.setattr(regularizer, "KEPT_ENTRIES", kept)
    rng = np.random.default_rng(0)
    base = _points(90, seed=1)
    x = unit_rows(np.concatenate([base, base[:30], base[:30] + 3e-4 * rng.normal(size=(30, 6))]))
    clusters = rng.integers(9, size=len(x))
    settings_ = {"power": 1.0, "squared": False, "horizon_distance": None, "horizon_picks": None} | options
    penalty = Penalty(x, clusters, np.array([3, 77]), **settings_)
    params = UslParams(
        reg_power=settings_["power"], squared_distances=settings_["squared"], horizon_picks=settings_["horizon_picks"]
    )
    dist = _distances(x)
    picks = np.array([rng.choice(np.flatnonzero(clusters == c)) for c in range(9)])
    for _ in range(12):
        np.testing.assert_allclose(
            penalty.update(picks), _reg(dist, clusters, picks, [3, 77], params), rtol=2e-4 * settings_["power"], atol=1e-4
        )
        picks = picks.copy()
        for c in rng.choice(9, size=4, replace=False):
            picks[c] = rng.choice(np.flatnonzero(clusters == c))


@pytest.mark.parametrize("name", ["defaults", "strong", "alpha 20", "squared alpha 0.7", "many rounds"])
def test_forgotten_columns_change_no_pick(monkeypatch, name):
    x = _points(300, seed=2)
    clusters = kmeans(x, 20).labels
    params = _params(name)
    kept = select(x, 20, params=params, cluster_labels=clusters)
    monkeypatch.setattr(regularizer, "KEPT_ENTRIES", 1)
    forgotten = select(x, 20, params=params, cluster_labels=clusters)
    assert [s.picks.tolist() for s in forgotten.trace] == [s.picks.tolist() for s in kept.trace]


def test_columns_stay_within_their_room(monkeypatch):
    x = _points(200)
    monkeypatch.setattr(regularizer, "KEPT_ENTRIES", 200 * 10)
    rng = np.random.default_rng(0)
    clusters = np.arange(200) % 20
    penalty = Penalty(
        x, clusters, np.empty(0, dtype=np.int64), power=1.0, squared=False, horizon_distance=None, horizon_picks=None
    )
    for _ in range(8):
        penalty.update(np.arange(20) + 20 * rng.integers(10, size=20))
        assert len(penalty._kept) <= 10


@pytest.mark.parametrize("options", [{}, {"power": 20.0}, {"horizon_picks": 2}])
def test_the_same_picks_again_give_the_same_bits(options):
    x, clusters = _points(60), np.arange(60) % 6
    settings_ = {"power": 1.0, "squared": False, "horizon_distance": None, "horizon_picks": None} | options
    penalty = Penalty(x, clusters, np.array([7]), **settings_)
    penalty.update(np.arange(6) + 6)
    first = penalty.update(np.arange(6))
    np.testing.assert_array_equal(penalty.update(np.arange(6)), first)


def test_the_recursion_is_that_of_the_formula():
    x, clusters, momentum = _points(60), np.arange(60) % 6, 0.7
    dist, params = _distances(x), UslParams(reg_momentum=momentum)
    penalty = Penalty(x, clusters, np.empty(0, int), power=1.0, squared=False, horizon_distance=None, horizon_picks=None)
    order = np.random.default_rng(3).permuted(np.arange(60).reshape(10, 6).T, axis=1).T  # round by round, one per cluster
    told = []

    def choose(reg_bar):
        told.append(reg_bar)
        return order[len(told) - 1]

    rounds = list(islice(recursion(penalty, choose, momentum), 10))
    bar = np.zeros(60)
    for at, (picks, reg_bar, reg) in enumerate(rounds):
        assert picks.tolist() == order[at].tolist()
        expected = _reg(dist, clusters, order[at - 1], [], params) if at else np.zeros(60)
        bar = momentum * bar + (1 - momentum) * expected
        np.testing.assert_allclose(reg, expected, rtol=2e-4)
        np.testing.assert_allclose(reg_bar, bar, rtol=2e-4)
        assert told[at] is reg_bar


def test_a_caller_may_change_what_it_got():
    x = _points(50)
    clusters = np.arange(50) % 5
    penalty = Penalty(x, clusters, np.empty(0, int), power=1.0, squared=False, horizon_distance=None, horizon_picks=None)
    first = penalty.update(np.arange(5))
    expected = first.copy()
    first[:] = -1
    np.testing.assert_array_equal(penalty.update(np.arange(5)), expected)


# ---------------------------------------------------------------- any input

PARAMS = st.builds(
    UslParams,
    n_neighbors=st.sampled_from([1, 2, 3, 50]),
    reg_weight=st.sampled_from([0.0, 0.5, 20.0]),
    reg_power=st.sampled_from([0.5, 1.0, 3.0]),
    reg_momentum=st.sampled_from([0.0, 0.9]),
    n_iterations=st.sampled_from([1, 2, 7]),
    horizon_distance=st.sampled_from([None, 0.5]),
    horizon_picks=st.sampled_from([None, 1]),
    squared_distances=st.booleans(),
    count_self=st.booleans(),
    kmeans_init=st.sampled_from(["k-means++", "random"]),
    relative_weight=st.booleans(),
)


@st.composite
def _coarse_points(draw: st.DrawFn) -> np.ndarray:
    """Few distinct directions, so that copies, opposites and ties abound."""
    shape = st.tuples(st.integers(1, 14), st.integers(1, 3))
    points = draw(hnp.arrays(np.float64, shape, elements=st.integers(-1, 1)))
    points[np.abs(points).sum(axis=1) == 0] = 1
    return unit_rows(points)


def _check_each_round(
    x: np.ndarray, selection: Selection, params: UslParams, free: np.ndarray | None = None, labelled: Any = ()
) -> None:
    """Every pick of every round maximises U - lambda RegBar in its cluster, and the trace tells the truth."""
    dist = _distances(x)
    u = _utility(dist, params)
    assert selection.cluster_labels is not None
    clusters = selection.cluster_labels
    free = np.arange(len(x)) if free is None else free
    weight = selection.info["reg_weight"]
    reg_bar, before = np.zeros(len(x)), None
    for step in selection.trace:
        if before is not None:
            reg = _reg(dist, clusters, before, labelled, params)
            reg_bar = params.reg_momentum * reg_bar + (1 - params.reg_momentum) * reg
        score = u - weight * reg_bar
        assert clusters[step.picks].tolist() == selection.clusters.tolist()
        for pick in step.picks:
            rivals = free[clusters[free] == clusters[pick]]
            assert pick in rivals
            size = np.abs(u[pick]) + weight * reg_bar[pick]
            # float32 carries squared distances; alpha multiplies their relative error.
            assert score[pick] >= score[rivals].max() - size * 3e-5 * max(1, params.reg_power)
        assert step.moved == (len(step.picks) if before is None else int((step.picks != before).sum()))
        assert step.mean_utility == pytest.approx(u[step.picks].mean(), rel=1e-5)
        penalties = weight * reg_bar[step.picks]
        assert step.mean_penalty == pytest.approx(penalties.mean(), rel=1e-4 * max(1, params.reg_power), abs=1e-6)
        assert step.objective == step.mean_utility - step.mean_penalty
        before = step.picks
    assert selection.indices.tolist() == selection.trace[-1].picks.tolist()
    size = np.abs(u[before]) + weight * reg_bar[before]
    assert (np.abs(selection.scores - score[before]) <= size * 1e-4 * max(1, params.reg_power) + 1e-6).all()


@given(_coarse_points(), PARAMS, st.data())
@settings(max_examples=150, derandomize=True)
def test_promises_hold_for_any_input(x, params, data):
    n = len(x)
    used = data.draw(st.lists(st.integers(0, n - 1), max_size=max(n - 1, 0), unique=True))
    labelled, vetoed = used[::2], used[1::2]
    free = n - len(used)
    budget = data.draw(st.integers(1, free))
    given_clusters = data.draw(st.none() | hnp.arrays(np.int64, n, elements=st.integers(-2, 3)))
    selection = select(x, budget, params=params, labelled=labelled, vetoed=vetoed, cluster_labels=given_clusters)
    assert selection.indices.shape == selection.clusters.shape == selection.scores.shape == (budget,)
    assert selection.indices.dtype == selection.clusters.dtype == np.int64
    assert len(set(selection.indices.tolist())) == budget
    assert len(set(selection.clusters.tolist())) == budget
    assert not set(selection.indices.tolist()) & set(used)
    assert ((selection.indices >= 0) & (selection.indices < n)).all()
    np.testing.assert_array_equal(selection.cluster_labels[selection.indices], selection.clusters)
    assert np.isfinite(selection.scores).all()
    _check_each_round(x, selection, params, _free(x, budget, labelled, vetoed), labelled)


@pytest.mark.parametrize("copies", [2, 9, 40])
def test_of_equal_images_the_lowest_index_is_picked(copies):
    """More copies than k too, and in an order where the search lists them in any order it likes."""
    rng = np.random.default_rng(4)
    x = np.repeat(rng.normal(size=(15, 64)), copies, axis=0)
    group = np.repeat(np.arange(15), copies)
    order = rng.permutation(len(x))
    x, group = x[order], group[order]
    for clusters in (group, group // 3):
        picks = select(x, len(set(clusters)), params=UslParams(n_neighbors=5), cluster_labels=clusters).indices
        firsts = [np.flatnonzero(group == group[pick])[0] for pick in picks]
        assert picks.tolist() == firsts


def test_two_identical_points():
    assert sorted(select([[1.0, 2.0]] * 2, 2).indices) == [0, 1]
    assert select([[1.0, 2.0]] * 2, 1).indices.tolist() == [0]


def test_one_point():
    selection = select([[3.0, 4.0]], 1)
    assert selection.indices.tolist() == [0]
    assert selection.notes[0] == "k was reduced from 20 to 0, the most that 1 images allow"


@pytest.mark.parametrize("seed", [0, 5])
def test_same_input_and_seed_same_picks(seed):
    x = _points(200)
    first, again = (select(x, 15, seed=seed) for _ in range(2))
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert [s.picks.tolist() for s in first.trace] == [s.picks.tolist() for s in again.trace]


def test_the_seed_matters_through_the_clusters():
    x = _points(200)
    assert select(x, 15, seed=0).indices.tolist() != select(x, 15, seed=1).indices.tolist()


@pytest.mark.parametrize("name", ["defaults", "strong", "squared alpha 0.5", "alpha 20", "three picks"])
def test_the_order_of_the_rows_does_not_matter(name):
    x = _points(200, seed=6)
    clusters = kmeans(x, 10).labels
    params = _params(name)
    plain = select(x, 10, params=params, cluster_labels=clusters)
    order = np.random.default_rng(0).permutation(200)
    shuffled = select(x[order], 10, params=params, cluster_labels=clusters[order])
    assert order[shuffled.indices].tolist() == plain.indices.tolist()


def test_names_of_clusters_do_not_matter():
    x = _points(200, seed=6)
    clusters = kmeans(x, 10).labels
    names = np.array([7, -3, 10**12, 0, 5, 99, -50, 1, 2, 3])
    plain = select(x, 10, cluster_labels=clusters)
    renamed = select(x, 10, cluster_labels=names[clusters])
    assert set(renamed.indices.tolist()) == set(plain.indices.tolist())
    assert renamed.clusters.tolist() == sorted(names.tolist())


def test_a_given_graph_changes_nothing():
    x = _points(200)
    plain = select(x, 10)
    for k in (20, 60, 199):
        np.testing.assert_array_equal(select(x, 10, neighbors=find_neighbors(x, k)).indices, plain.indices)


def test_a_graph_of_too_few_neighbors_is_refused():
    x = _points(200)
    with pytest.raises(UslError, match="n_neighbors is 20 but this graph holds only 19"):
        select(x, 10, neighbors=find_neighbors(x, 19))
    params = UslParams(n_neighbors=20, count_self=True)
    assert len(select(x, 10, params=params, neighbors=find_neighbors(x, 19))) == 10, "itself is the twentieth"


# ---------------------------------------------------------------- lambda, early stop, notes


def test_without_a_weight_the_densest_of_each_cluster_is_picked():
    x = _points()
    clusters = kmeans(x, 12).labels
    u = _utility(_distances(x), UslParams())
    expected = [np.flatnonzero(clusters == c)[u[clusters == c].argmax()] for c in range(12)]
    assert select(x, 12, params=UslParams(reg_weight=0), cluster_labels=clusters).indices.tolist() == expected


def test_a_relative_weight_is_free_of_scale(monkeypatch):
    x = _points()
    clusters = kmeans(x, 12).labels
    params = UslParams(reg_weight=1.0, relative_weight=True)
    plain = select(x, 12, params=params, cluster_labels=clusters)
    reached = 1 - 0.9**9  # the share of Reg that RegBar has grown to in the last of ten rounds
    assert plain.info["reg_weight"] * plain.info["penalty_spread"] * reached == pytest.approx(plain.info["utility_spread"])
    true_utility = usl.utility
    monkeypatch.setattr(usl, "utility", lambda *args, **rest: 1000 * true_utility(*args, **rest))
    scaled = select(x, 12, params=params, cluster_labels=clusters)
    assert scaled.indices.tolist() == plain.indices.tolist()
    assert scaled.info["reg_weight"] == pytest.approx(1000 * plain.info["reg_weight"], rel=1e-5)
    absolute = UslParams(reg_weight=1.0, relative_weight=False)
    monkeypatch.undo()
    before = select(x, 12, params=absolute, cluster_labels=clusters)
    monkeypatch.setattr(usl, "utility", lambda *args, **rest: 1000 * true_utility(*args, **rest))
    assert select(x, 12, params=absolute, cluster_labels=clusters).indices.tolist() != before.indices.tolist()


@pytest.mark.parametrize(("momentum", "rounds"), [(0.9, 3), (0.0, 2), (0.5, 10)])
def test_at_one_the_spread_of_the_penalty_grows_to_that_of_the_utility(momentum, rounds):
    """Over the images that may be picked: labelled and vetoed ones are far from being typical here."""
    x = _points()
    clusters = kmeans(x, 12).labels
    used = np.argsort(_utility(_distances(x), UslParams()))[:40]
    params = UslParams(reg_weight=1.0, reg_momentum=momentum, n_iterations=rounds)
    selection = select(x, 12, params=params, cluster_labels=clusters, labelled=used[:3], vetoed=used[3:])
    free = np.setdiff1d(np.arange(len(x)), used)
    dist = _distances(x)
    assert selection.cluster_labels is not None
    reg = _reg(dist, selection.cluster_labels, selection.trace[0].picks, used[:3], params)
    u = _utility(dist, params)
    bar = np.zeros(len(x))
    for _ in range(rounds - 1):  # as if no pick moved
        bar = momentum * bar + (1 - momentum) * reg
    of_u, of_reg, of_penalty = (
        np.subtract(*np.percentile(term[free], (90, 10))) for term in (u, reg, selection.info["reg_weight"] * bar)
    )
    assert of_penalty == pytest.approx(of_u, rel=1e-4)
    assert selection.info["utility_spread"] == pytest.approx(of_u, rel=1e-4)
    assert selection.info["penalty_spread"] == pytest.approx(of_reg, rel=1e-4)


def test_an_absolute_weight_is_reported_as_it_is():
    params = UslParams(reg_weight=0.7, relative_weight=False)
    assert select(_points(), 5, params=params).info["reg_weight"] == 0.7


def test_a_relative_weight_without_a_unit_turns_the_penalty_off_and_says_so():
    alone = select(_points(), 1)
    assert alone.info["reg_weight"] == 0
    assert alone.notes == (
        "the penalty is off: the push of the other picks is the same for nearly all images, so a relative lambda has no unit",
    )
    corners = np.eye(8)  # every image is as far from every other
    even = select(corners, 3, params=UslParams(n_neighbors=3))
    assert even.info["reg_weight"] == 0
    assert even.notes[0].startswith("the penalty is off: the utility is the same")
    assert select(corners, 3, params=UslParams(n_neighbors=3, relative_weight=False)).info["reg_weight"] == 0.5
    for silent in (UslParams(reg_weight=0), UslParams(n_iterations=1)):
        assert select(_points(), 1, params=silent).notes == ()


def test_spreads_that_are_rounding_are_no_unit():
    """Images on a circle are alike but for rounding, which a relative lambda would blow up to the size of the utility."""
    angle = 2 * np.pi * np.arange(60) / 60
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    chosen = select(ring, 6, params=UslParams(n_neighbors=4), cluster_labels=np.arange(60) // 10)
    assert chosen.info["utility_spread"] == 0
    assert chosen.info["reg_weight"] == 0


@pytest.mark.parametrize("budget", [1, 160])
def test_a_relative_weight_survives_terms_without_spread(budget):
    params = UslParams(relative_weight=True)
    assert len(select(_points(), budget, params=params)) == budget
    assert len(select(np.ones((9, 3)), min(budget, 9), params=params)) == min(budget, 9)


def test_old_records_keep_their_relative_weight():
    """Spreads over all images, the unit without the last factor, and absolute where a spread is 0."""
    x = _points()
    clusters = kmeans(x, 12).labels
    params = UslParams(reg_weight=2.0, n_iterations=3)
    selection = select(x, 12, params=params, cluster_labels=clusters, vetoed=range(40), rules=1)
    dist = _distances(x)
    reg = _reg(dist, clusters, selection.trace[0].picks, (), params)
    of_u, of_reg = (np.subtract(*np.percentile(term, (90, 10))) for term in (_utility(dist, params), reg))
    assert selection.info["reg_weight"] == pytest.approx(2 * of_u / of_reg, rel=1e-4)
    assert select(x, 1, params=params, rules=1).info["reg_weight"] == 2


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("weight", [0.0, 0.5, 3.0])
def test_stopping_early_misses_nothing(momentum, weight):
    x = _points(120, seed=9)
    clusters = kmeans(x, 9).labels
    params = UslParams(reg_momentum=momentum, reg_weight=weight, n_iterations=200, relative_weight=False)
    selection = select(x, 9, params=params, cluster_labels=clusters)
    rounds = _oracle(x, clusters, params)
    _check_against_oracle(selection, rounds)
    if len(selection.trace) < 200:
        assert selection.trace[-1].moved == 0
        longer = dataclasses.replace(params, n_iterations=len(selection.trace) + 1)
        assert len(select(x, 9, params=longer, cluster_labels=clusters).trace) == len(selection.trace)


def test_it_does_stop_early():
    x = _points(120, seed=9)
    assert len(select(x, 9, params=UslParams(reg_momentum=0.0, reg_weight=0.05, n_iterations=100)).trace) < 10
    assert len(select(x, 9, params=UslParams(reg_momentum=0.5, n_iterations=100)).trace) < 60


def test_a_far_image_is_not_settled_because_a_near_one_is():
    """One image with a copy across a border has a penalty of 1e4 and more; the others' RegBar must converge all the same."""
    x = _points(120, seed=9)
    clusters = kmeans(x, 9).labels
    copied = select(x, 9, cluster_labels=clusters, params=UslParams(reg_weight=0)).indices[0]
    x = np.concatenate([x, x[[copied]]])
    clusters = np.append(clusters, 1)
    params = UslParams(reg_momentum=0.8, reg_weight=1e-18, reg_power=4.0, n_iterations=300, relative_weight=False)
    selection = select(x, 9, params=params, cluster_labels=clusters, rules=1)
    _check_against_oracle(selection, _oracle(x, clusters, params))
    assert len(selection.trace) < 300
    dist = _distances(x)
    reg_bar = np.zeros(len(x))
    for step in selection.trace[:-1]:
        reg = _reg(dist, clusters, step.picks, (), params)
        reg_bar = 0.8 * reg_bar + 0.2 * reg
    assert reg.max() > 1e15
    assert (np.abs(reg_bar - reg) <= 1e-5 * np.maximum(1, reg)).all()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_even_a_loose_notion_of_converged_changes_no_pick(monkeypatch, momentum, weight):
    """Who wins now and at the limit wins all the way, so stopping is safe however far RegBar still has to go."""
    monkeypatch.setattr(usl, "_CONVERGED", float("inf"))
    for seed in range(4):
        x = _points(120, seed=seed)
        clusters = kmeans(x, 9).labels
        params = UslParams(reg_momentum=momentum, reg_weight=weight, n_iterations=120)
        _check_against_oracle(select(x, 9, params=params, cluster_labels=clusters), _oracle(x, clusters, params))


@pytest.mark.parametrize(
    ("params", "n", "note"),
    [
        (UslParams(), 20, "k was reduced from 20 to 19, the most that 20 images allow"),
        (UslParams.published(), 60, "k was reduced from 400 to 60, the most that 60 images allow"),
        (UslParams(), 21, None),
        (UslParams(count_self=True), 20, None),
    ],
)
def test_a_reduced_k_is_noted(params, n, note):
    assert select(_points(n), 3, params=params).notes == ((note,) if note else ())


def test_copies_and_new_clusters_are_noted():
    x = np.concatenate([np.tile(_points(1), (6, 1)), _points(30, seed=2)])
    notes = select(x, 3, params=UslParams(n_neighbors=5), cluster_labels=np.arange(36) % 2).notes
    assert notes[0] == "6 images have 5 or more exact copies; their utility is held at its ceiling, 10,000"
    assert notes[1] == "1 clusters had no image left to pick and were re-seeded at the farthest images"
    assert len(notes) == 2


def test_progress_reaches_the_slow_steps():
    notes: list[str] = []
    select(_points(), 5, on_progress=lambda fraction, note: notes.append(note))
    assert any("neighbours" in note for note in notes)
    assert any("k-means" in note for note in notes)


# ---------------------------------------------------------------- parameters

BAD_PARAMS = [
    ({"n_neighbors": 0}, r"n_neighbors \(k\) must be at least 1 but is 0"),
    ({"n_neighbors": 2.5}, r"n_neighbors \(k\) must be a whole number but is 2.5"),
    ({"reg_weight": -0.1}, r"reg_weight \(lambda\) must be at least 0 but is -0.1"),
    ({"reg_weight": float("nan")}, r"reg_weight \(lambda\) must be a finite number but is nan"),
    ({"reg_weight": "0.5"}, r"reg_weight \(lambda\) must be a finite number but is '0.5'"),
    ({"reg_power": 0}, r"reg_power \(alpha\) must be in \(0, 30\] but is 0"),
    ({"reg_power": 30.5}, r"reg_power \(alpha\) must be in \(0, 30\] but is 30.5"),
    ({"reg_momentum": 1}, r"reg_momentum \(m_reg\) must be below 1 but is 1"),
    ({"reg_momentum": 1.0}, r"reg_momentum \(m_reg\) must be below 1 but is 1"),
    ({"reg_momentum": 1.1}, r"reg_momentum \(m_reg\) must be in \[0, 1\] but is 1.1"),
    ({"reg_momentum": -0.1}, r"reg_momentum \(m_reg\) must be in \[0, 1\] but is -0.1"),
    ({"estimate": "median"}, r"estimate must be 'mean' or 'kth' but is 'median'"),
    ({"n_iterations": 0}, r"n_iterations \(T\) must be at least 1 but is 0"),
    ({"n_iterations": True}, r"n_iterations \(T\) must be a whole number but is True"),
    ({"horizon_distance": 0}, "horizon_distance must be above 0 but is 0"),
    ({"horizon_distance": float("inf")}, "horizon_distance must be a finite number but is inf"),
    ({"horizon_picks": 0}, "horizon_picks must be at least 1 but is 0"),
    ({"horizon_picks": 1.0}, "horizon_picks must be a whole number but is 1.0"),
    ({"squared_distances": 1}, "squared_distances must be True or False but is 1"),
    ({"count_self": None}, "count_self must be True or False but is None"),
    ({"relative_weight": "yes"}, "relative_weight must be True or False but is 'yes'"),
    ({"kmeans_init": "kmeans++"}, r"kmeans_init must be 'k-means\+\+' or 'random' but is 'kmeans\+\+'"),
    ({"kmeans_iterations": 0}, "kmeans_iterations must be at least 1 but is 0"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_PARAMS)
def test_bad_params(arguments, message):
    with pytest.raises(UslError, match=message):
        UslParams(**arguments)


def test_every_parameter_has_a_bad_value_above():
    assert {name for arguments, _ in BAD_PARAMS for name in arguments} == {f.name for f in dataclasses.fields(UslParams)}


def test_params_are_values():
    assert UslParams() == UslParams()
    assert len({UslParams(), UslParams(), UslParams(reg_weight=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        UslParams().reg_weight = 2
    with pytest.raises(TypeError):
        UslParams(20)


def test_defaults_are_the_papers():
    p = UslParams()
    assert (p.n_neighbors, p.reg_weight, p.reg_power, p.reg_momentum, p.n_iterations) == (20, 0.5, 1.0, 0.9, 10)
    assert (p.horizon_distance, p.horizon_picks, p.squared_distances, p.count_self) == (None, None, False, False)
    assert (p.kmeans_init, p.relative_weight) == ("k-means++", True)


# ---------------------------------------------------------------- what it is worth


@pytest.mark.parametrize(("budget", "classes", "accuracy"), [(10, 8.5, 0.70), (20, 9.9, 0.81), (40, 10.0, 0.89)])
def test_digits_orientation(digits, budget, classes, accuracy):
    """Ten seeds, k 20, lambda 0.5: the figures that the method is expected to reach, and a clear lead over random."""

    def scores(method: str) -> np.ndarray:
        cards = [
            score_selection(
                digits.values,
                select(digits.values, budget, method, seed=seed, neighbors=digits.graph),
                digits.graph,
                labels=digits.labels,
            )
            for seed in range(10)
        ]
        return np.mean([(card.classes_covered, card.nearest_pick_accuracy) for card in cards], axis=0)

    ours, random = scores("usl"), scores("random")
    assert ours[0] >= classes
    assert ours[1] >= accuracy
    assert ours[1] >= random[1] + 0.08
    assert ours[0] >= random[0]


@pytest.mark.parametrize("spread", [1, 7, 10**12])
@pytest.mark.parametrize("lowest", [0, 5, -3])
def test_clusters_may_have_any_numbers(spread, lowest):
    labels = lowest + spread * np.random.default_rng(0).integers(9, size=50)
    ids, compact, sizes = _compacted(labels)
    expected = np.unique(labels, return_inverse=True, return_counts=True)
    for found, wanted in zip((ids, compact, sizes), expected, strict=True):
        assert found.tolist() == wanted.tolist()
