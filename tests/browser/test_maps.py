"""The maps in a real browser: what they draw, what mouse and keys do, what survives, and what a broken browser gets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

import usl_core as usl
from usl_core.images.scan import open_image

from .helpers import (
    ask,
    button,
    camera,
    drawn_picks,
    go_to,
    hover,
    open_compare,
    picks,
    place_of,
    slider,
    wait_for_maps,
    wait_until,
)
from .server import Server, running_app, settle

pytestmark = pytest.mark.browser
LINKED = "view => [...new Set(view.panels.map(panel => `${view.scale(panel).toFixed(6)} ${view.centre()}`))].length"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_app() as running:
        yield running


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


OPENED = "?m=12"
AS_OPENED = """view => String([view.camera.x, view.camera.y, view.camera.zoom]) === '0.5,0.5,1' && view.selection === null
    && view.data.pinned === null && view.hiddenMethods.size === 0 && view.peaksShown && view.tool === 'pan'"""


@pytest.fixture(scope="module")
def last_opened() -> list[Page]:
    """The page of `compare`, while there is one."""
    return []


@pytest.fixture
def compare(browser: BrowserContext, server: Server, last_opened: list[Page]) -> Page:
    """Compare as it opens: the page of the test before, where that left it so, because opening one takes seconds."""
    if last_opened:
        page = last_opened[0]
        settle(page)
        tools(page, "Show everything").click()
        if page.url == f"{server.address}/compare{OPENED}" and ask(page, AS_OPENED):
            page.mouse.move(5, 5)
            return page
        last_opened.pop().close()
    page = browser.new_page()
    open_compare(page, server.address, OPENED)
    tools(page, "Show everything").click()
    last_opened.append(page)
    return page


def zoom_in(page: Page, times: int = 2) -> list[float]:
    """By the wheel, somewhere off the middle; returns the camera."""
    page.mouse.move(*place_of(page, 0))
    for _ in range(times):
        page.mouse.wheel(0, -240)
    page.wait_for_timeout(200)
    return camera(page)


def tools(page: Page, name: str) -> Locator:
    return page.locator(".maps .bar").first.get_by_role("button", name=name)


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Rows within a closed outline, by the crossings of a ray that runs upwards: another way than the script's."""
    odd = np.zeros(len(points), dtype=bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        crosses = (ax > points[:, 0]) != (bx > points[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            above = ay + (points[:, 0] - ax) * (by - ay) / (bx - ax) > points[:, 1]
        odd ^= crosses & above
    return odd.nonzero()[0]


def selected(page: Page) -> list[int]:
    """The rows that are not dimmed."""
    return ask(page, "view => view.selection && [...view.selection.keys()].filter(row => view.selection[row])")


# ---------------------------------------------------------------- what is drawn


def test_each_panel_draws_its_methods_picks_where_the_library_puts_them(compare: Page, digits):
    assert [drawn_picks(compare, panel=at) for at in range(3)] == [
        picks(compare, name) for name in ("Random", "Stratified", "USL")
    ]
    n, xy = ask(compare, "view => [view.data.n, [...view.xy]]")
    assert n == len(digits.images)
    np.testing.assert_array_equal(np.array(xy, dtype=np.float32).reshape(-1, 2), digits.maps["umap"])


def test_points_are_coloured_by_their_density_and_picks_lie_on_top(page: Page, server: Server, digits):
    open_compare(page, server.address, "?m=3&methods=USL&methods=Random")
    percentile = usl.density_percentile(usl.utility(digits.neighbors, 20))
    # Far in, a point is a disc of several pixels: its middle has the colour of the scale at its percentile.
    ask(page, "view => { view.peaksShown = false; view.hiddenMethods.add('USL'); view.camera.zoom = 60; view.ask(); }")
    rng = np.random.default_rng(0)
    for row in rng.choice(len(percentile), 12, replace=False).tolist():
        shown = ask(
            page,
            """async (view, row) => {
                const { low, high } = view.grid, at = axis => (view.xy[2 * row + axis] - low[axis]) / (high[axis] - low[axis]);
                view.lookAt(at(0), at(1));
                view.painted = ''; view.draw();
                const gl = view.points.gl, [x, y] = view.toScreen(view.panels[0], row), pixel = new Uint8Array(4);
                gl.readPixels(Math.floor(x * view.ratio), view.background.height - 1 - Math.floor(y * view.ratio), 1, 1,
                              gl.RGBA, gl.UNSIGNED_BYTE, pixel);
                return [...pixel];
            }""",
            row,
        )
        assert shown[3] > 150, (row, shown)
        scale = ask(page, "view => view.look.scale")
        colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in scale], dtype=float)
        exact = [np.interp(percentile[row] / 100, np.linspace(0, 1, len(colours)), colours[:, part]) for part in range(3)]
        # Neighbours that overlap may tint it; of 12 rows nearly all stand alone at this zoom.
        assert np.abs(np.array(shown[:3]) / (shown[3] / 255) - exact).max() < 60, (row, shown, exact)


def test_panels_that_look_alike_share_their_pixels_exactly(compare: Page):
    found = ask(
        compare,
        """view => {
        const gl = view.points.gl, { ratio } = view, all = view.points.draw;
        const read = () => view.panels.map(panel => {
            const [w, h] = [panel.width, panel.height].map(value => Math.round(value * ratio));
            const pixels = new Uint8Array(4 * w * h);
            const bottom = view.background.height - Math.round(panel.y * ratio) - h;
            gl.readPixels(Math.round(panel.x * ratio), bottom, w, h, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
            return pixels; });
        const shown = () => { view.painted = ''; view.draw(); return read(); };
        const copied = shown();
        view.points.draw = function (panels, ...more) { // no two of them alike
            const other = (camera, at) => camera.map(value => value * (1 + at * 1e-12));
            all.call(this, panels.map((panel, at) => ({ ...panel, camera: other(panel.camera, at) })), ...more); };
        const apart = shown();
        view.points.draw = all;
        shown();
        const share = (pixels, holds) => pixels.reduce((count, value, at) => count + holds(value, at), 0) / pixels.length;
        const far = (pixels, others) => share(pixels, (value, at) => Math.abs(value - others[at]) > 8);
        return { copied: copied.map(pixels => pixels.length), apart: apart.map(pixels => pixels.length),
                 inked: share(copied[0], value => value > 0),
                 unlike: copied.map(pixels => share(pixels, (value, at) => value !== copied[0][at])),
                 moved: apart.map((pixels, which) => far(pixels, copied[which])) }; }""",
    )
    assert found["copied"] == found["apart"]
    assert len(found["copied"]) == 3
    assert found["inked"] > 0.02
    assert found["unlike"] == [0, 0, 0]
    assert np.mean(found["moved"]) < 1e-3, "drawn one by one, but for rounding"


def test_the_hover_card_shows_the_image_itself_and_its_facts(compare: Page, digits):
    percentile = usl.density_percentile(usl.utility(digits.neighbors, 20))
    chosen = picks(compare, "USL")
    assert len(chosen) == 12
    for rank, row in enumerate(chosen[:3], start=1):
        said = hover(compare, row, panel=2)
        assert digits.images.paths[row] in said
        assert f"USL {rank} of cluster" in said
        assert f"density percentile {percentile[row]:.0f}" in said
        shown = compare.request.get(compare.locator(".maps .card img").first.evaluate("image => image.src")).body()
        small = Image.open(io.BytesIO(shown)).convert("L").resize((8, 8), Image.Resampling.BOX)
        original = np.asarray(open_image(digits.images, row).convert("L"), dtype=float)
        assert np.corrcoef(np.asarray(small, dtype=float).ravel(), original.ravel())[0, 1] > 0.98
        others = (np.asarray(open_image(digits.images, other).convert("L"), dtype=float) for other in range(0, 1700, 97))
        assert max(np.corrcoef(np.asarray(small, dtype=float).ravel(), other.ravel())[0, 1] for other in others) < 0.98
    compare.mouse.move(5, 5)
    expect(compare.locator(".maps .card").first).to_be_hidden()


# ---------------------------------------------------------------- mouse and touch


def test_wheel_drag_buttons_and_double_click_move_all_panels_together(compare: Page):
    assert camera(compare) == [0.5, 0.5, 1]
    under = place_of(compare, 100, panel=1)
    compare.mouse.move(*under)
    compare.mouse.wheel(0, -400)
    wait_until(compare, "view => view.camera.zoom > 1.5")
    np.testing.assert_allclose(place_of(compare, 100, panel=1), under, atol=1.5)  # what is under the pointer stays there
    before = place_of(compare, 100, panel=2)
    compare.mouse.down()
    compare.mouse.move(under[0] + 40, under[1] - 25, steps=5)
    compare.mouse.up()
    np.testing.assert_allclose(np.subtract(place_of(compare, 100, panel=2), before), (40, -25), atol=1.5)
    assert ask(compare, LINKED) == 1
    zoomed = camera(compare)[2]
    tools(compare, "Zoom out").click()
    assert camera(compare)[2] == pytest.approx(zoomed / 1.5)
    compare.mouse.dblclick(*place_of(compare, 100, panel=1))
    wait_until(compare, "(view, least) => view.camera.zoom > least", zoomed)
    tools(compare, "Show everything").click()
    assert camera(compare) == [0.5, 0.5, 1]


def test_a_pinch_zooms(compare: Page):
    x, y = place_of(compare, 100)
    session = compare.context.new_cdp_session(compare)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        found = [{"x": px, "y": py, "id": at} for at, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": found})

    touch("touchStart", (x - 20, y), (x + 20, y))
    for apart in range(20, 81, 10):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    wait_until(compare, "view => view.camera.zoom > 2")
    assert selected(compare) is None
    assert "pin=" not in compare.url


@pytest.mark.parametrize("tool", ["Box", "Lasso", "shift"])
def test_box_and_lasso_select_exactly_what_is_inside(compare: Page, digits, tool: str):
    zoom_in(compare)
    left, top, width, height = ask(
        compare,
        """view => { const box = view.stage.getBoundingClientRect(), panel = view.panels[1];
                     return [box.left + panel.x, box.top + panel.y, panel.width, panel.height]; }""",
    )
    shape = [(0.05, 0.1), (0.95, 0.15), (0.6, 0.45), (0.95, 0.95), (0.1, 0.9)] if tool != "Box" else [(0.2, 0.15), (0.8, 0.9)]
    way = [(round(left + share * width), round(top + part * height)) for share, part in shape]
    if tool == "shift":
        compare.keyboard.down("Shift")
    else:
        tools(compare, tool).click()
    compare.mouse.move(*way[0])
    compare.mouse.down()
    for place in way[1:]:
        compare.mouse.move(*place)
    compare.mouse.up()
    if tool == "shift":
        compare.keyboard.up("Shift")
    compare.locator(".st-key-chosen-compare-maps").wait_for()
    settle(compare)
    corners = [way[0], (way[1][0], way[0][1]), way[1], (way[0][0], way[1][1])] if tool == "Box" else way
    outline = ask(
        compare,
        """(view, corners) => { const box = view.stage.getBoundingClientRect(), panel = view.panels[1];
            return corners.map(([x, y]) => view.toMap(panel, x - box.left - panel.x, y - box.top - panel.y)); }""",
        corners,
    )
    expected = inside(np.asarray(digits.maps["umap"], dtype=float), np.array(outline))
    assert len(expected) > 20
    assert selected(compare) == expected.tolist()
    words = compare.inner_text(".st-key-chosen-compare-maps")
    assert f"{len(expected):,} images selected" in words
    assert f"USL {np.isin(picks(compare, 'USL'), expected).sum()}" in words
    gallery = compare.locator("ol[aria-label^='The selected images'] button")
    rows = [int(row) for row in gallery.evaluate_all("all => all.map(one => one.dataset.row)")]
    assert set(rows) <= set(expected.tolist())
    assert len(rows) == min(len(expected), 60)
    # It outlives a slider, and Escape ends it.
    slider(compare, "Weight λ").focus()
    compare.keyboard.press("ArrowRight")
    compare.wait_for_url("**lambda=0.55**")
    settle(compare)
    assert selected(compare) == expected.tolist()
    compare.locator(".maps .stage").focus()
    compare.keyboard.press("Escape")
    expect(compare.locator(".st-key-chosen-compare-maps")).to_have_count(0)
    wait_until(compare, "view => view.selection === null")
    slider(compare, "Weight λ").focus()
    compare.keyboard.press("ArrowLeft")
    compare.wait_for_function("!location.href.includes('lambda=')")


def test_a_click_pins_at_once_and_keeps_the_zoom(compare: Page, digits):
    zoomed = zoom_in(compare)
    target = ask(
        compare,
        """view => { const panel = view.panels[2];
            const within = (at, from, length) => at > from + 20 && at < from + length - 20;
            return panel.spec.picks.find(row => { const [x, y] = view.toScreen(panel, row);
                return within(x, panel.x, panel.width) && within(y, panel.y, panel.height); }); }""",
    )
    compare.mouse.click(*place_of(compare, target, panel=2))
    compare.wait_for_url(f"**pin={target}*")
    settle(compare)
    assert ask(compare, "view => view.data.pinned") == target
    assert camera(compare) == zoomed
    strip = compare.locator("ol[aria-label*='nearest neighbours'] button")
    rows = [int(row) for row in strip.evaluate_all("all => all.map(button => button.dataset.row)")]
    assert rows == digits.neighbors.indices[target, : len(rows)].tolist()
    assert rows
    button(compare, "unpin").click()
    compare.wait_for_function("!location.href.includes('pin=')")
    settle(compare)
    assert ask(compare, "view => view.data.pinned") is None


def test_legend_entries_dim_and_bring_back(page: Page, server: Server, digits):
    open_compare(page, server.address, "?colour=class&m=10")
    name = digits.images.class_names[3]
    entry = page.get_by_role("button", name=f"Dim or show class {name}")
    hidden = "view => [...view.hiddenCodes.get('class')]"
    assert ask(page, hidden) == []
    entry.click()
    assert entry.get_attribute("aria-pressed") == "false"
    assert ask(page, hidden) == [4]
    # Points of the class fade; they are still there.
    row = int(np.flatnonzero(digits.images.labels == 3)[0])
    assert digits.images.paths[row] in hover(page, row)
    entry.click()
    assert ask(page, hidden) == []
    page.get_by_role("button", name="the picks USL").click()
    assert ask(page, "view => [...view.hiddenMethods]") == ["USL"]


def test_the_picture_is_twice_as_fine_and_shows_the_maps(compare: Page):
    with compare.expect_download() as download:
        tools(compare, "PNG").click()
    assert download.value.suggested_filename == "compare-maps.png"
    picture = Image.open(download.value.path()).convert("RGB")
    width, height = ask(compare, "view => [view.stage.clientWidth, view.stage.clientHeight]")
    assert picture.size == (2 * width, 2 * height)
    pixels = np.asarray(picture).reshape(-1, 3)
    for colour in ask(compare, "view => view.panels.map(panel => panel.spec.style.colour)"):
        exact = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        assert (np.abs(pixels - exact).max(axis=1) < 6).sum() > 200, colour
    assert ask(compare, "view => [view.background.width, view.background.height]") == ask(
        compare, "view => [view.over.width, view.over.height]"
    ), "the maps on the screen are as they were"


# ---------------------------------------------------------------- keys


def test_the_keyboard_walks_over_the_picks_and_pins(page: Page, server: Server, digits):
    open_compare(page, server.address, "?m=6")
    page.locator(".maps .stage").focus()
    live = page.locator(".maps .live")
    page.keyboard.press("ArrowRight")
    first = picks(page, "Random")
    expect(live).to_contain_text(f"Random pick 1 of 6: {digits.images.paths[first[0]]}")
    page.keyboard.press("ArrowRight")
    expect(live).to_contain_text(f"Random pick 2 of 6: {digits.images.paths[first[1]]}")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(live).to_contain_text(f"Random pick 6 of 6: {digits.images.paths[first[-1]]}")
    page.keyboard.press("]")
    usl_picks = picks(page, "USL")
    page.keyboard.press("]")
    page.keyboard.press("Home")
    expect(live).to_contain_text(f"USL pick 1 of 6: {digits.images.paths[usl_picks[0]]}")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**pin={usl_picks[-1]}*")
    settle(page)
    page.locator(".maps .stage").focus()
    for key, zoom in (("0", 1), ("+", 1.5), ("+", 2.25), ("-", 1.5), ("0", 1)):
        page.keyboard.press(key)
        assert camera(page)[2] == pytest.approx(zoom)


# ---------------------------------------------------------------- what survives


def test_zoom_survives_sliders_colours_themes_and_other_pages(page: Page, server: Server):
    open_compare(page, server.address)
    element = page.locator(".maps").first.element_handle()
    zoomed = zoom_in(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/array/" in request.url else None)
    slider(page, "Weight λ").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**lambda=0.55**")
    settle(page)
    assert camera(page) == zoomed
    assert asked == [], "lambda changes the picks alone"
    slider(page, "Neighbours").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**k=21**")
    wait_for_maps(page)
    assert camera(page) == zoomed
    assert 1 <= len(set(asked)) <= 2, "k changes densities and peaks, not the coordinates"
    page.locator(".st-key-colour").get_by_text("cluster", exact=False).first.click()
    page.wait_for_url("**colour=cluster**")
    wait_for_maps(page)
    page.emulate_media(color_scheme="dark")
    wait_until(page, "view => view.look.name === 'dark'")
    assert camera(page) == zoomed
    assert element.evaluate("root => root.isConnected"), "it is the same element all along"
    page.emulate_media(color_scheme="light")
    go_to(page, "Data")
    go_to(page, "Compare")
    wait_for_maps(page)
    assert camera(page) == zoomed


def test_the_maps_follow_the_window(compare: Page):

    def widths() -> list[int]:
        return ask(compare, "view => view.panels.map(panel => panel.width)")

    def fits() -> bool:
        return ask(compare, "view => view.panels.every(panel => panel.x + panel.width <= view.stage.clientWidth)")

    wide = widths()
    compare.set_viewport_size({"width": 420, "height": 900})
    wait_until(compare, "(view, wide) => view.panels[0].y !== view.panels[1].y && view.panels[0].width !== wide", wide[0])
    assert fits()
    assert len(set(widths())) == 1
    compare.set_viewport_size({"width": 1440, "height": 1000})
    wait_until(compare, "view => view.panels[0].y === view.panels[2].y")
    assert widths() == wide
    session = compare.context.new_cdp_session(compare)
    size = {"width": 1440, "height": 1000, "deviceScaleFactor": 2, "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", size)
    zoom_in(compare)
    wait_until(compare, "view => view.ratio === 2 && view.background.width === Math.round(2 * view.stage.clientWidth)")
    session.send("Emulation.clearDeviceMetricsOverride")


def test_two_tabs_keep_their_own_maps(browser: BrowserContext, server: Server):
    first, second = browser.new_page(), browser.new_page()
    open_compare(first, server.address, "?data=digits&m=7")
    open_compare(second, server.address, "?data=shapes&m=5")
    untouched = camera(second)
    zoomed = zoom_in(first)
    assert ask(first, "view => view.data.n") == len(usl.load_demo("digits").images)
    assert ask(second, "view => view.data.n") == len(usl.load_demo("shapes").images)
    assert camera(second) == untouched
    slider(second, "Weight λ").focus()
    second.keyboard.press("ArrowRight")
    second.wait_for_url("**lambda=0.55**")
    wait_for_maps(second)
    assert drawn_picks(second, panel=2) == picks(second, "USL")
    assert camera(first) == zoomed
    assert drawn_picks(first, panel=2) == picks(first, "USL")
    first.close()
    second.close()


def test_a_server_that_starts_anew_is_found_again(browser: BrowserContext):
    with running_app() as old:
        port = int(old.address.rpartition(":")[2])
        page = browser.new_page()
        open_compare(page, old.address)
        zoomed = zoom_in(page)
        before = drawn_picks(page, panel=2)
    with running_app(port=port):
        settle(page)
        slider(page, "Neighbours").focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_url("**k=25**")
        demo = usl.load_demo("digits")
        expected = usl.select(demo.features, 40, "usl", usl.UslParams(n_neighbors=25), neighbors=demo.neighbors).indices
        wait_until(page, "(view, rows) => String(view.panels[2].spec.picks) === String(rows)", expected.tolist())
        assert before != expected.tolist()
        assert camera(page) == zoomed
        page.close()


def test_arrays_that_the_server_has_dropped_are_asked_for_again(browser: BrowserContext, server: Server):
    page = browser.new_page()
    refused: list[str] = []

    def refuse_first(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=404, content_type="text/plain", body="unknown array; open the page again")
        else:
            route.continue_()

    page.route("**/api/array/*", refuse_first)
    open_compare(page, server.address)
    assert len(refused) == 2
    assert drawn_picks(page, panel=2) == picks(page, "USL")
    page.close()


@pytest.mark.parametrize("part", ["api/maps/*/index.js", "api/maps/*/points.js", "api/array/*"])
def test_what_gets_lost_on_the_way_is_asked_for_again(browser: BrowserContext, server: Server, part: str):
    page = browser.new_page()
    lost: list[str] = []
    seen: list[bool] = []

    def lose_until_that_is_seen(route: Route) -> None:
        if seen and len(lost) >= 2:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort("connectionreset")

    page.route(f"**/{part}", lose_until_that_is_seen)
    page.goto(f"{server.address}/compare")
    notice = page.locator(".maps .notice" if "array" in part else ".maps")
    expect(notice).to_be_visible()
    expect(notice).to_have_text("The server does not answer. Trying again …")
    seen.append(True)
    wait_for_maps(page)
    expect(page.locator(".maps .notice")).to_be_hidden()
    assert drawn_picks(page, panel=2) == picks(page, "USL")
    assert "does not answer" not in page.locator(".maps").inner_text()
    page.close()


def test_a_server_that_never_has_them_is_not_asked_for_ever(browser: BrowserContext, server: Server):
    page = browser.new_page()
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404, content_type="text/plain", body="unknown array")

    page.route("**/api/array/*", refuse)
    page.goto(f"{server.address}/compare")
    expect(page.locator(".maps .live")).to_contain_text("could not be loaded")
    expect(page.locator(".maps .notice")).to_be_visible()
    expect(page.locator(".maps .notice")).to_have_text("The map could not be loaded (missing). Reload the page.")
    settle(page)
    count = len(asked)
    page.wait_for_timeout(1500)
    assert len(asked) == count
    page.close()


# ---------------------------------------------------------------- contexts


def test_nine_panels_and_many_page_changes_lose_no_context(browser: BrowserContext, server: Server):
    page = browser.new_page()
    lost: list[str] = []
    page.on("console", lambda message: lost.append(message.text) if "context" in message.text.lower() else None)
    with running_app("tests/browser/nine_app.py") as nine:
        page.goto(nine.address)
        wait_for_maps(page)
        assert ask(page, "view => view.panels.length") == 9
        coloured = """view => { view.painted = ''; view.draw(); const gl = view.points.gl;
            return view.panels.map(panel => {
                const [w, h] = [Math.floor(panel.width * view.ratio), Math.floor(panel.height * view.ratio)];
                const pixels = new Uint8Array(4 * w * h);
                gl.readPixels(Math.round(panel.x * view.ratio),
                    view.background.height - Math.round((panel.y + panel.height) * view.ratio), w, h,
                    gl.RGBA, gl.UNSIGNED_BYTE, pixels);
                let count = 0;
                for (let at = 3; at < pixels.length; at += 4) count += pixels[at] > 0;
                return count; }); }"""
        counts = ask(page, coloured)
        assert min(counts) > 2000
        assert max(counts) - min(counts) < 0.02 * max(counts), "all of them show all points"
        slider(page, "Power").focus()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
            settle(page)
        assert ask(page, "view => view.points.gl.isContextLost()") is False
    open_compare(page, server.address)
    for _ in range(4):  # browsers keep sixteen contexts
        for name in ("Diversity", "Density", "Compare"):  # two maps, one, one
            go_to(page, name)
            wait_for_maps(page)
    assert ask(page, "view => view.points.gl.isContextLost()") is False
    assert lost == []
    page.close()


def test_a_context_that_is_lost_comes_back(compare: Page):
    assert ask(
        compare,
        """async view => {
            const { gl } = view.points, lose = gl.getExtension('WEBGL_lose_context');
            const event = name => new Promise(done => view.background.addEventListener(name, done, { once: true }));
            const lost = event('webglcontextlost');
            lose.loseContext();
            await lost;
            const gone = gl.isContextLost(), restored = event('webglcontextrestored');
            await new Promise(done => setTimeout(done, 50));
            lose.restoreContext();
            await restored;
            return gone;
        }""",
    )
    wait_until(
        compare,
        """view => { view.painted = ''; view.draw(); const gl = view.points.gl;
            const pixels = new Uint8Array(4 * view.background.width * view.background.height);
            gl.readPixels(0, 0, view.background.width, view.background.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
            return pixels.some(value => value > 0); }""",
    )


def test_without_webgl_plotly_draws_and_says_so(browser: BrowserContext, server: Server):
    page = browser.new_page()
    page.add_init_script(
        """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return /webgl/.test(kind) ? null : get.call(this, kind, ...more); };"""
    )
    page.goto(f"{server.address}/compare?m=8")
    page.get_by_text("This browser has no WebGL").wait_for()
    page.locator("[data-testid=stMain] .js-plotly-plot .main-svg").first.wait_for()
    settle(page)
    drawn = page.locator(".js-plotly-plot").first.evaluate(
        "chart => chart._fullData.filter(trace => / pick$/.test(trace.name)).map(trace => trace.x.length)"
    )
    assert drawn == [8, 8, 8]
    go_to(page, "Diversity")
    page.locator("[data-testid=stMain] .js-plotly-plot .main-svg").first.wait_for()
    settle(page)
    assert page.locator("[data-testid=stAlert]").count() == 0
    page.close()


# ---------------------------------------------------------------- addresses


def test_guessed_addresses_are_refused(compare: Page, server: Server, digits):
    scripts = ask(compare, "view => view.data.script")
    version = scripts.split("/")[2]
    for path in (
        "api/array/" + 32 * "0",
        "api/array/..%2F..%2Fetc%2Fpasswd",
        f"api/maps/{version}/maps.css",
        f"api/maps/{version}/..%2F__init__.py",
        f"api/maps/{16 * '0'}/index.js",
        f"api/words/digits/{64 * '0'}/5?encoder=bundled:mini",
        f"api/words/digits/{digits.features.fingerprint}/99999?encoder=bundled:mini",
        f"api/words/nothing/{digits.features.fingerprint}/5?encoder=bundled:mini",
    ):
        answer = compare.request.get(f"{server.address}/{path}")
        # Streamlit answers addresses that no route takes with its own page.
        assert 400 <= answer.status < 500 or answer.headers["content-type"].startswith("text/html"), path
    url = re.sub(r"/\{row\}", "/5", ask(compare, "view => view.data.words"))
    assert compare.request.get(f"{server.address}/{url}").json()["file"] == digits.images.paths[5]
