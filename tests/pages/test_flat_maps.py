"""The maps of browsers without WebGL 2: what they say of themselves, and that they colour as the other maps do."""

from __future__ import annotations

import numpy as np

from pages.ui.maps.content import Channel
from pages.ui.maps.fallback import MAX_POINTS, _facts, _notice
from usl_core.figures.categories import category_palette, places_on_map
from usl_core.figures.maps import Panel, map_figure

N = 90
XY = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
NAMES = [f"kind {number}" for number in range(30)]
IDS = np.arange(N) % 15  # half of the classes have no image


def test_it_says_how_many_images_it_leaves_out():
    picks = [np.array([1, 2]), np.array([2, 3])]
    assert "They show 3,000 of 50,000 images, all picks among them, and leave out 47,000." in _notice(50_000, picks)
    assert "They show all 3,000 images." in _notice(MAX_POINTS, picks)


def test_more_picks_than_points_are_drawn_and_counted_once():
    halves = [np.arange(2_500), np.arange(1_500, 4_000)]
    assert "They show 4,000 of 10,000 images, all picks among them, and leave out 6,000." in _notice(10_000, halves)


def drawn(channel: Channel):
    facts, colour = _facts(channel, N, [])
    panel = Panel(method="usl", picks=np.array([0]), clusters=np.array([4]))
    return map_figure(XY, [panel], facts=facts, colour=colour, webgl=False)


def test_classes_without_an_image_count_for_the_colours():
    channel = Channel(name="class", values=IDS, names=NAMES, categorical=True)
    images = drawn(channel).data[0]
    colours = [colour for _, colour in images.marker.colorscale[::2]]
    wanted = np.array(category_palette(30, "light"))[places_on_map(XY, IDS, 30)[IDS]]
    assert np.array(colours)[np.asarray(images.marker.color)].tolist() == wanted.tolist()
    assert images.text[16] == "image 16<br>kind 1"


def test_so_do_those_beside_images_that_have_none():
    some = np.where(np.arange(N) % 2, IDS, -1)
    facts, colour = _facts(Channel(name="class", values=some, names=NAMES, categorical=True), N, [])
    assert facts.categories(colour)[1] == 30


def test_few_classes_stand_in_the_legend_with_or_without_images():
    figure = drawn(Channel(name="class", values=np.arange(N) % 2, names=NAMES[:3], categorical=True))
    assert [trace.name for trace in figure.data[:3]] == NAMES[:3]
    assert [len(trace.x) for trace in figure.data[:3]] == [45, 45, 0]


def test_clusters_are_told_and_no_density_that_is_not_known():
    figure = drawn(Channel(name="cluster", values=IDS, categorical=True))
    assert figure.data[0].text[16] == "image 16<br>cluster 1"
    assert figure.data[1].text[0] == "<b>pick 1</b> image 0<br>cluster 4"
