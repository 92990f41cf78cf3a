"""Names and colours of classes and clusters on the maps, in a real browser: where they stand, and who wears what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from usl_core.figures.categories import category_palette, places_on_map

from .helpers import ask, place_of, wait_for_maps, wait_until
from .server import running_app, settle

pytestmark = pytest.mark.browser
# Every name that is written while something is drawn, with its middle; names are drawn as small pictures of themselves.
WRITTEN = """async (view, what) => {
    const { picture } = await import(new URL(view.data.script.replace('index.js', 'picture.js'), document.baseURI).href);
    const names = [], { prototype } = CanvasRenderingContext2D, plain = prototype.drawImage;
    prototype.drawImage = function (image, x, y, width, height) {
        if (image.title) names.push({ text: image.title, x: x + width / 2, y: y + height / 2, width, direction: image.dir });
        return plain.apply(this, arguments);
    };
    try { if (what === 'picture') picture(view); else view.draw(); } finally { prototype.drawImage = plain; }
    return names;
}"""
PICKS = """view => view.panels.map(panel => panel.spec.picks.map(row => view.toScreen(panel, row)))"""


@pytest.fixture(scope="module")
def opened(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    with running_app("tests/browser/names_app.py") as server:
        page.goto(server.address)
        wait_for_maps(page)
        yield page
    page.close()


@pytest.fixture
def page(opened: Page) -> Page:
    """The page as it opens."""
    coloured_by(opened, "kind")
    ask(opened, "view => { view.hiddenCodes.clear(); view.searched?.clear(); view.reached = null; view.fill(); view.fit(); }")
    if names_button(opened).get_attribute("aria-pressed") != "true":
        names_button(opened).click()
    opened.mouse.move(2, 2)
    return opened


def coloured_by(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).check(force=True)
    settle(page)
    wait_until(page, f"view => view.data.colour === '{name}' && !('loading' in view.root.dataset)")


def names_button(page: Page) -> Locator:
    return page.locator(".maps .bar").get_by_role("button", name=re.compile("^Names"))


def written(page: Page, what: str = "screen") -> list[dict[str, Any]]:
    return ask(page, WRITTEN, what)


def names_of(texts: list[dict[str, Any]]) -> list[str]:
    return sorted({one["text"] for one in texts})


def look_at(page: Page, row: int, zoom: float) -> None:
    ask(
        page,
        """(view, [row, zoom]) => { const { low, high } = view.grid; view.camera.zoom = zoom;
            view.lookAt(...[0, 1].map(axis => (view.xy[2 * row + axis] - low[axis]) / (high[axis] - low[axis]))); }""",
        [row, zoom],
    )


def ids_of(page: Page, channel: str) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) coordinates and (n,) ids, as the browser has them."""
    xy, codes = ask(page, "(view, name) => [[...view.xy], [...view.codesOf(view.channel(name))]]", channel)
    return np.array(xy, dtype=np.float32).reshape(-1, 2), np.array(codes) - 1


def spots(page: Page, channel: str) -> list[dict[str, Any]]:
    return ask(
        page,
        """async (view, name) => {
            const labels = await import(new URL('labels.js', new URL(view.data.script, document.baseURI)).href);
            return labels.located(view.xy, view.codesOf(view.channel(name)), view.channel(name));
        }""",
        channel,
    )


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("channel", ["kind", "cluster"])
def test_every_name_has_its_place_where_its_points_are_densest(page: Page, channel):
    xy, ids = ids_of(page, channel)
    reach = 1.5 * float(np.ptp(xy, axis=0).max()) / 96
    found = spots(page, channel)
    sizes = np.bincount(ids)
    assert [one["id"] for one in found] == sorted(range(len(sizes)), key=lambda id: (-sizes[id], id))
    for one in found:
        mine = xy[ids == one["id"]]
        around = [(np.abs(mine - spot).max(axis=1) < reach).sum() for spot in mine]
        here = xy[one["rows"][0]]
        assert ids[one["rows"]].tolist() == [one["id"]] * len(one["rows"])
        assert (np.abs(mine - here).max(axis=1) < reach).sum() >= 0.6 * max(around), one["id"]


def test_what_lies_in_two_parts_is_named_in_one_of_them_and_in_the_other_where_that_is_out_of_sight(page: Page):
    xy, ids = ids_of(page, "kind")
    rows = next(one["rows"] for one in spots(page, "kind") if one["id"] == 0)
    mean = xy[ids == 0].mean(axis=0)
    assert len(rows) >= 2
    assert min(np.linalg.norm(xy[row] - mean) for row in rows) > 3
    assert "in two parts" in names_of(written(page))
    for row in (int(np.argmin(xy[:, 0] - xy[:, 1])), int(np.argmax(np.where(ids == 0, xy[:, 0], -99)))):
        look_at(page, row, 8)
        assert "in two parts" in names_of(written(page)), row


