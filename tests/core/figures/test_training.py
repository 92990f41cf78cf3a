"""Curves and histograms of a training: the right numbers in the right place, told apart without colour."""

from __future__ import annotations

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.figures.curves import curves
from usl_core.figures.palette import THEMES, contrast
from usl_core.figures.training import size_histogram

SERIES = {"over τ": [0.0, 0.2, 0.5], "entropy": [1.0, 0.8, 0.4], "alive": [0.5, 1.0, 1.0], "purity": [0.3, 0.6, 0.9]}


@pytest.mark.parametrize("theme", list(THEMES))
def test_each_curve_starts_at_epoch_one_and_looks_different_without_colour(theme):
    figure = curves(SERIES, length=30, unit="share", top=1, theme=theme)
    assert [trace.name for trace in figure.data] == list(SERIES)
    for trace, values in zip(figure.data, SERIES.values(), strict=True):
        assert list(trace.x) == [1, 2, 3]
        assert np.allclose(trace.y, values)
    assert len({(trace.line.dash, trace.marker.symbol) for trace in figure.data}) == 4
    assert len({trace.line.color for trace in figure.data}) == 4
    assert min(contrast(trace.line.color, THEMES[theme].background) for trace in figure.data) >= 3


def test_the_axes_stand_still_while_the_curves_grow():
    short = curves({"L": [1.0]}, length=30, unit="loss", top=2)
    long = curves({"L": [1.0] * 30}, length=30, unit="loss", top=2)
    assert short.layout.xaxis.range == long.layout.xaxis.range == (0.5, 30.5)
    assert short.layout.yaxis.range == long.layout.yaxis.range
    assert short.layout.uirevision == long.layout.uirevision


def test_hundreds_of_epochs_are_lines_without_markers():
    assert curves({"L": [1.0]}, length=60, unit="loss").data[0].mode == "lines+markers"
    assert curves({"L": [1.0]}, length=61, unit="loss").data[0].mode == "lines"


def test_a_fifth_curve_is_refused():
    with pytest.raises(UslError, match="at most 4 but are 5"):
        curves({str(at): [1.0] for at in range(5)}, length=1, unit="")


def test_the_histogram_is_sorted_and_knows_the_clusters():
    figure = size_histogram(np.array([3, 0, 9, 4]))
    bars, even = figure.data
    assert list(bars.y) == [9, 4, 3, 0]
    assert list(bars.customdata) == [2, 3, 0, 1]
    assert list(even.y) == [4, 4]
