"""Behind a reverse proxy, below a path: the desk, its images and its downloads are there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from .proxy import reverse_proxy
from .server import running_app, settle

pytestmark = pytest.mark.browser
BASE = "/usl"
_IMAGES = """root => [...root.querySelectorAll("img")].filter(one => one.loading !== "lazy" || one.complete)
    .map(one => [new URL(one.src).pathname, one.naturalWidth])"""


def downloaded(page: Page, name: str) -> Path:
    link = page.get_by_role("link", name=name)
    link.wait_for()
    with page.expect_download() as found:
        link.click()
    return Path(found.value.path())


def check_review(page: Page, address: str) -> None:
    page.goto(f"{address}/review?data=digits&m=5&map=PCA")
    first = page.locator(".desk .picks button").first
    first.wait_for()
    settle(page)
    first.focus()
    page.keyboard.press("a")
    page.wait_for_function("root => root.review.model.data.picks[0].accepted", arg=page.locator(".desk").element_handle())
    shown = page.locator(".desk").evaluate(_IMAGES)
    assert len(shown) >= 5
    assert all(path.startswith(f"{BASE}/api/image/") and width > 0 for path, width in shown)
    assert page.get_by_text("Kept for as long as this page is open").count(), "whoever comes by a proxy may be anybody"
    for _ in range(40):  # the desk shows it before the server has heard of it
        review = json.loads(downloaded(page, "review.json").read_text(encoding="utf-8"))
        if (accepted := [slot["accepted"] for slot in review["session"]["slots"]])[0]:
            break
        page.wait_for_timeout(250)
    assert accepted == [True, False, False, False, False]
    page.get_by_role("button", name="Make the files").click()
    with zipfile.ZipFile(downloaded(page, "Download picks-export.zip")) as archive:
        assert {"picks.csv", "run.json"} <= set(archive.namelist())


def test_review_works_below_a_path_that_a_proxy_hands_on(page: Page):
    with running_app(base=BASE) as server, reverse_proxy(urlsplit(server.address).port or 0, BASE) as below:
        check_review(page, below)


def test_review_works_below_a_path_that_a_proxy_takes_off(page: Page, address: str):
    with reverse_proxy(urlsplit(address).port or 0, BASE, strip=True) as below:
        check_review(page, below)
