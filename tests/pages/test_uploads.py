"""Uploads: whose they are, what an address is worth in whose hands, that they go, and the page from the first file on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from pages.ui import addresses
from pages.ui.access import folders, sources, upload_meter, uploads
from pages.ui.data import uploads as section
from pages.ui.jobs.pool import pool
from pages.ui.server import guard, routes
from pages.ui.server_folder import PREFIX
from usl_core.cache.store import Store, default_cache_dir
from usl_core.errors import UslError
from usl_core.images.records import images_version
from usl_core.pipeline.prepared import find_images

from .conftest import App, write_images
from .job_helpers import until

ROOT = Path(__file__).resolve().parents[2]
ME = "test session id"  # what AppTest calls every session


def png(folder: Path, count: int, seed: int = 0) -> list[bytes]:
    return [path.read_bytes() for path in sorted(write_images(folder, count, seed=seed).iterdir())]


def send(app: App, files: list[tuple[str, bytes]]) -> App:
    """Drop files onto the page."""
    app.test.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files]).run()
    return app


def album(tmp_path: Path, count: int = 6) -> list[tuple[str, bytes]]:
    return [(f"pets/{'cat' if at % 2 else 'dog'}/{at}.png", data) for at, data in enumerate(png(tmp_path / "made", count))]


def kept() -> list[Path]:
    """All files of uploads on this server's disk."""
    return [path for path in (default_cache_dir() / "uploads").rglob("*") if path.is_file() and path.name != "lock"]


def added(session: str = ME, when_gone=lambda path: None) -> uploads.Upload:
    folder = uploads.uploads().new_folder()
    write_images(folder / "pets", 3)
    return uploads.uploads().add(session, folder, folder / "pets", when_gone)


@pytest.fixture
def as_me(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "session", lambda: ME)


# ---------------------------------------------------------------- whose it is


def test_a_name_is_worth_something_to_its_own_session_alone(monkeypatch, as_me):
    upload = added()
    assert uploads.is_name(upload.name)
    assert sources.source_of(upload.name) == str(upload.path)
    assert sources.title_of(upload.name) == "pets"
    for other in ("another session", None):
        monkeypatch.setattr(uploads, "session", lambda other=other: other)
        with pytest.raises(UslError, match="this server knows no data set"):
            sources.source_of(upload.name)
        with pytest.raises(UslError, match="this server knows no data set"):
            sources.title_of(f"{upload.name}~train")


def test_others_hear_the_same_whether_it_is_there_or_not(monkeypatch):
    upload = added("somebody")
    said = []
    for name in (upload.name, "upload-0123456789abcdef"):
        with pytest.raises(UslError) as told:
            sources.source_of(name)
        said.append(str(told.value).replace(name, "X"))
    assert said[0] == said[1]


def test_its_images_may_be_read_and_nothing_beside_them(root, as_me):
    upload = added()
    source = str(upload.path)
    assert sources.is_open(source)
    assert sources.is_open(f"{source}::train")
    assert sources.within_of(source) == [upload.folder]
    assert not sources.is_open(str(upload.folder))
    assert not sources.is_open(str(upload.path / "000.png"))
    assert sources.within_of(str(root)) == [root]
    uploads.uploads().remove(upload.name)
    assert not sources.is_open(source)


def test_outside_it_is_called_what_its_owner_calls_it(as_me):
    upload = added()
    assert sources.told_of(str(upload.path)) == "pets"
    assert sources.told_of(f"{upload.path}::val") == "pets::val"
    assert sources.told_of("/srv/photos") == "/srv/photos"


@pytest.mark.parametrize(
    ("switch", "read_only", "on"),
    [("", "", True), ("", "1", False), ("1", "1", True), ("0", "", False), ("0", "1", False), ("no", "", False)],
)
def test_when_it_is_on(monkeypatch, as_me, switch, read_only, on):
    monkeypatch.setenv(uploads.ENV_UPLOADS, switch)
    monkeypatch.setenv(folders.ENV_READ_ONLY, read_only)
    assert uploads.is_on() is on
    upload = added()
    assert sources.is_open(str(upload.path)) is on
    assert sources.may_encode(str(upload.path)) is (on or not read_only)
    assert (uploads.uploads().own(upload.name) is not None) is on


# ---------------------------------------------------------------- that it goes


