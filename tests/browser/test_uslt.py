"""USL-T in a real browser: a training that is watched, paused, left alone, replayed, and shown beside the other methods."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

import usl_core as usl

from .helpers import ask, button, drawn_picks, picks, slider, wait_for_maps, wait_for_picks
from .server import Server, running_app, settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_app() as running:
        yield running


def open_uslt(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.address}/uslt{query}")
    page.wait_for_selector("h1")
    settle(page)


def epochs_done(page: Page) -> int:
    found = re.search(r"After epoch (\d+)", page.inner_text("[data-testid=stMain]"))
    return int(found[1]) if found else 0


def wait_for_epoch(page: Page, least: int) -> None:
    page.wait_for_function(
        "least => { const m = /After epoch (\\d+)/.exec(document.body.innerText); return m && Number(m[1]) >= least; }",
        arg=least,
    )


def test_a_training_is_watched_paused_and_left_alone(page: Page, server: Server):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_uslt(page, server, "?views=0&epochs=1000&m=12")
    button(page, "uslt-start").click()
    wait_for_epoch(page, 2)
    expect(page.locator(".st-key-uslt-losses .main-svg").first).to_be_visible()
    button(page, "uslt-pause").click()
    button(page, "uslt-start").wait_for()
    done = epochs_done(page)
    assert 2 <= done < 1000
    assert server.workers() == []
    expect(button(page, "uslt-start")).to_contain_text(f"Go on after epoch {done}")
    button(page, "uslt-start").click()
    wait_for_epoch(page, done + 1)
    page.reload()
    wait_for_epoch(page, done + 2)
    button(page, "uslt-cancel").click()
    expect(button(page, "uslt-start")).to_contain_text("Start the training")
    assert errors == []


def test_a_finished_training_is_replayed(page: Page, server: Server):
    open_uslt(page, server, "?views=0&epochs=6&m=12")
    button(page, "uslt-start").click()
    page.get_by_text("Replay: epoch").wait_for()
    settle(page)
    demo = usl.load_demo("digits")
    history = usl.train_uslt(demo.features, 12, usl.UsltParams(n_views=0, n_epochs=6), neighbors=demo.neighbors).history
    wait_for_picks(page, "USL-T", history[-1].picks.tolist())
    expect(page.get_by_text("Epoch 6:")).to_be_visible()
    slider(page, "Replay: epoch").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Epoch 5:")).to_be_visible()
    settle(page)
    assert drawn_picks(page) == history[4].picks.tolist()


def test_compare_trains_with_one_click_and_draws_the_fourth_panel(page: Page, server: Server):
    methods = "&".join(f"methods={name}" for name in ("Random", "Stratified", "USL", "USL-T"))
    page.goto(f"{server.address}/compare?views=0&m=15&epochs=5&{methods}")
    wait_for_maps(page)
    assert ask(page, "view => view.panels.length") == 3
    page.get_by_role("button", name="Train USL-T with these settings").click()
    page.locator("ol[aria-label='Picks of USL-T']").wait_for()
    wait_for_maps(page)
    demo = usl.load_demo("digits")
    expected = usl.train_uslt(demo.features, 15, usl.UsltParams(n_views=0, n_epochs=5), neighbors=demo.neighbors)
    assert picks(page, "USL-T") == expected.last.picks.tolist()
    assert drawn_picks(page, panel=3) == picks(page, "USL-T")
    assert page.locator(".st-key-compare-maps").evaluate("frame => frame.scrollWidth <= frame.clientWidth + 1")


@pytest.mark.parametrize("width", [1440, 420])
def test_nothing_is_wider_than_the_window(page: Page, server: Server, width: int):
    page.set_viewport_size({"width": width, "height": 900})
    open_uslt(page, server, "?views=0&talpha=0&t=1&m=40")
    page.get_by_text("Experiments").wait_for()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
