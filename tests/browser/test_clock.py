"""The clock of the benchmarks in the browser: whatever comes first, the hand or the answer, no answer is waited for that was
there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from benchmarks.waiting import NotCome, found_by, wait_for

pytestmark = pytest.mark.browser

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


def test_an_answer_that_was_over_before_anybody_was_told_of_its_beginning(clock):
    """Both changes of the state reach an observer in one piece, and only the second is to be seen."""
    clock.keyboard.press("ArrowRight")
    clock.evaluate(f"{{ {RUNS}; {ENDS}; }}")
    assert clock.evaluate("seen.idle") is not None, "it is known at once, not after LATEST"
    assert taken(clock) > 0


def test_an_answer_before_the_mouse_let_go(clock):
    box = clock.locator("input").bounding_box()
    clock.mouse.move(box["x"] + 5, box["y"] + 5)
    clock.mouse.down()
    clock.evaluate(RUNS)
    clock.wait_for_timeout(50)
    clock.evaluate(ENDS)
    clock.mouse.up()
    assert taken(clock) == 0


def test_an_answer_of_a_page_that_was_drawn_anew(clock):
    clock.keyboard.press("ArrowRight")
    clock.evaluate("document.querySelector('[data-testid=stApp]').replaceWith(document.createElement('p'))")
    clock.wait_for_timeout(50)
    clock.evaluate(f"""document.querySelector('p').outerHTML = "{APP.partition("<input")[0]}" """)
    clock.wait_for_timeout(100)
    clock.evaluate(RUNS)
    clock.wait_for_timeout(100)
    clock.evaluate(ENDS)
    assert taken(clock) >= 100


def test_a_key_before_which_nobody_watched_is_not_waited_for_long(clock):
    clock.evaluate("seen.stop()")
    clock.evaluate("watch()")
    with pytest.raises(NotCome, match=r"the answer did not come within 0\.3 s; the page says .*over"):
        wait_for(clock, "() => seen.whole(false)", "the answer", seconds=0.3, state="'not ' + (seen.over ? 'over' : 'overdue')")


@pytest.mark.parametrize(
    "measurement", ["given => 2 * given", "given => new Promise(end => setTimeout(() => end(2 * given), 50))"]
)
def test_a_result_that_is_there_before_it_is_awaited(clock, measurement):
    clock.evaluate(f"() => {{ window.twice = {measurement}; }}")
    clock.evaluate("begin('twice', 4)")
    clock.wait_for_timeout(100)
    assert clock.evaluate("found.twice") == {"over": True, "value": 8}
    assert found_by(clock, "twice", 21) == 42


@pytest.mark.parametrize("measurement", ["() => { throw 'no card'; }", "() => Promise.reject('no card')"])
def test_a_measurement_that_fails_says_why(clock, measurement):
    clock.evaluate(f"() => {{ window.broken = {measurement}; }}")
    with pytest.raises(RuntimeError, match="broken failed: no card"):
        found_by(clock, "broken", None)


def test_a_measurement_that_never_ends_does_not_hang(clock):
    clock.evaluate("() => { window.endless = () => new Promise(() => {}); }")
    with pytest.raises(NotCome, match=r"the result of endless did not come within 0\.3 s"):
        found_by(clock, "endless", None, seconds=0.3)


def test_a_first_picture_is_known_only_when_it_was_asked_for_and_drawn(clock):
    assert clock.evaluate("firstPicture()") is None
    clock.evaluate("window.firstDrawn = 500")
    assert clock.evaluate("firstPicture()") is None
    clock.evaluate(
        "performance.getEntriesByType = () => [{ name: 'http://a/api/array/1', startTime: 120 }, { name: 'b', startTime: 3 }]"
    )
    assert clock.evaluate("firstPicture()") == 380
