"""Budget curves, published points and heat maps: the right numbers in the right place, told apart without colour."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.evaluation.published import PUBLISHED
from usl_core.figures.budgets import Point, budget_curves, published_points
from usl_core.figures.heat import heat_map
from usl_core.figures.palette import METHOD_STYLE, THEMES, contrast, method_style

CURVES = {
    "random": [Point(budget=40, mean=82.0, low=80.0, high=84.0, said=", 10 seeds"), Point(budget=10, mean=60.0)],
    "usl": [Point(budget=10, mean=70.0, low=68.0, high=72.5), Point(budget=40, mean=90.0, low=89.0, high=91.0)],
}


def lines_of(figure):
    return [trace for trace in figure.data if trace.showlegend]


def test_each_method_has_its_own_look_and_its_points_in_order():
    figure = budget_curves(CURVES, unit="accuracy, %", budgets=[10, 40, 100])
    lines = lines_of(figure)
    assert [line.name for line in lines] == ["Random", "USL"]
    for line, method in zip(lines, CURVES, strict=True):
        assert (line.line.color, line.marker.symbol) == (method_style(method).colour, method_style(method).symbol)
        assert list(line.x) == [10, 40]
    assert list(lines[0].y) == [60.0, 82.0]
    assert lines[0].customdata[1] == " (80.0 to 84.0), 10 seeds"
    assert lines[0].customdata[0] == ""


def test_a_band_spans_the_intervals_that_there_are():
    figure = budget_curves(CURVES, unit="accuracy, %", budgets=[10, 40])
    bands = {trace.legendgroup: trace for trace in figure.data if not trace.showlegend}
    assert list(bands["usl"].x) == [10, 40, 40, 10]
    assert list(bands["usl"].y) == [72.5, 91.0, 89.0, 68.0]
    assert list(bands["random"].x) == [40, 40]
    assert budget_curves({"usl": [Point(budget=3, mean=1.0)]}, unit="", budgets=[3]).data[0].showlegend


def test_axes_and_legend_stand_still_while_points_are_added():
    before = budget_curves({"random": [], "usl": CURVES["usl"][:1]}, unit="%", budgets=[10, 40], span=(0, 100))
    after = budget_curves(CURVES, unit="%", budgets=[10, 40], span=(0, 100))
    assert before.layout.xaxis == after.layout.xaxis
    assert before.layout.yaxis == after.layout.yaxis
    assert before.layout.height == after.layout.height
    assert [line.name for line in lines_of(before)] == [line.name for line in lines_of(after)]


@pytest.mark.parametrize("budgets", [[1], [7, 7], [10, 20, 40, 100], [40, 41, 42, 400], list(range(1, 300))])
def test_the_axis_is_logarithmic_holds_all_budgets_and_names_them_apart(budgets):
    axis = budget_curves({}, unit="%", budgets=budgets).layout.xaxis
    assert axis.type == "log"
    assert axis.range[0] < np.log10(min(budgets)) <= np.log10(max(budgets)) < axis.range[1]
    assert list(axis.tickvals) == sorted(set(budgets))
    named = [int(text.replace(",", "")) for text in axis.ticktext if text]
    assert max(budgets) in named
    width = axis.range[1] - axis.range[0]
    assert all(np.log10(b / a) > 0.07 * width for a, b in itertools.pairwise(named))


def test_the_legend_gets_the_lines_that_it_needs_on_a_phone():
    few = budget_curves(CURVES, unit="%", budgets=[10]).layout
    many = budget_curves({method: [] for method in METHOD_STYLE}, unit="%", budgets=[10]).layout
    assert many.height > few.height
    assert many.height - many.margin.b == few.height - few.margin.b


@pytest.mark.parametrize("budgets", [[], [0, 10]])
def test_budgets_that_are_none_are_refused(budgets):
    with pytest.raises(UslError, match="budgets must be at least one"):
        budget_curves({}, unit="%", budgets=budgets)


@pytest.mark.parametrize("theme", list(THEMES))
def test_published_points_stand_in_the_line_of_their_setting_and_carry_their_source(theme):
    learners = ("FlexMatch", "FreeMatch")
    told = {
        f"40 labels\n{learner}": [
            (one.method, Point(budget=40, mean=one.accuracy, high=one.accuracy + (one.deviation or 0), said=one.source))
            for one in PUBLISHED
            if (one.data, one.budget, one.learner) == ("CIFAR-10", 40, learner)
        ]
        for learner in learners
    }
    figure = published_points(told, unit="accuracy, %", theme=theme)
    shown = {(trace.name, y): x for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)}
    assert shown["USL", 0] == 91.7
    assert shown["USL", 1] == 93.8
    assert len(shown) == sum(map(len, told.values()))
    assert figure.layout.yaxis.ticktext == ("40 labels<br>FlexMatch", "40 labels<br>FreeMatch")
    assert all(trace.marker.symbol.endswith("-open") and "RDSS" in trace.customdata[0] for trace in figure.data)
    (random,) = (trace for trace in figure.data if trace.name == "Random")
    assert random.error_x.array == pytest.approx((4.6, 0))
    with pytest.raises(UslError, match="published points"):
        published_points({}, unit="%")


def test_what_is_published_is_said_with_its_source_once():
    keys = [(one.data, one.budget, one.learner, one.method, one.source) for one in PUBLISHED]
    assert len(set(keys)) == len(keys)
    assert all(0 < one.accuracy < 100 and one.source and one.url.startswith("https://") for one in PUBLISHED)
    found = {(one.data, one.budget, one.learner, one.method): one.accuracy for one in PUBLISHED}
    assert found["CIFAR-10", 40, "FixMatch", "usl-t"] == 93.5
    assert found["CIFAR-10", 40, "FlexMatch", "usl"] == 91.7
    assert found["CIFAR-10", 100, "FixMatch", "usl"] == 93.2


def test_a_heat_map_says_its_numbers_and_leaves_out_what_is_unknown():
    figure = heat_map(np.array([[50.0, np.nan], [12.4, 99.6]]), ["a", "<b>"], ["USL", "x"], measure="accuracy, %")
    (heat,) = figure.data
    assert list(heat.text) == [["50", ""], ["12", "100"]]
    assert [note.text for note in figure.layout.annotations] == ["50", "12", "100"]
    assert [(note.x, note.y) for note in figure.layout.annotations] == [(0, 0), (0, 1), (1, 1)]
    assert figure.layout.yaxis.ticktext == ("a", "&lt;b&gt;")
    assert figure.layout.yaxis.autorange == "reversed"
    assert (heat.zmin, heat.zmax) == (0, 100)


@pytest.mark.parametrize("theme", list(THEMES))
def test_numbers_can_be_read_on_every_colour(theme):
    values = np.linspace(0, 100, 41)[None]
    figure = heat_map(values, ["a"], [str(at) for at in range(41)], measure="", theme=theme)
    scale = THEMES[theme].scale
    for note, value in zip(figure.layout.annotations, values[0], strict=True):
        assert contrast(note.font.color, scale[round(value / 100 * (len(scale) - 1))]) >= 4.5


def test_many_classes_have_no_numbers_and_some_names():
    figure = heat_map(np.zeros((300, 2)), [f"c{at}" for at in range(300)], ["a", "b"], measure="%")
    assert not figure.layout.annotations
    assert len(figure.layout.yaxis.tickvals) <= 40
    assert figure.layout.height < 1200


def test_names_that_do_not_belong_are_refused():
    with pytest.raises(UslError, match="one row per name"):
        heat_map(np.zeros((2, 2)), ["a"], ["b", "c"], measure="%")
