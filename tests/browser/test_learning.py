"""Learning features in a real browser: timed before it starts, watched, left alone, stopped, gone on with, and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from . import helpers
from .helpers import button, encode, open_folder, picks, wait_for_maps
from .server import Server, settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def album(root: Path) -> Path:
    """Two classes, so that there is an accuracy."""
    helpers.write_images(root / "album" / "cats", 40, seed=1)
    helpers.write_images(root / "album" / "dogs", 40, seed=2)
    return root / "album"


def epoch_now(page: Page) -> int:
    """The epoch that the progress bar names."""
    found = page.wait_for_function("() => (/epoch (\\d+) of/.exec(document.body.innerText) || [])[1]")
    return int(found.json_value())


def wait_for_epoch(page: Page, least: int) -> None:
    page.wait_for_function(
        "least => { const m = /epoch (\\d+) of/.exec(document.body.innerText); return m && Number(m[1]) >= least; }",
        arg=least,
    )


def test_a_training_is_timed_watched_left_alone_and_gone_on_with(page: Page, server: Server, album: Path):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_folder(page, server.address, album)
    page.get_by_text(re.compile("About .* for these .* images on this machine.")).wait_for()
    page.get_by_text("Learn features from these images").click()
    page.get_by_text(re.compile("About .* on this machine: .* for each of 100 epochs")).wait_for()
    epochs = page.locator(".st-key-lepochs input")
    epochs.fill("500")
    epochs.press("Enter")
    page.wait_for_url("**lepochs=500**")
    page.get_by_text("for each of 500 epochs").wait_for()
    assert server.workers() == [], "another number of epochs was measured anew"

    page.get_by_role("button", name="Learn features").click()
    wait_for_epoch(page, 3)
    expect(page.locator(".st-key-learn-loss .main-svg").first).to_be_visible()
    expect(page.locator(".st-key-learn-shares")).to_contain_text("k-NN accuracy")
    workers = server.workers()
    assert len(workers) == 1
    page.reload()
    before = epoch_now(page)
    assert server.workers() == workers, "the training was started again"
    expect(page.locator(".st-key-learn-loss .main-svg").first).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled at").wait_for()
    assert server.workers() == []
    page.get_by_role("button", name="Resume").click()
    assert epoch_now(page) >= before, "finished epochs were trained again"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled at").wait_for()
    assert errors == []


def test_the_encoder_that_was_learned_encodes_and_selects(page: Page, server: Server, album: Path):
    open_folder(page, server.address, album)
    page.goto(f"{page.url}&learn=true&lepochs=3&lmethod=moco&lname=tiny")
    page.get_by_role("button", name="Learn features").click()
    page.get_by_text("trained:tiny is among the encoders above.").wait_for()
    settle(page)
    for width in (420, 1440):
        page.set_viewport_size({"width": width, "height": 1000})
        page.locator(".st-key-learn-loss .main-svg").first.wait_for()
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    button(page, "learn-choose").click()
    page.wait_for_url("**encoder=trained*tiny**")
    expect(page.locator(".st-key-next-step")).to_contain_text("trained:tiny")
    encode(page)
    page.get_by_role("link", name="Compare the methods").click()
    wait_for_maps(page)
    expect(page.locator(".st-key-header")).to_contain_text("trained:tiny, 128 dimensions")
    assert len(picks(page, "USL")) == 40
