"""The door to the methods, the simple methods, and who may be picked: labelled, vetoed, bad input."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chi2

from usl_core import UslParams, UsltParams, find_neighbors, kmeans, methods, select, train_uslt
from usl_core.errors import UslError
from usl_core.selection import usl
from usl_core.selection.registry import method_cards
from usl_core.selection.stratified import even_quota
from usl_core.types import Selection
from usl_core.validation import unit_rows

BASIC = ("random", "stratified", "cluster-stratified", "usl")


def _points(n: int = 60, d: int = 5, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)))


# ---------------------------------------------------------------- the registry


def test_methods_are_named_once_and_in_order_of_their_cards():
    assert methods() == [card.name for card in method_cards()]
    assert len(set(methods())) == len(methods())
    assert set(BASIC) <= set(methods())


@pytest.mark.parametrize("card", method_cards(), ids=lambda card: card.name)
def test_cards_lead_to_what_they_name(card):
    module, function = card.home.split(":")
    home = import_module(f"usl_core.selection.{module}")
    assert callable(getattr(home, function))
    if card.params:
        getattr(home, card.params)()
    assert card.summary.endswith(".")


def test_callers_cannot_change_the_registry():
    methods().clear()
    method_cards().clear()
    assert set(BASIC) <= set(methods())


@pytest.mark.parametrize("method", BASIC)
def test_a_selection_says_how_it_was_made(method):
    selection = select(_points(), 4, method, seed=3, labels=np.arange(60) % 3)
    assert isinstance(selection, Selection)
    assert (selection.method, selection.seed, len(selection)) == (method, 3, 4)
    assert selection.params == (UslParams() if method == "usl" else None)
    assert np.isnan(selection.scores).all() == (method != "usl")
    assert bool(selection.trace) == (method == "usl")


# ---------------------------------------------------------------- any input, every method


@st.composite
def _cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int], list[int], int]:
    shape = st.tuples(st.integers(1, 12), st.integers(1, 3))
    points = draw(hnp.arrays(np.float64, shape, elements=st.integers(-1, 1)))
    points[np.abs(points).sum(axis=1) == 0] = 1
    n = len(points)
    labels = draw(hnp.arrays(np.int64, n, elements=st.integers(0, draw(st.integers(0, 4)))))
    used = draw(st.lists(st.integers(0, n - 1), max_size=n - 1, unique=True))
    return points, labels, used[::2], used[1::2], draw(st.integers(1, n - len(used)))


@pytest.mark.parametrize("with_labels", [False, True])
@pytest.mark.parametrize("method", BASIC)
@given(case=_cases(), seed=st.integers(0, 3))
@settings(max_examples=30, derandomize=True)
def test_m_distinct_rows_that_may_be_picked(method, with_labels, case, seed):
    points, labels, labelled, vetoed, budget = case

    def run() -> Selection:
        given_labels = labels if with_labels else None
        return select(points, budget, method, seed=seed, labels=given_labels, labelled=labelled, vetoed=vetoed)

    selection = run()
    assert selection.indices.dtype == selection.clusters.dtype == np.int64
    assert selection.scores.dtype == np.float64
    assert selection.indices.shape == selection.clusters.shape == selection.scores.shape == (budget,)
    assert len(set(selection.indices.tolist())) == budget
    assert set(selection.indices.tolist()) <= set(range(len(points))) - set(labelled) - set(vetoed)
    if selection.cluster_labels is not None:
        np.testing.assert_array_equal(selection.cluster_labels[selection.indices], selection.clusters)
    again = run()
    np.testing.assert_array_equal(again.indices, selection.indices)
    np.testing.assert_array_equal(again.clusters, selection.clusters)


@pytest.mark.parametrize("method", BASIC)
@pytest.mark.parametrize(
    "points", [np.ones((7, 3)), np.array([[1.0, 2.0]] * 2), np.ones((1, 1)), _points(7)], ids=["same", "two", "one", "any"]
)
def test_the_whole_set_can_be_asked_for(method, points):
    n = len(points)
    assert sorted(select(points, n, method, labels=np.zeros(n, dtype=int)).indices) == list(range(n))


@pytest.mark.parametrize("method", BASIC)
def test_global_randomness_and_inputs_are_left_alone(method):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    points, labels = _points(), np.arange(60) % 4
    copies = points.copy(), labels.copy()
    select(points, 5, method, labels=labels, labelled=[1, 2], vetoed=[3])
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.testing.assert_array_equal(points, copies[0])
    np.testing.assert_array_equal(labels, copies[1])


@pytest.mark.parametrize("method", BASIC)
def test_read_only_features_will_do(method):
    points = _points()
    points.setflags(write=False)
    assert len(select(points, 5, method, labels=np.arange(60) % 4)) == 5


def test_given_clusters_are_not_changed():
    clusters = np.zeros(60, dtype=np.int64)
    select(_points(), 5, "usl", cluster_labels=clusters)
    assert not clusters.any()


# ---------------------------------------------------------------- random


def test_every_set_is_drawn_equally_often():
    draws = 2000
    seen: dict[tuple[int, ...], int] = {}
    for seed in range(draws):
        key = tuple(sorted(select(np.eye(6), 3, "random", seed=seed).indices.tolist()))
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 20
    statistic = sum((count - draws / 20) ** 2 for count in seen.values()) / (draws / 20)
    assert chi2.ppf(0.001, 19) < statistic < chi2.ppf(0.999, 19)


def test_every_rank_is_drawn_uniformly():
    ranks = np.array([select(np.eye(5), 5, "random", seed=seed).indices for seed in range(1000)])
    for rank in range(5):
        counts = np.bincount(ranks[:, rank], minlength=5)
        assert ((counts - 200) ** 2 / 200).sum() < chi2.ppf(0.9999, 4)


def test_random_has_no_clusters():
    assert (select(_points(), 5, "random").clusters == -1).all()


# ---------------------------------------------------------------- stratified


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
@settings(max_examples=150, derandomize=True)
def test_quotas_are_as_even_as_the_sizes_allow(sizes, data):
    budget = data.draw(st.integers(0, sum(sizes)))
    quota = even_quota(np.array(sizes), budget, np.random.default_rng(0))
    assert quota.sum() == budget
    assert ((quota >= 0) & (quota <= sizes)).all()
    unfilled = quota[quota < sizes]
    if len(unfilled):
        assert quota.max() <= unfilled.min() + 1, "nobody has two more than a class with images left"


def test_small_classes_are_used_up_and_the_rest_share():
    labels = np.repeat([0, 1, 2, 3], [50, 3, 50, 1])
    picks = select(_points(104), 20, "stratified", labels=labels).indices
    assert np.bincount(labels[picks]).tolist() == [8, 3, 8, 1]


def test_what_cannot_be_divided_goes_to_classes_at_random():
    labels = np.repeat(np.arange(4), 10)
    extra = np.zeros(4)
    for seed in range(400):
        counts = np.bincount(labels[select(_points(40), 9, "stratified", labels=labels, seed=seed).indices], minlength=4)
        assert sorted(counts) == [2, 2, 2, 3]
        extra += counts == 3
    assert ((extra - 100) ** 2 / 100).sum() < chi2.ppf(0.999, 3)


def test_a_class_is_drawn_from_uniformly():
    labels = np.repeat([0, 1], [8, 5])
    hits = np.zeros(13)
    for seed in range(800):
        hits[select(_points(13), 4, "stratified", labels=labels, seed=seed).indices] += 1
    for part, share in ((hits[:8], 800 * 2 / 8), (hits[8:], 800 * 2 / 5)):
        assert ((part - share) ** 2 / share).sum() < chi2.ppf(0.999, len(part) - 1)


def test_fewer_picks_than_classes_come_from_different_classes():
    labels = np.arange(40) % 10
    picks = select(_points(40), 6, "stratified", labels=labels).indices
    assert len(set(labels[picks])) == 6


def test_stratified_counts_only_who_may_be_picked():
    labels = np.repeat([0, 1], [10, 10])
    selection = select(_points(20), 6, "stratified", labels=labels, labelled=range(8), vetoed=[8])
    assert np.bincount(labels[selection.indices]).tolist() == [1, 5]
    np.testing.assert_array_equal(selection.clusters, labels[selection.indices])


def test_stratified_says_that_it_looks_at_labels():
    assert "looks at the class labels" in select(_points(), 5, "stratified", labels=np.arange(60) % 3).notes[0]


def test_stratified_without_labels_becomes_cluster_stratified_and_says_so():
    selection = select(_points(), 6, "stratified", seed=2)
    assert selection.method == "cluster-stratified"
    assert "no class labels" in selection.notes[0]
    np.testing.assert_array_equal(selection.indices, select(_points(), 6, "cluster-stratified", seed=2).indices)


def test_cluster_stratified_takes_one_of_each_cluster():
    selection = select(_points(), 9, "cluster-stratified", seed=1)
    assert sorted(selection.clusters) == list(range(9))
    np.testing.assert_array_equal(selection.cluster_labels, kmeans(_points(), 9, seed=1).labels)
    assert selection.notes == ()


def test_cluster_stratified_over_given_clusters():
    clusters = np.repeat([5, -1, 7], [30, 20, 10])
    selection = select(_points(), 6, "cluster-stratified", cluster_labels=clusters)
    assert sorted(selection.clusters.tolist()) == [-1, -1, 5, 5, 7, 7]


# ---------------------------------------------------------------- labelled and vetoed, in hand-made geometry

SIZES = (9, 7, 5, 3)


def _corners() -> tuple[np.ndarray, np.ndarray]:
    """Four tight groups of 9, 7, 5 and 3 images around the corners of a simplex, and the group of each image."""
    groups = np.repeat(np.arange(4), SIZES)
    noise = np.random.default_rng(0).normal(scale=0.02, size=(24, 6))
    return unit_rows(np.eye(6)[groups] + noise), groups


def _first_of(groups: np.ndarray, *wanted: int) -> list[int]:
    return [int(np.flatnonzero(groups == group)[0]) for group in wanted]


@pytest.mark.parametrize(
    ("budget", "labelled_in", "picked_from"),
    [
        (2, (0, 3), [1, 2]),  # clusters with a label are skipped
        (2, (3, 0), [1, 2]),
        (2, (0, 1), [2, 3]),
        (3, (1,), [0, 2, 3]),
        (1, (0, 1, 2), [3]),
        (1, (1, 2, 3), [0]),
    ],
)
def test_groups_with_a_labelled_image_are_skipped(budget, labelled_in, picked_from):
    points, groups = _corners()
    selection = select(points, budget, labelled=_first_of(groups, *labelled_in), params=UslParams(n_neighbors=2))
    assert sorted(groups[selection.indices].tolist()) == picked_from


@pytest.mark.parametrize(
    ("budget", "labelled_in", "picked_from"),
    [
        (1, (0,), [1]),  # the largest uncovered
        (2, (0,), [1, 2]),
        (2, (2,), [0, 1]),
        (2, (), [0, 1]),
        (3, (0, 1), [0, 2, 3]),  # too few uncovered: the largest covered as well
        (3, (1, 2), [0, 1, 3]),
        (2, (0, 1, 2, 3), [0, 1]),
        (4, (3,), [0, 1, 2, 3]),
    ],
)
def test_the_largest_uncovered_clusters_come_first(budget, labelled_in, picked_from):
    points, groups = _corners()
    selection = select(
        points, budget, labelled=_first_of(groups, *labelled_in), cluster_labels=groups, params=UslParams(n_neighbors=2)
    )
    assert selection.clusters.tolist() == picked_from
    np.testing.assert_array_equal(groups[selection.indices], selection.clusters)


@pytest.mark.parametrize(
    ("budget", "labelled_in", "picked_from"), [(1, (), [0]), (1, (0,), [1]), (2, (1,), [0, 2]), (3, (0, 1), [0, 2, 3])]
)
def test_size_counts_and_not_the_name_of_a_cluster(budget, labelled_in, picked_from):
    points, groups = _corners()
    names = np.array([40, 30, 20, 10])
    selection = select(
        points, budget, labelled=_first_of(groups, *labelled_in), cluster_labels=names[groups], params=UslParams(n_neighbors=2)
    )
    assert sorted(groups[selection.indices].tolist()) == picked_from


def test_a_covered_cluster_with_nothing_else_in_it_gives_no_pick():
    points, groups = _corners()
    selection = select(points, 3, labelled=np.flatnonzero(groups == 0), cluster_labels=groups, params=UslParams(n_neighbors=2))
    assert selection.clusters.tolist() == [1, 2, 3]


def test_a_wholly_vetoed_cluster_counts_as_empty():
    points, groups = _corners()
    vetoed = np.flatnonzero(groups == 0)
    selection = select(points, 3, vetoed=vetoed, cluster_labels=groups, params=UslParams(n_neighbors=2))
    assert selection.clusters.tolist() == [1, 2, 3]
    assert not any("re-seeded" in note for note in selection.notes)


def test_too_few_clusters_are_filled_up_at_the_farthest_images():
    points, groups = _corners()
    points = points.copy()
    points[10] = unit_rows([[0, 1, 0, 0, 0, 0.6]])[0]  # in group 1, farthest from its mean
    points[18] = unit_rows([[0, 0, 1, 0, 0, 0.4]])[0]  # in group 2, the next
    selection = select(points, 5, vetoed=np.flatnonzero(groups == 0), cluster_labels=groups, params=UslParams(n_neighbors=2))
    assert selection.clusters.tolist() == [1, 2, 3, 4, 5]
    assert selection.indices[3:].tolist() == [10, 18]
    assert selection.cluster_labels[[10, 18]].tolist() == [4, 5]
    assert "2 clusters had no image left to pick" in selection.notes[-1]


def test_the_farthest_image_is_not_taken_from_a_cluster_that_holds_nothing_else():
    points = unit_rows([[1, 0], [1, 0.01], [1, 0.02], [0, 1], [0.5, 1], [-1, 0.1]])
    clusters = np.array([0, 0, 0, 1, 1, 2])
    selection = select(points, 4, cluster_labels=clusters, vetoed=[3], params=UslParams(n_neighbors=1))
    assert {4, 5} < set(selection.indices.tolist())
    assert selection.cluster_labels[4] == 1


@pytest.mark.parametrize(
    ("n", "budget", "labelled", "expected"),
    [(1200, 3, 700, 503), (1200, 3, 500, 503), (1200, 3, 499, 502), (10, 3, 7, 10), (40, 3, 6, 9)],
)
def test_how_many_clusters_are_made(monkeypatch, n, budget, labelled, expected):
    asked: list[int] = []

    def record(values: Any, n_clusters: int, **rest: Any) -> Any:
        asked.append(n_clusters)
        return kmeans(values, n_clusters, **rest | {"n_iterations": 1})

    monkeypatch.setattr(usl, "kmeans", record)
    select(_points(n), budget, labelled=range(labelled))
    assert asked == [expected]


def test_labelled_images_push_picks_away():
    """Two equally dense candidates in one cluster; the labelled image lies beside the first of them."""
    angles = np.radians([0, 1, -1, 40, 41, 39, 80])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    clusters = np.array([0, 0, 0, 0, 0, 0, 1])
    params = UslParams(n_neighbors=2)
    assert select(points, 1, cluster_labels=clusters, params=params).indices.tolist() == [0]
    pushed = select(np.concatenate([points, [[np.cos(-0.05), np.sin(-0.05)]]]), 1, labelled=[7],
                    cluster_labels=np.append(clusters, 2), params=params)  # fmt: skip
    assert pushed.indices.tolist() == [3]


@pytest.mark.parametrize("method", BASIC)
def test_too_large_a_budget_is_refused_with_the_numbers(method):
    message = r"budget must be in \[1, 53\] \(images left of 60: 5 labelled, 2 vetoed\) but is 54"
    with pytest.raises(UslError, match=message):
        select(_points(), 54, method, labelled=range(5), vetoed=[58, 59], labels=np.zeros(60, dtype=int))
    with pytest.raises(UslError, match=r"budget must be in \[1, 60\] \(images\) but is 61"):
        select(_points(), 61, method)
    with pytest.raises(UslError, match=r"nothing to choose from \(0 images left of 60: 60 labelled, 1 vetoed\)"):
        select(_points(), 1, method, labelled=range(60), vetoed=[4])
    assert len(select(_points(), 53, method, labelled=range(5), vetoed=[58, 59])) == 53


# ---------------------------------------------------------------- bad input

GRAPH = find_neighbors(_points(), 20)
BAD_ARGUMENTS = [
    ({"values": np.zeros(5)}, r"features must have shape \(n, d\)"),
    ({"values": np.zeros((3, 2))}, "row 0 of the features is all zeros"),
    ({"values": [[np.nan]]}, "features must be finite"),
    ({"values": None}, "features must be a rectangular array"),
    ({"budget": 0}, r"budget must be in \[1, 60\] \(images\) but is 0"),
    ({"budget": 2.0}, "budget must be a whole number but is 2.0"),
    ({"budget": None}, "budget must be a whole number but is None"),
    ({"method": "best"}, "method must be one of random, stratified.* but is 'best'"),
    ({"method": None}, "method must be one of .* but is None"),
    ({"method": ["usl"]}, r"method must be one of .* but is \['usl'\]"),
    ({"params": {"reg_weight": 1}}, r"params of method 'usl' must be a UslParams but is \{'reg_weight': 1\}"),
    ({"params": UslParams}, "params of method 'usl' must be a UslParams"),
    ({"method": "random", "params": UslParams()}, r"params of method 'random' must be None \(it has no parameters\)"),
    ({"seed": -1}, "seed must be at least 0 but is -1"),
    ({"seed": 1.5}, "seed must be a whole number but is 1.5"),
    ({"seed": None}, "seed must be a whole number but is None"),
    ({"labels": [0, 1]}, r"labels must have one entry per image \(60\) but has 2"),
    ({"labels": ["a"] * 60}, "labels must be one whole number per image"),
    ({"labelled": [60]}, r"labelled must hold indices in \[0, 59\] but holds 60"),
    ({"labelled": 3}, "labelled must be a list of image indices"),
    ({"labelled": [True] * 60}, "labelled must be a list of image indices"),
    ({"vetoed": [-1]}, r"vetoed must hold indices in \[0, 59\] but holds -1"),
    ({"vetoed": ["a"]}, "vetoed must be a list of image indices"),
    ({"neighbors": find_neighbors(_points(9), 3)}, "neighbors must belong to the same 60 images but holds 9"),
    ({"neighbors": _points()}, "neighbors must be what find_neighbors returns but is a ndarray"),
    ({"neighbors": find_neighbors(_points(), 3)}, "this graph holds only 3"),
    ({"cluster_labels": np.zeros(9, dtype=int)}, r"cluster_labels must have one entry per image \(60\) but has 9"),
    ({"cluster_labels": np.zeros(60)}, "cluster_labels must be one whole number per image"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments, message):
    with pytest.raises(UslError, match=message):
        select(**{"values": _points(), "budget": 4, **arguments})


def test_lists_and_whole_numbers_of_numpy_will_do():
    selection = select(
        _points().tolist(), np.int64(4), seed=np.uint8(1), labelled={1}, vetoed=(i for i in [2]), neighbors=GRAPH
    )
    np.testing.assert_array_equal(selection.indices, select(_points(), 4, seed=1, labelled=[1], vetoed=[2]).indices)


# ---------------------------------------------------------------- USL-T behind the same door


@pytest.fixture
def quick() -> UsltParams:
    return UsltParams(n_epochs=3, n_neighbors=5)


def test_usl_t_gives_what_its_training_gives(quick):
    points = _points()
    chosen = select(points, 6, "usl-t", quick, seed=2)
    training = train_uslt(points, 6, quick, seed=2)
    assert np.array_equal(chosen.indices, training.last.picks)
    assert np.array_equal(chosen.cluster_labels, training.last.clusters)
    assert np.array_equal(chosen.clusters, training.last.clusters[chosen.indices])
    assert np.allclose(chosen.scores, training.last.confidence[chosen.indices])
    assert chosen.info["clusters_alive"] == training.last.n_alive
    assert any("noise" in note for note in chosen.notes)


@given(seed=st.integers(0, 50))
@settings(max_examples=15)
def test_usl_t_respects_labelled_and_vetoed_and_gives_exactly_m(seed):
    rng = np.random.default_rng(seed)
    barred = rng.permutation(60)[: rng.integers(0, 50)]
    labelled, vetoed = np.array_split(barred, 2)
    left = 60 - len(barred)
    m = int(rng.integers(1, left + 1))
    params = UsltParams(n_epochs=2, n_neighbors=5)
    chosen = select(_points(), m, "usl-t", params, seed=seed, labelled=labelled, vetoed=vetoed)
    assert len(set(chosen.indices.tolist())) == m
    assert not set(chosen.indices.tolist()) & set(barred.tolist())


def test_clusters_with_a_labelled_image_come_last(quick):
    points = _points()
    free = select(points, 3, "usl-t", UsltParams(n_epochs=3, n_neighbors=5, n_clusters=6))
    first = free.indices[:1]
    held = select(points, 3, "usl-t", UsltParams(n_epochs=3, n_neighbors=5, n_clusters=6), labelled=first)
    assert free.clusters[0] not in held.clusters


def test_empty_clusters_are_said():
    same = np.tile([[1.0, 0.0]], (10, 1))
    chosen = select(same, 4, "usl-t", UsltParams(n_epochs=2))
    assert len(set(chosen.indices.tolist())) == 4
    assert any(note.startswith("empty clusters: ") for note in chosen.notes)
