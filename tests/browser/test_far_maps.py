"""The maps of many points with a few far ones: what the first view shows, what is told of the rest, that 16 bits at first leave
hover and lasso exact; picks on each other; clusters outlined."""

from __future__ import annotations

import hashlib
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pages.ui.maps.arrays import ArrayStore
from pages.ui.maps.coordinates import split

from .helpers import ask, camera, place_of, wait_for_maps, wait_until
from .server import running_app, settle

pytestmark = pytest.mark.browser
WAIT_FOR_INDEX = "async view => { await view.indexed; }"
LOAD = "const load = name => import(new URL(view.data.script.replace('index.js', name), document.baseURI));"
COUNTS = (
    f"async view => {{ {LOAD} const edges = await load('edges.js');"
    """
    return view.panels.map(panel => edges.counts(view, panel)); }"""
)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """What the page shows: its own names."""
    with patch("pages.ui.maps.show", MagicMock(return_value=None)):
        return runpy.run_path(str(Path(__file__).with_name("far_panels.py")))


@pytest.fixture(scope="module")
def opened(browser: BrowserContext) -> Iterator[Page]:
    with running_app("tests/browser/far_app.py") as server:
        page = browser.new_page()
        page.goto(server.address)
        wait_for_maps(page)
        ask(page, WAIT_FOR_INDEX)
        yield page
        page.close()


@pytest.fixture
def far(opened: Page) -> Page:
    """The page as at first."""
    opened.mouse.move(5, 5)
    ask(opened, "view => { view.walk = null; view.goHome(); }")
    opened.wait_for_timeout(150)
    return opened


def tell(page: Page) -> str:
    return page.locator(".maps .stage").get_attribute("aria-description") or ""


def visible(page: Page) -> tuple[float, float, float, float]:
    """The rectangle of the map that a panel shows: x0, y0, x1, y1."""
    return tuple(
        ask(
            page,
            """view => { const panel = view.panels[0], [x0, y1] = view.toMap(panel, 0, 0);
                const [x1, y0] = view.toMap(panel, panel.width, panel.height); return [x0, y0, x1, y1]; }""",
        )
    )


def beyond(xy: np.ndarray, box: tuple[float, float, float, float]) -> dict[str, int]:
    x, y = xy.astype(float).T
    x0, y0, x1, y1 = box
    across = (x >= x0) & (x <= x1)
    sides = {"left": x < x0, "right": x > x1, "top": across & (y > y1), "bottom": across & (y < y0)}
    return {side: int(behind.sum()) for side, behind in sides.items()}


# ---------------------------------------------------------------- the first view and its edges


def test_the_first_view_leaves_the_specks_out_and_counts_them(far: Page, made: dict[str, Any]):
    rest = made["xy"][made["RIGHT"] + made["BELOW"] :]
    box = visible(far)
    assert box[0] < rest[:, 0].min()
    assert box[1] < rest[:, 1].min()
    assert box[2] > rest[:, 0].max()
    assert box[3] > rest[:, 1].max()
    assert ask(far, COUNTS)[0] == {"left": 0, "right": made["RIGHT"], "top": 0, "bottom": made["BELOW"]}
    assert "40 to the right, 7 below" in tell(far)
    labels = ask(far, "view => view.edges.map(edge => [edge.panel, edge.side, edge.text])")
    said = {(panel, side): text for panel, side, text in labels}
    assert said[0, "right"].startswith("40 images, 1 pick to the right")
    assert said[0, "bottom"].startswith("7 images, 1 pick below")
    assert said[1, "right"].startswith("40 images to the right"), "the pick in there is the other method's"


def test_the_counts_stay_right_while_the_maps_move(far: Page, made: dict[str, Any]):
    rng = np.random.default_rng(1)
    for _ in range(25):
        ask(
            far,
            "(view, [x, y, zoom]) => { view.goHome(); view.zoom(zoom); view.pan(view.panels[0], x, y); }",
            [*rng.uniform(-300, 300, 2).tolist(), float(rng.uniform(0.2, 30))],
        )
        assert ask(far, COUNTS)[0] == beyond(made["xy"], visible(far))


