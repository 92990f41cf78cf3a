"""Sprite atlases: which tile shows which image, and what is refused to those who ask for anything else."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

import usl_core as usl
from pages.ui import addresses
from pages.ui.access import folders, sources, uploads
from pages.ui.server import atlas, guard, routes
from pages.ui.server import pictures as served
from usl_core.pipeline import prepared
from usl_core.pipeline.prepared import load_prepared, prepare

COLOURS = np.array([(0, 0, 255), (255, 0, 0), (0, 200, 0), (250, 250, 0), (200, 0, 200), (0, 220, 220), (20, 20, 20)])
GREY = np.array([128, 128, 128])


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=list(routes.ROUTES), middleware=list(guard.MIDDLEWARE))
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture(autouse=True)
def _nothing_is_kept():
    served.forget()
    atlas.forget()


@pytest.fixture
def album(root: Path) -> Path:
    """Seven images of one colour each, wide and tall by turns, with a white margin at the ends that a square leaves out."""
    folder = root / "album"
    folder.mkdir()
    for at, colour in enumerate(COLOURS):
        picture = np.full((100, 200, 3), 255, dtype=np.uint8)
        picture[:, 40:160] = colour
        Image.fromarray(picture if at % 2 else picture.transpose(1, 0, 2)).save(folder / f"{at}.png")
    return folder


def ask(client: TestClient, name: str, made, rows: object, side: object = 64, **changed: str):
    text = rows if isinstance(rows, str) else ",".join(map(str, rows))
    url = addresses.atlas_url(name, made).replace("{side}", str(side)).replace("{rows}", text)
    for old, new in changed.items():
        url = url.replace(getattr(made.features, old), new)
    return client.get("/" + url)


def tiles_of(answer, count: int, side: int = 64) -> list[np.ndarray]:
    """The tiles, cut out by the layout that the script counts on."""
    with Image.open(io.BytesIO(answer.content)) as sheet:
        assert sheet.format == "JPEG"
        assert sheet.size == (20 * side, -(-count // 20) * side)
        pixels = np.asarray(sheet.convert("RGB"))
    return [pixels[at // 20 * side :, at % 20 * side :][:side, :side].astype(int) for at in range(count)]


# ---------------------------------------------------------------- which tile shows what


@pytest.mark.parametrize("side", [64, 96])
def test_each_tile_is_the_middle_of_its_image(client, album, side):
    made, name = prepare(str(album)), sources.name_of(album)
    for rows in ([0, 1, 2, 3, 4, 5, 6], [2, 5], [6]):
        answer = ask(client, name, made, rows, side)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        for row, tile in zip(rows, tiles_of(answer, len(rows), side), strict=True):
            at = int(made.images.paths[row].partition(".")[0])
            assert np.abs(tile - COLOURS[at]).max() < 20, "no margin, and nothing of the next tile"


def test_a_tile_is_the_same_whatever_stands_beside_it(client):
    made = load_prepared("demo:digits")
    rows = sorted(np.random.default_rng(0).choice(len(made.images), 300, replace=False).tolist())
    together = tiles_of(ask(client, "digits", made, rows), 300)
    for at in (0, 1, 19, 20, 21, 150, 299):
        (alone,) = tiles_of(ask(client, "digits", made, [rows[at]]), 1)
        assert np.array_equal(alone, together[at]), at


def test_tiles_of_a_demo_are_its_images(client):
    made = load_prepared("demo:digits")
    rows = sorted(np.random.default_rng(1).choice(len(made.images), 41, replace=False).tolist())
    for row, tile in zip(rows, tiles_of(ask(client, "digits", made, rows), 41), strict=True):
        small = tile.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3, 4))
        exact = np.asarray(usl.open_image(made.images, row).convert("L"), dtype=float)
        assert np.abs(small - exact).mean() < 8, row


def test_images_of_any_shape_get_a_tile(client, root):
    folder = root / "shapes"
    folder.mkdir()
    for width, height in ((1, 1), (900, 1), (1, 900), (3, 2), (64, 64), (1200, 700)):
        Image.new("RGB", (width, height), (200, 30, 60)).save(folder / f"{width}x{height}.png")
    made = prepare(str(folder))
    for tile in tiles_of(ask(client, sources.name_of(folder), made, range(6)), 6):
        assert np.abs(tile - [200, 30, 60]).max() < 20


# ---------------------------------------------------------------- what is refused


def test_the_browser_keeps_what_is_whole(client):
    made = load_prepared("demo:digits")
    assert ask(client, "digits", made, [3, 7]).headers["cache-control"] == "private, max-age=86400, immutable"


@pytest.mark.parametrize(
    "rows",
    [
        *("", ",", "1,", ",1", "1,,2", "1 2", "1;2", "1-3", "0x1", "1.0", "1e1", "+1", "-1", "-1,2", "NaN", "{rows}", "null"),
        *("2,1", "1,1", "0,0", "3,5,4", "01", "1,02", "00", "\u0661", "1,\u0662", "1%00", "1\n", "1,2\n", "%2e%2e", "1/2"),
        *("1797", "0,1797", "999999999999", "9999999999999", "9" * 400, "true", "[1,2]", "1%2C2%2C1"),
    ],
)
def test_rows_that_are_none_are_404_and_tell_nothing(client, rows):
    made = load_prepared("demo:digits")
    assert len(made.images) == 1797
    answer = ask(client, "digits", made, rows.replace("\n", "%0a"))
    assert answer.status_code == 404
    assert len(answer.content) < 60
    assert answer.headers["cache-control"] == "no-store"


@given(st.lists(st.integers(-2, 1800), min_size=1, max_size=8))
def test_only_ascending_rows_that_exist_are_rows(rows):
    text = ",".join(map(str, rows))
    if rows == sorted(set(rows)) and rows[0] >= 0:
        assert atlas._rows_of(text) == tuple(rows)
    else:
        with pytest.raises(LookupError):
            atlas._rows_of(text)


def test_more_rows_than_a_map_shows_at_once_are_refused(client):
    made = load_prepared("demo:digits")
    assert ask(client, "digits", made, range(300)).status_code == 200
    assert ask(client, "digits", made, range(301)).status_code == 404
    assert ask(client, "digits", made, range(1797)).status_code == 404


@pytest.mark.parametrize("side", ["0", "63", "65", "128", "4096", "-64", "64.0", "064", "", "huge", "%00", "..", "99999999"])
def test_other_sizes_are_refused(client, side):
    assert ask(client, "digits", load_prepared("demo:digits"), [1], side).status_code == 404


def test_made_up_features_load_nothing(client, album, monkeypatch):
    made, name = prepare(str(album)), sources.name_of(album)
    loaded: list[str] = []
    for module, called in ((served, "known_images"), (served, "prepared_images"), (prepared, "load_demo")):
        monkeypatch.setattr(module, called, lambda *given, **more: loaded.append(str(given)))
    for change in ({"fingerprint": 32 * "0"}, {"fingerprint": "x"}, {"encoder": "x"}, {"encoder": "timm:x"}):
        assert ask(client, name, made, [0], **change).status_code == 404
    for other in ("nothing", "folder-0000000000000000", "demo:digits", "..", "%2e%2e%2f", "digits%00"):
        assert ask(client, other, made, [0]).status_code == 404
    assert loaded == []


def test_one_data_sets_features_do_not_open_another(client, album):
    made = prepare(str(album))
    assert ask(client, "digits", made, [0]).status_code == 404
    assert ask(client, sources.name_of(album), load_prepared("demo:digits"), [0]).status_code == 404


def test_a_public_demo_hands_out_its_demos_alone(client, album, monkeypatch):
    made, name = prepare(str(album)), sources.name_of(album)
    assert ask(client, name, made, [0, 1]).status_code == 200
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    assert ask(client, name, made, [0, 1]).status_code == 404, "also what is kept"
    assert ask(client, "digits", load_prepared("demo:digits"), [0, 1]).status_code == 200


def test_a_folder_outside_the_roots_is_closed_although_its_atlas_is_kept(client, album, monkeypatch, tmp_path):
    made, name = prepare(str(album)), sources.name_of(album)
    assert ask(client, name, made, [0, 1]).status_code == 200
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(folders.ENV_ROOTS, str(tmp_path / "other"))
    assert ask(client, name, made, [0, 1]).status_code == 404


def test_an_upload_is_gone_with_its_session_and_no_other_upload_answers_for_it(client, root):
    folder = uploads.uploads().new_folder()
    for at, colour in enumerate(COLOURS):
        Image.new("RGB", (40, 40), tuple(colour.tolist())).save(folder / f"{at}.png")
    mine = uploads.uploads().add("me", folder, folder)
    made = prepare(str(folder))
    assert ask(client, mine.name, made, [0, 1]).status_code == 200
    other = uploads.uploads().new_folder()
    Image.new("RGB", (40, 40), "red").save(other / "other.png")
    theirs = uploads.uploads().add("they", other, other)
    assert ask(client, theirs.name, made, [0, 1]).status_code == 404, "they have no such features"
    assert ask(client, "upload-" + 16 * "0", made, [0, 1]).status_code == 404
    uploads.uploads().remove(mine.name)
    assert ask(client, mine.name, made, [0, 1]).status_code == 404


def test_foreign_pages_and_hosts_get_nothing(client):
    made = load_prepared("demo:digits")
    url = "/" + addresses.atlas_url("digits", made).replace("{side}", "64").replace("{rows}", "1,2")
    assert client.get(url).status_code == 200
    assert client.get(url, headers={"host": "evil.example"}).status_code == 400
    assert client.get(url, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post(url).status_code == 405


# ---------------------------------------------------------------- what cannot be read


def test_an_image_that_cannot_be_read_is_a_grey_tile_and_nothing_is_kept(client, album):
    made, name = prepare(str(album)), sources.name_of(album)
    files = [album / path for path in made.images.paths]
    kept = [file.read_bytes() for file in files]
    files[1].unlink()
    files[3].write_bytes(b"no picture")
    files[5].write_bytes(kept[6])  # another image than the one that was scanned
    answer = ask(client, name, made, range(7))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for row, tile in enumerate(tiles_of(answer, 7)):
        at = int(made.images.paths[row].partition(".")[0])
        assert np.abs(tile - (GREY if row in (1, 3, 5) else COLOURS[at])).max() < 20, row
    for file, data in zip(files, kept, strict=True):
        file.write_bytes(data)
    again = ask(client, name, made, range(7))
    assert "immutable" in again.headers["cache-control"]
    for row, tile in enumerate(tiles_of(again, 7)):
        assert np.abs(tile - COLOURS[int(made.images.paths[row].partition(".")[0])]).max() < 20, row


def test_a_link_to_elsewhere_is_grey(client, album, tmp_path):
    made, name = prepare(str(album)), sources.name_of(album)
    secret = tmp_path / "secret.png"
    Image.new("RGB", (30, 30), (9, 99, 199)).save(secret)
    (album / made.images.paths[2]).unlink()
    (album / made.images.paths[2]).symlink_to(secret)
    tile = tiles_of(ask(client, name, made, [1, 2, 3]), 3)[1]
    assert np.abs(tile - GREY).max() < 3


def test_a_folder_that_is_gone_is_all_grey_or_404(client, album):
    made, name = prepare(str(album)), sources.name_of(album)
    assert ask(client, name, made, [0, 2]).status_code == 200
    served.forget()
    atlas.forget()
    for file in album.iterdir():
        file.unlink()
    album.rmdir()
    answer = ask(client, name, made, [0, 2])
    if answer.status_code == 200:
        assert all(np.abs(tile - GREY).max() < 3 for tile in tiles_of(answer, 2))
        assert answer.headers["cache-control"] == "no-store"
    else:
        assert answer.status_code == 404


# ---------------------------------------------------------------- how much work it is


def test_the_same_atlas_is_made_once_however_many_ask(client, album, monkeypatch):
    made, name = prepare(str(album)), sources.name_of(album)
    count, original = [], atlas._joined

    def slow(*given):
        count.append(1)
        time.sleep(0.1)
        return original(*given)

    monkeypatch.setattr(atlas, "_joined", slow)
    with ThreadPoolExecutor(8) as visitors:
        answers = list(visitors.map(lambda _: ask(client, name, made, range(7)).content, range(16)))
    assert len(set(answers)) == 1
    assert len(count) == 1
    os.utime(album / made.images.paths[0])  # the file is the same
    assert ask(client, name, made, range(7)).content == answers[0]
    assert len(count) == 1


def test_atlases_that_take_long_keep_no_single_image_waiting(client, album, monkeypatch):
    made, name = prepare(str(album)), sources.name_of(album)
    original, at_work, most = atlas._joined, [], []

    def slow(*given):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.4)
        at_work.pop()
        return original(*given)

    monkeypatch.setattr(atlas, "_joined", slow)
    with client, ThreadPoolExecutor(12) as visitors:  # one event loop for all of them
        making = [visitors.submit(ask, client, name, made, rows) for rows in ([0], [1], [2], [3], [0, 1], [1, 2])]
        while not at_work:
            time.sleep(0.01)
        single = visitors.submit(client.get, "/" + addresses.row_url(name, made).format(row=4))
        assert single.result().status_code == 200
        assert not all(future.done() for future in making), "it came before they were done"
        assert [future.result().status_code for future in making] == [200] * 6
    assert max(most) <= 2


def test_only_so_many_atlases_are_kept(client):
    made = load_prepared("demo:digits")
    for row in range(40):
        ask(client, "digits", made, [row])
    assert len(atlas._atlases._values) <= 24
