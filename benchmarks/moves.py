"""A slider of a page under a real mouse: what one move of it takes, and what comes over the websocket meanwhile."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from playwright.sync_api import Locator, Page
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.helpers import slider

from .waiting import NotCome, wait_for

PRESSES = 15
"""Keys of a burst."""


@dataclass
class Traffic:
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
class Move:
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


def moves_of(
    page: Page, traffic: Traffic, labels: tuple[str, ...], repeats: int, *, changing: bool = False
) -> dict[str, list[Move]]:
    """Each slider moved to new values; they take turns, so that a slow minute of the machine falls on all of them."""
    places = [0.15 + 0.6 * index / repeats for index in range(repeats)]
    moves: dict[str, list[Move]] = {label: [] for label in labels}
    for place in places[::2] + places[1::2]:
        for label in labels:
            moves[label].append(_drag(page, traffic, label, place, changing=changing))
    return moves


def _drag(page: Page, traffic: Traffic, label: str, place: float, *, changing: bool) -> Move:
    all_before, maps_before = traffic.all, traffic.maps
    _watch(page)
    handle = slider(page, label)
    before = handle.input_value()
    for _ in range(5):
        _pull(page, label, place)
        if _has_moved(page, handle, before):
            break  # else the handle had moved away under the mouse
    else:
        raise NotCome(f"the slider {label} was pulled five times and still stands at {before}")
    whole, pixels = _seen(page, label, changing=changing)
    return Move(whole, pixels, traffic.all - all_before, traffic.maps - maps_before)


def _watch(page: Page) -> None:
    """Note from now on what comes; begun while the picks are on the screen, so that others are known from them."""
    wait_for(page, "() => shownPicks() !== null && (watch(), true)", "a picture that stands still")


def _has_moved(page: Page, handle: Locator, before: str) -> bool:
    """Whether a slider has another value, or gets one soon: pulled again, it would be measured from the second time on."""
    for _ in range(10):
        if handle.input_value() != before:
            return True
        page.wait_for_timeout(30)
    return False


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


def burst(page: Page, label: str, index: int) -> float:
    """Seconds from the last of many key presses to the end."""
    _watch(page)
    slider(page, label).focus()
    for _ in range(PRESSES):
        page.keyboard.press("ArrowLeft" if index % 2 else "ArrowRight")
    return _seen(page, label)[0]


def _seen(page: Page, label: str, *, changing: bool = False) -> tuple[float, float | None]:
    """Seconds to the end, and to the picks, of what `watch` has noted since before the slider was touched."""
    wait_for(
        page, "changing => seen.whole(changing)", f"the answer to the slider {label}", changing, state="JSON.stringify(seen)"
    )
    released, idle, pixels = page.evaluate(
        "() => { seen.stop(); return [seen.released, seen.idle ?? seen.pixels, seen.pixels ?? null]; }"
    )
    whole = max(idle, pixels or 0) - released
    return whole / 1000, None if pixels is None else (pixels - released) / 1000


def to_pixels(moves: list[Move]) -> float:
    """Median seconds to other picks on the screen.

    Raises:
        NotCome: no move brought any.
    """
    seen = [move.pixels for move in moves if move.pixels is not None]
    if not seen:
        raise NotCome(f"none of {len(moves)} moves brought other picks")
    return statistics.median(seen)