def test_fit_and_key_0_show_all_and_the_first_view_comes_back(far: Page):
    home = camera(far)
    far.locator(".maps .stage").focus()
    far.keyboard.press("0")
    expect(far.locator(".maps .live")).to_have_text("All 120,000 images in view.")
    assert camera(far) == [0.5, 0.5, 1]
    assert ask(far, "view => view.edges") == []
    far.locator(".maps .bar").get_by_role("button", name="99 %").click()
    assert camera(far) == pytest.approx(home)
    far.locator(".maps .bar").get_by_role("button", name="Fit").click()
    assert camera(far) == [0.5, 0.5, 1]


def test_a_click_on_a_label_moves_there(far: Page, made: dict[str, Any]):
    box = far.locator(".maps .stage").bounding_box()
    left, top, right, bottom = ask(far, "view => view.edges.find(edge => edge.side === 'right').box")
    place = (box["x"] + (left + right) / 2, box["y"] + (top + bottom) / 2)
    far.mouse.move(*place)
    assert "click to move there" in far.locator(".maps .stage").get_attribute("title")
    far.mouse.click(*place)
    x0, y0, x1, y1 = visible(far)
    x, y = made["xy"][: made["RIGHT"]].T
    assert ((x > x0) & (x < x1) & (y > y0) & (y < y1)).all()
    far.mouse.move(5, 5)


def test_another_window_keeps_the_first_view_until_somebody_moves(far: Page):
    before = camera(far)
    far.set_viewport_size({"width": 620, "height": 900})
    wait_until(far, "view => view.panels[0].y !== view.panels[1].y || view.panels[0].width < 320")
    x0, _, x1, _ = visible(far)
    assert x1 - x0 < 20, "still without the specks"
    far.set_viewport_size({"width": 1440, "height": 1000})
    wait_until(far, "(view, zoom) => Math.abs(view.camera.zoom - zoom) < 1e-6", before[2])


# ---------------------------------------------------------------- 16 bits and exact


def test_the_browser_has_every_bit_of_the_coordinates_in_the_end(far: Page, made: dict[str, Any]):
    assert ask(far, "view => view.grid.ready")
    digest = """async view => { const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', view.xy));
        return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(''); }"""
    assert ask(far, digest) == hashlib.sha256(made["xy"].tobytes()).hexdigest()


def test_the_first_picture_needs_one_half_and_finds_nothing_inexactly(browser: BrowserContext, made: dict[str, Any]):
    page, held = browser.new_page(), []
    fine = ArrayStore.digest(split(made["xy"]).fine)
    with running_app("tests/browser/far_app.py") as server:
        page.route(f"**/api/array/{fine}", lambda route: held.append(route))
        page.goto(server.address)
        page.wait_for_selector(".maps[data-drawn]:not([data-loading])")
        assert ask(page, "view => view.grid.ready") is False
        place = place_of(page, 3000)
        page.mouse.move(*place)
        page.wait_for_timeout(300)
        expect(page.locator(".maps .card")).to_be_hidden()
        near = ask(page, "view => [...view.xy.subarray(0, 20000)]")
        extent = np.ptp(made["xy"], axis=0)
        assert (np.abs(np.array(near).reshape(-1, 2) - made["xy"][:10000]) <= extent / 65536).all()
        assert len(held) == 1
        held[0].continue_()
        ask(page, WAIT_FOR_INDEX)
        assert ask(page, "view => [...view.xy.subarray(6000, 6002)]") == made["xy"][3000].tolist()
        page.mouse.move(place[0] + 1, place[1])
        expect(page.locator(".maps .card")).to_be_visible()
    page.close()


