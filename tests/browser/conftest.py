"""One server and one browser for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from .server import fresh_browser, running_app


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with running_app() as server:
        yield server.address


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    with fresh_browser(viewport={"width": 1440, "height": 1000}, accept_downloads=True) as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()
