"""Servers and one browser for the tests of this folder."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .server import PATIENCE_SECONDS, Server, fresh_browser, running_app, what_is_shown

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with running_app() as server:
        yield server.address


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that visitors may look into."""
    return tmp_path_factory.mktemp("root").resolve()


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    """A server of the file's own, which shows that folder."""
    with running_app(USL_DATA_ROOTS=str(root)) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    with fresh_browser(viewport={"width": 1440, "height": 1000}, accept_downloads=True) as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Say with a failure what was on the screen."""
    report = (yield).get_result()
    if report.failed and report.when != "teardown":
        report.sections.append(("what was shown", what_is_shown()))
