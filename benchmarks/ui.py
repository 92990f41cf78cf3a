"""The maps under a real mouse, in a headless browser: from letting go of a slider to the picks on the screen and to the end of
the script, beside a slider that changes nothing; beside plotly; frames, first picture, bytes and memory."""

from __future__ import annotations

import os
import re
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Page
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.helpers import MAPS, slider
from tests.browser.server import fresh_browser, running_app, settle
from usl_core.prepared import N_NEIGHBORS

from .harness import Row
from .made_up import make_folder

_N, _PANELS, _MANY = 50_000, 4, 200_000
_IN_BROWSER = (Path(__file__).parent / "ui.js").read_text()
_METHODS = "&".join(f"methods={name}" for name in ("Random", "Stratified", "Cluster-stratified", "USL"))
_WINDOW = {"viewport": {"width": 1440, "height": 1000}}
_SECONDS_OF_FRAMES = 4
_PRESSES = 15
_SIZE = f"{_PANELS} x {_N:,} points"


@dataclass
class _Traffic:
    """Bytes that came over the websockets of a page.

    Args:
        all: of everything.
        maps: of what the maps were told.
    """

    all: int = 0
    maps: int = 0

    def watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: str | bytes) -> None:
        self.all += len(payload)
        if (
            isinstance(payload, bytes)
            and ForwardMsg.FromString(payload).delta.new_element.bidi_component.component_name == "usl_maps"
        ):
            self.maps += len(payload)


@dataclass(frozen=True, slots=True)
class _Move:
    """What one move of a slider took.

    Args:
        whole: seconds from letting go to the end of the script, and to the picks on the screen if they came later.
        pixels: seconds to the picks on the screen; None where they stayed the same.
        all: bytes that came.
        maps: bytes of them that the maps were told.
    """

    whole: float
    pixels: float | None
    all: int
    maps: int


def rows(repeats: int = 9) -> list[Row]:
    """All rows of this group."""
    return [*_compare_rows(repeats), *_drawing_rows(repeats)]


