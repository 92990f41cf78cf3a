"""Distances that are kept from one selection to the next change no bit of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from usl_core import UslParams, find_neighbors, select
from usl_core.distances import sq_distances, sq_distances_to, squared_lengths
from usl_core.errors import UslError
from usl_core.selection import regularizer
from usl_core.validation import unit_rows


def _features(seed: int, n: int = 300, d: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return unit_rows(rng.normal(size=(7, d))[rng.integers(7, size=n)] + 0.4 * rng.normal(size=(n, d)))


def test_a_second_selection_is_what_it_would_be_alone():
    for seed in range(8):
        own = _features(seed)
        shared = own.copy()
        shared.setflags(write=False)
        graph = find_neighbors(own, 20)
        moves = [
            *(UslParams(reg_weight=weight) for weight in (0.2, 1.0, 4.0)),
            *(UslParams(reg_power=power) for power in (0.5, 2.0)),
        ]
        for params in [*moves, dataclasses.replace(moves[0], squared_distances=True), *moves]:
            alone = select(own, 20, params=params, neighbors=graph, seed=seed)
            after = select(shared, 20, params=params, neighbors=graph, seed=seed)
            np.testing.assert_array_equal(after.indices, alone.indices)
            np.testing.assert_array_equal(after.scores, alone.scores)


def test_a_column_is_the_same_whatever_it_is_computed_with():
    x = _features(0, 2500)
    x = np.concatenate([x, x[:40]])
    lengths = squared_lengths(x)
    together = sq_distances_to(x, list(range(0, 2540, 60)), lengths)
    for point, column in together.items():
        np.testing.assert_array_equal(sq_distances_to(x, [point], lengths)[point], column)
        np.testing.assert_allclose(column, sq_distances(x[[point]], x)[0], rtol=1e-4, atol=1e-9)
        assert column.base is None, "or it would hold the others"
    assert sq_distances_to(x, [2500], lengths)[2500][0] == 0, "a copy"


def test_what_is_kept_has_a_limit():
    assert regularizer._SQ_DISTANCES._limit == 64 << 20
    shared = _features(3)
    shared.setflags(write=False)
    select(shared, 20, params=UslParams())
    assert 0 < regularizer._SQ_DISTANCES._held <= regularizer._SQ_DISTANCES._limit


def test_read_only_rows_are_checked_before_they_are_trusted():
    broken = _features(4)
    broken[5, 2] = np.nan
    broken.setflags(write=False)
    for _ in range(2):
        with pytest.raises(UslError, match="row 5"):
            unit_rows(broken)
    long = 3 * _features(4)
    long.setflags(write=False)
    for _ in range(2):
        np.testing.assert_allclose(squared_lengths(unit_rows(long)), 1, atol=1e-5)
    fine = _features(4)
    fine.setflags(write=False)
    assert unit_rows(fine) is unit_rows(fine) is fine
