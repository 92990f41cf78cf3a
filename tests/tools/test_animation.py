"""The film at the top of README: what is encoded is what was filmed, for as long, and never too large; no browser, no film."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tools import build_film
from tools.animation import Frame, encode, merged

ROOM = 10_000_000


def frame(shade: int, milliseconds: int = 80, *, size: tuple[int, int] = (64, 40)) -> Frame:
    return Frame(image=Image.new("RGB", size, (shade, 255 - shade, 90)), milliseconds=milliseconds)


def noise(seed: int) -> Frame:
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    return Frame(image=Image.fromarray(pixels), milliseconds=80)


def played(data: bytes) -> list[tuple[np.ndarray, int]]:
    """The pixels of each frame, and how long it stays."""
    found = []
    with Image.open(io.BytesIO(data)) as film:
        assert film.format == "WEBP"
        assert film.info["loop"] == 0, "for ever"
        for index in range(film.n_frames):
            film.seek(index)
            film.load()
            found.append((np.asarray(film.convert("RGB"), dtype=int), film.info["duration"]))
    return found


def test_frames_come_back_in_order_and_for_as_long():
    given = [frame(0, 80), frame(120, 500), frame(240, 85)]
    found = played(encode(given, max_bytes=ROOM))
    assert [duration for _, duration in found] == [80, 500, 85]
    for one, (pixels, _) in zip(given, found, strict=True):
        assert np.abs(pixels - np.asarray(one.image, dtype=int)).mean() < 4


def test_a_small_change_is_seen_and_nothing_else_moves():
    """A pointer of a few pixels on a page that stands still."""
    page = np.full((120, 160, 3), 245, np.uint8)
    page[20:60:4, 10:90] = (27, 36, 48)
    moved = page.copy()
    moved[90:96, 100:106] = (200, 30, 30)
    given = [Frame(image=Image.fromarray(pixels), milliseconds=80) for pixels in (page, moved, page)]
    found = [pixels for pixels, _ in played(encode(given, max_bytes=ROOM))]
    assert len(found) == 3
    assert np.abs(found[1][91:95, 101:105] - moved[91:95, 101:105]).mean() < 20
    assert np.abs(found[1][:80] - page[:80]).mean() < 4
    assert np.abs(found[2] - page).mean() < 4


def test_frames_that_show_the_same_become_one_that_stays_as_long():
    given = [frame(0, 80), frame(0, 90), frame(120, 85), frame(0, 85), frame(0, 15)]
    assert [(one.image.getpixel((0, 0))[0], one.milliseconds) for one in merged(given)] == [(0, 170), (120, 85), (0, 100)]
    assert [duration for _, duration in played(encode(given, max_bytes=ROOM))] == [170, 85, 100]


def test_the_limit_is_kept_to_the_byte():
    given = [noise(seed) for seed in range(4)]
    data = encode(given, max_bytes=ROOM)
    assert encode(given, max_bytes=len(data)) == data
    with pytest.raises(ValueError, match=rf"has {len(data):,} bytes and may have {len(data) - 1:,}"):
        encode(given, max_bytes=len(data) - 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "two frames that differ"),
        ([frame(0)], "two frames that differ"),
        ([frame(0), frame(0)], "two frames that differ"),
        ([frame(0), frame(9, size=(64, 41))], "of one size"),
        ([frame(0), Frame(image=Image.new("L", (64, 40)), milliseconds=80)], "must be RGB"),
        ([frame(0), frame(9, 0)], "at least 1 ms"),
    ],
)
def test_what_is_no_film(given, said):
    with pytest.raises(ValueError, match=said):
        encode(given, max_bytes=ROOM)


@pytest.fixture
def browser(monkeypatch):
    monkeypatch.setattr(build_film, "find_browser", lambda: "a browser")


def test_without_a_browser_nothing_is_filmed_or_written(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(build_film, "find_browser", lambda: None)
    assert build_film.write(tmp_path / "film.webp", lambda: pytest.fail("it was filmed")) == 1
    assert "no browser was found" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_film_that_is_too_large_leaves_the_old_one(browser, monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(build_film, "MAX_BYTES", 1000)
    (tmp_path / "film.webp").write_bytes(b"the old one")
    assert build_film.write(tmp_path / "film.webp", lambda: [noise(0), noise(1)]) == 1
    assert "bytes and may have 1,000" in caplog.text
    assert (tmp_path / "film.webp").read_bytes() == b"the old one"


def test_film_and_single_frames_are_written(browser, tmp_path):
    given = [frame(0), frame(0), frame(120)]
    assert build_film.write(tmp_path / "film.webp", lambda: given, tmp_path / "frames") == 0
    assert len(played((tmp_path / "film.webp").read_bytes())) == 2
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["000.png", "001.png", "002.png"]


def test_the_film_of_the_readme_is_one_and_small_enough():
    data = build_film.TARGET.read_bytes()
    assert len(data) <= build_film.MAX_BYTES <= 3_000_000
    durations = [duration for _, duration in played(data)]
    assert 8_000 <= sum(durations) <= 12_000
    assert sorted(durations)[len(durations) // 2] <= 100, "ten frames a second"
