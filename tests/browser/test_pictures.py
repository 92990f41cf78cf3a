"""The maps' mode "pictures" in a real browser: which images are shown and where, what moving and clicking do."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

import usl_core as usl

from .helpers import ask, go_to, open_compare, place_of, slider, wait_for_maps, wait_until
from .server import Server, running_app, settle

pytestmark = pytest.mark.browser
LOADED = """view => view.pictures.on && view.frame === undefined && view.pictures.loader?.timer === undefined
    && view.pictures.loader?.wanted.every(row => view.pictures.loader.sheet.has(row))"""
SHOWN = """(view, panel) => view.pictures.shown[panel].map(({ row, at, x, y, side, under }) =>
    ({ row, at, x: x - view.panels[panel].x, y: y - view.panels[panel].y, side, under: under ?? 0 }))"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_app() as running:
        yield running


@pytest.fixture(scope="module")
def digits():
    return usl.load_demo("digits")


@pytest.fixture(scope="module")
def opened(browser: BrowserContext, server: Server) -> Iterator[Page]:
    page = browser.new_page()
    open_compare(page, server.address, "?m=30")
    yield page
    page.close()


@pytest.fixture
def compare(opened: Page) -> Page:
    """Compare with pictures on, seen as a whole."""
    ask(opened, "view => { view.hiddenMethods.clear(); view.hiddenCodes.clear(); view.fit(); }")
    opened.mouse.move(5, 5)
    if not ask(opened, "view => view.pictures.on"):
        button(opened).click()
    wait_until(opened, LOADED)
    return opened


def button(page: Page):
    return page.locator(".maps .bar").first.get_by_role("button", name="Pictures")


def look(page: Page, zoom: float, x: float = 0.5, y: float = 0.5) -> None:
    ask(page, "(view, [zoom, x, y]) => { view.camera.zoom = zoom; view.lookAt(x, y); }", [zoom, x, y])
    page.wait_for_timeout(100)
    wait_until(page, LOADED)


def shown(page: Page, panel: int = 0) -> list[dict]:
    return ask(page, SHOWN, panel)


def others(page: Page, panel: int = 0) -> list[dict]:
    return [one for one in shown(page, panel) if one["at"] < 0]


def canvas_pixels(page: Page, panel: int, one: dict) -> np.ndarray:
    """What stands on the screen in the middle half of a picture, as 4 x 4 grey values of 8 bits."""
    side = one["side"]
    found = ask(
        page,
        """(view, [panel, x, y, w]) => { const at = view.panels[panel], r = view.ratio;
            const data = view.over.getContext('2d').getImageData((at.x + x) * r, (at.y + y) * r, w * r, w * r);
            return [data.width, data.height, ...data.data]; }""",
        [panel, one["x"] + side / 4, one["y"] + side / 4, side / 2],
    )
    grey = np.array(found[2:], dtype=float).reshape(found[1], found[0], 4)[:, :, :3].mean(axis=2)
    small = Image.fromarray(grey.astype(np.uint8)).resize((4, 4), Image.Resampling.BOX)
    return np.asarray(small, dtype=float)


def overlap(one: dict, other: dict) -> float:
    """The share of the smaller picture that both have in common."""
    wide, high = (
        min(one[axis] + one["side"], other[axis] + other["side"]) - max(one[axis], other[axis]) for axis in ("x", "y")
    )
    return max(wide, 0) * max(high, 0) / min(one["side"], other["side"]) ** 2


def inside(one: dict, x: float, y: float) -> bool:
    return one["x"] <= x <= one["x"] + one["side"] and one["y"] <= y <= one["y"] + one["side"]


def on_screen(page: Page, rows: list[int], panel: int = 0) -> list[list[float]]:
    """Places of rows within a panel."""
    return ask(
        page,
        """(view, [rows, at]) => { const panel = view.panels[at];
            return rows.map(row => view.toScreen(panel, row)).map(([x, y]) => [x - panel.x, y - panel.y]); }""",
        [rows, panel],
    )


# ---------------------------------------------------------------- picks


