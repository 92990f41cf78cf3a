"""The first view of a map: which points it may leave outside, and that it pays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usl_core.errors import UslError
from usl_core.figures.framing import map_fill, map_frame, outside


def blob(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 2)).astype(np.float32)


def whole(xy: np.ndarray) -> np.ndarray:
    return np.stack([xy.min(axis=0), xy.max(axis=0)]).astype(float)


@pytest.mark.parametrize("n", [100, 1000, 20_000])
def test_a_hundredth_at_the_rim_does_not_shrink_the_rest(n: int):
    xy = blob(n)
    far = n // 100
    xy[:far] = np.random.default_rng(1).normal((40, -7), 0.01, (far, 2))  # a speck
    frame = map_frame(xy)
    assert outside(xy, frame).nonzero()[0].tolist() == list(range(far))
    np.testing.assert_array_equal(frame, whole(xy[far:]))


def test_specks_at_three_sides_are_all_left_outside():
    xy = blob(3000)
    for at, middle in enumerate([(-30, 0.5), (0.5, 25), (50, 60)]):
        xy[10 * at : 10 * at + 10] = middle
    assert outside(xy, map_frame(xy)).nonzero()[0].tolist() == list(range(30))


def test_more_than_a_hundredth_is_shown():
    xy = blob(1000)
    xy[:11] = (40, 0.5)
    np.testing.assert_array_equal(map_frame(xy), whole(xy))


def test_nothing_is_left_outside_for_little():
    xy = blob(5000)  # without a hundredth it would be a hundredth larger
    np.testing.assert_array_equal(map_frame(xy), whole(xy))


def test_no_more_are_left_outside_than_that_takes():
    xy = blob(10_000)
    xy[:3] = [(9, 0.5), (9, 0.5), (9, 0.6)]  # of a hundred that might be
    assert outside(xy, map_frame(xy)).nonzero()[0].tolist() == [0, 1, 2]


def test_of_few_points_only_one_that_is_truly_far_is_left_outside():
    xy = blob(60)
    xy[0] = (1.7, 0.5)
    np.testing.assert_array_equal(map_frame(xy), whole(xy))
    xy[0] = (9, 0.5)
    assert outside(xy, map_frame(xy)).nonzero()[0].tolist() == [0]
    xy[1] = (9, 0.4)  # two of sixty are no outlier
    np.testing.assert_array_equal(map_frame(xy), whole(xy))
    alone = np.array([[0, 0], [1, 0], [100, 0]], dtype=np.float32)
    np.testing.assert_array_equal(map_frame(alone), whole(alone))


def test_one_spot_and_a_line_have_a_frame():
    np.testing.assert_array_equal(map_frame(np.ones((500, 2))), [[1, 1], [1, 1]])
    line = np.column_stack([np.arange(500.0), np.zeros(500)])
    np.testing.assert_array_equal(map_frame(line), whole(line))
    spot = np.ones((500, 2))
    spot[0] = (5, 5)
    np.testing.assert_array_equal(map_frame(spot), whole(spot))  # a frame without size would show nothing


@given(
    st.lists(
        st.tuples(*[st.floats(-1e6, 1e6, width=32).map(lambda value: value * abs(value))] * 2),  # many near 0, few far
        min_size=1,
        max_size=400,
    )
)
def test_at_most_a_hundredth_is_outside_whatever_the_points(points: list[tuple[float, float]]):
    xy = np.array(points, dtype=np.float32)
    frame = map_frame(xy)
    count = int(outside(xy, frame).sum())
    n = len(xy)
    assert count <= (n // 100 if n >= 100 else int(n >= 10))
    assert (frame[0] <= frame[1]).all()
    assert (frame >= whole(xy)[0]).all()
    assert (frame <= whole(xy)[1]).all()


@pytest.mark.parametrize("seed", range(4))
def test_no_other_span_of_an_axis_that_drops_as_few_is_much_narrower(seed: int):
    rng = np.random.default_rng(seed)
    x = rng.standard_t(2, 900).astype(np.float32)
    xy = np.column_stack([x, np.zeros(900, dtype=np.float32)])
    frame = map_frame(xy)
    dropped = int(outside(xy, frame).sum())
    assert 0 < dropped <= 9
    ordered = np.sort(x)
    narrowest = min(ordered[900 - 1 - 9 + low] - ordered[low] for low in range(10))  # every way to drop nine
    assert frame[1, 0] - frame[0, 0] <= 1.2 * narrowest * (1 + 1e-6)
    fewer = min(ordered[900 - dropped + low] - ordered[low] for low in range(dropped))  # one dropped less
    assert fewer > 1.2 * narrowest * (1 - 1e-6)


def test_fill_is_the_share_of_cells_with_points():
    rng = np.random.default_rng(0)
    full = rng.random((200_000, 2))
    assert map_fill(full, map_frame(full)) == 1
    line = np.column_stack([np.linspace(0, 1, 200_000), np.zeros(200_000)])
    assert map_fill(line, map_frame(line)) == 1 / 64
    spot = np.full((20, 2), 3.0)
    assert map_fill(spot, map_frame(spot)) == 1 / 64
    with_speck = np.concatenate([full, np.full((2000, 2), 90.0)])  # which the frame leaves out
    assert map_fill(with_speck, map_frame(with_speck)) == 1


@pytest.mark.parametrize("xy", [np.zeros((3, 3)), np.full((3, 2), np.nan), np.zeros((0, 2))])
def test_what_are_no_coordinates_is_refused(xy: np.ndarray):
    with pytest.raises(UslError, match="map coordinates"):
        map_frame(xy)
