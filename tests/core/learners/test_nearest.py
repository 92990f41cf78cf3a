"""The nearest labelled neighbour, against all pairs."""

from __future__ import annotations

import numpy as np

import usl_core as usl
from usl_core.validation import unit_rows


def test_it_is_the_nearest_of_all_pairs():
    rng = np.random.default_rng(0)
    x = unit_rows(rng.normal(size=(70, 5)))
    labels = np.where(rng.random(70) < 0.3, rng.integers(4, size=70), -1)
    rows = np.flatnonzero(labels >= 0)
    dist = np.linalg.norm(x[:, None].astype(float) - x[rows], axis=2)
    expected = labels[rows][dist.argmin(axis=1)]
    p = usl.learn(x, labels, "1-nn", n_classes=4)
    assert p.argmax(axis=1).tolist() == expected.tolist()
    assert set(np.unique(p)) == {0.0, 1.0}


def test_of_equally_near_ones_the_lowest_row_counts():
    x = np.array([[1, 0], [0, 1], [1, 0], [1, 1], [1, 0]])
    assert usl.learn(x, [-1, 2, 1, -1, 0], "1-nn").argmax(axis=1).tolist() == [1, 2, 1, 2, 1]