def test_picks_are_their_images_in_the_methods_frame(compare: Page, digits):
    for panel in range(3):
        colour = ask(compare, "(view, panel) => view.panels[panel].spec.style.colour", panel)
        rows = ask(compare, "(view, panel) => view.panels[panel].spec.picks", panel)
        framed = [one for one in shown(compare, panel) if one["at"] >= 0]
        assert len(framed) > 4
        assert [one["row"] for one in framed] == [rows[one["at"]] for one in framed]
        top = framed[-1]
        assert top["at"] == min(one["at"] for one in framed), "the best is on top"
        exact = np.asarray(usl.open_image(digits.images, top["row"]).convert("L"), dtype=float)[2:6, 2:6]
        assert np.abs(canvas_pixels(compare, panel, top) - exact).mean() < 25
        sides = ask(
            compare,
            """(view, [panel, x, y, side]) => { const at = view.panels[panel], r = view.ratio;
                const over = view.over.getContext('2d');
                const line = (x, y, w, h) => [...over.getImageData((at.x + x) * r, (at.y + y) * r, w, h).data];
                return [line(x - 1, y, 1, side), line(x + side, y, 1, side), line(x, y + side, side, 1)]; }""",
            [panel, round(top["x"]), round(top["y"]), top["side"]],
        )
        frame = np.concatenate([np.reshape(side, (-1, 4))[:, :3] for side in sides])  # what lies over it in places is signs
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(frame - wanted).max(axis=1) < 40).mean() > 0.5


@pytest.mark.parametrize("zoom", [1, 1.3, 2.5, 6])
def test_no_heap_hides_a_pick_and_none_is_lost(compare: Page, zoom: float):
    look(compare, zoom, 0.4, 0.55)
    for panel in range(3):
        framed = [one for one in shown(compare, panel) if one["at"] >= 0]
        for at, one in enumerate(framed):
            assert all(overlap(one, other) <= 0.121 for other in framed[:at])
        picks = ask(compare, "(view, panel) => view.panels[panel].spec.picks", panel)
        width, height = ask(compare, "(view, at) => [view.panels[at].width, view.panels[at].height]", panel)
        under = dict.fromkeys((one["at"] for one in framed), 0)
        for at, (x, y) in enumerate(on_screen(compare, picks, panel)):
            if at in under or not (0 < x < width and 0 < y < height):
                continue
            above = [one["at"] for one in framed if inside(one, x, y)]
            if above:
                under[min(above)] += 1
        assert {one["at"]: one["under"] for one in framed} == under


def test_what_is_hidden_by_the_legend_has_no_picture(compare: Page):
    ask(compare, "view => { view.hiddenMethods.add('USL'); view.ask(); }")
    compare.wait_for_timeout(200)
    assert [one["at"] for one in shown(compare, 2)] == [-1] * len(shown(compare, 2))
    assert any(one["at"] >= 0 for one in shown(compare, 0))


# ---------------------------------------------------------------- images that stand for others


def best_of_cells(page: Page, digits, panel: int = 0) -> dict[tuple[int, int], int]:
    """The densest row of every cell of the map at the level that is shown."""
    level, codes = ask(
        page, "view => [view.pictures.level, [...view.codesOf(view.data.channels.find(one => one.kind === 'quantity'))]]"
    )
    cells = np.floor(np.asarray(digits.maps["umap"], dtype=float) * 2.0**level).astype(int)
    best: dict[tuple[int, int], int] = {}
    for row in np.lexsort((-np.arange(len(cells)), codes)).tolist():  # of equals the first
        best[tuple(cells[row].tolist())] = row
    return best


@pytest.mark.parametrize("zoom", [1.5, 3, 7.3])
def test_each_cell_shows_its_densest_image_where_it_lies(compare: Page, digits, zoom: float):
    ask(compare, "view => view.panels.forEach(panel => view.hiddenMethods.add(panel.spec.style.label))")
    row = ask(compare, "view => view.panels[2].spec.picks[0]")
    xy = np.asarray(digits.maps["umap"], dtype=float)
    x, y = (xy[row] - xy.min(axis=0)) / (xy.max(axis=0) - xy.min(axis=0))
    look(compare, zoom, x, y)
    found = {one["row"]: one for one in others(compare)}
    assert found
    level, scale, width, height = ask(
        compare,
        "view => [view.pictures.level, view.scale(view.panels[0]), view.panels[0].width, view.panels[0].height]",
    )
    side = 2.0**-level * scale
    assert 44 <= side < 120
    best = best_of_cells(compare, digits)
    left, top = ask(compare, "view => view.toMap(view.panels[0], 0, 0)")
    expected = set()
    for (cx, cy), row in best.items():
        cell = (cx * side - left * scale, top * scale - (cy + 1) * side)  # its upper left corner in pixels
        if row in found:
            one = found[row]
            for axis, corner in zip("xy", cell, strict=True):
                assert corner - 0.01 <= one[axis], "it keeps to its cell"
                assert one[axis] + one["side"] <= corner + side + 0.01
        if cell[0] + side > 0 and cell[1] + side > 0 and cell[0] < width and cell[1] < height:
            expected.add(row)
    assert set(found) <= expected
    # What is missing lies in a cell that the rim cuts, with its picture outside.
    for row in expected - set(found):
        ((px, py),) = on_screen(compare, [row])
        assert not (0 <= px <= width and 0 <= py <= height), row
    for row, (px, py) in zip(found, on_screen(compare, list(found)), strict=True):
        assert abs(px - found[row]["x"] - found[row]["side"] / 2) <= side / 2
        assert abs(py - found[row]["y"] - found[row]["side"] / 2) <= side / 2


