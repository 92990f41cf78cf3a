"""Distances between colours, against values worked out by others and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from usl_core.errors import UslError
from usl_core.figures.vision import VISIONS, channels_of, colour_distances, linear, oklab


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("#ffffff", (1.0, 0.0, 0.0)),
        ("#000000", (0.0, 0.0, 0.0)),
        ("#ff0000", (0.62796, 0.22486, 0.12585)),  # the published values of the three primaries
        ("#00ff00", (0.86644, -0.23389, 0.17950)),
        ("#0000ff", (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_of_the_corners_of_srgb(colour, expected):
    assert oklab(channels_of([colour]))[0] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("vision", VISIONS)
def test_no_vision_turns_a_grey_into_a_colour(vision):
    greys = channels_of(["#000000", "#555555", "#a0a0a0", "#ffffff"])
    assert np.abs(oklab(greys, vision)[:, 1:]).max() < 1e-3
    assert oklab(greys, vision)[:, 0] == pytest.approx(oklab(greys)[:, 0], abs=1e-3)


def test_the_colour_blind_mix_up_what_they_are_known_to_mix_up():
    red_green, blue_green = ["#c06020", "#7f8020"], ["#00a0a0", "#2098c8"]
    normal = {vision: colour_distances(red_green, vision)[0, 1] for vision in VISIONS}
    assert normal["deuteranopia"] < 0.4 * normal["normal"]
    assert normal["protanopia"] < normal["normal"]
    tritan = {vision: colour_distances(blue_green, vision)[0, 1] for vision in VISIONS}
    assert tritan["tritanopia"] < 0.6 * tritan["normal"]
    assert tritan["deuteranopia"] > tritan["tritanopia"]


def test_distances_are_those_of_the_pairs():
    colours = ["#c06020", "#00a0a0", "#2098c8"]
    apart = colour_distances(colours, "protanopia")
    for i, a in enumerate(colours):
        for j, b in enumerate(colours):
            lab_a, lab_b = (oklab(channels_of([colour]), "protanopia")[0] for colour in (a, b))
            assert apart[i, j] == pytest.approx(np.sqrt(((lab_a - lab_b) ** 2).sum()), abs=1e-12)


def test_linear_light_of_srgb():
    assert linear(np.array([0, 0.04045, 0.5, 1])) == pytest.approx([0, 0.0031308, 0.2140411, 1], abs=1e-6)


def test_an_unknown_vision_is_named():
    with pytest.raises(UslError, match="'tetrachromacy'"):
        colour_distances(["#000000"], "tetrachromacy")
