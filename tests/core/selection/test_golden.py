"""Parity with the released implementation: given its features and clusters, the picks are identical.

Reduced cases lie in the repository, and `golden/make.py` tells how they came about; the outputs of the released code itself lie
among the development data.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core import UslParams, find_neighbors, select
from usl_core.graph.density import mean_distance
from usl_core.types import Neighbors

from .golden.make import CASES, FILE, mean_nearest, released_picks


@dataclasses.dataclass(frozen=True)
class Golden:
    arrays: dict[str, np.ndarray]
    graph: Neighbors

    @property
    def cases(self) -> list[int]:
        return sorted(int(name[4:-6]) for name in self.arrays if name.endswith("_picks"))

    def params(self, case: int) -> UslParams:
        _, k, weight, power, momentum, iterations, horizon_sq, _ = self.arrays[f"case{case}_params"].tolist()
        changed: dict[str, Any] = {
            "n_neighbors": int(k),
            "reg_weight": weight,
            "reg_power": power,
            "reg_momentum": momentum,
            "n_iterations": int(iterations),
            "horizon_distance": None if horizon_sq == -1 else math.sqrt(horizon_sq),
        }
        return dataclasses.replace(UslParams.published(), **changed)

    def picks(self, case: int, params: UslParams) -> list[int]:
        clusters = self.arrays[f"case{case}_cluster"]
        budget = len(self.arrays[f"case{case}_picks"])
        features = self.arrays["features"]
        return select(features, budget, params=params, neighbors=self.graph, cluster_labels=clusters).indices.tolist()


@pytest.fixture(scope="module", params=["reduced", pytest.param("released", marks=pytest.mark.shared_data)])
def golden(request: pytest.FixtureRequest) -> Golden:
    file = FILE
    if request.param == "released":
        folder: Path = request.getfixturevalue("shared")
        file = folder / "golden" / "usl_published_cases.npz"
        if not file.is_file():
            pytest.skip(f"{file.name} is not among the development data")
    with np.load(file, allow_pickle=False) as archive:
        arrays = dict(archive)
    return Golden(arrays, find_neighbors(arrays["features"], 400))


def test_all_cases_are_there(golden):
    assert golden.cases == list(range(5 if len(golden.arrays["features"]) == 8000 else len(CASES)))


def test_picks_are_identical(golden):
    for case in golden.cases:
        expected = golden.arrays[f"case{case}_picks"].tolist()
        assert len(expected) == golden.arrays[f"case{case}_params"][0]
        assert golden.picks(case, golden.params(case)) == expected, case


def test_mean_squared_distances_agree(golden):
    for case in golden.cases:
        k = golden.params(case).n_neighbors
        measured = mean_distance(golden.graph, k, squared=True, count_self=True)
        np.testing.assert_allclose(measured, golden.arrays[f"case{case}_mean_sqdist"], rtol=1e-4)


def test_the_cases_ask_for_more_than_the_densest_images(golden):
    """Without the regulariser some picks differ, so that the parity above says something about it."""
    for case in golden.cases:
        plain = dataclasses.replace(golden.params(case), reg_weight=0.0)
        assert golden.picks(case, plain) != golden.arrays[f"case{case}_picks"].tolist()


def test_what_made_the_reduced_cases_reproduces_the_released_ones(golden):
    means = {k: mean_nearest(golden.arrays["features"], k) for k in {golden.params(case).n_neighbors for case in golden.cases}}
    for case in golden.cases:
        params = golden.arrays[f"case{case}_params"]
        mean_sqdist = means[int(params[1])]
        np.testing.assert_allclose(mean_sqdist, golden.arrays[f"case{case}_mean_sqdist"], rtol=1e-4)
        clusters = golden.arrays[f"case{case}_cluster"]
        picks = released_picks(golden.arrays["features"], clusters, mean_sqdist, params)
        assert picks.tolist() == golden.arrays[f"case{case}_picks"].tolist(), case