@pytest.mark.parametrize(("channel", "zoom"), [("kind", 1), ("cluster", 1), ("cluster", 6), ("few", 1)])
def test_no_name_lies_on_another_and_none_of_many_on_a_pick(page: Page, channel, zoom):
    coloured_by(page, channel)
    if zoom > 1:
        look_at(page, 1200, zoom)
    texts = written(page)
    panels = ask(page, "view => view.panels.map(({ x, y, width, height }) => [x, y, width, height])")
    for (left, top, width, height), picks in zip(panels, ask(page, PICKS), strict=True):
        mine = [one for one in texts if left <= one["x"] <= left + width and top <= one["y"] <= top + height]
        assert mine
        boxes = [
            (one["x"] - one["width"] / 2 + 0.5, one["y"] - 6, one["x"] + one["width"] / 2 - 0.5, one["y"] + 6) for one in mine
        ]
        for a, b in itertools.combinations(boxes, 2):
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], (a, b)
        assert all(left <= box[0] and box[2] <= left + width and top <= box[1] and box[3] <= top + height for box in boxes)
        if channel != "few":
            for box, (x, y) in itertools.product(boxes, picks):
                assert not (box[0] < x < box[2] and box[1] < y < box[3]), (box, x, y)


def test_zooming_in_brings_the_names_of_the_small_ones(page: Page):
    coloured_by(page, "cluster")
    _, ids = ids_of(page, "cluster")
    far, sizes = written(page), np.bincount(ids)
    named = [int(text) for text in names_of(far)]
    assert 20 < len(named) < 150
    assert sizes[named].mean() > sizes.mean(), "the largest first"
    smallest = int(np.argmin(sizes))
    row = int(np.flatnonzero(ids == smallest)[0])
    look_at(page, row, 40)
    assert str(smallest) in names_of(written(page))


def test_difficult_names_are_shortened_turned_and_no_markup(page: Page):
    ask(page, "view => { view.hiddenMethods.add('USL').add('Random'); view.ask(); }")  # so that there is room for all
    texts = {one["text"]: one for one in written(page)}
    ask(page, "view => { view.hiddenMethods.clear(); view.ask(); }")
    assert "an extraordinarily…" in texts
    assert "<b>bold</b>" in texts
    assert "👩‍👩‍👧‍👧 family" in texts
    assert texts["חתול"]["direction"] == "rtl"
    arabic = next(one for text, one in texts.items() if text.startswith("قطة"))
    assert arabic["direction"] == "rtl"
    assert arabic["text"].endswith("…")
    assert {texts[name]["direction"] for name in texts if name.startswith("kind")} == {"ltr"}
    _, ids = ids_of(page, "kind")
    row = int(np.flatnonzero(ids == 1)[70])
    look_at(page, row, 100)  # where no other is as near
    page.mouse.move(*place_of(page, row))
    expect(page.locator(".maps .card")).to_contain_text("an extraordinarily long name of a class")


def test_the_button_hides_and_shows_the_names_and_pictures_have_them(page: Page):
    assert len(written(page)) > 20
    assert names_of(written(page, "picture")) == names_of(written(page))
    names_button(page).focus()
    page.keyboard.press("Enter")
    expect(names_button(page)).to_have_attribute("aria-pressed", "false")
    expect(names_button(page)).to_be_focused()
    assert written(page) == written(page, "picture") == []
    coloured_by(page, "few")
    assert written(page) == [], "the choice stays"
    names_button(page).click()
    assert names_of(written(page)) == [f"few {at}" for at in range(6)]
    coloured_by(page, "distance")
    assert written(page) == []
    expect(names_button(page)).to_have_count(0)


# ---------------------------------------------------------------- colours


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


def pixels_of(page: Page, rows: list[int]) -> list[list[int]]:
    """The colours of points on the screen, far in."""
    return ask(
        page,
        """async (view, rows) => {
            view.peaksShown = false; view.hiddenMethods.add('USL').add('Random'); view.camera.zoom = 300;
            const found = [];
            for (const row of rows) {
                const { low, high } = view.grid, at = axis => (view.xy[2 * row + axis] - low[axis]) / (high[axis] - low[axis]);
                view.lookAt(at(0), at(1));
                view.painted = ''; view.draw();
                const gl = view.points.gl, [x, y] = view.toScreen(view.panels[0], row), pixel = new Uint8Array(4);
                gl.readPixels(Math.floor(x * view.ratio), view.background.height - 1 - Math.floor(y * view.ratio), 1, 1,
                              gl.RGBA, gl.UNSIGNED_BYTE, pixel);
                found.push([...pixel].map((value, part) => part < 3 ? value * 255 / pixel[3] : value));
            }
            view.hiddenMethods.clear(); view.fit();
            return found;
        }""",
        rows,
    )


