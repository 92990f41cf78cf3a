"""The second round's benchmark: what it compares, and when it says better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import usl_core as usl
from benchmarks import second_round
from benchmarks.second_round import NAMES, SECOND, Cell, accuracies, cell_table, spent, summary_table, verdict
from usl_core.types import Features


@pytest.fixture(scope="module")
def features() -> Features:
    return usl.load_demo("digits").features


def test_every_way_spends_as_many_labels(features):
    graph = usl.find_neighbors(features, 20)
    ways = spent(features, graph, 6, seed=3)
    assert list(ways) == list(NAMES)
    first = usl.select(features, 6, "usl", seed=3, neighbors=graph).indices
    for name, rows in ways.items():
        assert len(set(rows.tolist())) == len(rows) == 12
        assert name not in SECOND or rows[:6].tolist() == first.tolist()


def test_the_second_round_knows_the_labels_of_the_first_alone(features):
    graph = usl.find_neighbors(features, 20)
    ways = spent(features, graph, 6, seed=0)
    known = ways["margin"][:6]
    others = np.random.default_rng(0).permutation(features.images.labels)
    others[known] = features.images.labels[known]
    told = replace(features, images=replace(features.images, labels=others))
    for name, rows in spent(told, graph, 6, seed=0).items():
        assert rows.tolist() == ways[name].tolist()


def test_accuracies_are_those_of_what_is_not_labelled(features):
    labels = features.images.labels
    everything_else = [0, 1]
    labelled = np.setdiff1d(np.arange(len(features)), everything_else)
    logistic, nearest = accuracies(features, labelled)
    distances = ((features.values[everything_else][:, None] - features.values[labelled]) ** 2).sum(-1)
    right = labels[labelled[distances.argmin(1)]] == labels[everything_else]
    assert nearest == 100 * right.mean()
    assert logistic in (0, 50, 100)


@pytest.mark.parametrize(
    ("differences", "said"),
    [([1, 2, 3, 1, 2], "better"), ([-1, -2, -3, -1, -2], "worse"), ([1, -1, 2, -2, 0.5], "neither"), ([0, 0, 0], "neither")],
)
def test_better_is_said_only_where_the_interval_excludes_zero(differences, said):
    assert verdict(np.array(differences, dtype=float)) == said


def test_the_tables_count_cells():
    rng = np.random.default_rng(0)
    base = {way: rng.normal(50, 0.1, (10, 2)) for way in NAMES}
    base["margin"] = base["usl x2"] - 5
    cells = [Cell(images="x", encoder="e", half=5, scores=base), Cell(images="y", encoder="e", half=5, scores=base)]
    (line,) = [line for line in summary_table(cells).splitlines() if line.startswith("| USL, then margin")]
    assert "| -5.00, 0 / 2 / 0 |" in line
    lines = [line for line in cell_table(cells).splitlines() if "USL, then margin" in line]
    assert len(lines) == 2
    assert "**-5.0 (-5.0 to -5.0)**" in lines[0]
    assert second_round.ENCODERS.keys() == {"digits", "shapes", "CIFAR-10"}
