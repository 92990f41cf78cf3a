"""What the browser tests do again and again."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

from .server import settle

MAPS = ".maps[data-drawn]:not([data-loading])"
"""A map component that shows what it was told last."""
HOSTILE = (
    "![x](http:__evil.example_p.png).png",
    "<img src=x onerror=alert(1)>.png",
    "<_script><script>alert(1)<_script>.png",
    'quote" onload="alert(1).png',
    "it's & <b>bold<_b>.png",
    "**strong** _em_ `code` $x$ :red[x].png",
    "line\nbreak.png",
    "‮evil‬.png",
    "😀 smile.png",
    "n" * 190 + ".png",
)


def write_images(folder: Path, count: int, *, side: int = 24, seed: int = 0, names: Callable[[int], str] | None = None) -> None:
    """Small random pictures around a few colours."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for at in range(count):
        colour = np.array([[255, 60, 60], [60, 255, 60], [60, 60, 255], [230, 230, 40]][at % 4])
        noise = rng.normal(0, 40, (side, side, 3))
        picture = np.clip(colour + noise, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / (names(at) if names else f"{at:04d}.png"))


def write_many(folder: Path, count: int, side: int = 280) -> None:
    """Enough to keep an encoder busy for seconds: a few pictures that are slow to decode, with a number behind the end of each
    file. No two files in any folder are the same, or the second would be encoded already."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(list(str(folder).encode()))
    pictures = []
    for _ in range(8):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(buffer, "PNG", compress_level=1)
        pictures.append(buffer.getvalue())
    for at in range(count):
        (folder / f"{at:05d}.png").write_bytes(pictures[at % 8] + at.to_bytes(4, "big"))


def open_compare(page: Page, address: str, query: str = "") -> None:
    """The page Compare, drawn."""
    page.goto(f"{address}/compare{query}")
    wait_for_maps(page)


def wait_for_maps(page: Page) -> None:
    page.wait_for_selector(MAPS)
    settle(page)
    page.wait_for_selector(MAPS)


def ask(page: Page, script: str, given: object = None, *, at: int = 0) -> Any:
    """What `(view, given) => ...` says of a map component; see scripts/view.js."""
    return page.locator(".maps").nth(at).evaluate(f"(root, given) => ({script})(root.usl, given)", given)


def wait_until(page: Page, script: str, given: object = None, *, at: int = 0) -> None:
    """Until `(view, given) => ...` holds for a map component that has drawn its panels."""
    root = page.locator(".maps").nth(at).element_handle()
    page.wait_for_function(f"([root, given]) => root.usl?.panels && ({script})(root.usl, given)", arg=[root, given])


def place_of(page: Page, row: int, *, panel: int = 0, at: int = 0) -> tuple[float, float]:
    """Where a point of a map is on the screen."""
    page.locator(".maps .stage").nth(at).scroll_into_view_if_needed()
    x, y = ask(
        page,
        """(view, [panel, row]) => {
            const [x, y] = view.toScreen(view.panels[panel], row), box = view.stage.getBoundingClientRect();
            return [box.left + x, box.top + y];
        }""",
        [panel, row],
        at=at,
    )
    return x, y


def hover(page: Page, row: int, *, panel: int = 0, at: int = 0) -> str:
    """Point at an image; returns what the card says once its picture and its name are there."""
    page.mouse.move(*place_of(page, row, panel=panel, at=at))
    wait_until(
        page,
        """(view, row) => !view.card.element.hidden && view.card.element.dataset.row === String(row)
            && view.card.picture.complete && view.card.picture.naturalWidth > 0 && view.card.element.ariaBusy === 'false'""",
        row,
        at=at,
    )
    return page.locator(".maps .card").nth(at).inner_text()


def camera(page: Page, *, at: int = 0) -> list[float]:
    """Middle and zoom of a map component."""
    return ask(page, "view => [view.camera.x, view.camera.y, view.camera.zoom]", at=at)


def drawn_picks(page: Page, *, panel: int = 0, at: int = 0) -> list[int]:
    """The rows of the picks on a map, in the order of their ranks."""
    return ask(page, "(view, panel) => view.panels[panel].spec.picks", panel, at=at)


def picks(page: Page, method: str) -> list[int]:
    """The rows in the gallery of a method, as its title calls it."""
    buttons = page.locator(f"ol[aria-label='Picks of {method}'] button")
    return [int(row) for row in buttons.evaluate_all("all => all.map(button => button.dataset.row)")]


def wait_for_picks(page: Page, method: str, expected: list[int]) -> None:
    """Until the gallery of a method shows these rows; a slider's new value may reach the address before the script runs."""
    for _ in range(100):
        if picks(page, method) == expected:
            return
        page.wait_for_timeout(200)
    assert picks(page, method) == expected


def go_to(page: Page, title: str) -> None:
    """Another page by the menu."""
    page.locator("[data-testid=stSidebarNavLink]").filter(has_text=title).first.click()
    settle(page)


def button(page: Page, key: str) -> Locator:
    """The button with that key; one with a help text is there twice, for narrow windows and for wide ones."""
    return page.locator(f".st-key-{key} button:visible").first


def slider(page: Page, label: str) -> Locator:
    return page.locator("[data-testid=stSlider]").filter(has_text=label).first.locator("input[type=range]")


def open_folder(page: Page, address: str, folder: Path) -> None:
    """Type the path of a folder, and use it; ends when its images are known."""
    page.goto(f"{address}/data")
    page.wait_for_selector("h1")
    settle(page)
    field = page.locator(".st-key-typed-folder input")
    field.fill(str(folder))
    field.press("Enter")
    page.wait_for_function("path => document.querySelector('.st-key-typed-folder input').value === path", arg=str(folder))
    settle(page)
    button(page, "use-folder").click()
    page.wait_for_url("**/data?data=folder-*")


def encode(page: Page) -> None:
    """Press the button and wait until all is there."""
    start_encoding(page)
    wait_until_encoded(page)


def wait_until_encoded(page: Page) -> None:
    page.get_by_role("button", name="Look for changes").wait_for()
    settle(page)


def start_encoding(page: Page) -> None:
    press = page.get_by_role("button", name="Encode with")
    press.wait_for()
    settle(page)
    press.click()
