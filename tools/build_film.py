"""Make the animated picture at the top of README again: `python -m tools.build_film`.

A real browser drives the real app on the shapes demo: lambda moves, the picks move, one of them is pointed at and opened. Every
frame is taken when the page stands still, so the film does not depend on how fast the machine is.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.find_browser import find_browser
from tests.browser.helpers import ask, drawn_picks, hover, place_of, slider, wait_for_maps, wait_until
from tests.browser.server import ROOT, fresh_browser, running_app, settle

from .animation import Frame, encode

log = logging.getLogger(__name__)

TARGET = ROOT / "assets" / "compare.webp"
MAX_BYTES = 3_000_000
WINDOW, WIDTH = {"width": 1150, "height": 800}, 960
"""What the page has, and the film; pixels."""
FRAME = 85
"""Milliseconds: 12 frames a second, as many as a pointer needs to seem to move."""
VIEW = "/compare?data=shapes&methods=Random&methods=USL&m=24&rlambda=0"
STOPS = (0.06, 0.2, 0.45, 0.95)
"""Where the handle of lambda is let go, as shares of its track."""
LAMBDA, USL = "Weight λ", 1
"""The slider that is moved, and the panel on which picks move with it."""
MARGIN = 14
"""Pixels above the maps."""

# The browser's own pointer is on no screenshot. The sidebar is narrow, so that the maps are large.
_POINTER = """
if (window === top) {
  localStorage.setItem("sidebarWidth", "215");
  addEventListener("DOMContentLoaded", () => {
    const pointer = document.createElement("div");
    pointer.style.cssText = "position: fixed; left: 0; top: 0; z-index: 2147483647; pointer-events: none";
    pointer.innerHTML = `<svg width="28" height="28" viewBox="0 0 28 28"><circle cx="6" cy="6" r="5" fill="none"
      stroke="#E4572E" stroke-width="2.5" opacity="0"/><path d="M6 6v16l4-3.6 2.6 5.8 2.8-1.2-2.6-5.7h5.4z" fill="#111"
      stroke="#fff" stroke-width="1.3" stroke-linejoin="round"/></svg>`;
    document.documentElement.append(pointer);
    const ring = pointer.querySelector("circle");
    const follow = (event) => (pointer.style.transform = `translate(${event.clientX - 6}px, ${event.clientY - 6}px)`);
    addEventListener("pointermove", follow, { capture: true });
    addEventListener("pointerdown", () => ring.setAttribute("opacity", 1), { capture: true });
    addEventListener("pointerup", () => ring.setAttribute("opacity", 0), { capture: true });
  });
}
"""


class Camera:
    """Takes frames of a page while a pointer moves over it.

    Args:
        page: what is filmed.
    """

    def __init__(self, page: Page) -> None:
        self.frames: list[Frame] = []
        self._page = page
        self._at = (WINDOW["width"] * 0.5, WINDOW["height"] * 0.72)
        page.mouse.move(*self._at)

    def take(self, milliseconds: int = FRAME) -> None:
        """What is seen now, for so long."""
        seen = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB")
        size = (WIDTH, round(WIDTH * seen.height / seen.width))
        self.frames.append(Frame(image=seen.resize(size, Image.Resampling.LANCZOS), milliseconds=milliseconds))

    def move(self, x: float, y: float, frames: int) -> None:
        """The pointer goes there, slowly at both ends."""
        (from_x, from_y) = self._at
        for index in range(1, frames + 1):
            share = index / frames
            eased = share * share * (3 - 2 * share)
            self._page.mouse.move(from_x + eased * (x - from_x), from_y + eased * (y - from_y))
            self.take()
        self._at = (x, y)

    def scroll(self, pixels: float, frames: int) -> None:
        """The page moves up under the pointer."""
        for index in range(frames):
            share = [(at / frames) ** 2 * (3 - 2 * at / frames) for at in (index, index + 1)]
            self._page.mouse.wheel(0, pixels * (share[1] - share[0]))
            self._page.wait_for_timeout(150)  # the browser scrolls a wheel's way in steps of its own
            self.take()


def film(page: Page, address: str) -> list[Frame]:
    """All frames.

    Args:
        page: of a new browser.
        address: of the app.
    """
    page.add_init_script(_POINTER)
    page.goto(address + VIEW)
    wait_for_maps(page)
    slider(page, LAMBDA).evaluate("handle => handle.scrollIntoView({ block: 'center' })")
    page.locator(".maps").first.evaluate("maps => maps.scrollIntoView({ block: 'start' })")
    page.locator("[data-testid=stMain]").evaluate("(main, by) => main.scrollBy(0, -by)", MARGIN)
    settle(page)
    page.wait_for_timeout(1500)  # the seeds are counted: no line of the scores changes in the middle of the film
    camera = Camera(page)
    camera.take(400)
    _move_lambda(page, camera)
    _open_a_pick(page, camera)
    return camera.frames


def _move_lambda(page: Page, camera: Camera) -> None:
    track = page.locator("[data-testid=stSlider]").filter(has_text=LAMBDA).first.bounding_box()
    assert track is not None
    for index, stop in enumerate(STOPS):
        thumb = slider(page, LAMBDA).locator("xpath=../..").bounding_box()
        assert thumb is not None
        y = thumb["y"] + thumb["height"] / 2
        camera.move(thumb["x"] + thumb["width"] / 2, y, 2 if index else 9)
        before = drawn_picks(page, panel=USL)
        page.mouse.down()
        camera.take()
        camera.move(track["x"] + stop * track["width"], y, 5)
        page.mouse.up()
        _wait_for_other_picks(page, before)
        camera.take(450)


def _wait_for_other_picks(page: Page, before: list[int]) -> None:
    wait_until(
        page,
        "(view, [panel, before]) => view.panels && String(view.panels[panel].spec.picks) !== String(before)",
        [USL, before],
    )
    wait_for_maps(page)
    page.wait_for_timeout(500)  # the pictures of the galleries


def _open_a_pick(page: Page, camera: Camera) -> None:
    row = _alone(page)
    camera.move(*place_of(page, row, panel=USL), 11)
    hover(page, row, panel=USL)
    camera.take(800)
    page.mouse.down()
    camera.take()
    page.mouse.up()
    page.wait_for_url("**pin=*")
    wait_for_maps(page)
    page.wait_for_timeout(700)
    camera.take(250)
    opened = page.get_by_text("nearest neighbours in feature space").bounding_box()
    assert opened is not None
    camera.move(opened["x"] - 20, WINDOW["height"] - 110, 6)  # on a map the wheel would zoom
    camera.scroll(opened["y"] - 0.42 * WINDOW["height"], 7)
    page.wait_for_timeout(700)  # the pictures of the neighbours
    camera.take(1500)


def _alone(page: Page) -> int:
    """The pick that is farthest from all others, of those in the middle of the map: its card hides none of them."""
    return ask(
        page,
        """(view, panel) => {
            const picks = view.panels[panel].spec.picks, places = picks.map((row) => view.toScreen(view.panels[panel], row));
            const [left, right] = [Math.min, Math.max].map((end) => end(...places.map(([x]) => x)));
            const height = view.stage.getBoundingClientRect().height;
            const is_inside = ([x, y]) => x > left + 0.2 * (right - left) && x < right - 0.35 * (right - left)
                && y > 0.2 * height && y < 0.8 * height;
            const room = (index) => is_inside(places[index]) ? Math.min(...places.filter((_, other) => other !== index)
                .map(([x, y]) => Math.hypot(x - places[index][0], y - places[index][1]))) : -1;
            const [most] = picks.map((row, index) => [room(index), row]).sort((a, b) => b[0] - a[0]);
            return most[1];
        }""",
        USL,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; exit status 1 with a sentence where that cannot be done."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m tools.build_film", description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET, metavar="FILE", help=f"default: {TARGET.relative_to(ROOT)}")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="also write each frame as a PNG, to look at")
    options = parser.parse_args(arguments)
    return write(options.out, _taken, options.frames)


def write(out: Path, taken: Callable[[], list[Frame]], folder: Path | None = None) -> int:
    """Film and write.

    Args:
        out: the file.
        taken: gives the frames.
        folder: for the single frames, if they are wanted.

    Returns:
        The exit status.
    """
    if find_browser() is None:
        log.error("no browser was found; run `make test`, which installs one, or name one in the variable CHROMIUM")
        return 1
    frames = taken()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(frames):
            frame.image.save(folder / f"{index:03d}.png")
    try:
        data = encode(frames, max_bytes=MAX_BYTES)
    except ValueError as error:
        log.error("%s", error)
        return 1
    out.write_bytes(data)
    seconds = sum(frame.milliseconds for frame in frames) / 1000
    log.info("wrote %s: %s bytes, %d frames, %.1f s", out, f"{len(data):,}", len(frames), seconds)
    return 0


def _taken() -> list[Frame]:
    with running_app() as server, fresh_browser(viewport=WINDOW, color_scheme="light") as browser:
        return film(browser.new_page(), server.address)


if __name__ == "__main__":
    sys.exit(main())
