"""The maps under a real mouse, in a headless browser: from letting go of a slider to the picks on the screen and to the end of
the script, beside a slider that changes nothing; beside plotly; frames, first picture, bytes and memory."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Page

from tests.browser.helpers import MAPS
from tests.browser.server import fresh_browser, running_app, settle
from usl_core.pipeline.prepared import N_NEIGHBORS

from .harness import Row
from .made_up import make_folder
from .map_pictures import pictures_row
from .moves import PRESSES, Traffic, burst, moves_of, to_pixels
from .processes import memory_by_kind
from .waiting import found_by, wait_for, within

_N, _PANELS, _MANY = 50_000, 4, 200_000
_VERY_MANY = ((1, 1_000_000), (4, 250_000))  # panels, points in each
_IN_BROWSER = (Path(__file__).parent / "ui.js").read_text()
_METHODS = "&".join(f"methods={name}" for name in ("Random", "Stratified", "Cluster-stratified", "USL"))
_WINDOW = {"viewport": {"width": 1440, "height": 1000}}
_SECONDS_OF_FRAMES = 4
_LONGEST = 1800  # seconds for one browser and all that is measured in it
_SIZE = f"{_PANELS} x {_N:,} points"


def rows(repeats: int = 9) -> list[Row]:
    """All rows of this group."""
    return [*_compare_rows(repeats), *_drawing_rows(repeats), *very_many_rows()]


def _compare_rows(repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        cache = {"USL_CACHE_DIR": str(root / "cache"), "USL_DATA_ROOTS": str(root)}
        with patch.dict(os.environ, cache):
            query = make_folder(root, _N, n_neighbors=N_NEIGHBORS)
            with running_app(USL_CACHE_DIR=cache["USL_CACHE_DIR"], USL_DATA_ROOTS=cache["USL_DATA_ROOTS"]) as server:
                address = f"{server.address}/compare?{query}&map=PCA&m=40&{_METHODS}"
                first = [_first_picture(address) for _ in range(5)]
                with _opened(address) as (page, traffic):
                    moves = moves_of(page, traffic, ("Threshold τ", "Weight λ", "Neighbours k", "Power α"), repeats)
                    bursts = [burst(page, "Weight λ", index) for index in range(5)]
                    ours = found_by(page, "panRate", _SECONDS_OF_FRAMES)
                    size = _ground_size(page)
                    pictures = pictures_row(page, _SIZE)
                    bare = found_by(page, "bareRate", [_SECONDS_OF_FRAMES, _N, _PANELS, *size])
    nothing = statistics.median(move.whole for move in moves["Threshold τ"])
    same_page = "a slider that changes nothing, same page"
    sliders = [
        row
        for label, bound in (("Weight λ", 2.0), ("Neighbours k", 2.5), ("Power α", 2.0))
        for row in (
            Row(
                what=f"{label}, let go to its picks on the screen, {_SIZE}",
                ours=to_pixels(moves[label]),
                rival=nothing,
                rival_name=same_page,
                bound=bound,
            ),
            Row(
                what=f"{label}, until galleries and scores are there too",
                ours=statistics.median(move.whole for move in moves[label]),
                rival=nothing,
                rival_name=same_page,
            ),
        )
    ]
    return [
        *sliders,
        Row(
            what=f"{PRESSES} values of λ in one go, from the last key",
            ours=statistics.median(bursts),
            rival=statistics.median(move.whole for move in moves["Weight λ"]),
            rival_name="one value",
            bound=2.5,
        ),
        Row(
            what="websocket, what the maps are told at a move of λ",
            ours=statistics.median(move.maps for move in moves["Weight λ"]) / 1000,
            rival=20,
            rival_name="the 20 kB we promise",
            unit="kB",
            bound=1,
        ),
        Row(
            what="websocket, all that comes at a move of λ",
            ours=statistics.median(move.all for move in moves["Weight λ"]) / 1000,
            rival=statistics.median(move.all for move in moves["Threshold τ"]) / 1000,
            rival_name=same_page,
            unit="kB",
        ),
        Row(
            what=f"moving the maps, {_SIZE}",
            ours=ours,
            rival=bare,
            rival_name="a bare canvas",
            unit="frames/s",
            bound=0.5,
            at_least=True,
        ),
        pictures,
        Row(
            what=f"first request for an array to the first picture, {_SIZE}",
            ours=statistics.median(first),
            rival=1.5,
            rival_name="the 1.5 s we promise",
            bound=1,
        ),
    ]


def _drawing_rows(repeats: int) -> list[Row]:
    """Our maps beside plotly's, on a page that has nothing else."""
    with running_app("benchmarks/maps_app.py") as server:
        pixels, memory = {}, {}
        for how in ("maps", "plotly"):
            with _opened(f"{server.address}/?how={how}&n={_N}") as (page, traffic):
                pixels[how] = to_pixels(moves_of(page, traffic, ("Shift",), repeats, changing=True)["Shift"])
            with _opened(f"{server.address}/?how={how}&n={_MANY}") as (page, traffic):
                moves_of(page, traffic, ("Shift",), 2, changing=True)
                memory[how] = memory_by_kind(os.getpid())
    many = f"{_PANELS} x {_MANY:,} points"
    return [
        Row(
            what=f"other picks on the screen, {_SIZE}",
            ours=pixels["maps"],
            rival=pixels["plotly"],
            rival_name="st.plotly_chart",
        ),
        *(
            Row(
                what=f"memory of the browser's {kind} process, {many}",
                ours=memory["maps"][kind],
                rival=memory["plotly"][kind],
                rival_name="st.plotly_chart",
                unit="MB",
            )
            for kind in ("renderer", "gpu-process")
        ),
        Row(
            what=f"memory of the page, {many}",
            ours=memory["maps"]["renderer"],
            rival=400,
            rival_name="the 400 MB we promise",
            unit="MB",
            bound=1,
        ),
    ]


