"""The maps of browsers without WebGL 2: what they say of themselves."""

from __future__ import annotations

import numpy as np

from pages.ui.maps.fallback import MAX_POINTS, _notice


def test_it_says_how_many_images_it_leaves_out():
    picks = [np.array([1, 2]), np.array([2, 3])]
    assert "They show 3,000 of 50,000 images, all picks among them, and leave out 47,000." in _notice(50_000, picks)
    assert "They show all 3,000 images." in _notice(MAX_POINTS, picks)


def test_more_picks_than_points_are_drawn_and_counted_once():
    halves = [np.arange(2_500), np.arange(1_500, 4_000)]
    assert "They show 4,000 of 10,000 images, all picks among them, and leave out 6,000." in _notice(10_000, halves)
