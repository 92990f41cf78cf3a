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
from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

import usl_core as usl
from usl_core.images.scan import open_image
from usl_core.selection.k_center import KCenterParams

from .helpers import open_compare, picks, slider, wait_for_maps, wait_for_picks

pytestmark = pytest.mark.browser


def fetch(url: str) -> tuple[int, str]:
    """Status and content type of an answer, refusals included."""
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type", "")


def test_nothing_goes_wrong_nothing_is_asked_of_other_hosts_and_thumbnails_are_the_images(page, address):
    errors: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname or ""))
    # Behind an address like /compare, Streamlit first looks for its server below that address.
    probes = ("/compare/_stcore/health", "/compare/_stcore/host-config")
    page.on("response", lambda got: errors.append(got.url) if got.status >= 400 and not got.url.endswith(probes) else None)
    open_compare(page, address)
    images = page.locator("ol[aria-label='Picks of Random'] img")
    expect(images).to_have_count(40)
    first = images.first
    first.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 0", arg=first.element_handle())
    assert [error for error in errors if "status of 404" not in error] == []  # those are listed by their addresses
    assert asked <= {"127.0.0.1", ""}
    demo = usl.load_demo("digits")
    index = picks(page, "Random")[0]
    with urllib.request.urlopen(f"{address}/api/image/digits/small/{demo.images.digests[index]}") as response:
        assert response.headers["Content-Type"] == "image/jpeg"
        shown = np.asarray(
            Image.open(io.BytesIO(response.read())).convert("L").resize((8, 8), Image.Resampling.BOX), dtype=float
        )
    original = np.asarray(open_image(demo.images, index).convert("L"), dtype=float)
    assert np.corrcoef(shown.ravel(), original.ravel())[0, 1] > 0.98


def test_dragging_lambda_changes_only_usl_and_the_address(page, address):
    frames: list[bytes] = []
    errors: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    page.on("console", lambda message: errors.append(message.text) if "ebsocket" in message.text else None)
    open_compare(page, address)
    before = {method: picks(page, method) for method in ("Random", "Stratified", "USL")}
    slider(page, "Weight λ").focus()
    for key in [*["ArrowRight"] * 8, *["ArrowLeft"] * 8, *["ArrowRight"] * 8]:
        page.keyboard.press(key)
    page.wait_for_function("new URL(location.href).searchParams.get('rlambda') === '0.9'")
    demo = usl.load_demo("digits")
    expected = usl.select(demo.features, 40, "usl", usl.UslParams(reg_weight=0.9), neighbors=demo.neighbors)
    wait_for_picks(page, "USL", expected.indices.tolist())
    after = {method: picks(page, method) for method in before}
    assert after["USL"] != before["USL"]
    assert after["Random"] == before["Random"]
    assert after["Stratified"] == before["Stratified"]
    assert errors == []
    # What the browser keeps, so that the server may name it instead of sending it, may be gone when it is named: a dead page.
    messages = [ForwardMsg.FromString(frame) for frame in frames]
    assert len(messages) > 100
    assert not [message for message in messages if message.metadata.cacheable or message.WhichOneof("type") == "ref_hash"]
    page.reload()
    wait_for_maps(page)
    assert picks(page, "USL") == after["USL"]


def test_a_setting_of_a_method_changes_its_picks_and_the_address(page, address):
    open_compare(page, address, "?m=10&map=PCA&methods=Random&methods=k-center")
    demo = usl.load_demo("digits")
    wait_for_picks(page, "k-center", usl.select(demo.features, 10, "k-center").indices.tolist())
    assert "k-center." not in page.url
    page.get_by_role("button", name="Settings of k-center").click()
    page.get_by_role("radio", name="random").click()
    drawn = usl.select(demo.features, 10, "k-center", KCenterParams(first="random"))
    wait_for_picks(page, "k-center", drawn.indices.tolist())
    page.wait_for_function("new URL(location.href).searchParams.get('k-center.first') === 'random'")
    page.reload()
    wait_for_maps(page)
    wait_for_picks(page, "k-center", drawn.indices.tolist())


def test_keyboard_reaches_every_control(page, address):
    open_compare(page, address)
    reached = []
    while reached.count("Skip to main content") < 2:  # until the way round begins again
        assert len(reached) < 300, reached
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => { let at = document.activeElement;
                while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                const list = at.closest('ol');
                const name = list?.getAttribute('aria-label') || at.getAttribute('aria-label') || at.innerText || '';
                return name.slice(0, 60); }"""
            )
        )
    text = " | ".join(reached)
    wanted = [
        "Budget",
        "Seed",
        "Neighbours",
        "Weight",
        "Power",
        "Copy link",
        "Random",
        "Density",
        "Lasso",
        "Zoom in",
        "maps of the same",
        "density peak",
    ]
    for control in [*wanted, "Picks of Random", "Picks of Stratified", "Picks of USL", "picks.csv", "Write the report"]:
        assert control in text, (control, reached)
    assert reached.count("Picks of USL") == 1, "a gallery is one stop; arrow keys move inside"


@pytest.mark.parametrize(
    "path",
    [
        "api/image/digits/small/" + 32 * "0",
        "api/image/digits/huge/" + usl.load_demo("digits").images.digests[0],
        "api/image/nothing/small/" + usl.load_demo("digits").images.digests[0],
        "api/image/..%2F..%2Fetc/small/passwd",
        "api/image/digits/small/..%2F..%2F..%2Fetc%2Fpasswd",
        "api/row/digits/0/5?encoder=bundled:mini",
        "api/row/digits/0/99999999999999999999999?encoder=../..",
    ],
)
def test_unknown_images_are_not_there(address, path):
    status, content_type = fetch(f"{address}/{path}")
    # Streamlit answers addresses that no route takes with its own page; an image it must not be.
    assert 400 <= status < 500 or content_type.startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/api/image/digits/small/0", "/_stcore/health"])
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


def test_the_table_of_the_picks_comes_when_it_is_unfolded(page, address):
    open_compare(page, address, "?m=6")
    folded = page.locator("[data-testid=stExpander]").filter(has_text="The picks on the maps as a table")
    assert folded.locator("table").count() == 0
    folded.locator("summary").click()
    folded.locator("table").wait_for()
    ranks = folded.locator("tbody tr").evaluate_all("rows => rows.map(row => row.cells[0].innerText + row.cells[1].innerText)")
    assert ranks == [f"{method}{rank}" for method in ("Random", "Stratified", "USL") for rank in range(1, 7)]
