"""Foreign text stays text in a real browser: whatever files, folders, classes and links are called, nothing of it acts."""

from __future__ import annotations

import ast
import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from .helpers import (
    encode,
    hover,
    open_folder,
    picks,
    wait_for_maps,
    write_images,
)
from .server import Server, running_app, settle

pytestmark = pytest.mark.browser

HERE = Path(__file__).resolve().parent
ACTING = """() => [...document.querySelectorAll('a, area, .katex, iframe, img, embed')].filter(one =>
    one.matches('.katex, iframe, embed, img[onerror], img[src="x"], img[src*=evil]')
    || ['mailto:', 'xmpp:'].includes(one.protocol) || one.hostname && one.host !== location.host).map(one => one.outerHTML)"""
NAMES = (
    "www.evil.example",
    "http:__evil.example",
    "mail@evil.example",
    "$x^2$ and $y$",
    ":smile: :streamlit:",
    ":red[x] :material_home:",
    "a -> b -- c <- d",
    "![x](evil.example)",
    "<img src=x onerror=alert(1)>",
    "<a href='evil.example'>a<_a>",
    "# one",
    "1. two",
    "- three",
    "> four",
    "    five",
    "&lt;b&gt; &amp;",
    "[^1] |a|b| ~~s~~",
    "**b** _i_ `c`",
)


MARKUP = "a, img, .katex, script, iframe, table, ul, ol, blockquote, h1, h2, h3, em, del, code, pre, sup, sub, hr"
KINDS = ("stMarkdown", "stButton", "stCheckbox", "stMetricLabel", "stExpander", "stCaptionContainer", "stProgress")
SHOWN = """([count, kinds]) => {
  const found = [...Array(count).keys()].map(at => Object.fromEntries(kinds.map(kind =>
    [kind, document.querySelector(`.st-key-foreign-${at} [data-testid=${kind}]`)?.innerText])));
  const isThere = words => !['', 'keyboard_arrow_right'].includes((words ?? '').trim());
  return found.every(of => Object.values(of).every(isThere)) && found;
}"""


def foreign() -> tuple[str, ...]:
    """The texts of the page."""
    tree = ast.parse((HERE / "hostile_page.py").read_text(encoding="utf-8"))
    return next(
        ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and "FOREIGN" in ast.unparse(node)
    )


def collapsed(text: str) -> str:
    return " ".join(text.split())


def test_text_in_markdown_stays_text(browser: BrowserContext):
    with running_app("tests/browser/hostile_page.py") as server:
        page = browser.new_page()
        page.goto(server.address)
        texts = foreign()
        kinds = [*KINDS, "stAlertContentError", "stAlertContentSuccess"]
        found = page.wait_for_function(SHOWN, arg=[len(texts), kinds]).json_value()
        for at, (text, said) in enumerate(zip(texts, found, strict=True)):
            shown = collapsed(text)
            once = dict.fromkeys(KINDS[:4], shown) | {"stExpander": f"keyboard_arrow_right {shown}"}
            more = {"stCaptionContainer": f"{shown} · {shown}", "stProgress": f"Doing · {shown} · 3 s"}
            alerts = {"stAlertContentError": f"error {shown}", "stAlertContentSuccess": f"{shown} is there"}
            assert {kind: collapsed(words) for kind, words in said.items()} == once | more | alerts
            assert page.locator(f".st-key-foreign-{at} :is({MARKUP})").count() == 0, text
        page.locator("[data-testid=stButton] button").first.hover()
        tip = page.locator("[data-testid=stTooltipContent]").first
        tip.wait_for()
        assert collapsed(tip.inner_text()) == collapsed(texts[0])
        assert tip.locator("a").count() == 0
        page.close()


@pytest.fixture
def watched(browser: BrowserContext, server: Server) -> Iterator[Page]:
    """A page on which nothing may be asked of another host, and no script of a stranger may run."""
    of_ours = (server.address, "data:", "blob:", "file:")
    page = browser.new_page()
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(of_ours) else wrong.append(asked.url))
    yield page
    page.close()
    assert wrong == []


def assert_inert(page: Page) -> None:
    """Nothing on the page leads away, and no name has become markup."""
    assert page.evaluate(ACTING) == []
    assert page.locator("[data-testid=stException]").count() == 0


PAGES = ("", "data", "compare", "density", "diversity", "uslt", "review", "evaluate")
LINES = (
    "... http://evil.example/login",
    "www.evil.example",
    "mail@evil.example",
    "folder-$x$-:smile:",
    "[a](http://evil.example)",
)


def test_links_made_by_strangers_lead_nowhere(watched: Page, server: Server):
    for at, text in enumerate(LINES):
        path, key = PAGES[1 + at % (len(PAGES) - 1)], ("data", "encoder")[at % 2]
        watched.goto(f"{server.address}/{path}?{key}={quote(text)}")
        box = watched.locator("[data-testid=stAlertContentError]").first
        expect(box).to_contain_text(text)
        settle(watched)
        assert_inert(watched)
    others = ("pin", "m", "seed", "k", "methods", "colour", "map", "on", "toy", "lname", "t")
    for path in PAGES[:3]:
        watched.goto(f"{server.address}/{path}?{'&'.join(f'{name}={quote(LINES[0])}' for name in others)}&learn=true")
        watched.wait_for_selector("h1")
        settle(watched)
        assert_inert(watched)


