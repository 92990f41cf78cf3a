"""Means over seeds and their intervals, against scipy's own."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from scipy import stats

from usl_core.errors import UslError
from usl_core.evaluation.means import budget_means

VALUES = {
    ("usl", 40): [0.8, 0.9, 0.85],
    ("usl", 10): [0.5, 0.7, 0.65],
    ("random", 10): [0.4],
    ("random", 40): [0.7, np.nan, 0.75],
}


def frame(learner: str = "1-nn") -> pandas.DataFrame:
    return pandas.DataFrame(
        {"method": method, "budget": budget, "seed": seed, "learner": learner, "accuracy": value}
        for (method, budget), values in VALUES.items()
        for seed, value in enumerate(values)
    )


def test_means_and_intervals_are_those_of_students_t():
    found = budget_means(frame(), level=0.9)
    assert list(zip(found.method, found.budget, strict=True)) == [("usl", 10), ("usl", 40), ("random", 10), ("random", 40)]
    for row in found.itertuples():
        values = np.array(VALUES[row.method, row.budget])
        values = values[~np.isnan(values)]
        assert row.n_seeds == len(values)
        assert row.mean == pytest.approx(values.mean())
        if len(values) == 1:
            assert np.isnan(row.low)
            assert np.isnan(row.high)
            continue
        expected = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
        assert (row.low, row.high) == pytest.approx(expected)


def test_learners_are_kept_apart_in_their_order():
    found = budget_means(pandas.concat([frame("linear"), frame("1-nn")]))
    assert list(dict.fromkeys(found.learner)) == ["linear", "1-nn"]
    assert len(found) == 8


def test_a_part_of_an_evaluation_and_none_at_all():
    assert list(budget_means(frame().iloc[:1])["mean"]) == [0.8]
    assert len(budget_means(frame().iloc[:0])) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "speed"}, "metric must be one of accuracy, "),
        ({"metric": "macro_accuracy"}, "no column 'macro_accuracy'"),
        ({"level": 1.0}, r"level must be in \(0, 1\)"),
        ({"level": 0}, r"level must be in \(0, 1\)"),
    ],
)
def test_what_cannot_be_computed_is_refused(given, message):
    with pytest.raises(UslError, match=message):
        budget_means(frame(), **given)
