"""The desk of Review in a real browser: quick keys, fields that keep theirs, and a box on the map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

import usl_core as usl
from tools.photo_round import play

from .helpers import button, place_of, wait_for_maps
from .server import settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def review(browser: BrowserContext, address: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{address}/review?data=shapes&m=20&map=PCA")
    page.locator(".desk .picks button").first.wait_for()
    wait_for_maps(page)
    yield page
    page.close()


def told(page: Page) -> list[dict[str, Any]]:
    """The picks as Python knows them, once it has heard of everything."""
    heard(page)
    return page.locator(".desk").evaluate("root => root.review.model.data.picks")


def heard(page: Page) -> None:
    page.wait_for_function(
        "root => root.review.model.pending.length === 0", arg=page.locator(".desk").element_handle(), timeout=120_000
    )


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def test_quick_keys_are_all_heard_in_their_order(review: Page):
    before = told(review)
    best = before[1]["spares"][0]["row"]
    review.locator(".desk .picks button").first.focus()
    press(review, "a x a p ArrowRight s ArrowRight 1 c")  # there is no class of number 1 yet
    review.keyboard.type("round a1x")
    press(review, "Enter 1 n")
    review.keyboard.type("xxa blurred")
    press(review, "Enter")
    shown = review.locator(".desk").evaluate(
        "root => root.review.model.picks.map(pick => [pick.row, pick.accepted, pick.label])"
    )
    after = told(review)
    assert [[pick["row"], pick["accepted"], pick["label"]] for pick in after] == shown, "what showed at once is what came of it"
    assert after[0]["accepted"]
    assert after[1]["row"] == best
    assert after[1]["accepted"]
    assert after[2]["pinned"]
    assert after[3]["row"] == before[3]["spares"][0]["row"]
    assert [pick["label"] for pick in after].count("round a1x") == 2
    assert [pick["note"] for pick in after if pick["note"]] == ["xxa blurred"]


def test_a_note_is_kept_by_the_click_that_leaves_it(review: Page):
    first, second = (review.locator(".desk .picks button").nth(at) for at in (9, 10))
    first.click()
    press(review, "n")
    review.keyboard.type("seen")
    second.click()
    assert [pick["note"] for pick in told(review)[9:11]] == ["seen", ""]
    assert review.locator(".desk .title").inner_text().startswith("Pick 11 of 20")
    assert review.locator(".desk .picks [aria-current=true]").evaluate(
        "button => button.getRootNode().activeElement === button"
    )
    review.locator("h1").click()
    review.locator(".desk .title").click()  # anywhere on the desk
    press(review, "ArrowLeft")
    assert review.locator(".desk .title").inner_text().startswith("Pick 10 of 20")


def test_undo_from_the_keyboard_and_after_a_reload(review: Page):
    noted = next(pick["rank"] for pick in told(review) if pick["note"] == "seen")
    review.locator(".desk .picks [aria-current=true]").focus()
    press(review, "z")
    assert not told(review)[noted - 1]["note"]
    review.reload()
    review.locator(".desk .picks button").first.wait_for()
    settle(review)
    assert "Redo" in review.locator(".desk [data-act=redo]").inner_text()
    review.locator(".desk .picks [aria-current=true]").focus()
    press(review, "y")
    review.wait_for_function(
        "root => root.review.model.data.picks.some(pick => pick.note === 'seen')", arg=review.locator(".desk").element_handle()
    )


def test_the_fields_of_the_page_keep_their_keys(review: Page):
    before = told(review)
    field = review.locator("[data-testid=stNumberInput] input").first
    field.focus()
    press(review, "x a ArrowLeft ArrowRight")
    review.keyboard.press("Escape")
    assert told(review) == before


def test_a_box_on_the_map_vetoes_what_is_inside(review: Page):
    row = told(review)[-1]["row"]
    review.get_by_role("button", name="Box").click()
    x, y = place_of(review, row)
    review.mouse.move(x - 3, y - 3)
    review.mouse.down()
    review.mouse.move(x + 3, y + 3, steps=3)
    review.mouse.up()
    button(review, "inside-veto").click()
    review.wait_for_function(
        "([root, row]) => root.review.model.data.picks.every(pick => pick.row !== row)",
        arg=[review.locator(".desk").element_handle(), row],
    )
    assert len(told(review)) == 20


def test_a_round_goes_out_to_a_labelling_tool_and_comes_back(page: Page, address: str, tmp_path: Path):
    """As `python -m tools.photo_round` plays it on photos."""
    digits = usl.load_demo("digits").images
    known = {path: digits.class_names[label] for path, label in zip(digits.paths, digits.labels.tolist(), strict=True)}
    one = play(page, f"{address}/review?data=digits&m=10&map=PCA", 10, known.__getitem__, digits.class_names, tmp_path)
    assert one.labels == {path: known[path] for path in one.labels}
    assert len(one.labels) == len(set(one.second)) == 10
    assert not set(one.labels) & set(one.second)
    assert {"label-studio-tasks.json", "label-studio-config.xml", "run.json"} <= set(one.files)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert sorted(digits.paths[pick["row"]] for pick in record["decided"]) == sorted(one.labels)