@pytest.fixture(scope="module")
def album(root: Path) -> Path:
    """Hostile names for the folder, its classes and its files; one cannot be read, and one is there twice."""
    folder = root / "www.evil.example $x$ :smile: mail@evil.example"
    for at, name in enumerate(NAMES[:4]):
        write_images(folder / name, len(NAMES), seed=at, names=lambda number: f"{NAMES[number]}.png")
    (folder / f"{NAMES[0]}.jpg").write_bytes(b"no picture")
    shutil.copy(folder / NAMES[0] / f"{NAMES[1]}.png", folder / NAMES[1] / f"again {NAMES[2]}.png")
    for name in NAMES[4:]:
        (folder / name / "empty").mkdir(parents=True)
    return folder


def test_a_hostile_album_on_every_page(watched: Page, server: Server, album: Path, tmp_path: Path):
    page = watched
    open_folder(page, server.address, album)
    encode(page)
    assert_inert(page)
    header = page.locator(".st-key-header")
    expect(header).to_contain_text(album.name)
    page.get_by_text("Choose other images").click()
    page.locator(".st-key-folder-list button").first.wait_for()
    settle(page)
    assert_inert(page)
    listed = [collapsed(text) for text in page.locator(".st-key-folder-list button").all_inner_texts()]
    assert {collapsed(name) for name in NAMES} <= {text.removeprefix("folder ") for text in listed}

    gallery = page.locator("ol[aria-label='Images of the data set'] button")
    rows = gallery.evaluate_all("all => all.map(button => [button.title, button.querySelectorAll('*').length])")
    assert {count for _, count in rows} == {3}, "a picture and two lines, whatever the names hold"
    for at in (0, 5, 11, 17):
        title = gallery.nth(at).get_attribute("title") or ""
        gallery.nth(at).click()
        closer = page.locator("ol[aria-label='A closer look'] button")
        expect(closer).to_have_attribute("title", title)
        expect(closer.locator("span")).to_have_text(title)
        settle(page)
        assert_inert(page)

    page.locator("[data-testid=stSelectbox]").filter(has_text="Class").first.locator("input").click()
    options = page.locator("[role=option]")
    options.first.wait_for()
    assert [collapsed(text) for text in options.all_inner_texts()][1:] == sorted(
        NAMES[:4], key=options_order(options.all_inner_texts())
    )
    assert_inert(page)
    options.nth(1).click()
    settle(page)
    with page.expect_download() as problems:
        page.get_by_role("link", name="problems.csv").click()
    assert problems.value.suggested_filename == "problems.csv"
    found = list(csv.DictReader(io.StringIO(Path(problems.value.path()).read_text(encoding="utf-8-sig"))))
    assert [line["path"] for line in found] == [f"{NAMES[0]}.jpg"]

    query = page.url.partition("?")[2]
    page.goto(f"{server.address}/compare?{query}&m=12&colour=class&map=PCA")
    wait_for_maps(page)
    page.locator("ol[aria-label='Picks of USL'] button").first.click()
    page.wait_for_url("**pin=**")
    settle(page)
    assert_inert(page)
    card = page.locator(".maps .card")
    for row in picks(page, "USL")[:3]:
        hover(page, row, panel=2)
        assert card.evaluate("card => card.querySelectorAll('*').length === 2 + card.querySelectorAll('div > bdi').length")
    for key in ("class_bars",):
        chart = page.locator(f".st-key-{key} .js-plotly-plot")
        chart.scroll_into_view_if_needed()
        assert chart.locator("a, foreignObject, .MathJax").count() == 0
        box = chart.locator(".bars path, .points path").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
        expect(chart.locator(".hoverlayer text").first).to_be_visible()
        assert chart.locator(".hoverlayer a").count() == 0
    page.get_by_role("button", name="Write the report").click()
    link = page.get_by_role("link", name="Download report.html")
    link.wait_for()
    with page.expect_download() as report:
        link.click()
    page.get_by_role("button", name="Pack the picked images").click()
    link = page.get_by_role("link", name="Download picks.zip")
    link.wait_for()
    with page.expect_download() as archive:
        link.click()
    assert archive.value.suggested_filename == "picks.zip"
    for path in PAGES[3:]:
        page.goto(f"{server.address}/{path}?{query}&pin=3&learn=true")
        page.wait_for_selector("h1")
        settle(page)
        expect(page.locator(".st-key-header")).to_contain_text(album.name)
        assert_inert(page)

    report.value.save_as(tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert_inert(page)
    assert page.locator("main a[href*='evil'], main b, main em, main del").count() == 0


def options_order(shown: list[str]):
    """The order in which these are shown."""
    places = {collapsed(text): at for at, text in enumerate(shown)}
    return lambda name: places.get(name, -1)