def _compare_rows(repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        cache = {"USL_CACHE_DIR": str(root / "cache"), "USL_DATA_ROOTS": str(root)}
        with patch.dict(os.environ, cache):
            name = make_folder(root, _N, n_neighbors=N_NEIGHBORS)
            with running_app(USL_CACHE_DIR=cache["USL_CACHE_DIR"], USL_DATA_ROOTS=cache["USL_DATA_ROOTS"]) as server:
                address = f"{server.address}/compare?data={name}&map=PCA&m=40&{_METHODS}"
                first = [_first_picture(address) for _ in range(5)]
                with _opened(address) as (page, traffic):
                    moves = _moves(page, traffic, ("Threshold τ", "Weight λ", "Neighbours k", "Power α"), repeats)
                    burst = [_burst(page, traffic, "Weight λ", at) for at in range(5)]
                    ours = page.evaluate("panRate", _SECONDS_OF_FRAMES)
                    bare = page.evaluate("bareRate", [_SECONDS_OF_FRAMES, _N, _PANELS, *_ground_size(page)])
    nothing = statistics.median(move.whole for move in moves["Threshold τ"])
    same_page = "a slider that changes nothing, same page"
    sliders = [
        row
        for label, bound in (("Weight λ", 2.0), ("Neighbours k", 2.5), ("Power α", 2.0))
        for row in (
            Row(
                what=f"{label}, let go to its picks on the screen, {_SIZE}",
                ours=_to_pixels(moves[label]),
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
            what=f"{_PRESSES} values of λ in one go, from the last key",
            ours=statistics.median(burst),
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
                pixels[how] = _to_pixels(_moves(page, traffic, ("Shift",), repeats, changing=True)["Shift"])
            with _opened(f"{server.address}/?how={how}&n={_MANY}") as (page, traffic):
                _moves(page, traffic, ("Shift",), 2, changing=True)
                memory[how] = _memory_mb()
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


@contextmanager
def _opened(address: str) -> Iterator[tuple[Page, _Traffic]]:
    """A page in a new browser, with its maps drawn."""
    with fresh_browser(**_WINDOW) as browser:
        page, traffic = browser.new_page(), _Traffic()
        traffic.watch(page)
        page.add_init_script(_IN_BROWSER)
        page.goto(address)
        page.locator(f"{MAPS}, .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
        settle(page)
        page.wait_for_timeout(1000)
        yield page, traffic


def _first_picture(address: str) -> float:
    """Seconds."""
    with _opened(address) as (page, _):
        return page.evaluate("firstPicture()") / 1000


def _moves(
    page: Page, traffic: _Traffic, labels: tuple[str, ...], repeats: int, *, changing: bool = False
) -> dict[str, list[_Move]]:
    """Each slider moved to new values; they take turns, so that a slow minute of the machine falls on all of them."""
    places = [0.15 + 0.6 * at / repeats for at in range(repeats)]
    moves: dict[str, list[_Move]] = {label: [] for label in labels}
    for place in places[::2] + places[1::2]:
        for label in labels:
            moves[label].append(_drag(page, traffic, label, place, changing=changing))
    return moves


def _drag(page: Page, traffic: _Traffic, label: str, place: float, *, changing: bool) -> _Move:
    all_before, maps_before = traffic.all, traffic.maps
    page.evaluate("watch()")
    handle = slider(page, label)
    before = handle.input_value()
    for _ in range(5):
        _pull(page, label, place)
        if handle.input_value() != before:
            break
        page.wait_for_timeout(300)  # the handle moved away under the mouse
    whole, pixels = _seen(page, changing=changing)
    return _Move(whole, pixels, traffic.all - all_before, traffic.maps - maps_before)


def _pull(page: Page, label: str, place: float) -> None:
    handle = slider(page, label)
    handle.scroll_into_view_if_needed()
    page.wait_for_timeout(100)  # the sidebar may be scrolling
    track = page.locator("[data-testid=stSlider]").filter(has_text=label).first.bounding_box()
    thumb = handle.locator("xpath=../..").bounding_box()  # the input itself is hidden and lies elsewhere
    assert track is not None
    assert thumb is not None
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(track["x"] + place * track["width"], y, steps=6)
    page.mouse.up()


def _burst(page: Page, traffic: _Traffic, label: str, at: int) -> float:
    """Seconds from the last of many key presses to the end."""
    page.evaluate("watch()")
    slider(page, label).focus()
    for _ in range(_PRESSES):
        page.keyboard.press("ArrowLeft" if at % 2 else "ArrowRight")
    return _seen(page)[0]


def _seen(page: Page, *, changing: bool = False) -> tuple[float, float | None]:
    """Seconds to the end, and to the picks, of what `watch` has seen since before the slider was touched."""
    page.wait_for_function("changing => seen.whole(changing)", arg=changing, timeout=60_000)
    released, idle, pixels = page.evaluate(
        "() => { seen.stop(); return [seen.released, seen.idle ?? seen.pixels, seen.pixels ?? null]; }"
    )
    whole = max(idle, pixels or 0) - released
    return whole / 1000, None if pixels is None else (pixels - released) / 1000


def _to_pixels(moves: list[_Move]) -> float:
    return statistics.median(move.pixels for move in moves if move.pixels is not None)


def _ground_size(page: Page) -> list[float]:
    """Width and height of the canvas, and the size of a point, in its pixels."""
    return page.locator(".maps canvas.background").evaluate(
        "canvas => [canvas.width, canvas.height, Math.max(2.5, Math.min(5, 160 / Math.sqrt(maps().usl.data.n)))"
        " * devicePixelRatio]"
    )


def _memory_mb() -> dict[str, float]:
    """Resident memory by kind of the browser's processes, the largest of each kind (Linux only)."""
    largest: dict[str, float] = {}
    for pid in _descendants(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:  # ended meanwhile
            continue
        kind = re.search(rb"--type=([\w-]+)", command)  # some of them are one string, some are many
        if kind is None:
            continue
        name = kind[1].decode()
        resident = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS 0")
        largest[name] = max(largest.get(name, 0), int(resident.split()[1]) / 1024)
    return largest


def _descendants(pid: int) -> list[int]:
    found = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return found + [below for child in found for below in _descendants(child)]
