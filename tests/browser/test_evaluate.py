"""Evaluate in a real browser: curves that grow while they are computed, a reload that loses nothing, room on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .helpers import wait_for_maps
from .server import settle

pytestmark = pytest.mark.browser
QUERY = "?data=shapes&seeds=4&budgets=10,30,90&rivals=Random&rivals=USL"


@pytest.fixture(scope="module")
def opened(browser: BrowserContext, address: str) -> Iterator[Page]:
    """The page, evaluated once for all tests of this file."""
    page = browser.new_page()
    page.goto(f"{address}/evaluate{QUERY}")
    page.get_by_role("button", name="Evaluate", exact=True).wait_for()
    settle(page)
    yield page
    page.close()


def test_curves_grow_while_they_are_computed_and_survive_a_reload(opened: Page):
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.get_by_role("button", name="Evaluate", exact=True).click()
    opened.locator("[class*='st-key-budget-curves'] .main-svg").first.wait_for()
    opened.reload()
    opened.get_by_text("How many labels does each method need?").wait_for()
    wait_for_maps(opened)
    curves = opened.locator("[class*='st-key-budget-curves']")
    expect(curves).to_have_count(2)
    expect(curves.first.locator(".legendtext")).to_have_text(["Random", "USL"])
    assert curves.first.locator(".scatterlayer .points path").count() == 6
    assert errors == []


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(opened: Page, width: int):
    opened.set_viewport_size({"width": width, "height": 900})
    opened.get_by_text("Take it home").wait_for()
    settle(opened)
    assert opened.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    for chart in opened.locator("[data-testid=stPlotlyChart]").all():
        legend, axis = chart.locator(".legend"), chart.locator(".xtitle")
        if legend.count() and axis.count():
            box, above = legend.first.bounding_box(), axis.first.bounding_box()
            assert box is not None
            assert above is not None
            assert box["y"] >= above["y"] + above["height"] - 1, "the legend lies on the axis"


def test_pointing_at_a_marker_says_mean_interval_and_seeds(opened: Page):
    opened.set_viewport_size({"width": 1280, "height": 900})
    settle(opened)
    chart = opened.locator("[class*='st-key-budget-curves']").first
    chart.scroll_into_view_if_needed()
    box = chart.locator(".scatterlayer .points path").last.bounding_box()
    assert box is not None
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(chart.locator(".hoverlayer")).to_contain_text(re.compile(r"m = 90: \d+\.\d \(\d+\.\d to \d+\.\d\), 4 seeds"))
