"""Slips in class names are seen, and names that are meant to differ are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usl_core.labels.spelling import edit_distance, probable_typos


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"cat": 9, "Cat": 1}, {"Cat": "cat"}),
        ({"polar bear": 2, "polar_bear": 3, "Polar-Bear": 1}, {"polar bear": "polar_bear", "Polar-Bear": "polar_bear"}),
        ({"café": 5, "cafe": 5}, {"café": "cafe"}),
        ({"horse": 10, "hrose": 1, "horsee": 2}, {"hrose": "horse", "horsee": "horse"}),
        ({"horse": 10, "house": 9}, {}),  # both are frequent
        ({"elephant": 20, "elefant": 1}, {"elefant": "elephant"}),  # two slips in a long name
        ({"horse": 20, "hros": 1}, {}),  # two slips in a short one
        ({"cat": 20, "car": 1}, {}),  # too short to tell
        ({"class 10": 30, "class 11": 1}, {}),
        ({"犬": 20, "猫": 1}, {}),
        ({"-": 3, "_": 3}, {}),
    ],
)
def test_slips(counts, expected):
    assert {typo.name: typo.meant for typo in probable_typos(counts)} == expected


def test_many_names_take_no_time():
    assert probable_typos({f"name {'x' * (number % 7)} {number}": 1 for number in range(20_000)}) == ()


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_a_distance(a, b):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) <= max(len(a), len(b))


def test_distance_by_hand():
    assert [edit_distance(*pair) for pair in (("", "ab"), ("ab", "ba"), ("kitten", "sitting"), ("abc", "abd"))] == [2, 1, 3, 1]