def very_many_rows() -> list[Row]:
    """A million points: the first picture, moving, memory."""
    found: list[Row] = []
    with running_app("benchmarks/maps_app.py") as server:
        for panels, n in _VERY_MANY:
            address, size = f"{server.address}/?how=maps&n={n}&panels={panels}", f"{panels} x {n:,} points"
            first = [_first_picture(address) for _ in range(3)]
            with _opened(address) as (page, _):
                wait_for(page, "() => maps().usl.grid.ready", "what finds the point under the pointer")
                memory = memory_by_kind(os.getpid())["renderer"]
                ours = found_by(page, "panRate", _SECONDS_OF_FRAMES)
                bare = found_by(page, "bareRate", [_SECONDS_OF_FRAMES, n, panels, *_ground_size(page)])
            what = f"first request for an array to the first picture, {size}"
            found += [
                Row(what=what, ours=statistics.median(first), rival=4, rival_name="the 4 s we promise", bound=1),
                Row(
                    what=f"moving the maps, {size}",
                    ours=ours,
                    rival=bare,
                    rival_name="a bare canvas",
                    unit="frames/s",
                    bound=0.5,
                    at_least=True,
                ),
                Row(
                    what=f"memory of the page, {size}",
                    ours=memory,
                    rival=600,
                    rival_name="the 600 MB we promise",
                    unit="MB",
                    bound=1,
                ),
            ]
    return found


@contextmanager
def _opened(address: str) -> Iterator[tuple[Page, Traffic]]:
    """A page in a new browser, with its maps drawn."""
    with within(_LONGEST, f"all that is measured at {address}"), fresh_browser(**_WINDOW) as browser:
        page, traffic = browser.new_page(), Traffic()
        traffic.watch(page)
        page.add_init_script(_IN_BROWSER)
        page.goto(address)
        drawn = "([ours, plotly]) => maps()?.matches(ours) || document.querySelector(plotly)"
        page_says = "document.querySelector('[data-testid=stMain]')?.innerText.slice(0, 300)"
        wait_for(page, drawn, "the maps", [MAPS, ".js-plotly-plot .main-svg"], seconds=120, state=page_says)
        settle(page)
        page.wait_for_timeout(1000)
        yield page, traffic


def _first_picture(address: str) -> float:
    """Seconds."""
    with _opened(address) as (page, _):
        wait_for(page, "() => firstPicture() !== null", "the first picture")
        return page.evaluate("firstPicture()") / 1000


def _ground_size(page: Page) -> list[float]:
    """Width and height of the canvas, and the size of a point, in its pixels."""
    return page.locator(".maps canvas.background").evaluate(
        "canvas => [canvas.width, canvas.height, maps().usl.pointSize() * devicePixelRatio]"
    )