@pytest.mark.parametrize(("channel", "count"), [("kind", 24), ("cluster", 150), ("few", 6)])
def test_points_and_legend_have_the_colours_of_the_library(page: Page, channel, count):
    coloured_by(page, channel)
    xy, ids = ids_of(page, channel)
    theme = ask(page, "view => view.look.name")
    worn = np.array(category_palette(count, theme))[places_on_map(xy, ids, count)]
    dots = page.locator(".maps .key .dot").evaluate_all("dots => dots.map(dot => getComputedStyle(dot).backgroundColor)")
    assert dots == [rgb(colour) for colour in worn]
    rows = np.random.default_rng(0).choice(len(ids), 8, replace=False).tolist()
    for row, pixel in zip(rows, pixels_of(page, rows), strict=True):
        expected = [int(worn[ids[row]][at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(np.array(pixel[:3]) - expected).max() < 30, (row, pixel, expected)  # others may shine through


def test_the_legend_of_many_says_how_they_share_is_searched_and_filters(page: Page):
    coloured_by(page, "cluster")
    key = page.locator(".maps .key")
    expect(key).to_contain_text("cluster: 150 share 48 colours, neighbours never the same")
    entries = key.locator(".list button")
    expect(entries).to_have_count(150)
    search = key.get_by_role("searchbox", name="Find a cluster in the legend")
    search.fill("14")
    assert entries.all_inner_texts() == ["14", "114", "140", "141", "142", "143", "144", "145", "146", "147", "148", "149"]
    entries.first.click()
    assert ask(page, "view => [...view.hiddenCodes.get('cluster')]") == [15]
    assert "14" not in names_of(written(page)), "what is dimmed has no name"
    key.get_by_role("button", name="Dim all").click()
    assert len(ask(page, "view => [...view.hiddenCodes.get('cluster')]")) == 12
    search.fill("")
    key.get_by_role("button", name="Dim all").click()
    assert written(page) == []
    key.get_by_role("button", name="Show all").click()
    entries.nth(7).click(modifiers=["Shift"])
    assert names_of(written(page)) == ["7"]
    expect(entries.nth(8)).to_have_attribute("aria-pressed", "false")
    key.get_by_role("button", name="Show all").click()
    search.fill("no such")
    expect(key).to_contain_text("No cluster is called so.")


def test_typing_and_scrolling_in_the_legend_outlive_a_change(page: Page):
    coloured_by(page, "cluster")
    listed = page.locator(".maps .key .list")
    listed.evaluate("list => { list.scrollTop = 60; }")
    listed.locator("button").nth(60).focus()
    page.keyboard.press("Enter")
    assert listed.evaluate("list => list.scrollTop") > 20
    expect(listed.locator("button").nth(60)).to_be_focused()
    search = page.locator(".maps .key input")
    search.press_sequentially("1+0")  # which elsewhere would zoom
    expect(search).to_have_value("1+0")
    assert ask(page, "view => view.camera.zoom") == 1
    coloured_by(page, "kind")
    coloured_by(page, "cluster")
    expect(page.locator(".maps .key input")).to_have_value("1+0")


def test_tab_stops_once_in_a_list_and_arrows_go_through_it(page: Page):
    coloured_by(page, "cluster")
    key = page.locator(".maps .key")
    key.get_by_role("button", name="Dim all").focus()
    page.keyboard.press("Tab")
    expect(key.locator(".list button").first).to_be_focused()
    for pressed, at in (
        ("ArrowRight", 1),
        ("ArrowDown", 2),
        ("ArrowLeft", 1),
        ("End", 149),
        ("ArrowRight", 149),
        ("ArrowUp", 148),
    ):
        page.keyboard.press(pressed)
        expect(key.locator(".list button").nth(at)).to_be_focused()
    page.keyboard.press(" ")
    assert ask(page, "view => [...view.hiddenCodes.get('cluster')]") == [149]
    expect(key.locator(".list button").nth(148)).to_be_focused()
    page.keyboard.press("Tab")
    expect(key.get_by_role("button", name="USL")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(key.locator(".list button").nth(148)).to_be_focused()


def test_names_of_many_classes_are_in_the_legend(page: Page):
    key = page.locator(".maps .key")
    expect(key).to_contain_text("kind: 24, a colour each")
    key.get_by_role("searchbox").fill("EXTRA")
    assert key.locator(".list button").all_inner_texts() == ["an extraordinarily long name of a class"]
    expect(key.locator(".list b")).to_have_count(0)
