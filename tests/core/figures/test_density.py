"""Figures of density: every image is counted, the marks stand where the numbers say, hostile names stay text."""

from __future__ import annotations

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.figures import density as fd
from usl_core.figures.palette import THEMES, contrast

RNG = np.random.default_rng(0)
U = RNG.gamma(4, 0.2, 2_000).astype(np.float32) + 0.5


def test_every_image_is_counted_once_whatever_the_copies():
    for values in (U, np.append(U, [10_000] * 3).astype(np.float32), np.ones(5, np.float32), np.array([2.0])):
        bars = fd.utility_histogram(values, bins=30).data[0]
        assert sum(bars.y) == len(values)
    with_copies = fd.utility_histogram(np.append(U, [10_000] * 3).astype(np.float32), bins=30).data[0]
    assert with_copies.x[-1] < 2 * np.percentile(U, 99.5), "copies flatten the histogram"
    assert "10,000" in with_copies.customdata[-1] or "1e+04" in with_copies.customdata[-1]
    assert max(with_copies.y) > 50


@pytest.mark.parametrize("row", [0, 7, 1_999])
def test_the_pinned_image_stands_at_its_utility_and_rank(row):
    histogram = fd.utility_histogram(U, marked=row)
    assert histogram.layout.shapes[0].x0 == pytest.approx(min(U[row], histogram.data[0].x[-1]))
    curve = fd.rank_plot(U, picks=[row], marked=row)
    rank = 1 + int((U[row] < U).sum())
    assert curve.layout.shapes[0].x0 == rank
    assert (list(curve.data[1].x), list(curve.data[1].y)) == ([rank], [U[row]])
    assert fd.utility_histogram(U).layout.shapes == ()


def test_the_rank_curve_falls_from_the_densest_to_the_loneliest():
    curve = fd.rank_plot(U).data[0]
    assert (np.diff(curve.y) <= 0).all()
    assert curve.x[0] == 1
    assert curve.x[-1] == len(U)
    assert curve.y[0] == U.max()
    assert curve.y[-1] == U.min()
    assert len(curve.x) <= 1_000
    assert not fd.rank_plot(U).layout.showlegend


def test_copies_do_not_flatten_the_rank_curve():
    values = np.append(U, [10_000] * 3).astype(np.float32)
    assert fd.rank_plot(values).layout.yaxis.range[1] < 2 * np.percentile(U, 99.9)
    assert fd.rank_plot(U).layout.yaxis.range is None


def test_where_two_estimates_agree_all_lies_on_the_diagonal():
    percentile = np.linspace(0, 100, 501)
    heat = fd.estimates_chart(percentile, percentile, cells=20).data[0]
    counts = np.asarray(heat.customdata)
    assert counts.sum() == np.trace(counts) == 501
    turned = np.asarray(fd.estimates_chart(percentile, percentile[::-1], cells=20).data[0].customdata)
    assert np.fliplr(turned).trace() >= 480
    skewed = fd.estimates_chart(np.array([0.0, 0.0, 90.0]), np.array([0.0, 99.0, 50.0]), cells=10, marked=1)
    cells = np.asarray(skewed.data[0].customdata)
    assert cells[0, 0] == cells[9, 0] == cells[5, 9] == 1, "x is the mean estimate, y the k-th"
    assert (list(skewed.data[2].x), list(skewed.data[2].y)) == ([0.0], [99.0])


def test_neighbours_lie_as_far_out_as_they_are_away():
    distances = np.array([0.1, 0.2, 0.2, 0.7])
    figure = fd.neighborhood(distances, ["a", "b", "<b>c", "![x](y)"], 0.3)
    points = figure.data[0]
    np.testing.assert_allclose(np.hypot(points.x, points.y), distances)
    assert sorted(shape.x1 for shape in figure.layout.shapes) == [0.3, 0.7]
    assert figure.layout.yaxis.scaleanchor == "x"
    assert "<b>" not in points.customdata[2][1]
    zero = fd.neighborhood(np.zeros(3), ["a", "b", "c"], 0.0)
    assert zero.layout.xaxis.range[1] > 0


@pytest.mark.parametrize("theme", list(THEMES))
def test_marks_are_visible_in_both_themes(theme):
    look = THEMES[theme]
    for figure in (fd.utility_histogram(U, marked=1, theme=theme), fd.rank_plot(U, marked=1, theme=theme)):
        assert contrast(figure.layout.shapes[0].line.color, look.background) >= 3
        assert contrast(figure.layout.annotations[0].font.color, look.background) >= 4.5


def test_what_cannot_be_drawn_is_refused():
    for bad in (np.empty(0), np.array([1.0, np.nan]), np.ones((2, 2))):
        for draw in (fd.utility_histogram, fd.rank_plot):
            with pytest.raises(UslError, match="one finite number per image"):
                draw(bad)
    with pytest.raises(UslError, match="marked"):
        fd.utility_histogram(U, marked=len(U))
    with pytest.raises(UslError, match="picks"):
        fd.rank_plot(U, picks=[-1])
    with pytest.raises(UslError, match="2000 and 3"):
        fd.estimates_chart(np.zeros(2000), np.zeros(3))
    for distances, names in ((np.empty(0), []), (np.ones(2), ["a"])):
        with pytest.raises(UslError, match="one name per neighbour"):
            fd.neighborhood(distances, names, 1.0)
