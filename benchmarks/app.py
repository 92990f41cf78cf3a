"""The app in a real browser: from the start of the server to Home, beside a Streamlit app that only writes a title; how soon an
image of a gallery comes; and the server's memory after a job."""

from __future__ import annotations

import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext

from pages.ui.routes import image_url
from tests.browser.helpers import encode, open_folder, write_many
from tests.browser.server import Server, fresh_browser, running_app
from usl_core.demos import load_demo

from .harness import Row, medians

_EMPTY = "import streamlit as st\nst.title('empty')\n"
_PICTURES = "img[alt^='+ regularisation']"
_N_IMAGES = 1500


def rows(repeats: int = 7) -> list[Row]:
    """All rows of this group."""
    with fresh_browser() as browser, tempfile.TemporaryDirectory() as scratch:
        empty = Path(scratch) / "empty.py"
        empty.write_text(_EMPTY)
        home, drawn, blank = [], [], []
        for _ in range(repeats):  # in turn, so that a slow minute of the machine falls on both
            heading, pictures = _start(browser, "app.py", "h1", _PICTURES)
            home.append(heading)
            drawn.append(pictures)
            blank += _start(browser, str(empty), "h1")
        before, after = _memory(browser, Path(scratch) / "root")
        with_uvloop, without = _images(Path(scratch))
    return [
        Row(
            what="server start to Home",
            ours=statistics.median(home),
            rival=statistics.median(blank),
            rival_name="an empty Streamlit app",
            bound=1.3,
        ),
        Row(
            what="server start to Home, its three pictures drawn",
            ours=statistics.median(drawn),
            rival=statistics.median(blank),
            rival_name="an empty Streamlit app",
        ),
        Row(
            what="an image of a gallery, on a connection that is open",
            ours=1000 * with_uvloop,
            rival=1000 * without,
            rival_name="without uvloop",
            unit="ms",
        ),
        Row(
            what=f"memory of the server after encoding {_N_IMAGES:,} images",
            ours=after,
            rival=before,
            rival_name="before",
            unit="MB",
        ),
    ]


def _start(browser: BrowserContext, script: str, *awaited: str) -> list[float]:
    """Seconds until each of them is seen."""
    start, seen = time.perf_counter(), []
    with running_app(script) as server:
        page = browser.new_page()
        page.goto(server.address)
        for selector in awaited:
            page.wait_for_selector(selector)
            seen.append(time.perf_counter() - start)
        page.close()
    return seen


def _images(scratch: Path) -> list[float]:
    """Seconds for one image, with uvloop and without it."""
    (scratch / "hidden").mkdir()
    (scratch / "hidden" / "uvloop.py").write_text("raise ImportError")
    path = os.pathsep.join([str(scratch / "hidden"), os.environ.get("PYTHONPATH", "")])
    with running_app() as ours, running_app(PYTHONPATH=path) as rival:
        return medians([_asker(ours.address), _asker(rival.address)], 30)


def _asker(address: str) -> Callable[[], object]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    asked = "/" + image_url("digits", load_demo("digits").images.digests[0])

    def ask() -> bytes:
        connection.request("GET", asked)
        return connection.getresponse().read()

    ask()  # the image is in the server's cache
    return ask


def _memory(browser: BrowserContext, root: Path) -> tuple[float, float]:
    folder = root.resolve() / "images"
    write_many(folder, _N_IMAGES)
    with running_app(USL_DATA_ROOTS=str(folder.parent)) as server:
        page = browser.new_page()
        open_folder(page, server.address, folder)
        page.get_by_text("What is in it").wait_for(timeout=120_000)
        before = _resident_mb(server)
        encode(page)
        after = _resident_mb(server)
        page.close()
    return before, after


def _resident_mb(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
