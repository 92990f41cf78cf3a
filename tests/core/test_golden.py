"""Parity with the released implementation: given its features and clusters, the picks are identical."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core import UslParams, find_neighbors, select
from usl_core.density import mean_distance
from usl_core.types import Neighbors

pytestmark = pytest.mark.shared_data
CASES = range(5)


@dataclasses.dataclass(frozen=True)
class Golden:
    arrays: dict[str, np.ndarray]
    graph: Neighbors

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


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    file = shared / "golden" / "usl_published_cases.npz"
    if not file.is_file():
        pytest.skip(f"{file.name} is not among the development data")
    with np.load(file, allow_pickle=False) as archive:
        arrays = dict(archive)
    return Golden(arrays, find_neighbors(arrays["features"], 400))


def test_all_cases_are_covered(golden):
    assert {name for name in golden.arrays if name.endswith("_picks")} == {f"case{c}_picks" for c in CASES}


@pytest.mark.parametrize("case", CASES)
def test_picks_are_identical(golden, case):
    expected = golden.arrays[f"case{case}_picks"]
    selection = select(
        golden.arrays["features"],
        len(expected),
        params=golden.params(case),
        neighbors=golden.graph,
        cluster_labels=golden.arrays[f"case{case}_cluster"],
    )
    assert len(expected) == golden.arrays[f"case{case}_params"][0]
    assert selection.indices.tolist() == expected.tolist()


@pytest.mark.parametrize("case", CASES)
def test_mean_squared_distances_agree(golden, case):
    k = golden.params(case).n_neighbors
    measured = mean_distance(golden.graph, k, squared=True, count_self=True)
    np.testing.assert_allclose(measured, golden.arrays[f"case{case}_mean_sqdist"], rtol=1e-4)


def test_the_cases_ask_for_more_than_the_densest_images(golden):
    """Without the regulariser some picks differ, so that the parity above says something about it."""
    for case in CASES:
        plain = dataclasses.replace(golden.params(case), reg_weight=0.0)
        expected = golden.arrays[f"case{case}_picks"]
        picks = select(
            golden.arrays["features"],
            len(expected),
            params=plain,
            neighbors=golden.graph,
            cluster_labels=golden.arrays[f"case{case}_cluster"],
        ).indices
        assert picks.tolist() != expected.tolist()
