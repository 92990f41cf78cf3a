"""Pages without a browser: how to open one, and how to read what it shows."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from pages.ui.access import folders, sources, upload_meter, uploads
from pages.ui.jobs.pool import pool
from pages.ui.maps.arrays import STORE

MAIN = str(Path(__file__).resolve().parents[2] / "pages" / "ui" / "main.py")


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """AppTest looks for components in every installed package anew for every app, which takes longer than a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _own_pool() -> Iterator[None]:
    """No test sees another's jobs, and none goes on after its test."""
    pool.cache_clear()
    yield
    pool().close()
    pool.cache_clear()


@pytest.fixture(autouse=True)
def _own_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what another, or whoever runs them, has decided."""
    monkeypatch.setenv("USL_SESSIONS_DIR", str(tmp_path / "reviews"))
    monkeypatch.setenv("USL_REVIEWS", "disk")  # without a browser, every visitor looks like one from elsewhere


@pytest.fixture(autouse=True)
def _own_uploads() -> Iterator[None]:
    """No test sees another's uploads."""
    yield
    uploads.close()
    uploads.uploads.cache_clear()
    upload_meter.meter.cache_clear()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that visitors may open."""
    folder = tmp_path.resolve() / "root"
    folder.mkdir()
    monkeypatch.setenv(folders.ENV_ROOTS, str(folder))
    monkeypatch.delenv(folders.ENV_READ_ONLY, raising=False)
    return folder


def unescaped(text: str) -> str:
    """Markdown without what keeps it from acting."""
    return re.sub(r"\\(.)", r"\1", text.replace(":small[]", ""))


class App:
    """The app as one visitor sees it."""

    def __init__(self) -> None:
        self.test = AppTest.from_file(MAIN, default_timeout=120)

    def open(self, page: str = "home", /, **query: str | list[str]) -> App:
        """A link: the page, and what stands behind the question mark."""
        for key, value in query.items():
            self.test.query_params[key] = value
        return self.run() if page == "home" else self.go(page)

    def go(self, page: str) -> App:
        """Another page by the menu."""
        self.test.switch_page(f"../{page}.py").run()
        return self

    def run(self) -> App:
        self.test.run()
        return self

    def widget(self, kind: str, key: str) -> Any:
        return getattr(self.test, kind)(key=key)

    def press(self, key: str) -> App:
        self.test.button(key=key).click().run()
        return self

    def keys(self, kind: str) -> set[str]:
        return {element.key for element in getattr(self.test, kind) if element.key}

    @property
    def text(self) -> str:
        """All words on the page, as they are written."""
        words = [
            element.value
            for kind in ("title", "subheader", "markdown", "caption", "error", "info", "code")
            for element in getattr(self.test, kind)
        ]
        words += [element.proto.body for element in self.test.get("html")]
        words += [f"{element.label} {element.value}" for element in self.test.metric]
        words += [element.proto.label for element in self.test.get("page_link")]
        return "\n".join(map(str, words))

    @property
    def plain(self) -> str:
        """The same without what keeps Markdown from acting."""
        return unescaped(self.text)

    @property
    def heading(self) -> str:
        return str(self.test.title[0].value)

    def components(self) -> list[dict[str, Any]]:
        return [json.loads(element.proto.json) for element in self.test.get("bidi_component") if element.proto.json]

    def gallery(self, title: str) -> list[dict[str, Any]]:
        return next(found["items"] for found in self.components() if found.get("title") == title)

    def picks(self, title: str) -> list[int]:
        return [item["row"] for item in self.gallery(f"Picks of {title}")]

    def maps(self) -> dict[str, Any]:
        """What the first map component is told."""
        return next(found for found in self.components() if "panels" in found)

    def figure(self, at: int = 0) -> dict[str, Any]:
        return json.loads(self.test.get("plotly_chart")[at].proto.spec)

    def fine(self) -> App:
        """No traceback and no error on the page."""
        assert not self.test.exception, self.test.exception
        assert not self.test.error, [error.value for error in self.test.error]
        return self

    def until_done(self) -> App:
        """Run again until no job is left, as the page does every second."""
        deadline = time.monotonic() + 400  # background jobs have low priority and wait for whatever else the machine does
        while any(entry.job.active for entry in pool()._entries.values()):
            assert time.monotonic() < deadline, "a job does not end"
            time.sleep(0.05)
        return self.run()


@pytest.fixture
def app() -> App:
    return App()


def write_images(folder: Path, count: int, *, seed: int = 0, names: list[str] | None = None) -> Path:
    """Small random pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for at in range(count):
        picture = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
        picture.save(folder / (names[at] if names else f"{at:03d}.png"))
    return folder


def name_of(folder: Path) -> str:
    """What the folder is called in addresses."""
    return sources.name_of(folder)


def rebuilt(told: dict[str, Any]) -> np.ndarray:
    """The coordinates as the script computes them, in its words: low + (65536 * coarse + fine) * step, rounded to float32."""
    coarse, fine = (np.frombuffer(STORE.find(told[part]), dtype=np.uint16).reshape(-1, 2) for part in ("coarse", "fine"))
    found = np.empty(coarse.shape, dtype=np.float32)
    for axis in (0, 1):
        position = 65536.0 * coarse[:, axis] + fine[:, axis]
        found[:, axis] = told["low"][axis] + position * told["step"][axis]
    if told["rows"]:
        rows = np.frombuffer(STORE.find(told["rows"]), dtype=np.int32)
        found[rows] = np.frombuffer(STORE.find(told["exact"]), dtype=np.float32).reshape(-1, 2)
    return found
