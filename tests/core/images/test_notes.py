"""What is worth knowing of files that are used: heard in the right thread, said once, kept with the scan."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

import usl_core as usl
from usl_core.cache.store import Store
from usl_core.images import listing as image_listing
from usl_core.images.decode import decode, verify
from usl_core.images.notes import Remarks, listening, note
from usl_core.images.records import recall_images, remember_images
from usl_core.images.scan import open_image
from usl_core.images.subsets import subset
from usl_core.types import ImageSet, Note

from .tiff_files import tiff

ROOT = Path(__file__).resolve().parents[3]


def jpeg(grey: int = 90, entries: int | None = None) -> bytes:
    """A picture; with `entries` its EXIF directory promises that many entries, of which one is there."""
    exif = Image.Exif()
    exif[0x0112] = 1
    buffer = BytesIO()
    Image.new("L", (16, 16), grey).save(buffer, "jpeg", exif=exif)
    data = buffer.getvalue()
    if entries is None:
        return data
    at = data.index(b"Exif\0\0MM\0*\0\0\0\x08") + 14
    return data[:at] + bytes([0, entries]) + data[at + 2 :]


def heard(data: bytes) -> list[str]:
    with listening() as remarks:
        verify(data, threading.Lock())
    return remarks.texts


@pytest.fixture
def found(tmp_path: Path) -> ImageSet:
    """Three pictures, the second and third with damaged EXIF, and a file that is none."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number, data in enumerate((jpeg(10), jpeg(20, 9), jpeg(30, 9), b"text")):
        (folder / f"{number}.jpg").write_bytes(data)
    return usl.scan(folder, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("action", ["error", "always", "ignore"])
def test_what_pillow_warns_of_becomes_a_note_of_its_file(tmp_path: Path, action: str) -> None:
    (tmp_path / "fine.jpg").write_bytes(jpeg(10))
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / name).write_bytes(jpeg(len(name), 9))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter(action)  # type: ignore[arg-type]
        images = usl.scan(tmp_path, cache_dir=tmp_path / "cache")
        for index in range(len(images)):
            open_image(images, index)
    assert not seen
    assert images.paths == ("fine.jpg", "one.jpg", "two.jpg")
    assert images.problems == ()
    assert [entry.path for entry in images.notes] == ["one.jpg", "two.jpg"]
    assert all("the decoder warns: Corrupt EXIF data" in entry.text for entry in images.notes)


def test_nothing_reaches_the_terminal(tmp_path: Path) -> None:
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    buffer = BytesIO()
    noise.save(buffer, "tiff", compression="tiff_lzw")
    damaged = bytearray(buffer.getvalue())
    damaged[5000:5200] = b"\xff\x13" * 100  # libtiff prints by itself
    (tmp_path / "a.jpg").write_bytes(jpeg(10, 9))
    (tmp_path / "b.tif").write_bytes(damaged)
    (tmp_path / "c.tif").write_bytes(tiff(np.zeros((2, 2, 1), np.uint8), tags={259: ("H", 7), 277: ("H", 60_000)}))
    code = "import usl_core as usl, sys; print(len(usl.scan(sys.argv[1], cache_dir=sys.argv[2]).notes))"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path), str(tmp_path / "cache")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_pillow_still_warns_whoever_does_not_listen() -> None:
    decode(jpeg())
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        JpegImagePlugin.JpegImageFile(BytesIO(jpeg(10, 9))).getexif()


def test_threads_hear_their_own_file_only() -> None:
    files = [jpeg(number, 9 if number % 3 else None) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(heard, files))
    assert [bool(text) for text in texts] == [number % 3 > 0 for number in range(60)]
    assert {len(text) for text in texts} == {0, 1}


def test_a_sentence_is_said_once_on_one_line_and_is_no_novel() -> None:
    with listening() as remarks, listening() as inner:
        for text in ("one\nline", "one line", "x" * 1000):
            note(text)
    assert inner is remarks
    assert [len(text) for text in remarks.texts] == [8, 200]
    note("nobody listens")
    assert Remarks().texts == []


def test_a_second_scan_knows_the_notes(found: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [entry.path for entry in found.notes] == ["1.jpg", "2.jpg"]
    assert [problem.path for problem in found.problems] == ["3.jpg"]
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    usl.scan(found.root, cache_dir=tmp_path / "cache")
    (found.root / "0.jpg").unlink()
    monkeypatch.setattr("usl_core.images.scan_index.verify", lambda *_: pytest.fail("decoded again"))
    again = usl.scan(found.root, cache_dir=tmp_path / "cache")
    assert (again.notes, again.problems) == (found.notes, found.problems)


def test_notes_are_kept_with_the_image_set(found: ImageSet, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    remember_images(found, store)
    recalled = recall_images(found.root, store)
    assert recalled is not None
    assert recalled.notes == found.notes == (Note("1.jpg", found.notes[0].text), Note("2.jpg", found.notes[0].text))


def test_notes_go_with_their_image(found: ImageSet) -> None:
    assert [entry.path for entry in subset(found, [0, 2]).notes] == ["2.jpg"]
    assert subset(found, [0]).notes == ()