def test_the_folder_is_for_nobody_elses_eyes():
    upload = added()
    for folder in (upload.folder, upload.folder.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_another_upload_takes_the_place_of_the_first():
    gone: list[Path] = []
    first, other = added(when_gone=gone.append), added("another session")
    second = added()
    assert gone == [first.path]
    assert not first.folder.exists()
    assert uploads.uploads().find(first.name) == second
    assert uploads.uploads().at(first.path) is None
    assert second.path.exists()
    assert other.path.exists()


def test_the_name_of_one_that_was_replaced_means_the_new_one_to_its_session_alone(monkeypatch, as_me):
    first, other = added(), added("another session")
    other_second = added("another session")
    second, third = added(), added()
    assert [uploads.uploads().own(upload.name) for upload in (first, second, third)] == [third] * 3
    assert uploads.uploads().own(other.name) is None
    assert uploads.uploads().of_session() == third
    monkeypatch.setattr(uploads, "session", lambda: "another session")
    assert uploads.uploads().own(first.name) is None
    assert uploads.uploads().own(other.name) == other_second
    uploads.uploads().remove(third.name)
    assert uploads.uploads().find(first.name) is None
    assert uploads.uploads()._successors == {other.name: other_second.name}


def test_it_goes_some_time_after_its_session_and_not_for_a_short_break():
    here = {"a", "b"}
    kept_for = uploads.Uploads(lambda session: session in here)
    made = {}
    for session in "ab":
        folder = kept_for.new_folder()
        made[session] = kept_for.add(session, folder, folder)
    kept_for.tend(0.0)
    here.remove("a")
    kept_for.tend(1.0)
    kept_for.tend(uploads.GRACE_SECONDS)
    assert made["a"].folder.exists()
    here.add("a")
    kept_for.tend(uploads.GRACE_SECONDS + 1)  # it is back
    here.remove("a")
    kept_for.tend(uploads.GRACE_SECONDS + 2)
    kept_for.tend(2 * uploads.GRACE_SECONDS + 2)
    assert made["a"].folder.exists()
    kept_for.tend(2 * uploads.GRACE_SECONDS + 3)
    assert not made["a"].folder.exists()
    assert made["b"].folder.exists()
    kept_for.close()
    assert not made["b"].folder.exists()
    assert list((default_cache_dir() / "uploads").iterdir()) == []


def test_a_thread_looks_after_them_while_there_are_any(monkeypatch):
    monkeypatch.setattr(uploads, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(uploads, "GRACE_SECONDS", 0.0)
    here = ["me"]
    kept_for = uploads.Uploads(lambda session: session in here)
    for _ in range(2):
        here[:] = ["me"]
        folder = kept_for.new_folder()
        kept_for.add("me", folder, folder)
        time.sleep(0.05)
        assert folder.exists()
        here.clear()
        until(lambda: not folder.exists())  # noqa: B023
        until(lambda: not any(thread.name == "uploads" for thread in threading.enumerate()))
    kept_for.close()


def test_the_space_of_an_archive_that_is_still_open_is_given_back(tmp_path):
    path = tmp_path / "upload" / "photos.zip"
    path.parent.mkdir()
    path.write_bytes(b"x" * 1000)
    with path.open("rb") as opened:
        uploads.discard(path.parent)
        assert os.fstat(opened.fileno()).st_size == 0
    assert not path.parent.exists()


def test_what_a_killed_server_left_goes_at_the_next_start():
    code = (
        "import os, signal\nfrom pages.ui.access.uploads import uploads\n"
        "folder = uploads().new_folder()\n(folder / 'a.png').write_bytes(b'x')\nuploads().add('me', folder, folder)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    alive = added()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert len(list((default_cache_dir() / "uploads").glob(f"{PREFIX}*"))) == 2
    assert [path.name for path in kept()].count("a.png") == 1
    uploads.sweep()
    assert list((default_cache_dir() / "uploads").glob(f"{PREFIX}*")) == [alive.folder.parent]
    assert alive.path.exists(), "its own server lives"


def test_its_jobs_end_with_it_and_no_others(root):
    upload = added(when_gone=section._forget)
    other = write_images(root / "other", 3)
    busy = 'import sys\nprint(\'{"progress": 0, "note": "begun"}\', flush=True)\nsys.stdin.readline(); sys.stdin.readline()'
    pool()._command = (sys.executable, "-c", busy)
    for key, source in (("mine", str(upload.path)), ("split", f"{upload.path}::train"), ("other", str(other))):
        pool().start(key, "scan", {"source": source}, ME)
    until(lambda: pool().find("mine").note == "begun")
    child = pool()._entries["mine"].process
    uploads.uploads().remove(upload.name)
    assert pool().find("mine") is None
    assert pool().find("split") is None
    assert pool().find("other").active
    until(lambda: child.poll() is not None)


def test_the_list_of_its_names_goes_too():
    upload = added(when_gone=section._forget)
    find_images(str(upload.path))
    assert images_version(upload.path) is not None
    uploads.uploads().remove(upload.name)
    assert images_version(upload.path) is None


# ---------------------------------------------------------------- what the server hands out


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=list(routes.ROUTES)), base_url="http://127.0.0.1")


def test_an_image_is_served_by_the_digest_of_its_bytes_until_the_upload_goes(client, monkeypatch):
    upload = added()
    images = find_images(str(upload.path), within=[upload.folder])
    address = f"/{addresses.image_url(upload.name, images.digests[1])}"
    assert client.get(address).status_code == 200
    assert client.get(f"/{addresses.image_url(upload.name, '0' * 32)}").status_code == 404
    assert client.get(f"/{addresses.image_url('upload-0123456789abcdef', images.digests[1])}").status_code == 404
    monkeypatch.setenv(uploads.ENV_UPLOADS, "0")
    assert client.get(address).status_code == 404
    monkeypatch.delenv(uploads.ENV_UPLOADS)
    uploads.uploads().remove(upload.name)
    assert client.get(address).status_code == 404


def test_a_link_in_the_place_of_an_image_leads_nowhere(client, tmp_path):
    upload = added()
    secret = write_images(tmp_path / "secret", 1, seed=9) / "000.png"
    (upload.path / "001.png").unlink()
    (upload.path / "001.png").symlink_to(secret)
    images = find_images(str(upload.path), within=[upload.folder])
    assert "001.png" in [problem.path for problem in images.problems]


# ---------------------------------------------------------------- how much may come


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A server that takes every file, behind the guard; `/bad` ends it badly."""

    async def taken(request):
        body = await request.body()
        return PlainTextResponse("", 500 if body == b"bad" else 204)

    route = Route("/_stcore/upload_file/{session}/{file}", taken, methods=["PUT", "DELETE"])
    return TestClient(Starlette(routes=[route], middleware=list(guard.MIDDLEWARE)), base_url="http://127.0.0.1")


def put(client: TestClient, file: str, data: bytes = b"x", session: str = "s") -> int:
    return client.put(f"/_stcore/upload_file/{session}/{file}", content=data).status_code


def test_files_are_refused_once_they_are_too_many_together(takes, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "2")
    assert [put(takes, file) for file in "abca"] == [204, 204, 413, 204]
    assert put(takes, "c", session="another") == 204
    with pytest.raises(UslError, match=r"more than the 2 files .* nothing was kept"):
        upload_meter.meter().check("s")
    upload_meter.meter().check("another")
    upload_meter.meter().start_anew("s")
    assert put(takes, "c") == 204
    upload_meter.meter().check("s")


def test_files_are_refused_once_they_are_too_large_together(takes, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_MB, "1")
    half = b"x" * 1_000_000
    assert [put(takes, file, half) for file in "abc"] == [204, 204, 413], "what surrounds a file is allowed for"
    with pytest.raises(UslError, match="more than the 1 MB"):
        upload_meter.meter().check("s")
    assert takes.delete("/_stcore/upload_file/s/a").status_code == 204
    assert put(takes, "c", half) == 204


def test_a_file_that_did_not_come_does_not_count(takes, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "1")
    assert [put(takes, "a", b"bad"), put(takes, "b"), put(takes, "c")] == [500, 204, 413]
    assert takes.delete("/_stcore/upload_file/s/b").status_code == 204
    assert put(takes, "c") == 204
    upload_meter.meter().check("s")


def test_nothing_is_taken_where_uploads_are_off(takes, monkeypatch):
    monkeypatch.setenv(uploads.ENV_UPLOADS, "0")
    assert put(takes, "a") == 413


def test_a_file_has_to_say_how_long_it_is(takes):
    answer = takes.put("/_stcore/upload_file/s/a", content=iter([b"x"]))
    assert answer.status_code == 413


def test_sessions_that_never_end_take_no_room():
    counted = upload_meter.UploadMeter()
    for number in range(3 * upload_meter._MOST_SESSIONS):
        counted.admit(f"s{number}", "f", 1)
        counted.drop(f"s{number}", "another")
    assert len(counted._batches) <= upload_meter._MOST_SESSIONS


def test_streamlits_own_limit_lets_a_whole_upload_through(monkeypatch):
    from streamlit import config

    monkeypatch.setenv(uploads.ENV_MAX_MB, "300")
    before = config.get_option("server.maxUploadSize")
    try:
        guard.tell_upload_limit()
        assert config.get_option("server.maxUploadSize") * 2**20 >= 300 * 10**6
    finally:
        config.set_option("server.maxUploadSize", before)


# ---------------------------------------------------------------- the page


def test_images_are_uploaded_scanned_encoded_and_removed(app, root, tmp_path):
    app.open("data").fine()
    send(app, album(tmp_path)).fine()
    name = app.test.query_params["data"]
    assert uploads.is_name(name)
    assert str(default_cache_dir()) not in app.text
    app.until_done().fine()  # the scan
    assert "Images 6" in app.text
    assert "pets" in app.plain
    assert "only this page knows them" in app.plain
    (start,) = [button.key for button in app.test.button if button.label.startswith("Encode with")]
    app.press(start).until_done().fine()
    app.go("compare").fine()
    assert "6 images" in app.plain
    assert "select pets --budget" in app.plain
    assert str(default_cache_dir()) not in app.text, "no path of the server"
    app.go("data").press("remove-upload").fine()
    assert "data" not in app.test.query_params, "the demo"
    assert "Images 1,797" in app.text
    assert kept() == []


def test_an_archive_is_read_in_place(app, root, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in album(tmp_path):
            archive.writestr(name, data)
    send(app.open("data"), [("my pets.zip", packed.getvalue())]).until_done().fine()
    assert "Images 6" in app.text
    assert [path.name for path in kept()] == ["my pets.zip"]
    assert kept()[0].read_bytes() == packed.getvalue()


def test_what_was_left_out_is_said(app, root, tmp_path):
    send(app.open("data"), [*album(tmp_path), ("pets/readme.txt", b"x"), ("../<b>evil</b>.png", b"x")]).until_done().fine()
    assert "1 is no images" in app.plain or "1 are no images" in app.plain
    assert "its name leads out of the folder" in app.plain
    assert "<b>evil" not in app.text


def test_memory_is_let_go_and_the_uploader_is_empty_again(app, root, tmp_path, monkeypatch):
    managers, sent = set(), []
    real = MemoryUploadedFileManager.remove_file

    def removed(self, session_id: str, file_id: str) -> None:
        managers.add(self)
        real(self, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", removed)
    written = section.write
    monkeypatch.setattr(
        section, "write", lambda files, *given, **named: (sent.extend(files), written(files, *given, **named))[1]
    )
    send(app.open("data").fine(), album(tmp_path)).fine()
    (manager,) = managers
    assert not manager.get_files(ME, [file.file_id for file in sent])
    assert len(sent) == 6
    assert all(file.closed for file in sent)
    app.press("remove-upload").fine()
    assert [uploader.key for uploader in app.test.file_uploader] == ["upload-files-1"]
    assert not app.test.file_uploader[0].value


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.txt", b"x")], "is an image that can be kept"),
        ([("photos.zip", b"no archive")], "is no .zip archive"),
        ([("photos.zip", b"x"), ("a.png", b"x")], "upload a .zip archive alone"),
        ([(f"{number}.png", b"x") for number in range(4)], "4 files are more than the 3"),
        ([("a.png", b"x" * 1_000_001)], "more than the 1 MB"),
    ],
)
def test_what_cannot_be_uploaded_is_said_and_leaves_nothing(app, root, monkeypatch, files, said):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "3")
    monkeypatch.setenv(uploads.ENV_MAX_MB, "1")
    before = added()
    send(app.open("data"), files)
    assert not app.test.exception
    assert said in app.plain
    assert app.test.query_params.get("data", "digits") in ("digits", ["digits"])
    assert {path.parent for path in kept()} == {before.path}, "what was there stays, and nothing is beside it"
    app.run()
    assert said in app.plain, "a job that ends runs the page anew at any time"
    monkeypatch.setattr(section, "_SAID_SECONDS", 0.0)
    app.run()
    assert said not in app.plain


def test_a_half_upload_is_none(app, root, tmp_path, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "8")
    for number in range(9):
        upload_meter.meter().admit(ME, str(number), 1)
    send(app.open("data"), album(tmp_path))
    assert "more than the 8 files" in app.plain
    assert kept() == []
    send(app, album(tmp_path)).until_done().fine()
    assert "Images 6" in app.text


def test_a_refusal_is_said_where_the_uploader_is_folded_away_too(app, root, tmp_path):
    send(app.open("data"), album(tmp_path)).until_done().fine()
    app.test.session_state["choose"] = True
    send(app.run(), [("a.txt", b"x")])
    assert app.plain.count("is an image that can be kept") == 1
    app.test.session_state["choose"] = False
    app.run()
    assert not app.test.file_uploader
    assert app.plain.count("is an image that can be kept") == 1


def test_what_was_being_sent_when_the_uploader_was_folded_away_is_let_go(app, root, tmp_path, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "8")
    send(app.open("data"), album(tmp_path)).until_done().fine()
    for number in range(9):
        upload_meter.meter().admit(ME, str(number), 1)
    app.run()
    assert "more than the 8 files" in app.plain
    assert upload_meter.meter().admit(ME, "another", 1) == "", "the next upload is not refused for that"


def test_uploading_again_replaces(app, root, tmp_path):
    send(app.open("data"), album(tmp_path)).until_done().fine()
    first = app.test.query_params["data"]
    app.test.session_state["choose"] = True
    app.test.run()
    send(app, [("b.png", png(tmp_path / "other", 1, seed=5)[0]), ("c.png", png(tmp_path / "more", 1, seed=6)[0])])
    app.until_done().fine()
    assert app.test.query_params["data"] != first
    assert "Images 2" in app.text
    assert {path.name for path in kept()} == {"b.png", "c.png"}


def test_there_is_a_way_back_to_it(app, root, tmp_path):
    send(app.open("data"), album(tmp_path)).until_done().fine()
    name = app.test.query_params["data"]
    app.test.session_state["choose"] = True
    app.run()
    assert "open-upload" not in app.keys("button")
    app.press("open-shapes").fine()
    app.press("open-upload").fine()
    assert app.test.query_params["data"] == name
    assert "Images 6" in app.text


def test_a_stranger_with_the_link_sees_the_usual_message(app, root):
    upload = added("somebody else")
    app.open("data", data=upload.name)
    assert not app.test.exception
    assert "this server knows no data set" in app.plain
    assert "pets" not in app.plain
    assert "remove-upload" not in app.keys("button")
    app.go("compare")
    assert "this server knows no data set" in app.plain


def test_a_closed_server_has_no_uploader_unless_it_is_told_to(app, root, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    app.open("data").fine()
    assert not app.test.file_uploader
    monkeypatch.setenv(uploads.ENV_UPLOADS, "1")
    app.run().fine()
    assert app.test.file_uploader


def test_a_closed_server_encodes_what_it_lets_upload(app, root, tmp_path, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    monkeypatch.setenv(uploads.ENV_UPLOADS, "1")
    send(app.open("data", encoder="bundled:mini"), album(tmp_path)).until_done().fine()
    (start,) = [button.key for button in app.test.button if button.label.startswith("Encode with")]
    app.press(start).until_done().fine()
    assert "encoded" in app.plain
    app = App().open("data", data=app.test.query_params["data"], encoder="torchvision:resnet18").fine()
    assert "downloads none" in app.plain
    assert not [button for button in app.test.button if button.label.startswith("Encode with")]


def test_uploads_that_are_off_are_off(app, root, monkeypatch):
    monkeypatch.setenv(uploads.ENV_UPLOADS, "0")
    app.open("data").fine()
    assert not app.test.file_uploader


def test_a_limit_that_is_none_is_said_on_the_page(app, root, monkeypatch):
    monkeypatch.setenv(uploads.ENV_MAX_FILES, "plenty")
    app.open("data")
    assert not app.test.exception
    assert "USL_UPLOAD_MAX_FILES must be a whole number" in app.plain


def test_a_cache_that_cannot_be_written_is_said(app, root, tmp_path, monkeypatch):
    app.open("data").fine()
    monkeypatch.setattr(uploads, "_parent", lambda: tmp_path / "file" / "uploads")
    (tmp_path / "file").write_bytes(b"")
    send(app, album(tmp_path))
    assert not app.test.exception
    assert "the upload cannot be written" in app.plain
    assert Store().root.name == "usl"
