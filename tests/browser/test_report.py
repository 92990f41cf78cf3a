"""The report of the command line, opened from disk in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from usl_core.cli.parser import main

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "![x](http:__evil.example_p.png).png",
    'quote" onload="alert(1).png',
    "it's & <b>bold<_b>.png",
    "line\nbreak.png",
    "‮evil‬.png",
    "😀 smile.png",
    "n" * 180 + ".png",
    "<_script><script>alert(1)<_script>.png",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    folder = root / "<b>photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for at in range(40):
        name = HOSTILE[at] if at < len(HOSTILE) else f"{at}.png"
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(folder / name)
    (folder / "<u>broken.jpg").write_bytes(b"no")
    assert main(["compare", str(folder), "--budget", "40", "--map", "pca", "--report", str(root / "out")]) == 0
    return root / "out" / "report.html"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 420])
def test_it_opens_offline_and_hostile_names_stay_text(browser: BrowserContext, report: Path, theme: str, width: int):
    page = browser.new_page()
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(report.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.wait_for_timeout(1000)
    assert wrong == []
    assert page.locator("img").count() >= 3 * 40
    assert (
        page.evaluate(
            """[...document.images].filter(i => i.hasAttribute('src') && !(i.alt && /^(data|blob):/.test(i.src)))
            .map(i => i.outerHTML.slice(0, 300))"""
        )
        == []
    )
    assert page.locator("main b, main u").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
    text = page.text_content("main") or ""
    assert "onerror=alert(1)" in text
    assert "broken.jpg" in text
    page.close()
