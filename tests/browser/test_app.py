"""From a folder to a decision, in a real browser on a real server."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect

import usl_core as usl
from usl_core.cli.parser import main as command_line

from . import helpers
from .helpers import (
    HOSTILE,
    button,
    encode,
    go_to,
    hover,
    open_compare,
    open_folder,
    picks,
    slider,
    wait_for_maps,
    wait_until_encoded,
)
from .server import Server, running_app, settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def photos(root: Path) -> Path:
    """Two classes, two broken files, a copy."""
    folder = root / "photos"
    helpers.write_images(folder / "cats", 30, seed=1)
    helpers.write_images(folder / "dogs", 30, seed=2)
    (folder / "dogs" / "broken.jpg").write_bytes(b"this is no picture")
    (folder / "cats" / "empty.png").write_bytes(b"")
    shutil.copy(folder / "cats" / "0000.png", folder / "dogs" / "copy.png")
    return folder


def test_every_page_is_there_when_its_link_is_the_first_request(browser: BrowserContext, root: Path):
    """One server per page: the first request decides how Streamlit finds its pages."""
    links = {
        "/": "Which m",
        "/data?data=shapes": "What do I have?",
        "/compare?m=7": "Which method",
        "/density": "Who is typical?",
        "/diversity": "What does the regulariser do?",
        "/uslt": "How does learning",
        "/review": "Is this pick worth its label?",
        "/evaluate": "Does it help?",
    }
    for path, heading in links.items():
        with running_app(USL_DATA_ROOTS=str(root)) as fresh:
            page = browser.new_page()
            page.goto(fresh.address + path)
            expect(page.locator("h1")).to_contain_text(heading)
            settle(page)
            menu = page.locator("[data-testid=stSidebarNavLink]").all_inner_texts()
            shown = [re.sub(r".*\n", "", text) for text in menu]
            assert shown == ["Home", "Data", "Compare", "Density", "Diversity", "USL-T", "Review", "Evaluate"]
            if "m=7" in path:
                wait_for_maps(page)
                assert len(picks(page, "USL")) == 7
            page.close()


def test_from_a_folder_to_files(page: Page, server: Server, photos: Path, tmp_path: Path):
    page.goto(server.address)
    page.wait_for_selector("h1")
    settle(page)
    button(page, "start-folder").click()
    page.wait_for_url("**/data")
    settle(page)
    page.locator(".st-key-folder-list button").filter(has_text="photos").first.click()
    page.wait_for_function("document.querySelector('.st-key-typed-folder input').value.endsWith('photos')")
    settle(page)
    button(page, "use-folder").click()
    page.wait_for_url("**/data?data=folder-*")
    encode(page)
    text = page.inner_text("[data-testid=stMain]")
    assert "Files that could not be used: 2" in text
    assert "dogs/broken.jpg" in text
    assert "Groups of exact copies: 1" in text
    with page.expect_download() as problems:
        page.get_by_role("link", name="problems.csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(problems.value.path()).read_text(encoding="utf-8"))))
    assert {row["path"] for row in rows} == {"dogs/broken.jpg", "cats/empty.png"}
    assert str(photos) not in page.url
    assert "photos" not in page.url

    page.get_by_role("link", name="Compare the methods").click()
    page.wait_for_url("**/compare?*")
    wait_for_maps(page)
    features = usl.encode(photos)
    graph = usl.find_neighbors(features)
    params = {"n_neighbors": 20, "reg_weight": 0.5, "reg_power": 1.0}
    for label, name, key, value in (
        ("Neighbours k", "n_neighbors", "k", 21),
        ("Weight λ", "reg_weight", "rlambda", 0.55),
        ("Power α", "reg_power", "alpha", 1.25),
    ):
        slider(page, label).focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("([k, v]) => new URL(location.href).searchParams.get(k) === v", arg=[key, str(value)])
        params[name] = value
        expected = usl.select(features, 40, "usl", usl.UslParams(**params), neighbors=graph)
        helpers.wait_for_picks(page, "USL", expected.indices.tolist())

    taken = tmp_path / "taken"
    taken.mkdir()
    for name in ("picks.csv", "picks.npy", "run.json"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == name
        download.value.save_as(taken / name)
    assert np.load(taken / "picks.npy").tolist() == expected.indices.tolist()
    listed = list(csv.DictReader(io.StringIO((taken / "picks.csv").read_text(encoding="utf-8"))))
    assert [row["path"] for row in listed] == [features.images.paths[row] for row in expected.indices]
    assert json.loads((taken / "run.json").read_text())["params"]["reg_weight"] == 0.55
    again = ["select", "--from", str(taken / "run.json"), "--out", str(taken / "again"), "--quiet"]
    assert command_line(again) == 0
    assert np.load(taken / "again" / "picks.npy").tolist() == expected.indices.tolist()

    page.get_by_role("button", name="Pack the picked images").click()
    link = page.get_by_role("link", name="Download picks.zip")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == [*(row["path"] for row in listed), "run.json"]
        assert archive.read(listed[0]["path"]) == (photos / listed[0]["path"]).read_bytes()
    page.get_by_role("button", name="Write the report").click()
    link = page.get_by_role("link", name="Download report.html")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    report = Path(download.value.path()).read_text(encoding="utf-8")
    assert "photos" in report
    assert listed[0]["path"].rpartition("/")[2] in report


def test_mean_and_deviation_over_seeds_come_by_themselves(page: Page, server: Server):
    open_compare(page, server.address, "?m=10&methods=Random&methods=USL")
    page.wait_for_function("document.body.innerText.includes('over seeds 0 to 9. Point')")
    demo = usl.load_demo("digits")
    compared = usl.compare(demo.features, 10, ["random", "usl"], seeds=range(10), neighbors=demo.neighbors)
    mean, deviation = compared.mean_and_sd("random", "k_center_radius")
    assert f"{mean:.3f} ± {deviation:.3f}" in page.inner_text("[data-testid=stMain]")


def test_cancel_half_way_and_resume(page: Page, server: Server, root: Path):
    folder = root / "many"
    helpers.write_many(folder, 1900)
    server.wait_until_idle()
    open_folder(page, server.address, folder)
    helpers.start_encoding(page)
    page.wait_for_function(
        "() => { const m = /([\\d,]+) of 1,900 images/.exec(document.body.innerText);"
        " return m && Number(m[1].replace(',', '')) > 1050 && !document.body.innerText.includes('checked'); }",
    )
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled at").wait_for()
    assert server.workers() == []
    page.reload()
    page.get_by_text("Cancelled at").wait_for()
    assert server.workers() == [], "showing a cancelled job is not asking for it"
    page.get_by_role("button", name="Resume").click()
    seen = page.wait_for_function(
        "() => { const m = /([\\d,]+) of 1,900 images,/.exec(document.body.innerText); return m && m[1].replace(',', ''); }",
    )
    assert int(seen.json_value()) >= 1024, "the finished part was encoded again"
    wait_until_encoded(page)
    settle(page)
    assert "1,900" in page.inner_text("[data-testid=stMain]")


def test_a_job_outlives_a_reload_and_is_seen_in_a_second_tab(browser: BrowserContext, server: Server, root: Path):
    folder = root / "reload"
    helpers.write_many(folder, 1500)
    server.wait_until_idle()
    first, second = browser.new_page(), browser.new_page()
    open_folder(first, server.address, folder)
    helpers.start_encoding(first)
    first.get_by_text("Encoding ·").wait_for()
    workers = server.wait_for_workers(1)  # what measured the cost of it makes room
    first.reload()
    first.get_by_text("Encoding ·").wait_for()
    second.goto(first.url)
    second.get_by_text("Encoding ·").wait_for()
    assert server.workers() == workers, "the job was started again"
    second.get_by_role("button", name="Cancel").click()
    second.get_by_text("It goes on, because another open page wants it too.").wait_for()
    assert server.workers() == workers, "one visitor's cancel stopped another's job"
    wait_until_encoded(first)
    second.reload()
    wait_until_encoded(second)
    first.close()
    second.close()


def test_a_killed_child_is_explained_and_the_app_lives(page: Page, server: Server, root: Path):
    folder = root / "killed"
    helpers.write_many(folder, 500)
    open_folder(page, server.address, folder)
    helpers.start_encoding(page)
    page.get_by_text("Encoding ·").wait_for()
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    page.get_by_text("its process was killed (SIGKILL)").wait_for()
    page.get_by_role("button", name="Try again").click()
    wait_until_encoded(page)
    settle(page)


def test_no_worker_outlives_its_server(browser: BrowserContext, root: Path):
    folder = root / "orphan"
    helpers.write_many(folder, 500)
    for how in (signal.SIGKILL, signal.SIGTERM):
        with running_app(USL_DATA_ROOTS=str(root)) as mortal:
            page = browser.new_page()
            open_folder(page, mortal.address, folder)
            helpers.start_encoding(page)
            page.get_by_text("Encoding ·").wait_for()
            (worker,) = mortal.workers()
            mortal.process.send_signal(how)
            mortal.process.wait(timeout=20)
            deadline = time.monotonic() + 10
            while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
                if "zombie" in Path(f"/proc/{worker}/status").read_text():
                    break  # dead; who adopts it in a container may never collect it
                time.sleep(0.05)
            else:
                assert not Path(f"/proc/{worker}").exists(), f"the worker outlived a server that got {how.name}"
            page.close()


def test_two_tabs_keep_their_own_data_and_settings(browser: BrowserContext, server: Server):
    first, second = browser.new_page(), browser.new_page()
    open_compare(first, server.address, "?data=digits&m=12")
    open_compare(second, server.address, "?data=shapes&m=9&seed=4")
    slider(first, "Weight λ").focus()
    first.keyboard.press("ArrowRight")
    first.wait_for_url("**lambda=0.55**")
    settle(first)
    go_to(second, "Data")
    go_to(second, "Compare")
    wait_for_maps(second)
    digits, shapes = usl.load_demo("digits"), usl.load_demo("shapes")
    mine = usl.select(digits.features, 12, "usl", usl.UslParams(reg_weight=0.55), neighbors=digits.neighbors)
    theirs = usl.select(shapes.features, 9, "usl", seed=4, neighbors=shapes.neighbors)
    assert picks(first, "USL") == mine.indices.tolist()
    assert picks(second, "USL") == theirs.indices.tolist()
    first.close()
    second.close()


def test_back_and_forward_repeat_each_view(page: Page, server: Server):
    page.goto(server.address)
    page.wait_for_selector("h1")
    settle(page)
    button(page, "start-demo").click()
    page.wait_for_url("**/compare")
    wait_for_maps(page)
    go_to(page, "Data")
    button(page, "open-shapes").click()
    page.wait_for_url("**/data?data=shapes")
    settle(page)
    go_to(page, "Compare")
    page.wait_for_url("**/compare?data=shapes")
    views = [("/data?data=shapes", "What do I have?", "Shapes"), ("/data", "What do I have?", "digits")]
    views += [("/compare", "Which method", "digits"), ("/", "Which m images", "side by side")]
    for address, heading, fact in views:
        page.go_back()
        page.wait_for_url(server.address + address)
        expect(page.locator("h1")).to_contain_text(heading)
        expect(page.locator(".st-key-header")).to_contain_text(fact)
    for _ in views:
        page.go_forward()
        settle(page)
    page.wait_for_url(server.address + "/compare?data=shapes")
    expect(page.locator(".st-key-header")).to_contain_text("Shapes")


def test_the_folder_vanishes_under_the_app(page: Page, server: Server, root: Path):
    folder = root / "gone"
    helpers.write_images(folder, 25)
    open_folder(page, server.address, folder)
    encode(page)
    shutil.rmtree(folder)
    open_compare(page, server.address, f"?{page.url.partition('?')[2]}&m=5&pin=3&map=PCA")
    assert len(picks(page, "USL")) == 5
    expect(page.locator("ol[aria-label='A closer look'] i")).to_have_text("gone")
    go_to(page, "Data")
    button(page, "again").click()
    page.get_by_text("does not exist").wait_for()
    helpers.write_images(folder, 25)
    page.get_by_role("button", name="Try again").click()
    wait_until_encoded(page)


def test_hostile_names_are_inert_everywhere(browser: BrowserContext, server: Server, root: Path):
    folder = root / "<b>bold![x](http:evil)"
    for at, name in enumerate(("<i>one", "*two*")):
        helpers.write_images(folder / name, len(HOSTILE), seed=at, names=lambda number: HOSTILE[number])
    (folder / "<u>broken.jpg").write_bytes(b"no")
    page = browser.new_page()
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if f"//{server.address[7:]}/" in request.url else wrong.append(request.url))
    open_folder(page, server.address, folder)
    encode(page)
    assert "<u>broken.jpg" in page.inner_text("[data-testid=stMain]")
    page.get_by_role("link", name="Compare the methods").click()
    page.wait_for_url("**/compare?*")
    page.locator(".st-key-m input").fill("15")
    page.locator(".st-key-m input").press("Enter")
    page.wait_for_url("**m=15**")
    wait_for_maps(page)
    page.locator("ol[aria-label='Picks of USL'] button").first.click()
    page.wait_for_url("**pin=**")
    settle(page)
    card = page.locator(".maps .card")
    for row in picks(page, "USL")[:4]:
        hover(page, row, panel=2)
        assert card.evaluate("card => card.querySelectorAll('*').length === 2 + card.querySelectorAll('div > bdi').length")
    main = page.locator("[data-testid=stMain]")
    assert main.locator("b, i, u, em, strong, script").filter(has_text=re.compile("bold|one|two|broken")).count() == 0
    assert page.locator("img[onerror], img[src='x']").count() == 0
    assert [url for url in wrong if not url.startswith(("data:", "blob:"))] == []
    page.close()


def test_no_way_out_through_the_page(page: Page, server: Server, root: Path):
    (root / "link").symlink_to("/etc")
    page.goto(f"{server.address}/data")
    page.wait_for_selector("h1")
    settle(page)
    field = page.locator(".st-key-typed-folder input")
    for path in ("/etc", "..", f"{root}/../..", f"{root}/link", f"{root}x"):
        field.fill(path)
        field.press("Enter")
        expect(page.get_by_test_id("stAlert")).to_contain_text(f"{path}' is not inside a folder that this server may open")
        settle(page)
        assert field.input_value() == path
        button(page, "use-folder").click()
        settle(page)
        expect(page.get_by_test_id("stAlert")).to_contain_text("is not inside a folder that this server may open")
        assert "data=" not in page.url


def test_a_public_server_shows_demos_only(browser: BrowserContext, root: Path, photos: Path):
    with running_app(USL_DATA_ROOTS=str(root), USL_READ_ONLY="1") as public:
        page = browser.new_page()
        page.goto(f"{public.address}/data?encoder=torchvision:resnet18")
        page.wait_for_selector("h1")
        settle(page)
        text = page.inner_text("body")
        assert "My folder" not in text
        assert "This public server does not encode" in text
        assert page.get_by_role("button", name="Encode with").count() == 0
        page.close()


def test_galleries_work_by_keyboard_and_the_view_can_be_copied(browser: BrowserContext, server: Server):
    browser.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.address)
    page = browser.new_page()
    open_compare(page, server.address, "?m=8&colour=class")
    first = page.locator("ol[aria-label='Picks of USL'] button").first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**pin=*")
    assert int(re.search(r"pin=(\d+)", page.url)[1]) == picks(page, "USL")[1]
    expect(page.locator("ol[aria-label='Picks of USL'] button[aria-pressed=true]")).to_have_count(1)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.close()


def test_files_of_jobs_are_nobody_elses(server: Server):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{server.address}/api/file/AAAAAAAAAAAAAAAAAAAAAA")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{server.address}/api/image/digits/small/{'0' * 32}")


CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below) => { const a = top[3] ?? 1; return top.slice(0, 3).map((v, i) => v * a + below[i] * (1 - a)); };
  const light = c => { const l = c.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const parent = e => e.parentElement ?? e.getRootNode().host;
  const weak = [];
  const visit = root => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
      const box = element.getBoundingClientRect();
      // Icons need 3 only, the value of a slider stands beside the thumb that it belongs to, the ends of its scale are hidden.
      const exempt = ['svg, style, script, [disabled], [aria-disabled=true], [data-testid=stIconMaterial]',
                      '[data-testid=stSliderThumbValue], [data-testid=stSliderTickBar]'].join();
      if (!own || box.width < 2 || box.height < 2 || element.closest(exempt) || element.textContent === '…') continue;
      let opacity = 1, hidden = false, layers = [];
      for (let at = element; at; at = parent(at)) {
        const style = getComputedStyle(at);
        opacity *= Number(style.opacity);
        hidden ||= style.visibility === 'hidden' || style.display === 'none' || style.clipPath.startsWith('inset');
        layers.push(parse(style.backgroundColor));
      }
      if (hidden) continue;
      let ground = [255, 255, 255];
      for (const layer of layers.reverse()) if (layer.length) ground = over(layer.length === 3 ? [...layer, 1] : layer, ground);
      const ink = parse(getComputedStyle(element).color);
      const shown = over([ink[0], ink[1], ink[2], (ink[3] ?? 1) * opacity], ground);
      const [a, b] = [light(shown), light(ground)].sort((x, y) => y - x);
      const ratio = (a + .05) / (b + .05);
      if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${element.tagName} ${element.textContent.trim().slice(0, 40)}`);
    }
  };
  visit(document.body);
  return [...new Set(weak)];
}"""


@pytest.mark.parametrize("path", ["/", "/data", "/compare?pin=5"])
def test_all_text_reaches_contrast_aa_and_no_page_scrolls_sideways(browser: BrowserContext, server: Server, path: str):
    page = browser.new_page()
    page.goto(server.address + path)
    page.wait_for_selector("h1")
    if "compare" in path:
        wait_for_maps(page)
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        settle(page)
        with contextlib.suppress(TimeoutError):  # colours fade from theme to theme
            page.wait_for_function(f"({CONTRASTS})().length === 0", timeout=5000)
        assert page.evaluate(CONTRASTS) == [], theme
    for width in (1440, 420):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)
        main = "document.querySelector('[data-testid=stMain]')"
        assert page.evaluate(f"{main}.scrollWidth - {main}.clientWidth") <= 1
    page.close()
