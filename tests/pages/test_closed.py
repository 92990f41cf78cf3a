"""Folders that are closed while a page is open: nothing of them is shown, handed out or worked on any longer."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.ui import addresses
from pages.ui.access import folders
from pages.ui.jobs import work
from pages.ui.jobs.pool import pool
from pages.ui.server import routes
from pages.ui.server.guard import MIDDLEWARE
from usl_core.images.subsets import with_split
from usl_core.pipeline.prepared import prepare

from .conftest import App, name_of, write_images


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=list(routes.ROUTES), middleware=list(MIDDLEWARE)), base_url="http://127.0.0.1")


@pytest.fixture
def album(root: Path) -> Path:
    write_images(root / "album" / "a", 12, seed=1)
    write_images(root / "album" / "b", 12, seed=2)
    (root / "album" / "broken.png").write_bytes(b"no")
    return root / "album"


def close_by_variable(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (album.parent.parent / "other").mkdir()
    monkeypatch.setenv(folders.ENV_ROOTS, str(album.parent.parent / "other"))


def close_by_link(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album.parent.rename(album.parent.with_name("elsewhere"))
    album.parent.symlink_to(album.parent.with_name("elsewhere"))


def close_to_all(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")


@pytest.mark.parametrize("close", [close_by_variable, close_by_link, close_to_all])
def test_what_is_closed_is_closed_on_every_way(app: App, client: TestClient, album: Path, monkeypatch, close):
    assert folders.roots()
    made = prepare(str(album), "pixels:pca", within=folders.roots())
    name = name_of(album)
    app.open("data", data=name, encoder="pixels:pca").fine()
    app.go("compare").fine()
    offers = re.findall(r"api/offer/[\w-]+", app.text)
    assert len(offers) >= 4
    arguments = {"source": str(album), "encoder": "pixels:pca", "indices": [0, 1], "out": "{out}"}
    job = pool().start("closed", "archive", arguments, "me")
    deadline = time.monotonic() + 60
    while pool().find("closed").active and time.monotonic() < deadline:
        time.sleep(0.05)
    asked = [addresses.file_url(job.id), *offers, addresses.image_url(name, made.images.digests[0])]
    asked += [url(name, made).format(row=1) for url in (addresses.row_url, addresses.words_url)]
    assert [client.get(f"/{path}").status_code for path in asked] == [200] * len(asked)
    close(album, monkeypatch)
    assert [client.get(f"/{path}").status_code for path in asked] == [404] * len(asked)
    work.start("closed scan", "scan", {"source": str(album)}, purpose="asked")
    assert pool().find("closed scan") is None
    for page in ("data", "compare", "density", "diversity", "uslt"):
        app.go(page)
        assert not app.test.exception
        assert app.test.error
        assert name not in repr(app.components()), "no picture of it either"


def test_jobs_read_within_the_folders_of_today(album: Path):
    for source, expected in ((str(album), [str(album.parent)]), (with_split(str(album), "train"), [str(album.parent)])):
        work.start(
            f"look {source}", "archive", {"source": source, "encoder": "x", "indices": [0], "out": "{out}"}, purpose="asked"
        )
        assert pool()._entries[f"look {source}"].arguments["within"] == expected
    work.start(
        "look demo",
        "archive",
        {"source": "demo:digits", "encoder": "bundled:mini", "indices": [0], "out": "{out}"},
        purpose="asked",
    )
    deadline = time.monotonic() + 60
    while pool().find("look demo").active and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pool().find("look demo").status == "done", "a demo lies beside the roots and is read all the same"
