"""Files, folders and archives that change while they are scanned or encoded: a problem each, and nothing else is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from usl_core.encoders.pixels import PixelEncoder
from usl_core.errors import UslError
from usl_core.features.encode import encode
from usl_core.images import listing as image_listing
from usl_core.images import scan_index
from usl_core.images.folder import Folder
from usl_core.images.scan import read_bytes, scan, thumbnail
from usl_core.types import Features, ImageSet

ROOT = Path(__file__).resolve().parents[3]
NAMES = tuple(f"{kind}/{number:02}.png" for kind in ("cat", "dog") for number in range(20))
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX pipes and links; an open file cannot be removed elsewhere")


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def fill(root: Path) -> Path:
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(number))
    return root


def pack(path: Path, first: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for number, name in enumerate(NAMES):
            packed.writestr(name, picture(first + number))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "data")


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans take files in small blocks and in one thread, so that what happens between two blocks is known."""
    monkeypatch.setattr(scan_index, "_BLOCK_FILES", 2)
    monkeypatch.setattr(scan_index.os, "cpu_count", lambda: 1)


def causes(images: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in images.problems}


class Once:
    """Progress that does something when the work has got that far."""

    def __init__(self, work: Callable[[], object], words: str = "checked") -> None:
        self._work, self._words, self.done = work, words, False

    def __call__(self, fraction: float, note: str) -> None:
        if not self.done and self._words in note:
            self.done = True
            self._work()


def scan_while(root: Path, work: Callable[[], object], words: str = "checked") -> ImageSet:
    once = Once(work, words)
    found: list[ImageSet | BaseException] = []

    def run() -> None:
        try:
            found.append(scan(root, cache_dir=root.parent / "cache", on_progress=once))
        except BaseException as error:  # noqa: BLE001 - handed on below
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the scan hangs"
    assert once.done, "nothing happened meanwhile"
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (Path.unlink, "no longer there"),
    "emptied": (lambda path: path.write_bytes(b""), "empty"),
    "cut": (lambda path: os.truncate(path, 60), "cut off"),
    "overwritten": (lambda path: path.write_bytes(b"text"), "not an image"),
    "a pipe": (put_pipe, "pipe"),
    "without end": (lambda path: put_link(path, "/dev/zero"), "device"),
    "a folder": (put_folder, "a folder, not a file"),
    "a link to nothing": (lambda path: put_link(path, "nowhere"), "no longer there"),
    "a link to itself": (lambda path: put_link(path, path.name), "cannot be opened"),
}


# --- scanning --------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_listing_and_reading(folder: Path, change: str) -> None:
    work, words = CHANGES[change]
    found = scan_while(folder, lambda: work(folder / NAMES[-1]))
    assert found.paths == NAMES[:-1]
    assert found.class_names == ("cat", "dog")
    assert list(causes(found)) == [NAMES[-1]]
    assert words in causes(found)[NAMES[-1]]


