"""The app in a real browser: from the start of the server to the headings of Home and of Compare, beside a Streamlit app that
only writes a title; how soon an image of a gallery comes; and the server's memory after a job."""

from __future__ import annotations

import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext

from pages.ui.addresses import image_url
from tests.browser.helpers import MAPS, encode, open_folder, write_many
from tests.browser.server import fresh_browser, running_app
from usl_core.demos.bundled import load_demo

from .harness import Row, medians
from .processes import processor_seconds, resident_mb

_EMPTY = "import streamlit as st\nst.title('empty')\n"
_PICTURES = "img[alt^='+ regularisation']"
_N_IMAGES = 1500


@dataclass(frozen=True, slots=True)
class _Opened:
    """A page that was opened as soon as its server answered.

    Args:
        heading: seconds from the start of the server to the heading.
        processor: seconds of processor time that the server had taken by then.
        drawn: seconds from the start of the server to what the page draws; of the heading, if it draws nothing.
    """

    heading: float
    processor: float
    drawn: float


def rows(repeats: int = 11) -> list[Row]:
    """All rows of this group."""
    with fresh_browser() as browser, tempfile.TemporaryDirectory() as scratch:
        empty = Path(scratch) / "empty.py"
        empty.write_text(_EMPTY)
        opened: dict[str, list[_Opened]] = {"empty": [], "Home": [], "Compare": []}
        for index in range(repeats + 1):  # in turn, so that a slow minute of the machine falls on all
            found = {
                "empty": _open(browser, str(empty)),
                "Home": _open(browser, "app.py", drawn=_PICTURES),
                "Compare": _open(browser, "app.py", "compare", drawn=MAPS),
            }
            if index:  # at first the browser has to fetch and compile Streamlit, for whoever comes first
                for name, one in found.items():
                    opened[name].append(one)
        before, after = _memory(browser, Path(scratch) / "root")
        with_uvloop, without = _images(Path(scratch))
    return [
        *_start_rows("Home", opened["Home"], opened["empty"], bound=1.2, drawing="its three pictures drawn"),
        *_start_rows("Compare", opened["Compare"], opened["empty"], bound=1.5, drawing="its maps drawn"),
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


def _start_rows(page: str, ours: list[_Opened], empty: list[_Opened], *, bound: float, drawing: str) -> list[Row]:
    rival = "an empty Streamlit app"
    return [
        Row(
            what=f"server start to the heading of {page}",
            ours=statistics.median(one.heading for one in ours),
            rival=statistics.median(one.heading for one in empty),
            rival_name=rival,
            bound=bound,
        ),
        Row(
            what=f"processor time of the server until the heading of {page}",
            ours=statistics.median(one.processor for one in ours),
            rival=statistics.median(one.processor for one in empty),
            rival_name=rival,
        ),
        Row(
            what=f"server start to {page}, {drawing}",
            ours=statistics.median(one.drawn for one in ours),
            rival=statistics.median(one.drawn for one in empty),
            rival_name=rival,
        ),
    ]


def _open(browser: BrowserContext, script: str, path: str = "", *, drawn: str = "h1") -> _Opened:
    start = time.perf_counter()
    with running_app(script) as server:
        page = browser.new_page()
        page.goto(f"{server.address}/{path}")
        page.wait_for_selector("h1")
        heading, processor = time.perf_counter() - start, processor_seconds(server.process.pid)
        page.wait_for_selector(drawn)
        found = _Opened(heading, processor, time.perf_counter() - start)
        page.close()
    return found


def _images(scratch: Path) -> list[float]:
    """Seconds for one image, with uvloop and without it."""
    (scratch / "hidden").mkdir()
    (scratch / "hidden" / "uvloop.py").write_text("raise ImportError")
    path = os.pathsep.join([str(scratch / "hidden"), os.environ.get("PYTHONPATH", "")])
    with running_app() as ours, running_app(PYTHONPATH=path) as rival:
        return medians([_asker(ours.address), _asker(rival.address)], 30)


def _asker(address: str) -> Callable[[], object]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
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
        before = resident_mb(server.process.pid)
        encode(page)
        after = resident_mb(server.process.pid)
        page.close()
    return before, after