def test_moving_changes_no_image_and_zooming_in_only_adds(compare: Page, digits):
    ask(compare, "view => view.panels.forEach(panel => view.hiddenMethods.add(panel.spec.style.label))")
    look(compare, 2.2, 0.55, 0.5)
    before = {one["row"]: one for one in others(compare)}
    assert len(before) >= 3
    width, height = ask(compare, "view => [view.panels[0].width, view.panels[0].height]")
    for dx, dy in ((7, 0), (23, -11), (60, 35), (-90, 20)):
        ask(compare, "(view, [dx, dy]) => { view.pan(view.panels[0], dx, dy); }", [dx, dy])
        compare.wait_for_timeout(60)
        wait_until(compare, LOADED)
        after = {one["row"]: one for one in others(compare)}
        for row, one in before.items():
            if 0 < one["x"] + dx < width - one["side"] and 0 < one["y"] + dy < height - one["side"]:
                assert after[row]["x"] - one["x"] == pytest.approx(dx, abs=0.01)
                assert after[row]["y"] - one["y"] == pytest.approx(dy, abs=0.01)
        for row, one in after.items():
            if 0 < one["x"] - dx < width - one["side"] and 0 < one["y"] - dy < height - one["side"]:
                assert row in before
        before = after
    look(compare, 2.2, 0.55, 0.5)
    wide = {one["row"] for one in others(compare)}
    look(compare, 4.4, 0.55, 0.5)
    close = {one["row"] for one in others(compare)}
    for row, (x, y) in zip(sorted(wide), on_screen(compare, sorted(wide)), strict=True):
        if 0 < x < width and 0 < y < height:
            assert row in close


def test_a_class_that_the_legend_dims_stands_for_nobody(page: Page, server: Server, digits):
    open_compare(page, server.address, "?m=10&colour=class")
    button(page).click()
    look(page, 2)
    entries = page.locator(".maps .key button[aria-label^='Dim or show class']")
    labels = np.asarray(digits.images.labels)
    first = labels[others(page)[0]["row"]]
    entries.nth(int(first)).click()
    wait_until(page, LOADED)
    rows = [one["row"] for at in range(3) for one in others(page, at)]
    assert rows
    assert first not in labels[rows]


# ---------------------------------------------------------------- what a hand does


def test_button_and_key_switch_and_pages_remember(page: Page, server: Server):
    open_compare(page, server.address, "?m=8")
    assert button(page).get_attribute("aria-pressed") == "false"
    assert ask(page, "view => view.pictures.shown.flat()") == []
    page.locator(".maps .stage").focus()
    page.keyboard.press("p")
    expect(button(page)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".maps .live")).to_contain_text("Images")
    wait_until(page, LOADED)
    assert shown(page)
    slider(page, "Weight λ").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**lambda=0.55**")
    settle(page)
    assert ask(page, "view => view.pictures.on")
    go_to(page, "Data")
    go_to(page, "Compare")
    wait_for_maps(page)
    assert button(page).get_attribute("aria-pressed") == "true"
    wait_until(page, LOADED)
    page.locator(".maps .stage").focus()
    page.keyboard.press("p")
    expect(button(page)).to_have_attribute("aria-pressed", "false")
    assert ask(page, "view => view.pictures.on") is False
    wait_until(page, "view => view.pictures.shown.flat().length === 0")
    go_to(page, "Diversity")
    wait_for_maps(page)
    expect(button(page)).to_be_visible()
    page.goto(f"{server.address}/diversity?on=moons")
    wait_for_maps(page)
    expect(page.locator(".maps .bar").first.get_by_role("button", name="Fit")).to_be_visible()
    expect(page.locator(".maps .bar").get_by_role("button", name="Pictures")).to_have_count(0)


def test_a_picture_is_pointed_at_and_pinned_as_its_point(compare: Page):
    look(compare, 1.6, 0.55, 0.5)
    box = compare.locator(".maps .stage").bounding_box()
    left, top, width, height = ask(compare, "view => ['x', 'y', 'width', 'height'].map(side => view.panels[1][side])")
    pictures = shown(compare, 1)

    def corner_of(one: dict) -> tuple[float, float] | None:
        """A place near the lower left of it, where its own point is not."""
        x, y = one["x"] + 5, one["y"] + one["side"] - 5
        above = pictures[pictures.index(one) + 1 :]
        return (x, y) if 0 < x < width and 0 < y < height and not any(inside(other, x, y) for other in above) else None

    places = {kind: [(one, corner_of(one)) for one in pictures if (one["at"] >= 0) is kind] for kind in (True, False)}
    for kind in (True, False):
        free = [(one, place) for one, place in places[kind] if place is not None]
        assert free
        one, (x, y) = free[0]
        compare.mouse.move(box["x"] + left + x, box["y"] + top + y)
        expect(compare.locator(".maps .card").first).to_have_attribute("data-row", str(one["row"]))
    compare.mouse.click(box["x"] + left + x, box["y"] + top + y)
    compare.wait_for_url(f"**pin={one['row']}*")
    settle(compare)
    assert ask(compare, "view => view.data.pinned") == one["row"]


