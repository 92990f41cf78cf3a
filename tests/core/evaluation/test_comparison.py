"""Several methods side by side: the same input for each, one scorecard per seed, mean and spread."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core import UslParams, UsltParams, compare, find_neighbors, load_demo, score_selection, select
from usl_core.errors import Cancelled, UslError
from usl_core.evaluation import comparison
from usl_core.evaluation.metrics import METRICS, default_radius
from usl_core.types import Features, ImageSet
from usl_core.validation import unit_rows


def _features(n: int = 60, labels: bool = True) -> Features:
    values = unit_rows(np.random.default_rng(0).normal(size=(n, 6)))
    images = ImageSet(
        root=Path(),
        paths=tuple(f"{i}.png" for i in range(n)),
        digests=tuple(map(str, range(n))),
        labels=(np.arange(n) % 3).astype(np.int32) if labels else None,
        class_names=("a", "b", "c", "empty") if labels else (),
        fingerprint="images",
    )
    return Features(values=values, fingerprint="features", encoder="hand-made", images=images)


FEATURES = _features()


def test_every_method_runs_once_per_seed():
    result = compare(FEATURES, 6, ("usl", "random"), seeds=(4, 1, 7))
    assert list(result.selections) == list(result.scorecards) == ["usl", "random"]
    assert (result.budget, result.seeds, result.n_neighbors) == (6, (4, 1, 7), 20)
    for method, runs in result.selections.items():
        assert [run.seed for run in runs] == [4, 1, 7]
        for run, card in zip(runs, result.scorecards[method], strict=True):
            expected = select(FEATURES, 6, method, seed=run.seed, labels=FEATURES.images.labels)
            np.testing.assert_array_equal(run.indices, expected.indices)
            again = score_selection(
                FEATURES,
                run,
                result.neighbors,
                labels=FEATURES.images.labels,
                n_classes=4,
                radius=default_radius(result.neighbors),
            )
            assert card == again
            assert len(card.class_counts) == 4, "a class without an image counts"


def test_mean_and_sample_deviation_over_the_seeds():
    result = compare(FEATURES, 6, ("random",), seeds=range(5))
    for metric in METRICS:
        values = [getattr(card, metric.key) for card in result.scorecards["random"]]
        mean, sd = result.mean_and_sd("random", metric.key)
        assert mean == pytest.approx(sum(values) / 5)
        assert sd == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 4))


def test_the_frame_holds_every_score_of_every_run():
    result = compare(FEATURES, 6, ("usl", "random"), seeds=(4, 1))
    frame = result.frame()
    assert list(frame.columns) == ["method", "seed", "budget", *(metric.key for metric in METRICS)]
    assert list(zip(frame.method, frame.seed, frame.budget, strict=True)) == [
        ("usl", 4, 6),
        ("usl", 1, 6),
        ("random", 4, 6),
        ("random", 1, 6),
    ]
    for metric in METRICS:
        expected = [getattr(card, metric.key) for method in ("usl", "random") for card in result.scorecards[method]]
        np.testing.assert_array_equal(frame[metric.key], expected)
    unknown = compare(_features(labels=False), 6, ("random",)).frame()
    assert unknown.classes_covered.isna().all()


def test_one_seed_has_no_spread_and_no_labels_no_class_scores():
    result = compare(_features(labels=False), 4, ("random", "stratified"))
    assert math.isnan(result.mean_and_sd("random", "coverage")[1])
    assert not math.isnan(result.mean_and_sd("random", "coverage")[0])
    assert all(math.isnan(number) for number in result.mean_and_sd("random", "classes_covered"))
    assert result.selections["cluster-stratified"][0].method == "cluster-stratified"
    assert "stratified" not in result.selections


def test_parameters_reach_their_method_and_set_the_common_k():
    params = UslParams(n_neighbors=7, reg_weight=5.0)
    result = compare(FEATURES, 6, params={"usl": params})
    assert result.selections["usl"][0].params is params
    assert result.n_neighbors == 7
    assert result.neighbors.k_max == 7
    radii = {card.radius for cards in result.scorecards.values() for card in cards}
    assert radii == {default_radius(result.neighbors, 7)}, "one radius for every method"


def test_a_method_without_parameters_of_its_own_still_finds_its_neighbours():
    quick = UsltParams(n_epochs=2, n_views=0)
    few, default = UslParams(n_neighbors=5), UslParams().n_neighbors
    result = compare(FEATURES, 6, ["usl", "usl-t"], params={"usl": few})
    assert (result.neighbors.k_max, result.n_neighbors) == (default, default)
    assert result.selections["usl"][0].indices.tolist() == select(FEATURES, 6, params=few).indices.tolist()
    assert compare(FEATURES, 6, ["usl", "usl-t"], params={"usl-t": quick}).neighbors.k_max == default
    assert compare(FEATURES, 6, ["random"], params={"usl": few}).n_neighbors == 20


def test_k_beyond_the_images_is_reduced():
    result = compare(FEATURES, 6, ("usl",), params={"usl": UslParams.published()})
    assert result.neighbors.k_max == 59
    assert result.selections["usl"][0].notes


def test_a_given_graph_is_used(monkeypatch):
    graph = find_neighbors(FEATURES, 40)
    monkeypatch.setattr(comparison, "find_neighbors", None)
    assert compare(FEATURES, 6, ("usl",), neighbors=graph).neighbors is graph


def test_progress_rises_to_one_and_may_cancel():
    seen: list[float] = []
    compare(FEATURES, 3, ("random", "usl"), seeds=(0, 1), on_progress=lambda fraction, note: seen.append(fraction))
    assert seen == [0, 0.25, 0.5, 0.75, 1]

    def stop(fraction: float, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        compare(FEATURES, 3, on_progress=stop)


BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"features": FEATURES.values}, "features must be what encode returns but is a ndarray"),
    ({"budget": 61}, r"budget must be in \[1, 60\] \(images\) but is 61"),
    ({"budget": 0}, "budget must be in"),
    ({"methods": ()}, "methods must be one or more, each once, but are none"),
    ({"methods": ("usl", "usl")}, "methods must be one or more, each once, but are usl, usl"),
    ({"methods": "usl"}, "methods must be a list but is 'usl'"),
    ({"methods": None}, "methods must be a list but is None"),
    ({"methods": ("usl", "best")}, "methods must be among random, .* but hold 'best'"),
    ({"methods": (["usl"],)}, r"methods must be among .* but hold \['usl'\]"),
    ({"seeds": ()}, "seeds must be one or more, each once, but are none"),
    ({"seeds": np.array([], dtype=int)}, "seeds must be one or more, each once, but are none"),
    ({"seeds": (1, 2, 1)}, "seeds must be one or more, each once, but are 1, 2, 1"),
    ({"seeds": 3}, "seeds must be a list but is 3"),
    ({"seeds": (0, -1)}, "seed must be at least 0 but is -1"),
    ({"seeds": (0.5,)}, "seed must be a whole number but is 0.5"),
    ({"params": UslParams()}, "params must map names of methods"),
    ({"params": {"uls": UslParams()}}, "params must map names of methods .*'uls'"),
    ({"params": {"usl": {"reg_weight": 1}}}, "params of method 'usl' must be a UslParams"),
    ({"params": {"random": UslParams()}}, "params of method 'random' must be None"),
    ({"neighbors": find_neighbors(FEATURES.values[:9], 3)}, "neighbors must belong to the same 60 images but holds 9"),
    ({"neighbors": find_neighbors(FEATURES, 5)}, "n_neighbors is 20 but this graph holds only 5"),
    ({"neighbors": FEATURES.values}, "neighbors must be what find_neighbors returns"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments, message):
    with pytest.raises(UslError, match=message):
        compare(**{"features": FEATURES, "budget": 4, **arguments})


def test_a_bad_seed_is_refused_before_any_work():
    seen: list[float] = []
    with pytest.raises(UslError, match="seed must be at least 0"):
        compare(FEATURES, 4, seeds=(0, -1), on_progress=lambda fraction, note: seen.append(fraction))
    assert seen == []


def test_seeds_may_be_an_array():
    assert compare(FEATURES, 4, ("random",), seeds=np.arange(3)).seeds == (0, 1, 2)


def test_counts_of_picks_over_seeds_add_up():
    demo = load_demo("digits")
    features, graph = demo.features, demo.neighbors
    compared = compare(features, 12, ["random", "usl"], seeds=range(4), neighbors=graph)
    for method in ("random", "usl"):
        counts = compared.pick_counts(method)
        assert counts.shape == (len(features),)
        assert counts.sum() == 4 * 12
        for row in (0, int(counts.argmax())):
            assert counts[row] == sum(row in chosen.indices for chosen in compared.selections[method])
    assert compared.pick_counts("usl").max() > compared.pick_counts("random").max(), "USL repeats picks, random draws do not"
