"""The clock of the benchmarks in the browser: whatever comes first, the hand or the answer, no answer is waited for that was
there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

SCRIPT = (Path(__file__).resolve().parents[2] / "benchmarks" / "ui.js").read_text()
APP = "<div data-testid=stApp data-test-script-state=notRunning></div><input type=range>"
RUNS = "document.querySelector('[data-testid=stApp]').dataset.testScriptState = 'running'"
ENDS = "document.querySelector('[data-testid=stApp]').dataset.testScriptState = 'notRunning'"


@pytest.fixture
def clock(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    page.set_content(APP)
    page.add_script_tag(content=SCRIPT.replace("LATEST = 5000", "LATEST = 1000"))
    page.evaluate("watch()")
    page.locator("input").focus()
    yield page
    page.close()


def taken(page: Page) -> float:
    """Milliseconds from the last key to the end, once all of it has come."""
    page.wait_for_function("seen.whole(false)", timeout=20_000)
    return page.evaluate("seen.idle - seen.released")


def test_an_answer_after_the_key(clock):
    clock.keyboard.press("ArrowRight")
    clock.evaluate(RUNS)
    clock.wait_for_timeout(300)
    assert not clock.evaluate("seen.whole(false)"), "it still runs"
    clock.evaluate(ENDS)
    assert taken(clock) >= 300


def test_an_answer_that_is_under_way_when_the_last_key_comes_and_over_at_once(clock):
    clock.keyboard.press("ArrowRight")
    clock.evaluate(RUNS)
    clock.keyboard.press("ArrowRight")
    clock.evaluate(ENDS)
    assert taken(clock) >= 0


def test_an_answer_that_was_there_before_the_key_came_up(clock):
    clock.keyboard.down("ArrowRight")
    clock.evaluate(RUNS)
    clock.wait_for_timeout(50)
    clock.evaluate(ENDS)
    clock.keyboard.up("ArrowRight")
    assert taken(clock) >= 50


def test_a_key_that_changed_nothing(clock):
    clock.keyboard.press("ArrowRight")
    assert taken(clock) == 0


def test_of_several_answers_the_last_counts_and_fragments_later_do_not(clock):
    clock.keyboard.press("ArrowRight")
    for _ in range(2):
        clock.evaluate(RUNS)
        clock.wait_for_timeout(150)
        clock.evaluate(ENDS)
    before = taken(clock)
    assert before >= 300
    clock.evaluate(RUNS)
    clock.wait_for_timeout(50)
    clock.evaluate(ENDS)
    assert taken(clock) == before
