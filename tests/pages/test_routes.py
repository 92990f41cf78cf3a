"""What the server answers beside Streamlit, and what it refuses."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.testclient import TestClient

import usl_core as usl
from pages.ui import addresses
from pages.ui.access import folders, sources
from pages.ui.jobs.pool import pool
from pages.ui.server import guard, routes
from pages.ui.server import pictures as served
from usl_core.cache.store import Store, default_cache_dir
from usl_core.images import scan as usl_images
from usl_core.images.records import remember_images
from usl_core.pipeline import prepared
from usl_core.pipeline.prepared import find_images, load_prepared, prepare

DEMO_IMAGE = addresses.image_url("digits", usl.load_demo("digits").images.digests[0])


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=list(routes.ROUTES), middleware=list(guard.MIDDLEWARE))
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path.resolve() / "root" / "album"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for at in range(6):
        info = PngInfo()
        info.add_text("Comment", "taken at home, Some Street 7")
        Image.fromarray(rng.integers(0, 255, (200, 300, 3), dtype=np.uint8)).save(folder / f"{at}.png", pnginfo=info)
    monkeypatch.setenv(folders.ENV_ROOTS, str(folder.parent))
    monkeypatch.delenv(folders.ENV_READ_ONLY, raising=False)
    return folder


def get(client: TestClient, path: str, **headers: str):
    return client.get("/" + path, headers=headers)


def test_a_thumbnail_is_small_re_encoded_and_without_metadata(client, album):
    images = find_images(str(album))
    name = sources.name_of(album)
    for size, side in served.SIZES.items():
        answer = get(client, addresses.image_url(name, images.digests[2], size))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.format == "JPEG"
            assert max(picture.size) == min(side, 300)
        assert b"Some Street" not in answer.content
        assert "max-age" in answer.headers["cache-control"]
        assert "private" in answer.headers["cache-control"]


def test_rows_of_the_map_show_the_same_images(client, album):
    made = prepare(str(album))
    name = sources.name_of(album)
    url = addresses.row_url(name, made)
    for row in (0, 5):
        by_digest = get(client, addresses.image_url(name, made.images.digests[row]))
        assert get(client, url.format(row=row)).content == by_digest.content
    assert get(client, url.format(row=6)).status_code == 404
    assert get(client, url.replace(made.features.fingerprint, "0" * 32).format(row=0)).status_code == 404
    assert get(client, url.format(row=0).partition("?")[0]).status_code == 404


def test_demos_need_no_folder(client, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    made = load_prepared("demo:digits")
    assert made is not None
    assert get(client, addresses.image_url("digits", made.images.digests[0])).status_code == 200
    assert get(client, addresses.row_url("digits", made).format(row=3)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("api/image/digits/small/" + "0" * 32, "api/image/digits/huge/{digest}", "api/image/nothing/small/{digest}"),
        *("api/image/demo:digits/small/{digest}", "api/image/../small/{digest}", "api/image/%2e%2e/small/{digest}"),
        *("api/image/folder-0000000000000000/small/{digest}", "api/image/digits/small/..%2f..%2fetc%2fpasswd"),
        *("api/image/%2fetc/small/passwd", "api/image/digits/small/{digest}%00", "api/image/digits/small/{digest}/x"),
        *("api/row/digits/0/0", "api/row/digits/0/-1", "api/row/nothing/0/0", "api/row/digits/{fingerprint}/99999"),
        *(
            "api/file/x",
            "api/file/..%2f..%2fetc%2fpasswd",
            "api/file/",
            "api/",
            "api/image",
            "api/row/digits/x/99999999999999999999",
        ),
    ],
)
def test_what_is_unknown_is_404_and_tells_nothing(client, path):
    demo = usl.load_demo("digits")
    url = path.format(digest=demo.images.digests[0], fingerprint=demo.features.fingerprint)
    answer = get(client, url + ("?encoder=bundled:mini" if "row" in url else ""))
    assert answer.status_code == 404
    assert len(answer.content) < 60
    assert b"/" not in answer.content


def test_a_folder_that_was_never_scanned_has_no_images(client, album):
    name = sources.name_of(album)
    assert get(client, addresses.image_url(name, "0" * 32)).status_code == 404


def test_an_image_that_is_gone_or_changed_is_404(client, album):
    images = find_images(str(album))
    name = sources.name_of(album)
    (album / images.paths[0]).unlink()
    (album / images.paths[1]).write_bytes((album / images.paths[2]).read_bytes())
    for row in (0, 1):
        assert get(client, addresses.image_url(name, images.digests[row])).status_code == 404
    assert get(client, addresses.image_url(name, images.digests[2])).status_code == 200


def test_after_a_new_scan_the_new_images_are_served(client, album):
    name = sources.name_of(album)
    first = find_images(str(album))
    assert get(client, addresses.image_url(name, first.digests[0])).status_code == 200
    Image.new("RGB", (20, 20), "red").save(album / "new.png")
    second = find_images(str(album))
    (new,) = set(second.digests) - set(first.digests)
    assert get(client, addresses.image_url(name, new)).status_code == 200


def test_a_swapped_file_never_leaks_what_it_links_to(client, album, tmp_path):
    """The digest is of the bytes that were scanned; a link that takes the place of the file has others."""
    secret = tmp_path / "secret.png"
    Image.new("RGB", (30, 30), "blue").save(secret)
    images = find_images(str(album))
    name = sources.name_of(album)
    (album / images.paths[0]).unlink()
    (album / images.paths[0]).symlink_to(secret)
    assert get(client, addresses.image_url(name, images.digests[0])).status_code == 404


def test_folders_outside_the_roots_are_not_served_although_they_are_known(client, album, monkeypatch, tmp_path):
    images = find_images(str(album))
    remember_images(images, Store())
    name = sources.name_of(album)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(folders.ENV_ROOTS, str(tmp_path / "other"))
    assert get(client, addresses.image_url(name, images.digests[0])).status_code == 404


def test_a_link_is_not_served_once_its_place_is_closed(client, album, monkeypatch, tmp_path):
    (tmp_path / "second").mkdir()
    Image.new("RGB", (30, 30), "blue").save(tmp_path / "second" / "far.png")
    (album / "link.png").symlink_to(tmp_path / "second" / "far.png")
    both = os.pathsep.join([str(album.parent), str(tmp_path.resolve() / "second")])
    monkeypatch.setenv(folders.ENV_ROOTS, both)
    made = prepare(str(album), within=folders.roots())
    name, row = sources.name_of(album), made.images.paths.index("link.png")
    urls = [addresses.image_url(name, made.images.digests[row], size) for size in served.SIZES]
    urls.append(addresses.row_url(name, made).format(row=row))
    for roots, status in ((both, 200), (str(album.parent), 404), (both, 200), (str(tmp_path.resolve() / "second"), 404)):
        monkeypatch.setenv(folders.ENV_ROOTS, roots)
        assert [get(client, url).status_code for url in urls] == [status] * 3


def test_finished_files_are_sent_as_attachments(client):
    arguments = {"source": "demo:digits", "encoder": "bundled:mini", "indices": [3, 1], "out": "{out}"}
    job = pool().start("routes-test", "archive", arguments, "me")
    deadline = time.monotonic() + 60
    while pool().find("routes-test").active and time.monotonic() < deadline:
        time.sleep(0.05)
    answer = get(client, addresses.file_url(job.id))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "picks.zip" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    path = pool().file_of(job.id)
    assert path is not None
    path.unlink()
    assert get(client, addresses.file_url(job.id)).status_code == 404


def test_every_answer_carries_the_headers(client):
    for path in ("api/file/x", DEMO_IMAGE, "nothing"):
        headers = get(client, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http:" not in policy
        assert "*" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1]x"])
def test_foreign_hosts_are_refused(client, host):
    assert get(client, DEMO_IMAGE, host=host).status_code == 400


def test_this_machine_is_answered(client):
    for host in ("127.0.0.1", "localhost", "localhost:8501"):
        assert get(client, DEMO_IMAGE, host=host).status_code == 200


def test_more_hosts_can_be_allowed(monkeypatch):
    monkeypatch.setenv(guard.ENV_ALLOWED_HOSTS, " demo.example , ")
    assert guard.allowed_hosts() == ["127.0.0.1", "localhost", "demo.example"]
    app = Starlette(routes=routes.ROUTES, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=guard.allowed_hosts())])
    assert TestClient(app, base_url="http://demo.example").get("/" + DEMO_IMAGE).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_can_be_written(client, method):
    assert getattr(client, method)("/api/file/x").status_code == 405


def test_made_up_rows_load_nothing_and_drive_nothing_out(client, album, monkeypatch):
    made = prepare(str(album))
    url = addresses.row_url(sources.name_of(album), made)
    assert get(client, url.format(row=0)).status_code == 200
    loaded: list[str] = []
    for module, name in (
        (served, "known_images"),
        (served, "prepared_images"),
        (prepared, "load_demo"),
        (prepared, "recall_images"),
    ):
        original = getattr(module, name)

        def counted(*given, of=original, called=name, **more):
            loaded.append(called)
            return of(*given, **more)

        monkeypatch.setattr(module, name, counted)
    for number in range(20):
        for template in (url, url.replace("row/", "words/"), "api/row/digits/{fingerprint}/{row}?encoder=bundled:mini"):
            made_up = template.replace(made.features.fingerprint, f"{number:032x}").replace("{fingerprint}", f"{number:032x}")
            assert get(client, made_up.format(row=0)).status_code == 404
            assert get(client, made_up.replace(made.features.encoder, "bundled:mini").format(row=0)).status_code == 404
            assert get(client, made_up.replace("encoder=", "encoder=x").format(row=0)).status_code == 404
    assert loaded == []
    assert get(client, url.format(row=0)).status_code == 200
    assert loaded == [], "it is still there"


def test_what_is_missing_for_a_moment_is_found_afterwards(client, album):
    name = sources.name_of(album)
    made = prepare(str(album))
    image, row = addresses.image_url(name, made.images.digests[0]), addresses.row_url(name, made).format(row=0)
    entries = default_cache_dir()
    for kind in ("image-sets", "features"):
        (entries / kind).rename(entries / f"{kind} elsewhere")
        served.forget()
        assert get(client, row).status_code == 404
        (entries / f"{kind} elsewhere").rename(entries / kind)
        assert get(client, row).status_code == 200
        assert get(client, image).status_code == 200


def test_many_requests_for_one_damaged_image_read_it_once_at_a_time(client, album, monkeypatch):
    images = find_images(str(album))
    url = addresses.image_url(sources.name_of(album), images.digests[0])
    (album / images.paths[0]).write_bytes(b"no picture")
    reading, most = [], []

    def slow(*given):
        reading.append(1)
        most.append(len(reading))
        time.sleep(0.05)
        reading.pop()
        return usl_images.thumbnail(*given)

    monkeypatch.setattr(served, "thumbnail", slow)
    with ThreadPoolExecutor(16) as visitors:
        answers = list(visitors.map(lambda _: get(client, url).status_code, range(48)))
    assert answers == [404] * 48
    assert max(most) == 1


def test_names_of_files_cannot_break_out_of_their_header():
    for name in ('a".html', "a\r\nSet-Cookie: x=1", "ü 😀.csv", "a;b.csv", "\udce9.csv", "../../x", "a\\"):
        header = routes._attachment(name)["Content-Disposition"]
        assert header.isascii()
        assert header.isprintable()
        assert header.count('"') == 2
        assert header.startswith("attachment; filename=")


def test_a_file_can_be_taken_in_parts(client):
    arguments = {"source": "demo:digits", "encoder": "bundled:mini", "indices": [3, 1], "out": "{out}"}
    job = pool().start("routes-parts", "archive", arguments, "me")
    deadline = time.monotonic() + 60
    while pool().find("routes-parts").active and time.monotonic() < deadline:
        time.sleep(0.05)
    whole = get(client, addresses.file_url(job.id)).content
    part = get(client, addresses.file_url(job.id), range="bytes=2-5")
    assert (part.status_code, part.content) == (206, whole[2:6])
    for odd, status in (("bytes=9999999-", 416), ("bytes=x", 400), ("pages=1", 400)):
        answer = get(client, addresses.file_url(job.id), range=odd)
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.head("/" + addresses.file_url(job.id)).headers["content-length"] == str(len(whole))
