"""Jobs as a page shows them, with a worker of the tests' own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pages.ui.data import costs
from pages.ui.jobs import child as job_child
from pages.ui.jobs import work
from pages.ui.jobs.pool import pool
from pages.ui.jobs.state import Job
from usl_core.cache.store import default_cache_dir
from usl_core.pipeline.prepared import prepare

from .conftest import App, name_of, write_images
from .job_helpers import command


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """The processes that were started, but for what encoding would cost, which the page measures when it likes."""
    found, real = [], subprocess.Popen
    monkeypatch.setattr(costs, "line", lambda *of: None)

    def start(*given: object, **named: object) -> subprocess.Popen:
        found.append(real(*given, **named))
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return found


STUBBORN = """
import sys, time
sys.stdin.readline()
print('{"progress": 0.3, "note": "begun"}', flush=True)
while True: time.sleep(1)
"""


ANSWERING = "print('{\"result\": {}}')"


def job_of(what: str) -> Job:
    (job,) = [entry.job for key, entry in pool()._entries.items() if key.startswith(what)]
    return job


def wait_for(what: str, status: str, note: str | None = None) -> None:
    deadline = time.monotonic() + 20
    while job_of(what).status != status or (note is not None and job_of(what).note != note):
        assert time.monotonic() < deadline, job_of(what)
        time.sleep(0.01)


@pytest.fixture
def album(root: Path) -> Path:
    return write_images(root / "album", 4)


def encoding(app: App, monkeypatch: pytest.MonkeyPatch) -> App:
    """A page that shows how a worker that listens to nobody encodes."""
    monkeypatch.setattr(pool(), "_command", command(STUBBORN))
    app.open("data", encoder="pixels:pca").fine()
    (start,) = [key for key in app.keys("button") if key.startswith("start prepare")]
    app.press(start).fine()
    wait_for("prepare", "running", "begun")
    return app.run().fine()


def cancel(app: App) -> App:
    (key,) = [key for key in app.keys("button") if key.startswith("cancel prepare")]
    return app.press(key).fine()


def test_a_page_that_runs_again_while_its_job_stops_does_not_start_it_again(app, monkeypatch, started):
    monkeypatch.setattr(job_child, "KILL_AFTER_SECONDS", 600.0)
    cancel(encoding(app, monkeypatch))
    for _ in range(3):
        assert job_of("prepare").status == "stopping"
        app.run().fine()
    started[0].kill()
    app.until_done().fine()
    assert job_of("prepare").status == "cancelled"
    app.run().fine()
    assert job_of("prepare").status == "cancelled"
    assert "Cancelled at 30%" in app.plain
    assert len(started) == 1


def test_resume_starts_it_again(app, monkeypatch, started):
    cancel(encoding(app, monkeypatch)).until_done().fine()
    (resume,) = [key for key in app.keys("button") if key.startswith("start prepare")]
    assert app.test.button(key=resume).label == "Resume"
    app.press(resume).fine()
    wait_for("prepare", "running", "begun")
    assert len(started) == 2


def test_each_job_says_what_it_is_for(app, album, monkeypatch):
    monkeypatch.setattr(pool(), "_command", command(STUBBORN))
    app.open("data", data=name_of(album)).fine()
    assert job_of("scan").purpose == "needed"
    encoding(type(app)(), monkeypatch)
    assert job_of("prepare").purpose == "asked"


def test_a_scan_that_ended_because_nobody_looked_starts_again_with_the_next_visitor(app, album, monkeypatch):
    monkeypatch.setattr(pool(), "_command", command(STUBBORN))
    app.open("data", data=name_of(album)).fine()
    wait_for("scan", "running", "begun")
    with pool()._lock:
        entry = pool()._entries[job_of("scan").key]
        monkeypatch.setattr(pool(), "_is_alive", lambda session: False)
        entry.alone_since = -1e9
        pool()._tend(time.monotonic())
    assert not [key for key in pool()._entries if key.startswith("scan")]
    monkeypatch.setattr(pool(), "_is_alive", lambda session: True)
    monkeypatch.undo()
    monkeypatch.setenv("USL_DATA_ROOTS", str(album.parent))
    type(app)().open("data", data=name_of(album)).fine().until_done().fine()
    assert job_of("scan").status == "done"


def test_a_process_that_cannot_be_started_is_a_sentence_with_another_try(app, monkeypatch):
    monkeypatch.setattr(pool(), "_command", command(ANSWERING))
    app.open("data", encoder="pixels:pca").fine()
    (start,) = [key for key in app.keys("button") if key.startswith("start prepare")]

    def refuse(*given: object, **named: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        app.press(start).until_done()
    assert not app.test.exception
    assert "could not be started" in app.plain
    assert "Resource temporarily unavailable" in app.plain
    assert app.test.button(key=start).label == "Try again"
    app.press(start).until_done().fine()
    assert job_of("prepare").status == "done"


def clear_cache() -> None:
    """As an eviction does, or somebody who needs the space; what folders are called stays."""
    for folder in default_cache_dir().iterdir():
        if folder.is_dir() and folder.name != "opened":
            shutil.rmtree(folder)


def test_what_was_scanned_and_encoded_before_the_cache_was_cleared_is_made_again(app, root):
    album = write_images(root / "album", 12)
    app.open("data", data=name_of(album), encoder="pixels:pca").until_done().fine()
    app.press(*[key for key in app.keys("button") if key.startswith("start prepare")]).until_done().fine()
    assert "again" in app.keys("button")
    clear_cache()
    app.run().fine()
    assert "not in the cache any more" in app.plain
    (scan,) = [key for key in app.keys("button") if key.startswith("start scan")]
    app.press(scan).until_done().fine()
    assert "Images 12" in app.plain
    assert "not in the cache any more" in app.plain
    (start,) = [key for key in app.keys("button") if key.startswith("start prepare")]
    app.press(start).until_done().fine()
    assert "again" in app.keys("button")
    assert "not in the cache any more" not in app.plain


def test_a_map_that_was_drawn_before_the_cache_was_cleared_can_be_drawn_again(app, root):
    album = write_images(root / "album", 12)
    name = name_of(album)
    prepare(str(album), "pixels:pca")
    app.open("compare", data=name, encoder="pixels:pca").until_done().fine()
    assert "drawn with UMAP" in app.plain
    clear_cache()
    prepare(str(album), "pixels:pca")
    app.run().fine()
    assert "drawn with PCA" in app.plain
    (draw,) = [key for key in app.keys("button") if key.startswith("start map")]
    app.press(draw).until_done().fine()
    assert "drawn with UMAP" in app.plain


def test_scores_over_seeds_whose_process_was_killed_can_be_tried_again(app, monkeypatch):
    monkeypatch.setattr(work, "_STILL", 0.0)
    monkeypatch.setattr(pool(), "_command", command("import os; os.kill(os.getpid(), 9)"))
    app.open("compare").fine().until_done().fine()
    while not [key for key in pool()._entries if key.startswith("seeds")]:
        app.run().fine()
    app.until_done().fine()
    assert "its process was killed" in app.plain
    (again,) = [key for key in app.keys("button") if key.startswith("start seeds")]
    monkeypatch.setattr(pool(), "_command", (sys.executable, "-m", "usl_core.jobs.worker"))
    app.press(again).until_done().fine()
    assert job_of("seeds").status == "done"
    assert job_of("seeds").purpose == "background"
    assert "its process was killed" not in app.plain
