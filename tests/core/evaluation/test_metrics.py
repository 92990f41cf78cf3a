"""The scorecard, by hand on points whose distances are known, and against plain loops."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from usl_core import find_neighbors, overlap, score_selection, select
from usl_core.errors import UslError
from usl_core.evaluation import metrics
from usl_core.evaluation.metrics import METRICS, Scorecard, default_radius, expected_overlap, nearest_pick
from usl_core.types import Neighbors
from usl_core.validation import unit_rows


def _on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _chord(degrees: float) -> float:
    return 2 * math.sin(math.radians(degrees) / 2)


SIX = _on_circle(0, 10, 20, 90, 100, 180)
LABELS = np.array([0, 0, 1, 1, 1, 3])
GRAPH = find_neighbors(SIX, 5)


def _score(picks: list[int], **options: object) -> Scorecard:
    return score_selection(SIX, picks, GRAPH, **{"n_neighbors": 1, "radius": _chord(15), "labels": LABELS} | options)  # type: ignore[arg-type]


def test_by_hand():
    card = _score([0, 3])
    assert card.coverage == pytest.approx(4 / 6)  # 20 and 180 are farther than 15 degrees from a pick
    assert card.k_center_radius == pytest.approx(_chord(90))
    assert card.mean_pick_distance == pytest.approx((_chord(10) + _chord(20) + _chord(10) + _chord(90)) / 6)
    assert card.redundancy == 0
    assert card.classes_covered == 2
    assert card.class_counts == (1, 1, 0, 0)
    assert card.class_imbalance == pytest.approx(0.5)
    # At 10 and 100 degrees the nearest pick is of their class, at 20 and 180 it is not.
    assert card.nearest_pick_accuracy == pytest.approx(2 / 4)
    assert card.radius == pytest.approx(_chord(15))


def test_redundancy_by_hand():
    assert _score([0, 1, 3]).redundancy == pytest.approx(2 / 3)
    assert _score([0, 1, 2]).redundancy == 1
    assert _score([0]).redundancy == 0
    assert _score([0, 2]).redundancy == 0


def test_density_percentile_by_hand():
    points = _on_circle(0, 1, 3, 30, 100)
    graph = find_neighbors(points, 4)
    # Nearest distances 1, 1, 2, 27, 70 degrees: percentiles 87.5, 87.5, 50, 25, 0.
    for picks, expected in (([0], 87.5), ([4], 0), ([2, 3], 37.5), ([0, 4], 43.75)):
        assert score_selection(points, picks, graph, n_neighbors=1).density_percentile == pytest.approx(expected)


def test_the_default_radius_is_the_median_kth_distance():
    assert default_radius(GRAPH, 1) == pytest.approx(_chord(10))
    assert default_radius(GRAPH, 2) == pytest.approx(np.median([_chord(a) for a in (20, 10, 20, 70, 80, 90)]))
    assert score_selection(SIX, [0], GRAPH, n_neighbors=2).radius == pytest.approx(default_radius(GRAPH, 2))
    assert default_radius(find_neighbors([[1.0, 0.0]], 5), 5) == 0


def test_images_at_exactly_the_radius_are_covered():
    points = np.eye(4)
    card = score_selection(points, [0, 1], find_neighbors(points, 3), radius=float(np.sqrt(np.float32(2))))
    assert card.coverage == 1
    assert card.redundancy == 1


def test_everything_picked():
    card = _score(list(range(6)), radius=None)
    assert card.k_center_radius == card.mean_pick_distance == 0
    assert card.coverage == 1
    assert card.nearest_pick_accuracy == 1
    assert card.density_percentile == pytest.approx(50)


def test_without_labels_the_class_scores_are_unknown():
    card = _score([0, 3], labels=None)
    assert math.isnan(card.classes_covered)
    assert math.isnan(card.class_imbalance)
    assert math.isnan(card.nearest_pick_accuracy)
    assert card.class_counts == ()
    assert card.coverage == pytest.approx(4 / 6)


def test_classes_without_an_image_count_where_their_number_is_known():
    assert _score([0, 3], n_classes=7).class_counts == (1, 1, 0, 0, 0, 0, 0)
    assert _score([0, 3], n_classes=7).class_imbalance == pytest.approx(np.std([1, 1, 0, 0, 0, 0, 0]))


def test_one_image():
    card = score_selection([[2.0, 0.0]], [0], find_neighbors([[2.0, 0.0]], 5), labels=[0])
    assert (card.coverage, card.k_center_radius, card.redundancy, card.density_percentile) == (1, 0, 0, 50)
    assert (card.classes_covered, card.class_imbalance, card.nearest_pick_accuracy) == (1, 0, 1)


def test_a_selection_and_its_rows_score_alike():
    selection = select(SIX, 3, "random")
    of_selection, of_rows = (score_selection(SIX, picks, GRAPH, labels=LABELS) for picks in (selection, selection.indices))
    assert of_selection == of_rows


def test_against_brute_force(digits):
    x, labels = digits.values[:300], digits.labels[:300]
    graph = find_neighbors(x, 20)
    picks = np.sort(np.random.default_rng(0).choice(300, 25, replace=False))
    others = np.setdiff1d(np.arange(300), picks)
    card = score_selection(x, picks, graph, labels=labels)
    wide = x.astype(np.float64)
    dist = np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(axis=2))
    nearest = np.sort(dist, axis=1)[:, 1:21]
    radius, mean = np.median(nearest[:, 19]), nearest.mean(axis=1)
    to_pick = dist[:, picks].min(axis=1)
    assert card.radius == pytest.approx(radius, rel=1e-5)
    assert card.coverage == pytest.approx((to_pick <= radius).mean())
    assert card.k_center_radius == pytest.approx(to_pick.max(), rel=1e-5)
    assert card.mean_pick_distance == pytest.approx(to_pick.mean(), rel=1e-5)
    between = (dist + 9 * np.eye(300))[np.ix_(picks, picks)].min(axis=1)
    assert card.redundancy == pytest.approx((between <= radius).mean())
    assert card.density_percentile == pytest.approx(np.mean([100 * (mean > mean[p]).sum() / 299 for p in picks]))
    right = labels[picks[dist[:, picks].argmin(axis=1)]] == labels
    assert card.nearest_pick_accuracy == pytest.approx(right[others].mean())
    assert card.class_counts == tuple(np.bincount(labels[picks], minlength=10))


def test_blocks_change_nothing(monkeypatch):
    x = unit_rows(np.random.default_rng(0).normal(size=(300, 5)))
    graph = find_neighbors(x, 20)
    picks, options = range(0, 300, 2), {"labels": np.arange(300) % 3, "radius": 0.35}
    whole = score_selection(x, picks, graph, **options)
    assert 0.1 < whole.redundancy < 0.9
    blocks = metrics.blocks
    monkeypatch.setattr(metrics, "blocks", lambda n, width: blocks(n, width, 1))
    pieces = score_selection(x, picks, graph, **options)
    assert pieces.class_counts == whole.class_counts
    for metric in METRICS:
        assert getattr(pieces, metric.key) == pytest.approx(getattr(whole, metric.key), rel=1e-5)


def test_nearest_pick_takes_the_first_of_equal_ones():
    place, dist = nearest_pick(np.eye(4, dtype=np.float32), np.array([3, 1]))
    assert place.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(dist, [math.sqrt(2), 0, math.sqrt(2), 0], rtol=1e-6)


def test_overlap_and_its_expectation():
    table = overlap({"a": [1, 2, 3], "b": np.array([3, 4]), "c": []})
    assert table[("a", "b")] == table[("b", "a")] == 1
    assert (table[("a", "a")], table[("b", "b")], table[("c", "c")], table[("a", "c")]) == (3, 2, 0, 0)
    assert len(table) == 9
    assert overlap({}) == {}
    assert expected_overlap(100, 10, 20) == 2
    draws = [set(select(np.eye(20), 6, "random", seed=s).indices.tolist()) for s in range(200)]
    shared = [len(a & b) for a, b in itertools.pairwise(draws)]
    assert np.mean(shared) == pytest.approx(expected_overlap(20, 6, 6), abs=0.25)


def test_metrics_describe_the_scorecard():
    fields = {field.name for field in dataclasses.fields(Scorecard)}
    keys = [metric.key for metric in METRICS]
    assert set(keys) == fields - {"radius", "class_counts"}
    assert len(set(keys)) == len(keys)
    unknown = _score([0], labels=None)
    for metric in METRICS:
        assert metric.better in ("higher", "lower")
        assert metric.definition.endswith(".")
        assert math.isnan(getattr(unknown, metric.key)) == metric.needs_labels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"selection": []}, "selection must hold at least one image but is empty"),
        ({"selection": [6]}, r"selection must hold indices in \[0, 5\] but holds 6"),
        ({"selection": [0.5]}, "selection must be a list of image indices"),
        ({"selection": 3}, "selection must be a list of image indices"),
        ({"values": SIX[:5]}, "neighbors must belong to the same 5 images but holds 6"),
        ({"values": np.zeros((6, 2))}, "features is all zeros"),
        ({"neighbors": SIX}, "neighbors must be what find_neighbors returns but is a ndarray"),
        ({"neighbors": find_neighbors(SIX, 2), "n_neighbors": 3}, "n_neighbors is 3 but this graph holds only 2"),
        ({"n_neighbors": 0}, "n_neighbors must be at least 1 but is 0"),
        ({"labels": [0, 1]}, r"labels must have one entry per image \(6\) but has 2"),
        ({"labels": [0.5] * 6}, "labels must be one whole number per image"),
        ({"labels": [-1, 0, 0, 0, 0, 0]}, "labels must be at least 0 but hold -1"),
        ({"labels": LABELS, "n_classes": 3}, r"labels must be below n_classes \(3\) but hold 3"),
        ({"labels": LABELS, "n_classes": 0}, "n_classes must be at least 1 but is 0"),
        ({"radius": -0.1}, "radius must be at least 0 but is -0.1"),
        ({"radius": float("nan")}, "radius must be a finite number but is nan"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UslError, match=message):
        score_selection(**{"values": SIX, "selection": [0], "neighbors": GRAPH, **arguments})


def test_a_graph_from_elsewhere_is_enough():
    graph = Neighbors(indices=GRAPH.indices[:, :2], distances=GRAPH.distances[:, :2])
    assert score_selection(SIX, [0], graph, n_neighbors=2).coverage > 0


def test_how_a_number_reads():
    share = metrics.Metric("a", "A", "What a is.", "higher", 1, percent=True)
    length = metrics.Metric("b", "B", "What b is.", "lower", 0)
    assert (share.text(0.1234), share.number(0.1234), share.text(math.nan), share.number(math.nan)) == (
        "12.3 %",
        "12.3",
        "",
        "",
    )
    assert (length.text(12.6), length.number(12.61, least_digits=1)) == ("13", "12.6")
    assert (share.arrow, length.arrow) == ("↑", "↓")
    assert length.help == "What b is. Lower is better."


def test_the_best_are_those_who_look_best():
    share = metrics.Metric("a", "A", "What a is.", "higher", 1, percent=True)
    length = metrics.Metric("b", "B", "What b is.", "lower", 1)
    values = {"x": 0.50011, "y": 0.50024, "z": 0.4, "unknown": math.nan}
    assert share.best(values) == {"x", "y"}
    assert length.best({name: 100 * value for name, value in values.items()}) == {"z"}
    assert share.best({"x": 0.50011, "y": 0.50024}) == set(), "all look alike"
    assert share.best({"x": 0.5}) == share.best({"unknown": math.nan}) == share.best({}) == set()
