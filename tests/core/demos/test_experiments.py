"""The experiments come out as their sentences say, and as they were saved."""

from __future__ import annotations

import json

import numpy as np
import pytest

from usl_core.demos import experiments
from usl_core.demos.experiments import EXPERIMENTS, KMEANS, experiment_names, run_experiment, saved_results
from usl_core.errors import Cancelled, UslError


@pytest.fixture(scope="module")
def results():
    return {name: run_experiment(name) for name in experiment_names()}


def test_without_adjustment_most_clusters_die(results):
    arms = results["adjustment"]["arms"]
    assert arms["α = 0"][-1] <= 15
    assert arms["α = 5"][-1] >= 38


def test_without_sharpening_assignments_stay_uniform(results):
    arms = results["sharpening"]["arms"]
    assert arms["t = 1"][-1] > 0.98
    assert arms["t = 0.25"][-1] < 0.6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kmeans_term_ends_where_lloyd_ends_and_the_whole_assigns_alike(seed):
    lloyd, term, whole = run_experiment(KMEANS, seed=seed)["ways"].values()
    assert np.allclose(term["centroids"], lloyd["centroids"], atol=1e-3)
    assert term["clusters"] == lloyd["clusters"]
    assert term["objective"] == pytest.approx(lloyd["objective"], rel=1e-4)
    assert np.mean(np.array(whole["clusters"]) == lloyd["clusters"]) > 0.99
    assert whole["objective"] > lloyd["objective"]
    assert np.abs(np.array(whole["centroids"]) - lloyd["centroids"]).max() < 0.4


def test_saved_results_are_those_of_this_code(results):
    """Another processor may round otherwise, so the beginnings and the ends are compared and not the bits."""
    saved = saved_results()
    off = {"alive": 4, "entropy": 0.03}  # of 40 clusters; of a share in [0, 1]
    assert set(saved) == set(experiment_names())
    for experiment in EXPERIMENTS:
        for label, values in results[experiment.name]["arms"].items():
            assert len(saved[experiment.name]["arms"][label]) == len(values)
            for at in (0, -1):
                found = saved[experiment.name]["arms"][label][at]
                assert found == pytest.approx(values[at], abs=off[experiment.measure], rel=0), (label, at)
    for label, way in results[KMEANS]["ways"].items():
        assert saved[KMEANS]["ways"][label]["objective"] == pytest.approx(way["objective"], rel=1e-3)


def test_results_are_plain_json(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_an_experiment_can_be_cancelled():
    def stop(fraction, note):
        if fraction > 0.1:
            raise Cancelled("enough")

    for name in experiment_names():
        with pytest.raises(Cancelled):
            run_experiment(name, on_progress=stop)


def test_unknown_names_and_missing_files_are_named(monkeypatch, tmp_path):
    with pytest.raises(UslError, match="there is no experiment 'x'; choose one of adjustment, sharpening, kmeans"):
        run_experiment("x")
    monkeypatch.setattr(experiments, "SAVED", tmp_path / "experiments.json")
    with pytest.raises(UslError, match=r"(?s)experiments\.json cannot be used .*build_experiments"):
        saved_results()
