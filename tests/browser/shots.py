"""Screenshots of every page in every state, light and dark, wide and narrow, into shots/: `python -m tests.browser.shots`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from . import helpers
from .server import ROOT, fresh_browser, running_app, settle

WIDTHS = (1440, 420)
_WITH_MAPS = (
    *("compare", "compare-class", "compare-pinned", "compare-folder", "density", "diversity", "uslt-trained", "review"),
    "evaluate",
)


def main() -> None:
    """Write one PNG per page, state, theme and width."""
    target = ROOT / "shots"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tempfile.TemporaryDirectory() as root, running_app(USL_DATA_ROOTS=root) as server:
        folder = Path(root) / "holiday"
        helpers.write_images(folder / "beach", 40, seed=1)
        helpers.write_images(folder / "city", 25, seed=2)
        shutil.copy(folder / "beach" / "0000.png", folder / "city" / "again.png")
        (folder / "city" / "broken.jpg").write_bytes(b"no picture")
        for theme in ("light", "dark"):
            for width in WIDTHS:
                options = {"viewport": {"width": width, "height": 1000}, "color_scheme": theme}
                with fresh_browser(**options) as browser:
                    page = browser.new_page()
                    for name, go in _states(page, server.address, Path(root)).items():
                        go()
                        _shoot(page, target / f"{name}-{theme}-{width}.png", width, settled="running" not in name)


def _states(page: Page, address: str, root: Path) -> dict[str, Callable[[], object]]:
    """How to get to each state; in this order, since one leads to the next."""

    def open_folder() -> None:
        helpers.open_folder(page, address, root / "holiday")
        page.get_by_text("What is in it").wait_for(timeout=60_000)

    def encode() -> None:
        if page.get_by_role("button", name="Encode with").count():
            helpers.encode(page)

    def learn() -> None:
        page.goto(f"{page.url}&learn=true&lepochs=40")
        page.wait_for_selector("h1")
        press = page.get_by_role("button", name="Learn features")
        page.get_by_text("on this machine").or_(page.locator(".st-key-learn-choose")).first.wait_for(timeout=60_000)
        if press.count():
            press.click()
        page.locator(".st-key-learn-choose").wait_for(timeout=120_000)
        page.locator(".st-key-learn-loss .main-svg").first.wait_for()

    def compare_folder() -> None:
        page.get_by_role("link", name="Compare the methods").click()
        helpers.wait_for_maps(page)

    def running() -> None:
        many = Path(tempfile.mkdtemp(prefix="many-", dir=root)) / "photos"
        helpers.write_many(many, 3000)
        helpers.open_folder(page, address, many)
        helpers.start_encoding(page)
        page.get_by_text("Encoding ·").wait_for()
        page.wait_for_timeout(1500)

    def cancelled() -> None:
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled at").wait_for(timeout=10_000)

    def browse() -> None:
        page.goto(f"{address}/data")
        page.wait_for_selector("h1")
        settle(page)
        page.locator(".st-key-folder-list button").filter(has_text="holiday").click()
        page.locator(".st-key-folder-list button").filter(has_text="beach").wait_for()

    def train(query: str = "") -> None:
        page.goto(f"{address}/uslt{query}")
        page.wait_for_selector("h1")
        settle(page)
        start = page.locator(".st-key-uslt-start button:visible")
        if start.count():
            start.first.click()
        page.get_by_text("Replay: epoch").wait_for(timeout=120_000)

    def review() -> None:
        page.goto(f"{address}/review?data=shapes&m=30")
        page.locator(".desk .picks button").first.wait_for()
        helpers.wait_for_maps(page)
        page.locator(".desk .picks [aria-current=true]").focus()
        for key in ("a", "x", "a", "p", "ArrowRight"):
            page.keyboard.press(key)

    def evaluate() -> None:
        page.goto(f"{address}/evaluate?data=shapes&seeds=5")
        start, done = page.locator(".st-key-start-evaluate button:visible"), page.get_by_text("What they pick")
        start.or_(done).first.wait_for()
        settle(page)
        if start.count():
            start.first.click()
        done.wait_for(timeout=300_000)

    return {
        "home": lambda: page.goto(address),
        "data": lambda: page.goto(f"{address}/data?data=shapes"),
        "data-browse": browse,
        "data-unknown": lambda: page.goto(f"{address}/data?data=folder-0000000000000000"),
        "compare": lambda: page.goto(f"{address}/compare"),
        "compare-class": lambda: page.goto(f"{address}/compare?data=shapes&colour=class&m=60"),
        "compare-pinned": lambda: page.goto(f"{address}/compare?data=shapes&pin=100&methods=Random&methods=USL&map=PCA"),
        "compare-not-encoded": lambda: page.goto(f"{address}/compare?encoder=torchvision:resnet18"),
        "density": lambda: page.goto(f"{address}/density?pin=5"),
        "diversity": lambda: page.goto(f"{address}/diversity"),
        "diversity-toy": lambda: page.goto(f"{address}/diversity?on=moons"),
        "uslt": lambda: page.goto(f"{address}/uslt?m=15"),
        "uslt-trained": train,
        "uslt-collapsed": lambda: train("?views=0&talpha=0&t=1"),
        "compare-uslt": lambda: page.goto(f"{address}/compare?methods=Random&methods=Stratified&methods=USL&methods=USL-T"),
        "review": review,
        "evaluate": evaluate,
        "compare-unknown": lambda: page.goto(f"{address}/compare?data=nothing"),
        "data-folder": open_folder,
        "data-folder-encoded": encode,
        "data-learned": learn,
        "compare-folder": compare_folder,
        "data-running": running,
        "data-cancelled": cancelled,
    }


def _shoot(page: Page, target: Path, width: int, *, settled: bool) -> None:
    page.wait_for_selector("h1, [data-testid=stAlert]", timeout=60_000)
    if target.name.partition("-light")[0].partition("-dark")[0].removesuffix("-toy") in _WITH_MAPS:
        helpers.wait_for_maps(page)
    if settled:
        settle(page)
        page.wait_for_timeout(1200)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(int(height) + 20, 6000)})
    page.wait_for_timeout(1500 if settled else 100)
    page.screenshot(path=target)
    page.set_viewport_size({"width": width, "height": 1000})
    sys.stdout.write(f"{target.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
