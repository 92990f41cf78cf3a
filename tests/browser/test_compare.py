"""The page Compare in a real browser, on a real server."""

from __future__ import annotations

import io
import json
import re
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import usl_core as usl
from usl_core.images import open_image

from .server import running_app, settle

pytestmark = pytest.mark.browser
MAP = ".st-key-map_figure .js-plotly-plot"


def open_page(page: Page, address: str, path: str = "/") -> None:
    page.goto(address + path)
    page.wait_for_selector(f"{MAP} .main-svg", timeout=60_000)
    settle(page)


def fetch(url: str) -> tuple[int, str]:
    """Status and content type of an answer, refusals included."""
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type", "")


def gallery(page: Page, method: str) -> list[int]:
    images = page.locator(f"ol[aria-label='Picks of {method}'] img")
    return [int(images.nth(at).get_attribute("src").rsplit("/", 1)[1]) for at in range(images.count())]


def test_a_cold_server_answers_a_deep_link():
    with running_app() as address:
        from .server import fresh_browser

        with fresh_browser() as browser:
            page = browser.new_page()
            open_page(page, address, "/?data=shapes&m=15&seed=3")
            demo = usl.load_demo("shapes")
            expected = usl.select(demo.features, 15, "usl", seed=3, neighbors=demo.neighbors)
            assert gallery(page, "USL") == expected.indices.tolist()


def test_nothing_goes_wrong_and_nothing_is_asked_of_other_hosts(page, address):
    errors: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname or ""))
    open_page(page, address)
    assert errors == []
    assert asked <= {"127.0.0.1", ""}
    assert page.title() == "Compare" or "USL" in page.title()


def test_thumbnails_are_the_images(page, address):
    open_page(page, address)
    images = page.locator("ol.usl-gallery img")
    expect(images).to_have_count(120)
    first = images.first
    first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('ol.usl-gallery img').naturalWidth > 0")
    demo = usl.load_demo("digits")
    index = gallery(page, "Random")[0]
    with urllib.request.urlopen(f"{address}/api/thumb/digits/{index}") as response:
        assert response.headers["Content-Type"] == "image/jpeg"
        shown = np.asarray(
            Image.open(io.BytesIO(response.read())).convert("L").resize((8, 8), Image.Resampling.BOX), dtype=float
        )
    original = np.asarray(open_image(demo.images, index).convert("L"), dtype=float)
    assert np.corrcoef(shown.ravel(), original.ravel())[0, 1] > 0.98


def test_dragging_lambda_changes_only_usl_and_the_address(page, address):
    open_page(page, address)
    before = {method: gallery(page, method) for method in ("Random", "Stratified", "USL")}
    slider = page.locator("[data-testid=stSlider]").filter(has_text="Weight λ").locator("input[type=range]")
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("new URL(location.href).searchParams.get('lambda') === '0.9'")
    settle(page)
    after = {method: gallery(page, method) for method in before}
    demo = usl.load_demo("digits")
    expected = usl.select(demo.features, 40, "usl", usl.UslParams(reg_weight=0.9), neighbors=demo.neighbors)
    assert after["USL"] == expected.indices.tolist()
    assert after["USL"] != before["USL"]
    assert after["Random"] == before["Random"]
    assert after["Stratified"] == before["Stratified"]
    page.reload()
    page.wait_for_selector(f"{MAP} .main-svg")
    settle(page)
    assert gallery(page, "USL") == after["USL"]


def test_the_maps_pan_and_zoom_together(page, address):
    open_page(page, address)
    layout = f"document.querySelector('{MAP}')._fullLayout"
    ranges = f"[{layout}.xaxis.range, {layout}.xaxis2.range, {layout}.xaxis3.range]"
    before = page.evaluate(ranges)
    box = page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(800)
    after = page.evaluate(ranges)
    assert after != before
    assert after[0] == after[1] == after[2]


def test_keyboard_reaches_every_control(page, address):
    open_page(page, address)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').slice(0, 40)"
            )
        )
    text = " ".join(reached)
    for control in ("Digits", "Budget", "Neighbours", "Weight", "Power", "Density", "Picks of USL"):
        assert control in text, (control, sorted(reached))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 420])
def test_no_sideways_scrolling_of_the_page(browser, address, theme, width):
    page = browser.new_page()
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, address)
    main = "document.querySelector('[data-testid=stMain]')"
    assert page.evaluate(f"{main}.scrollWidth - {main}.clientWidth") <= 1
    page.close()


@pytest.mark.parametrize(
    "path",
    [
        "api/thumb/digits/1797",
        "api/thumb/digits/-1",
        "api/thumb/nothing/0",
        "api/thumb/..%2F..%2Fetc/0",
        "api/thumb/digits/99999999999999999999999",
    ],
)
def test_unknown_thumbnails_are_not_there(address, path):
    status, content_type = fetch(f"{address}/{path}")
    # Streamlit answers addresses that no route takes with its own page; an image it must not be.
    assert 400 <= status < 500 or content_type.startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/api/thumb/digits/0", "/_stcore/health"])
def test_a_foreign_host_is_refused(address, path):
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
        answer = connection.recv(4096).decode(errors="replace")
    assert re.match(r"HTTP/1\.1 4\d\d", answer), answer[:200]


def test_headers_keep_the_page_at_home(address):
    with urllib.request.urlopen(address) as response:
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_only_this_machine_is_listened_on():
    import tomllib

    from .server import ROOT

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["browser"]["gatherUsageStats"] is False
    assert json.dumps(config["server"]["allowedHosts"]) == '["127.0.0.1", "localhost"]'
