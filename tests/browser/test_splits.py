"""A data set with train and val in a real browser: one split chosen, linked to, encoded and looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from . import helpers
from .helpers import encode, open_folder
from .server import Server, settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pets(root: Path) -> Path:
    for seed, (name, count) in enumerate({"train/cats": 12, "train/dogs": 11, "val/cats": 10, "val/dogs": 9}.items()):
        helpers.write_images(root / "pets" / name, count, seed=seed)
    (root / "pets" / "val" / "@eaDir").mkdir()
    return root / "pets"


def test_a_split_is_chosen_and_stays(page: Page, server: Server, pets: Path):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_folder(page, server.address, pets)
    page.get_by_text("Passed over: 1 folder of thumbnails, trash or the system.").wait_for()
    settle(page)
    page.get_by_text("1 to 42 of 42").wait_for()
    page.locator(".st-key-choose-split").get_by_role("combobox").click()
    page.get_by_role("option", name="val").click()
    page.wait_for_url("**split=val**")
    page.get_by_text("1 to 19 of 19").wait_for()
    page.reload()
    page.get_by_text("1 to 19 of 19").wait_for()
    settle(page)
    encode(page)
    helpers.go_to(page, "Compare")
    helpers.wait_for_maps(page)
    assert "split=val" in page.url
    expect(page.get_by_text("pets, val").first).to_be_visible()
    expect(page.get_by_text("--split val").first).to_be_attached()
    assert errors == []


def test_names_of_classes_and_files_are_whole_on_wide_and_narrow_screens(page: Page, server: Server, root: Path):
    for at in range(13):
        helpers.write_images(root / "named" / f"a kind, number {at:02d}", 1, seed=at)
    (root / "named" / "bad.png").write_bytes(b"no picture")
    open_folder(page, server.address, root / "named")
    page.get_by_text("What is in it").wait_for(timeout=60_000)
    for width in (1440, 420):
        page.set_viewport_size({"width": width, "height": 1000})
        settle(page)
        names = page.locator(".st-key-class_histogram .xtick text").filter(visible=True)
        expect(names.last).to_contain_text("number 12", timeout=60_000)
        lines = page.get_by_role("rowheader", name="bad.png").evaluate(
            "cell => { const all = document.createRange(); all.selectNodeContents(cell); return all.getClientRects().length; }"
        )
        assert lines == 1, width
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