def test_what_is_nearest_is_nearest_by_the_coordinates_of_python(far: Page, made: dict[str, Any]):
    xy = made["xy"].astype(float)
    rng = np.random.default_rng(2)
    places = np.concatenate([xy[rng.choice(len(xy), 40)] + rng.normal(0, 1e-3, (40, 2)), rng.uniform(-5, 5, (40, 2))])
    found = ask(far, "(view, places) => places.map(([x, y]) => view.grid.nearest(x, y, 0.05))", places.tolist())
    for place, row in zip(places, found, strict=True):
        distance = ((xy - place) ** 2).sum(axis=1)
        best = int(distance.argmin())
        assert row == (best if distance[best] <= 0.05**2 else -1)


def test_a_lasso_holds_what_the_coordinates_of_python_say_even_far_in(far: Page, made: dict[str, Any]):
    xy = made["xy"].astype(float)
    for size in (3.0, 1e-2, 1e-4):  # the last one is smaller than a step of the first picture's 16 bits
        middle = xy[2000]
        turn = np.sort(np.random.default_rng(3).uniform(0, 2 * np.pi, 9))
        outline = middle + size * np.column_stack([np.cos(turn), np.sin(turn)])
        rows = ask(far, "(view, outline) => view.grid.inside(outline)", outline.tolist())
        assert rows == inside(xy, outline).tolist()
        assert 2000 in rows


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    odd = np.zeros(len(points), dtype=bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        crosses = (ax > points[:, 0]) != (bx > points[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            odd ^= crosses & (ay + (points[:, 0] - ax) * (by - ay) / (bx - ax) > points[:, 1])
    return odd.nonzero()[0]


# ---------------------------------------------------------------- picks on each other


def fan(page: Page) -> list[list[float]]:
    """Row and place on the screen of each pick that has moved apart."""
    return ask(
        page,
        """view => { const box = view.stage.getBoundingClientRect();
            return (view.fan?.members ?? []).map(({ row, to }) => [row, box.left + to[0], box.top + to[1]]); }""",
    )


def test_picks_on_each_other_move_apart_under_the_pointer_and_each_can_be_chosen(far: Page, made: dict[str, Any]):
    pile = sorted(made["pile"].tolist())
    far.mouse.move(*place_of(far, pile[0]))
    spread = fan(far)
    assert sorted(row for row, _, _ in spread) == pile
    places = np.array([place for _, *place in spread])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)[~np.eye(len(pile), dtype=bool)]
    assert apart.min() > 2 * ask(far, "view => view.fan.size"), "no mark touches another"
    far.wait_for_timeout(300)
    for row, x, y in spread:
        far.mouse.move(x, y)
        wait_until(far, "(view, row) => view.card.element.dataset.row === String(row)", row)
        assert sorted(row for row, _, _ in fan(far)) == pile, "it stays open"
    row, x, y = spread[-1]
    far.mouse.click(x, y)
    far.get_by_text(f"pinned: {row}").wait_for()
    settle(far)
    far.mouse.move(5, 5)
    wait_until(far, "view => !view.fan")


def test_a_pick_that_lies_alone_stays_where_it_is_and_moving_closes_a_fan(far: Page, made: dict[str, Any]):
    far.mouse.move(*place_of(far, made["others"][4]))
    far.wait_for_timeout(200)
    spread = {row for row, _, _ in fan(far)}
    assert not spread & set(made["pile"].tolist())
    far.mouse.move(*place_of(far, int(made["pile"][0])))
    assert fan(far)
    far.mouse.wheel(0, -120)
    wait_until(far, "view => !view.fan")


def test_the_keys_walk_through_a_pile_too(far: Page, made: dict[str, Any]):
    far.locator(".maps .stage").focus()
    ask(far, "view => { view.walk = null; }")
    far.keyboard.press("End")
    far.keyboard.press("End")
    seen = []
    for _ in range(len(made["pile"])):
        seen.append(ask(far, "view => view.panels[0].spec.picks[view.walk.at]"))
        assert seen[-1] in [row for row, _, _ in fan(far)]
        far.keyboard.press("ArrowLeft")
    assert seen == made["pile"].tolist()[::-1]
    far.keyboard.press("Escape")
    assert fan(far) == []


# ---------------------------------------------------------------- the cluster of a pick


def test_the_cluster_of_a_hovered_pick_is_outlined_and_no_other(far: Page, made: dict[str, Any]):
    row = made["others"][5]
    far.mouse.move(*place_of(far, row))
    wait_until(far, "view => view.lit?.image")
    rows = ask(
        far,
        f"async view => {{ {LOAD} const halo = await load('halo.js');"
        """
            return [...halo.rowsOf(view.lit.codes, view.lit.code)]; }""",
    )
    assert rows == np.flatnonzero(made["clusters"] == made["clusters"][row]).tolist()
    drawn = """view => { const { image } = view.lit;
        const { data } = image.getContext('2d').getImageData(0, 0, image.width, image.height);
        const panel = view.panels[view.lit.panel], found = [], finer = image.width / panel.width;
        for (let at = 3; at < data.length; at += 4) if (data[at] > 128) {
            const place = (at - 3) / 4, x = place % image.width, y = Math.floor(place / image.width);
            found.push(view.toMap(panel, x / finer, y / finer)); }
        return [found, view.scale(panel)]; }"""
    line, scale = ask(far, drawn)
    mine = made["xy"][rows].astype(float)
    away = np.array([np.linalg.norm(mine - place, axis=1).min() for place in np.array(line)[::17]]) * scale
    assert len(line) > 200
    assert away.min() > 6, "it touches no image of the cluster"
    assert away.max() < 14, "it is around them"
    far.mouse.move(5, 5)
    wait_until(far, "view => !view.lit")


def test_a_method_without_clusters_outlines_nothing(far: Page, made: dict[str, Any]):
    far.mouse.move(*place_of(far, made["others"][5], panel=1))
    wait_until(far, "view => !view.card.element.hidden")
    assert ask(far, "view => view.lit") is None


# ---------------------------------------------------------------- sizes


def test_marks_shrink_with_their_number_and_grow_with_panel_and_zoom(far: Page):
    look = ask(
        far,
        f"async view => {{ {LOAD} const marks = await load('marks.js');"
        """
            const panel = (m, side) => ({ width: side, height: side, spec: { picks: Array(m) } });
            const seen = (n, near, fill = 0.15) => ({ data: { n, xy: { fill } }, nearness: () => near });
            return {
                picks: [4, 40, 250, 1000].map(m => [1, 8].map(near => marks.pickLook(seen(2000, near), panel(m, 400)).radius)),
                fills: [0.02, 0.06, 0.2].map(fill => marks.pickLook(seen(2000, 1, fill), panel(40, 400)).radius),
                sides: [300, 450, 700].map(side => marks.pickLook(seen(2000, 1), panel(250, side)).radius),
                points: [10, 300, 2000, 50000, 1000000].map(
                    n => [1, 8].map(near => marks.pointLook(seen(n, near), panel(1, 400)))),
            }; }""",
    )
    at_first = [radius for radius, _ in look["picks"]]
    assert at_first == sorted(at_first, reverse=True)
    assert at_first[0] > 2 * at_first[-1] >= 4
    assert all(near > first for first, near in look["picks"])
    assert look["sides"] == sorted(look["sides"])
    assert look["fills"] == sorted(look["fills"])
    assert look["fills"][0] < look["fills"][1] < look["fills"][2], "on a map with much empty room they leave more of the rest"
    sizes = [first["size"] for first, _ in look["points"]]
    strengths = [first["strength"] for first, _ in look["points"]]
    assert sizes == sorted(sizes, reverse=True)
    assert strengths == sorted(strengths, reverse=True)
    assert sizes[0] > 4 * sizes[-1] > 4
    assert all(near["size"] >= first["size"] and near["strength"] >= first["strength"] for first, near in look["points"])