@posix
@pytest.mark.parametrize("change", CHANGES)
def test_what_went_wrong_meanwhile_is_not_remembered(folder: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    scan_while(folder, lambda: CHANGES[change][0](folder / NAMES[-1]))
    shutil.rmtree(folder)
    fill(folder)
    again = scan(folder, cache_dir=folder.parent / "cache")
    assert again.paths == NAMES
    assert again.problems == ()


def test_a_file_that_is_replaced_counts_as_what_was_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    found = scan_while(folder, lambda: (folder / NAMES[-1]).write_bytes(picture(99)))
    assert read_bytes(found, len(NAMES) - 1) == picture(99)
    assert scan(folder, cache_dir=folder.parent / "cache").digests == found.digests


@posix
def test_a_folder_that_vanishes_between_listing_and_reading(folder: Path) -> None:
    found = scan_while(folder, lambda: shutil.rmtree(folder / "dog"))
    assert found.paths == NAMES[:20]
    assert set(causes(found)) == set(NAMES[20:])
    assert set(causes(found).values()) == {"the file is no longer there"}


@posix
def test_a_folder_that_vanishes_while_it_is_listed(folder: Path) -> None:
    seen: list[Path] = []

    def vanish() -> None:  # the root has been listed when the first subfolder begins
        for name in ("cat", "dog"):
            if not seen:
                seen.append(folder / name)
                shutil.rmtree(folder / name)

    found = scan_while(folder, vanish, words="looking for image files: 0 found")
    gone = seen[0].name
    assert {path.split("/")[0] for path in found.paths} == {"cat", "dog"} - {gone}
    assert gone not in causes(found) or "cannot be opened" in causes(found)[gone]


@posix
def test_a_subfolder_that_vanishes_or_becomes_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, entries = [], Folder._entries

    def vanish(source: Folder, name: str, found: Any) -> Any:
        listed.append(name)
        if len(listed) == 2:
            other = "dog" if name == "cat/" else "cat"
            shutil.rmtree(folder / other)
            (folder / other).write_bytes(b"text")
        return entries(source, name, found)

    monkeypatch.setattr(Folder, "_entries", vanish)
    found = scan(folder, cache_dir=folder.parent / "cache")
    (gone,) = causes(found)
    assert "the folder cannot be opened" in causes(found)[gone]
    assert len(found) == 20


@posix
def test_everything_vanishes(folder: Path) -> None:
    found = scan_while(folder, lambda: shutil.rmtree(folder))
    assert found.paths == NAMES[: len(found)]
    assert set(causes(found)) == set(NAMES[len(found) :])
    assert len(found) < len(NAMES)


@posix
def test_everything_vanishes_before_anything_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Folder.listing

    def vanish(source: Folder, report: Any) -> Any:
        found = listing(source, report)
        shutil.rmtree(folder)
        return found

    monkeypatch.setattr(Folder, "listing", vanish)
    with pytest.raises(UslError, match=r"none of the 40 can be read; the first is 'cat/00\.png': the file is no longer there"):
        scan(folder, cache_dir=folder.parent / "cache")


@posix
def test_the_root_vanishes_before_it_is_listed(folder: Path) -> None:
    with pytest.raises(UslError, match=r"cannot be opened \(No such file"):
        scan_while(folder, lambda: shutil.rmtree(folder), words="looking for image files")


@posix
def test_an_archive_that_is_replaced_is_read_to_its_end(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip")
    pack(tmp_path / "new.zip", first=100)
    found = scan_while(path, lambda: (tmp_path / "new.zip").replace(path))
    assert found.paths == NAMES
    assert found.problems == ()
    with pytest.raises(UslError, match="scan again"):
        read_bytes(found, 0)
    again = scan(path, cache_dir=tmp_path / "cache")
    assert read_bytes(again, 0) == picture(100)


@posix
@pytest.mark.parametrize("change", ["deleted", "a pipe", "without end", "a folder"])
def test_an_archive_that_is_no_longer_there_is_read_to_its_end(tmp_path: Path, change: str) -> None:
    path = pack(tmp_path / "x.zip")
    found = scan_while(path, lambda: CHANGES[change][0](path))
    assert found.paths == NAMES
    with pytest.raises(UslError, match=r"cat/00\.png.* cannot be read"):
        read_bytes(found, 0)


@posix
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_an_archive_that_is_cut_loses_what_is_cut(tmp_path: Path, keep: float) -> None:
    path = pack(tmp_path / "x.zip")
    size = path.stat().st_size
    found = scan_while(path, lambda: os.truncate(path, int(size * keep)))
    assert 0 < len(found) < len(NAMES)
    assert found.paths == NAMES[: len(found)]
    assert len(found) + len(found.problems) == len(NAMES)
    assert all("damaged in the archive" in cause for cause in causes(found).values())


# --- encoding --------------------------------------------------------------------------------------------------------


class Slow(PixelEncoder):
    """Pixels in shards of eight images, so that much is unread when the first is done."""

    shard_size = 8


def encode_while(images: ImageSet, work: Callable[[], object]) -> Features:
    once = Once(work, "images/s")
    found: list[Features | BaseException] = []

    def run() -> None:
        try:
            found.append(encode(images, Slow(), batch_size=4, cache_dir=images.root.parent / "cache", on_progress=once))
        except BaseException as error:  # noqa: BLE001 - handed on below
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "encoding hangs"
    assert once.done
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@posix
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_scanning_and_encoding(folder: Path, change: str) -> None:
    images = scan(folder, cache_dir=folder.parent / "cache")
    features = encode_while(images, lambda: CHANGES[change][0](folder / NAMES[-1]))
    assert features.images.paths == NAMES[:-1]
    assert list(causes(features.images)) == [NAMES[-1]]
    assert len(features.values) == len(NAMES) - 1
    expected = encode(scan(folder, cache_dir=folder.parent / "cache2"), Slow(), cache_dir=folder.parent / "cache2")
    assert np.allclose(features.values, expected.values, atol=1e-6)


@posix
def test_a_file_that_comes_back_is_encoded_after_all(folder: Path) -> None:
    images = scan(folder, cache_dir=folder.parent / "cache")
    encode_while(images, (folder / NAMES[-1]).unlink)
    (folder / NAMES[-1]).write_bytes(picture(len(NAMES) - 1))
    features = encode(images, Slow(), cache_dir=folder.parent / "cache")
    assert features.images.paths == NAMES
    assert features.images.problems == ()


@posix
def test_a_folder_that_vanishes_while_it_is_encoded(folder: Path) -> None:
    images = scan(folder, cache_dir=folder.parent / "cache")
    features = encode_while(images, lambda: shutil.rmtree(folder / "dog"))
    assert 20 <= len(features) < 40
    lost = causes(features.images)
    assert all(name.startswith("dog/") for name in lost), "what is read ahead, and what is removed first, is anybody's guess"
    assert features.images.paths == tuple(name for name in NAMES if name not in lost)


@posix
def test_a_data_set_that_vanishes_before_it_is_encoded(folder: Path) -> None:
    images = scan(folder, cache_dir=folder.parent / "cache")
    shutil.rmtree(folder)
    with pytest.raises(UslError, match=r"none of the 40 images|no usable image|cannot be read"):
        encode(images, Slow(), cache_dir=folder.parent / "cache")
    fill(folder)
    assert len(encode(images, Slow(), cache_dir=folder.parent / "cache")) == len(NAMES), "the failure is not remembered"


@posix
def test_an_archive_that_is_replaced_while_it_is_encoded(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip")
    images = scan(path, cache_dir=tmp_path / "cache")
    pack(tmp_path / "new.zip", first=100)
    features = encode_while(images, lambda: (tmp_path / "new.zip").replace(path))
    assert 0 < len(features) < len(NAMES)
    lost = causes(features.images)
    assert features.images.paths == tuple(name for name in NAMES if name not in lost)
    assert all("scan again" in cause for cause in lost.values())


@posix
def test_a_request_for_a_picture_that_became_a_pipe_is_answered(folder: Path) -> None:
    images = scan(folder, cache_dir=folder.parent / "cache")
    put_pipe(folder / NAMES[0])
    put_link(folder / NAMES[1], "/dev/zero")
    answers: list[str] = []

    def ask() -> None:
        for row in (0, 1):
            try:
                thumbnail(images, row, 64)
            except UslError as error:
                answers.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it hangs"
    assert ["device, pipe or socket" in answer for answer in answers] == [True, True]


# --- permissions -----------------------------------------------------------------------------------------------------


_AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from usl_core.images import scan_index
from usl_core.encoders.pixels import PixelEncoder
from usl_core.features.encode import encode
from usl_core.images.scan import scan
scan_index._BLOCK_FILES = 2
scan_index.os.cpu_count = lambda: 1
root = Path(sys.argv[2])

class Slow(PixelEncoder):
    shard_size = 8

def lock(words, path):
    def on_progress(fraction, note):
        if words in note:
            path.chmod(0)
    return on_progress

encode(scan(root / "data", cache_dir=root / "warm"), Slow(), cache_dir=root / "warm")  # everything is imported
if os.geteuid() == 0:  # root may open everything
    os.setgid(65534)
    os.setuid(65534)
images = scan(root / "data", cache_dir=root / "cache", on_progress=lock("checked", root / "data/dog/19.png"))
print(len(images), *(f"{p.path}|{p.cause}" for p in images.problems), sep="\\n")
features = encode(images, Slow(), batch_size=4, cache_dir=root / "cache", on_progress=lock("images/s", root / "data/dog"))
print(len(features), len(features.images.problems), {p.cause for p in features.images.problems}, sep="\\n")
images = scan(root / "data", cache_dir=root / "cache")
print(len(images), *(f"{p.path}|{p.cause}" for p in images.problems), sep="\\n")
"""


@posix
def test_permissions_that_change_meanwhile() -> None:
    with tempfile.TemporaryDirectory() as scratch:  # pytest's own folders are closed to others
        folder = fill(Path(scratch) / "data")
        if os.geteuid() == 0:
            for path in (Path(scratch), folder, *folder.rglob("*")):
                os.chown(path, 65534, 65534)
        command = [sys.executable, "-c", _AS_NOBODY, str(ROOT), scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        (folder / "dog").chmod(0o755)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[:2] == ["39", "dog/19.png|the file cannot be opened (Permission denied)"]
    n_encoded, n_lost = map(int, lines[2:4])
    assert n_encoded >= 20
    assert n_encoded + n_lost == 40
    assert "cannot be opened (Permission denied)" in lines[4]
    assert lines[5:] == ["20", "dog|the folder cannot be opened (Permission denied)"]
