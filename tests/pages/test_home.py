"""Home: the idea on one screen, and two ways to start."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from pages.ui.access import folders
from pages.ui.views import idea
from usl_core.demos.toys import load_toy, toy_steps, toys


def pictures(app) -> list[ElementTree.Element]:
    found = re.findall(r"!\[[^]]+\]\(data:image/svg\+xml;base64,([^)]+)\)", app.text)
    return [ElementTree.fromstring(base64.b64decode(data)) for data in found]


def picked(picture: ElementTree.Element) -> int:
    return picture.findall("{http://www.w3.org/2000/svg}path")[-1].attrib["d"].count("z")


def dots(picture: ElementTree.Element) -> int:
    return sum(path.attrib["d"].count("h0") for path in picture.findall(".//{http://www.w3.org/2000/svg}g/*"))


def test_it_says_what_it_is_and_draws_three_pictures(app):
    app.open().fine()
    assert "m images" in app.heading
    drawn = pictures(app)
    points, _ = load_toy(idea.DEFAULT_TOY)
    assert [dots(picture) for picture in drawn] == [len(points)] * 3
    assert [picked(picture) for picture in drawn] == [10, 10, 10]


@pytest.mark.parametrize("toy", toys())
def test_every_control_moves_the_pictures(app, toy):
    app.open(toy=toy, toym="6", toylambda="2.5").fine()
    points, groups = load_toy(toy)
    steps = toy_steps(points, 6, 2.5)
    assert [picked(picture) for picture in pictures(app)] == [6, 6, 6]
    for step in steps:
        served = f"{len(np.unique(groups[step.picks]))} of {len(np.unique(groups))} groups get a label"
        assert served in app.text
    at = np.round((points[steps[2].picks] * (1, -1) + 1.3) * (320 / 2.6), 1)
    shown = pictures(app)[2].findall("{http://www.w3.org/2000/svg}path")[-1].attrib["d"]
    for x, y in at:
        assert f"M{x:g} {y - 7:g}" in shown
    app.widget("slider", "toym").set_value(12).run()
    assert [picked(picture) for picture in pictures(app)] == [12, 12, 12]


NONSENSE = [{"toy": "spirals"}, {"toym": "0"}, {"toym": "many"}, {"toylambda": "-1"}, {"toylambda": "nan"}]


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_in_the_address_falls_back(app, query):
    app.open(**query).fine()
    assert [picked(picture) for picture in pictures(app)] == [10, 10, 10]


def test_one_click_to_the_demo(app):
    app.open(data="shapes").press("start-demo").fine()
    assert app.heading == "Which method would I trust?"
    assert "Handwritten digits" in app.plain


def test_one_click_to_my_folder(app, root):
    app.open().press("start-folder").fine()
    assert app.heading == "What do I have?"


def test_a_public_demo_offers_no_folder(app, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    app.open().fine()
    assert "start-folder" not in app.keys("button")
    assert "start-demo" in app.keys("button")


def test_pictures_have_words(app):
    app.open()
    alts = re.findall(r"!\[([^]]+)\]", app.text)
    assert len(alts) == 3
    assert all("points" in alt and "picks" in alt for alt in alts)