def test_the_saved_picture_shows_what_is_on_the_screen(compare: Page):
    look(compare, 2, 0.55, 0.5)
    one = shown(compare, 2)[-1]
    on_canvas = canvas_pixels(compare, 2, one)
    with compare.expect_download() as download:
        compare.locator(".maps .bar").first.get_by_role("button", name="PNG").click()
    saved = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("L")
    ratio = saved.width / ask(compare, "view => view.stage.clientWidth")
    x, y = ask(compare, "view => [view.panels[2].x, view.panels[2].y]")
    side = one["side"]
    left, top = (x + one["x"] + side / 4) * ratio, (y + one["y"] + side / 4) * ratio
    part = saved.crop(tuple(round(value) for value in (left, top, left + side / 2 * ratio, top + side / 2 * ratio)))
    assert np.abs(np.asarray(part.resize((4, 4), Image.Resampling.BOX), dtype=float) - on_canvas).mean() < 12


# ---------------------------------------------------------------- the server is slow, or gone


def until_asked(page: Page, waiting: list[Route]) -> None:
    """Until a request waits; then time enough for a second one, which must not come."""
    for _ in range(300):
        if waiting:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(400)
    assert len(waiting) == 1, "at most one is under way"


def answered(page: Page, waiting: list[Route]) -> list[int]:
    """Let one request after the other pass until all is there; how many rows each asked for."""
    asked = []
    for _ in range(600):
        assert len(waiting) <= 1, "at most one is under way"
        if waiting:
            asked.append(len(waiting[0].request.url.rpartition("/")[2].partition("?")[0].split(",")))
            waiting.pop().continue_()
        elif ask(page, LOADED):
            return asked
        page.wait_for_timeout(100)
    raise AssertionError("the pictures never come")


def test_one_request_at_a_time_and_what_is_shown_stays(page: Page, server: Server):
    open_compare(page, server.address, "?m=200")
    waiting: list[Route] = []
    page.route("**/api/atlas/**", lambda route: waiting.append(route))
    button(page).click()
    until_asked(page, waiting)
    assert ask(page, "view => view.pictures.shown.flat().length") == 0, "marks stand there meanwhile"
    assert max(answered(page, waiting)) <= 300
    assert 0 < ask(page, "view => view.pictures.shown.flat().length") <= 300
    ask(
        page,
        """view => { view.panels.forEach(panel => view.hiddenMethods.add(panel.spec.style.label));
            const { low, high } = view.grid, at = axis => (view.xy[axis] - low[axis]) / (high[axis] - low[axis]);
            view.camera.zoom = 2; view.lookAt(at(0), at(1)); }""",
    )
    page.wait_for_timeout(200)
    answered(page, waiting)
    before = ask(page, "view => view.pictures.shown.flat().map(one => one.row)")
    assert before
    level = ask(page, "view => view.pictures.level")
    ask(page, "view => { view.camera.zoom = 5; view.ask(); }")
    until_asked(page, waiting)
    assert ask(page, "view => view.pictures.level") == level
    stand = ask(page, "view => view.pictures.shown.flat().map(one => one.row)")
    assert set(stand) <= set(before)
    assert stand, "the images of the wider view, until those of the closer one are there"
    answered(page, waiting)
    assert ask(page, "view => view.pictures.level") > level


def test_a_server_that_has_none_is_not_asked_for_ever(page: Page, server: Server):
    open_compare(page, server.address, "?m=8")
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404, content_type="text/plain", body="unknown images")

    page.route("**/api/atlas/**", refuse)
    button(page).click()
    expect(page.locator(".maps .live")).to_contain_text("could not be loaded")
    expect(page.locator(".maps .notice")).to_be_visible()
    expect(page.locator(".maps .notice")).to_contain_text("The pictures could not be loaded.")
    page.mouse.move(*place_of(page, 5))
    page.wait_for_timeout(800)
    assert len(asked) == 1
    assert ask(page, "view => view.pictures.shown.flat()") == []
    page.unroute("**/api/atlas/**")
    page.wait_for_timeout(4000)
    ask(page, "view => view.zoom(1.5)")
    wait_until(page, LOADED)
    assert shown(page)
    expect(page.locator(".maps .notice")).to_be_hidden()
