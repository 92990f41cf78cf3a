"""Folders and archives of images, and what can be wrong with them."""

from __future__ import annotations

import logging
import os
import random
import struct
import threading
import time
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from usl_core.cache.store import Store, fingerprint
from usl_core.errors import Cancelled, UslError
from usl_core.images import archive as image_archive
from usl_core.images import decode as image_decode
from usl_core.images import folder as image_folder
from usl_core.images import listing as image_listing
from usl_core.images import scan_index
from usl_core.images.decode import decode, verify
from usl_core.images.listing import LEADS_OUT, natural_key
from usl_core.images.scan import open_image, read_bytes, scan, thumbnail
from usl_core.images.sources import open_source
from usl_core.images.subsets import subset
from usl_core.types import ImageSet, Problem

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
EXTENSIONS = ("jpg", "JPEG", "Png", "bmp", "GIF", "webp", "tif", "TIFF")
FORMATS = ("jpeg", "png", "bmp", "gif", "webp", "tiff")


def encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(colour: int | tuple[int, ...] = RED, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def noise(size: tuple[int, int] = (40, 30), seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def distinct(*names: str) -> dict[str, bytes]:
    """A different picture for each name."""
    return {name: encoded(plain((number % 256, number // 256, 0))) for number, name in enumerate(names)}


def causes(found: ImageSet) -> dict[str, str]:
    return {problem.path: problem.cause for problem in found.problems}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., ImageSet]:
    """`scan` with a cache of its own."""
    return lambda path, **options: scan(path, cache_dir=tmp_path / "cache", **options)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that scans decode from here on; files as young as a test's count as settled."""
    seen: list[bytes] = []

    def watch(data: bytes, turn: Any) -> None:
        seen.append(data)
        verify(data, turn)

    monkeypatch.setattr(scan_index, "verify", watch)
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    return seen


def near(image: Image.Image, where: tuple[int, int], colour: tuple[int, ...], tolerance: int = 1) -> bool:
    pixel = image.getpixel(where)
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))  # type: ignore[arg-type]


# --- colours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_keeps_its_colours(kind: str) -> None:
    image = decode(encoded(plain((200, 40, 90), (16, 16)), kind))
    assert image.mode == "RGB"
    assert image.size == (16, 16)
    assert near(image, (8, 8), (200, 40, 90), tolerance=4)


def palette_with_transparency() -> Image.Image:
    image = plain(0, mode="P")
    image.putpalette([*RED, *BLUE])
    image.paste(1, (0, 0, 4, 6))
    return image


def deep(value: float, dtype: str) -> Image.Image:
    return Image.fromarray(np.full((6, 8), value, dtype))


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        (plain((255, 0, 0, 128), mode="RGBA"), "png", (255, 127, 127)),
        (plain((255, 0, 0, 0), mode="RGBA"), "webp", WHITE),
        (plain((0, 128), mode="LA"), "png", (127, 127, 127)),
        (plain(77, mode="L"), "png", (77, 77, 77)),
        (plain(1, mode="1"), "png", WHITE),
        (plain(1, mode="1"), "tiff", WHITE),
        (plain((0, 255, 255, 0), mode="CMYK"), "tiff", RED),
        (plain((0, 255, 255, 0), mode="CMYK"), "jpeg", RED),
        (plain((76, 85, 255), mode="YCbCr"), "tiff", RED),
        (plain((76, 85, 255), mode="YCbCr"), "jpeg", RED),
        (palette_with_transparency(), "png", BLUE),
        (deep(32768, "uint16"), "png", (128, 128, 128)),
        (deep(32768, "uint16"), "tiff", (128, 128, 128)),
        (deep(65535, ">u2"), "tiff", WHITE),
        (deep(32768, "int32"), "tiff", (128, 128, 128)),
        (deep(0.5, "float32"), "tiff", (128, 128, 128)),
        (deep(128.0, "float32"), "tiff", (128, 128, 128)),
    ],
    ids=lambda value: f"{value.mode}" if isinstance(value, Image.Image) else str(value),
)
def test_every_mode_becomes_rgb(image: Image.Image, kind: str, colour: tuple[int, ...]) -> None:
    data = encoded(image, kind, **({"quality": 100} if kind == "jpeg" else {}))
    verify(data, threading.Lock())
    result = decode(data)
    assert result.mode == "RGB"
    assert near(result, (1, 1), colour, tolerance=3)


@pytest.mark.parametrize("transparent", [0, b"\x00\xff"])
@pytest.mark.parametrize("kind", ["png", "gif"])
def test_transparent_palette_entries_lie_over_white(kind: str, transparent: int | bytes) -> None:
    if kind == "gif" and isinstance(transparent, bytes):
        pytest.skip("GIF has one transparent entry")
    image = decode(encoded(palette_with_transparency(), kind, transparency=transparent))
    assert near(image, (7, 3), WHITE)
    assert near(image, (1, 3), BLUE)


def test_rgb_with_a_transparent_colour_lies_over_white() -> None:
    assert near(decode(encoded(plain(RED), transparency=RED)), (0, 0), WHITE)


def png16(rows: np.ndarray) -> bytes:
    """A PNG with 16 bits a channel, which Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def test_sixteen_bits_a_channel() -> None:
    rows = np.full((4, 4, 3), (65535, 32768, 0))
    assert near(decode(png16(rows)), (2, 2), (255, 128, 0))


def test_deep_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None]
    shown = np.asarray(decode(encoded(Image.fromarray(ramp))))[0, :, 0]
    assert np.abs(shown.astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([np.nan, 0.0, 1.0], [0, 0, 255]),
        ([np.inf, -1.0, 1.0], [255, 0, 255]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([-7.0, -7.0, -7.0], [0, 0, 0]),
    ],
)
def test_floats_out_of_range_are_stretched(values: list[float], expected: list[int]) -> None:
    image = decode(encoded(Image.fromarray(np.array([values], np.float32)), "tiff"))
    assert np.abs(np.asarray(image)[0, :, 0].astype(int) - expected).max() <= 1


def test_wide_integers_are_stretched() -> None:
    image = decode(encoded(Image.fromarray(np.array([[-(2**31), 0, 2**31 - 1]], np.int32)), "tiff"))
    assert np.abs(np.asarray(image)[0, :, 0].astype(int) - [0, 128, 255]).max() <= 1


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "tiff"])
def test_the_first_frame_counts(kind: str) -> None:
    frames = [plain(colour, (16, 16)) for colour in (RED, GREEN, BLUE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert len(list(ImageSequence.Iterator(Image.open(BytesIO(data))))) == 3
    assert near(decode(data), (8, 8), RED, tolerance=6)


# --- orientation, size, metadata -------------------------------------------------------------------------------------


def with_orientation(value: int, kind: str = "jpeg") -> bytes:
    """Red, with a blue upper left corner."""
    image = plain(RED, (64, 32))
    image.paste(BLUE, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded(image, kind, exif=exif)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize(
    ("value", "size", "corner"),
    [
        (1, (64, 32), (4, 4)),
        (2, (64, 32), (60, 4)),
        (3, (64, 32), (60, 28)),
        (4, (64, 32), (4, 28)),
        (5, (32, 64), (4, 4)),
        (6, (32, 64), (28, 4)),
        (7, (32, 64), (28, 60)),
        (8, (32, 64), (4, 60)),
        (9, (64, 32), (4, 4)),
    ],
)
def test_images_are_turned_upright(kind: str, value: int, size: tuple[int, int], corner: tuple[int, int]) -> None:
    image = decode(with_orientation(value, kind))
    assert image.size == size
    blue = {(x, y) for x in (4, size[0] - 4) for y in (4, size[1] - 4) if near(image, (x, y), BLUE, tolerance=40)}
    assert blue == {corner}


def test_damaged_exif_does_not_matter() -> None:
    data = with_orientation(6).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\xff\xff")
    verify(data, threading.Lock())
    assert decode(data).size == (64, 32)


@pytest.mark.parametrize(
    ("min_side", "expected"), [(None, 300), (300, 300), (150, 150), (149, 150), (37, 38), (38, 75), (900, 300)]
)
def test_min_side_bounds_the_shorter_side(min_side: int | None, expected: int) -> None:
    data = encoded(noise((400, 300)), "jpeg")
    assert min(decode(data, min_side=min_side).size) == expected


def test_min_side_changes_no_other_format() -> None:
    assert decode(encoded(noise()), min_side=2).size == (40, 30)


def test_no_metadata_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    for kind in ("jpeg", "png"):
        image = decode(encoded(plain(size=(300, 200)), kind, exif=exif, comment=b"secret", dpi=(300, 300)))
        assert image.info == {}
        assert not image.getexif()


# --- thumbnails ------------------------------------------------------------------------------------------------------


def one(folder: Path, data: bytes, name: str = "a.png") -> ImageSet:
    return scan(tree(folder, {name: data}), cache_dir=folder.parent / "cache")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((8, 8), (96, 96)),
        ((8, 4), (96, 48)),
        ((60, 20), (60, 20)),
        ((100, 100), (100, 100)),
        ((400, 200), (100, 50)),
        ((3000, 1), (100, 1)),
    ],
)
def test_thumbnails_fit(folder: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = Image.open(BytesIO(thumbnail(one(folder, encoded(plain(size=size))), 0, 100)))
    assert (picture.format, picture.size, picture.mode) == ("JPEG", expected, "RGB")


def test_small_images_are_enlarged_without_smoothing(folder: Path) -> None:
    checks = np.indices((8, 8)).sum(axis=0) % 2 * 255
    picture = Image.open(BytesIO(thumbnail(one(folder, encoded(Image.fromarray(checks.astype(np.uint8)))), 0, 64)))
    grey = np.asarray(picture)[..., 0].astype(int)
    assert np.abs(grey - np.kron(checks, np.ones((8, 8), int))).max() < 30


def test_enlarged_colours_do_not_bleed(folder: Path) -> None:
    checks = np.indices((8, 8)).sum(axis=0)[..., None] % 2 * np.array([255, 0, -255]) + np.array([0, 0, 255])
    picture = Image.open(BytesIO(thumbnail(one(folder, encoded(Image.fromarray(checks.astype(np.uint8)))), 0, 24)))
    expected = np.kron(checks, np.ones((3, 3, 1), int))
    assert np.abs(np.asarray(picture).astype(int) - expected).mean() < 15


def test_thumbnails_carry_no_metadata(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = encoded(noise((300, 200)), "jpeg", exif=exif, comment=b"secret note", icc_profile=b"secret profile")
    assert data.count(b"secret") == 3
    assert b"secret" not in thumbnail(one(folder, data, "a.jpg"), 0, 64)


@pytest.mark.parametrize("size", [0, -1, 1025, 2.5, "64", True])
def test_thumbnail_sizes_are_checked(folder: Path, size: Any) -> None:
    with pytest.raises(UslError, match="size must be"):
        thumbnail(one(folder, encoded(plain())), 0, size)


# --- damaged and hostile files ---------------------------------------------------------------------------------------


def survives(data: bytes) -> bool:
    """Whether the file is accepted; what `verify` accepts, `decode` must accept too, and nothing but UslError may come."""
    try:
        verify(data, threading.Lock())
    except UslError:
        with pytest.raises(UslError, match=r"\w"):
            decode(data)
        return False
    assert decode(data).mode == "RGB"
    return True


@pytest.mark.parametrize("kind", [*FORMATS, "progressive"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_truncated_files(kind: str) -> None:
    data = encoded(noise(), "jpeg", progressive=True) if kind == "progressive" else encoded(noise(), kind)
    assert survives(data)
    cuts = [0, 1, 2, 3, 5, 8, 11, 13, 20, 29, 40, 60, len(data) // 4, len(data) // 2, len(data) * 3 // 4, len(data) * 9 // 10]
    if kind != "tiff":  # its directory lies at the end: every cut is noticed, but some by another message
        assert not any(survives(data[:cut]) for cut in cuts)
    for cut in (*cuts, *range(len(data) - 12, len(data))):
        survives(data[:cut])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "always::PIL.Image.DecompressionBombWarning")
def test_flipped_bytes(kind: str, recwarn: pytest.WarningsRecorder) -> None:
    data = encoded(palette_with_transparency() if kind == "png" else noise((12, 9)), kind)
    rng = random.Random(f"flip {kind}")
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(min(len(data), 300))] = rng.randrange(256)
        survives(bytes(changed))
    assert [warning.message for warning in recwarn if warning.category is Image.DecompressionBombWarning] == []


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not an image"),
        (b"\0" * 500, "not an image"),
        (b" <!doctype html><html>404</html>", "web page"),
        (b"\0\0\0\x20ftypheic" + b"\0" * 50, "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
        (encoded(noise(), "jpeg")[:-400], "cut off"),
        (encoded(noise(), "png")[:-400], "cut off"),
    ],
)
def test_causes_in_plain_words(folder: Path, look: Callable[..., ImageSet], data: bytes, cause: str) -> None:
    found = look(tree(folder, {"good.png": encoded(plain()), "bad.jpg": data}))
    assert found.paths == ("good.png",)
    assert list(causes(found)) == ["bad.jpg"]
    assert cause in causes(found)["bad.jpg"]
    assert "\n" not in causes(found)["bad.jpg"]


def test_what_cannot_be_converted_is_found_by_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: Image.Image) -> None:
        raise ValueError("conversion not supported")

    monkeypatch.setattr(image_decode, "_rgb", fail)
    with pytest.raises(UslError, match="unusual kind"):
        verify(encoded(plain((1, 2, 3, 4), mode="RGBA")), threading.Lock())


def png_of(width: int, height: int) -> bytes:
    """The header of a PNG of that size, with next to no data."""
    data = bytearray(png16(np.zeros((1, 1, 3))))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.filterwarnings("error")
def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    tracemalloc.start()
    try:
        for data in (png_of(60_000, 60_000), encoded(plain(), "gif").replace(struct.pack("<HH", 8, 6), b"\xff\xff" * 2)):
            with pytest.raises(UslError, match="limit of 178,956,970"):
                decode(data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_large_images_do_not_warn(recwarn: pytest.WarningsRecorder) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(UslError, match="cut off"):
        decode(png_of(10_000, 9_000))
    assert not recwarn.list
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.filterwarnings("error")
def test_large_tiffs_are_refused_before_pillow_warns() -> None:
    data = encoded(plain(1, (10_000, 9_000), "1"), "tiff", compression="group4")
    assert len(data) < 20_000
    with pytest.raises(UslError, match="10,000 x 9,000 pixels, more than the limit of 89,478,485"):
        decode(data)


def test_the_pixel_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_decode, "MAX_PIXELS", 48)
    assert decode(encoded(plain(size=(8, 6)))).size == (8, 6)
    with pytest.raises(UslError, match="7 x 7 pixels, more than the limit of 48"):
        decode(encoded(plain(size=(7, 7))))


def test_large_images_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turn:
        taken = 0

        def __enter__(self) -> None:
            Turn.taken += 1

        def __exit__(self, *_: object) -> None:
            pass

    verify(encoded(plain()), Turn())
    assert Turn.taken == 0
    monkeypatch.setattr(image_decode, "_LARGE_PIXELS", 10)
    verify(encoded(plain()), Turn())
    assert Turn.taken == 1


def test_the_file_size_limit(
    folder: Path, look: Callable[..., ImageSet], decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(folder, {"small.png": encoded(plain()), "large.png": encoded(noise())})
    for module in (image_archive, image_folder, image_decode):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 1000)
    found = look(folder)
    assert found.paths == ("small.png",)
    assert "more than the limit of 1,000" in causes(found)["large.png"]
    with pytest.raises(UslError, match="limit"):
        decode(encoded(noise()))
    inside = look(packed(folder.parent / "x.zip", {"small.png": encoded(plain()), "large.png": encoded(noise())}))
    assert causes(inside) == causes(found)
    assert decoded == [encoded(plain())] * 2


# --- what counts, in which order -------------------------------------------------------------------------------------


def test_extensions_and_hidden_names(folder: Path, look: Callable[..., ImageSet]) -> None:
    wanted = [f"x{number}.{extension}" for number, extension in enumerate(EXTENSIONS)]
    ignored = ["notes.txt", ".jpg", ".hidden.png", ".git/a.png", "__MACOSX/a.png", "a/.b/c.png", "x.jpg.part"]
    found = look(tree(folder, distinct(*wanted, *ignored)))
    assert found.paths == tuple(wanted)
    assert found.problems == ()


HOSTILE = [
    "new\nline.png",
    "quote\"'.png",
    "emoji 🦄.png",
    "rtl \u202egnp.png",
    "<img src=x onerror=alert(1)>.png",
    "a" * 200 + ".png",
    " leading and trailing .png",
    "percent%2e%s{}.png",
    "$(touch x);`ls`.png",
    "back\\slash.png",
    "e\u0301 composed.png",
    "é composed.png",
    "-rf.png",
    "CON.png",
]


def test_hostile_names(folder: Path, look: Callable[..., ImageSet]) -> None:
    found = look(tree(folder, distinct(*HOSTILE)))
    assert set(found.paths) == set(HOSTILE)
    assert found.problems == ()
    assert look(folder).paths == found.paths
    for index in range(len(found)):
        assert open_image(found, index).size == (8, 6)
    zipped = {name: data for name, data in distinct(*HOSTILE).items() if "\\" not in name}
    inside = look(packed(folder.parent / "x.zip", zipped))
    assert inside.paths == tuple(name for name in found.paths if "\\" not in name)
    assert [read_bytes(inside, index) for index in range(len(inside))] == [zipped[name] for name in inside.paths]


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_names_that_are_not_text(folder: Path, look: Callable[..., ImageSet]) -> None:
    tree(folder, {"good.png": encoded(plain())})
    bad = os.fsencode(folder) + b"/\xff"
    try:
        Path(os.fsdecode(bad + b".png")).write_bytes(encoded(plain()))
        Path(os.fsdecode(bad)).mkdir()
    except OSError:
        pytest.skip("the file system takes no such names")
    found = look(folder)
    assert found.paths == ("good.png",)
    assert [problem.path.encode("utf-8") for problem in found.problems] == [b"\\udcff", b"\\udcff.png"]
    assert all("rename" in problem.cause for problem in found.problems)


def test_natural_order(folder: Path, look: Callable[..., ImageSet]) -> None:
    ordered = ["a/z.png", "a b/a.png", "img1.png", "IMG2.png", "img02.png", "img2.png", "img10.png", "img010x.png", "imgs.png"]
    expected = ["a/z.png", "a b/a.png", "img1.png", "IMG2.png", "img02.png", "img2.png", "img10.png", "img010x.png", "imgs.png"]
    names = distinct(*sorted(ordered))
    if len({unicodedata.normalize("NFC", name).casefold() for name in ordered}) < len(ordered) and (folder / "X").exists():
        pytest.skip("the file system ignores case")
    assert look(tree(folder, names)).paths == tuple(expected)


NAMES = st.text(st.sampled_from("aAbB019 ./-_ß²٣é"), max_size=12)


@given(st.lists(NAMES, max_size=8, unique=True), st.randoms())
def test_natural_order_is_total(names: list[str], rng: random.Random) -> None:
    shuffled = names[:]
    rng.shuffle(shuffled)
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)
    assert len({natural_key(name) for name in names}) == len(names)


@given(st.lists(st.integers(0, 10**40), unique=True), NAMES, st.sampled_from(["", ".png", "x", "/a.png"]))
def test_numbers_sort_by_value(numbers: list[int], before: str, after: str) -> None:
    before = before.rstrip("0123456789")
    ordered = sorted((f"{before}{number}{after}" for number in numbers), key=natural_key)
    assert ordered == [f"{before}{number}{after}" for number in sorted(numbers)]


@given(st.lists(st.text(st.sampled_from("aA/1029ä "), max_size=6), max_size=40, unique=True))
def test_natural_order_is_that_of_the_keys_however_many_runs_are_merged(names: list[str]) -> None:
    reports: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_listing, "_RUN", 3)
        order = image_listing.natural_order(names, lambda fraction, note: reports.append(note))
    assert [names[row] for row in order.tolist()] == sorted(names, key=natural_key)
    assert len(reports) >= 2 * (len(names) // 3), "so that it can be cancelled"


def test_no_number_is_too_long() -> None:
    long = "9" * 60_000
    assert natural_key(f"{long}.png") < natural_key(f"1{long}.png")


# --- class labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "classes", "labels"),
    [
        (["cat/1.png", "dog/1.png", "dog/2.png"], ("cat", "dog"), [0, 1, 1]),
        (["c2/1.png", "c10/1.png", "c1/1.png"], ("c1", "c2", "c10"), [0, 1, 2]),
        (["wrap/cat/1.png", "wrap/dog/1.png"], ("cat", "dog"), [0, 1]),
        (["a/b/c/cat/1.png", "a/b/c/dog/deep/er/1.png", "a/b/c/dog/2.png"], ("cat", "dog"), [0, 1, 1]),
        (["cat/1.png", "dog/1.png", "loose.png"], (), None),
        (["wrap/cat/1.png", "wrap/dog/1.png", "wrap/loose.png"], (), None),
        (["1.png", "2.png"], (), None),
        (["only/1.png", "only/2.png"], (), None),
        (["a/b/1.png", "a/2.png"], (), None),
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_class_labels(
    tmp_path: Path,
    look: Callable[..., ImageSet],
    form: str,
    names: list[str],
    classes: tuple[str, ...],
    labels: list[int] | None,
) -> None:
    files = distinct(*names)
    found = look(tree(tmp_path / "data", files) if form == "folder" else packed(tmp_path / "x.zip", files))
    assert found.class_names == classes
    assert (found.labels is None) == (labels is None)
    if labels is not None and found.labels is not None:
        assert found.labels.dtype == np.int32
        assert found.labels.tolist() == labels
        assert all(classes[label] in path for label, path in zip(found.labels, found.paths, strict=True))


def test_only_readable_images_decide_about_labels(folder: Path, look: Callable[..., ImageSet]) -> None:
    found = look(tree(folder, {**distinct("cat/1.png", "dog/1.png"), "loose.png": b"", "bird/1.png": b"text"}))
    assert found.class_names == ("cat", "dog")
    assert len(found.problems) == 2


# --- links, devices, permissions -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="POSIX links and pipes")
def test_links_and_devices(folder: Path, look: Callable[..., ImageSet]) -> None:
    outside = tree(folder.parent / "outside", distinct("a.png", "b.png"))
    tree(folder, {"cat/1.png": encoded(plain(RED)), "dog/1.png": encoded(plain(BLUE)), "real.jpg/x.png": encoded(plain(GREEN))})
    (folder / "cat/link.png").symlink_to(outside / "b.png")
    (folder / "cat/broken.png").symlink_to(outside / "nowhere.png")
    (folder / "cat/broken.txt").symlink_to(outside / "nowhere.txt")
    (folder / "cat/itself.png").symlink_to("itself.png")
    (folder / "cat/itself").symlink_to("itself")
    (folder / "cat/up").symlink_to("..")
    (folder / "dog/folder.png").symlink_to(outside)
    (folder / "dog/null.png").symlink_to("/dev/null")
    os.mkfifo(folder / "dog/pipe.png")
    found = look(folder)
    assert found.paths == ("cat/1.png", "cat/link.png", "dog/1.png", "real.jpg/x.png")
    assert open_image(found, 1).size == (8, 6)
    expected = {
        "cat/broken.png": "does not exist",
        "cat/itself.png": "cannot be opened",
        "cat/up": "link to a folder",
        "dog/folder.png": "link to a folder",
        "dog/null.png": "not a file",
        "dog/pipe.png": "not a file",
    }
    assert list(causes(found)) == list(expected)
    assert all(words in causes(found)[path] for path, words in expected.items())


@pytest.mark.skipif(os.name != "posix", reason="POSIX links")
def test_links_that_leave_the_allowed_folders(folder: Path) -> None:
    allowed, outside = folder.resolve().parent / "allowed", folder.parent / "outside"
    tree(outside, distinct("a.png", "b.png"))
    tree(allowed, distinct("c.png", "d.png"))
    tree(folder, distinct("1.png", "deep/2.png"))
    for name, target in {
        "out.png": outside / "a.png",
        "over.png": allowed / "out.png",  # by way of a link that lies inside
        "up.png": Path("../outside/b.png"),
        "nowhere.png": outside / "nothing.png",  # must not tell that it is not there
        "in.png": allowed / "c.png",
        "own.png": folder / "1.png",
    }.items():
        (folder / name).symlink_to(target)
    (allowed / "out.png").symlink_to(outside / "a.png")
    found = scan(folder, within=[folder.resolve(), allowed])
    assert set(found.paths) == {"1.png", "deep/2.png", "in.png", "own.png"}
    assert set(causes(found)) == {"out.png", "over.png", "up.png", "nowhere.png"}
    assert set(causes(found).values()) == {LEADS_OUT}
    # A file that becomes a link after it was listed is refused when it is read.
    source = open_source(folder.resolve(), [folder.resolve()])
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to(outside / "a.png")
    with pytest.raises(UslError, match="leads out"):
        source.read("1.png")


@pytest.mark.usefixtures("decoded")
def test_what_may_not_be_opened(folder: Path, look: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    tree(folder, distinct("a.png", "b.png", "locked/c.png"))
    list_folder, read = os.scandir, image_folder.read_regular

    def refuse(path: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: refuse(path) if Path(path).name == "locked" else list_folder(path))
        patch.setattr(image_folder, "read_regular", lambda path, n: refuse(path) if path.name == "b.png" else read(path, n))
        found = look(folder)
    assert found.paths == ("a.png",)
    assert list(causes(found)) == ["b.png", "locked"]
    assert all("Permission denied" in cause for cause in causes(found).values())
    assert len(look(folder)) == 3, "a refusal must not be remembered"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open everything")
def test_real_permissions(folder: Path, look: Callable[..., ImageSet]) -> None:
    tree(folder, distinct("a.png", "b.png", "locked/c.png"))
    (folder / "b.png").chmod(0)
    (folder / "locked").chmod(0)
    try:
        assert list(causes(look(folder))) == ["b.png", "locked"]
    finally:
        (folder / "locked").chmod(0o700)


# --- archives --------------------------------------------------------------------------------------------------------


def test_archive_and_folder_are_the_same(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    files = {
        **distinct(*(f"set/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(1, 13))),
        "set/cat/copy.png": encoded(plain((0, 0, 0))),
        "set/cat/bad.jpg": b"text",
        "set/dog/cut.png": encoded(noise())[:500],
        "set/notes.txt": b"text",
        "__MACOSX/set/cat/._1.png": b"x",
    }
    folder, archive = look(tree(tmp_path / "data", files)), look(packed(tmp_path / "data.ZIP", files))
    for name in ("paths", "digests", "class_names", "problems", "fingerprint", "duplicates"):
        assert getattr(folder, name) == getattr(archive, name)
    assert folder.labels is not None
    assert archive.labels is not None
    assert folder.labels.tolist() == archive.labels.tolist()
    assert folder.duplicates == ((0, 12),)
    for index in range(len(folder)):
        assert read_bytes(folder, index) == read_bytes(archive, index) == files[folder.paths[index]]
        assert open_image(folder, index).tobytes() == open_image(archive, index).tobytes()
        assert thumbnail(folder, index, 32) == thumbnail(archive, index, 32)
    assert folder.fingerprint == fingerprint("images", folder.digests)


def test_names_in_an_archive_stay_inside(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    files = distinct("../up.png", "/abs.png", "a/../../b.png", "C:/win.png", "a//./twice.png", "win\\dir.png")
    found = look(packed(tmp_path / "x.zip", files))
    assert found.paths == ("a/twice.png", "win/dir.png")
    assert list(causes(found)) == ["/abs.png", "../up.png", "a/../../b.png", "C:/win.png"]
    assert all("out of the archive" in cause for cause in causes(found).values())
    assert read_bytes(found, 1) == files["win\\dir.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_an_archive(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.png", encoded(plain(RED)))
        archive.writestr("a.png", encoded(plain(BLUE)))
    found = look(tmp_path / "x.zip")
    assert near(open_image(found, 0), (0, 0), BLUE)
    assert "more than once" in causes(found)["a.png"]


def patched(path: Path, name: str, offset: int, value: bytes) -> Path:
    """Overwrite a field in the central directory entry of a member."""
    data = bytearray(path.read_bytes())
    start = data.rindex(name.encode()) - 46
    assert data[start : start + 4] == b"PK\x01\x02"
    data[start + offset : start + offset + len(value)] = value
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("offset", "value", "cause"),
    [
        (8, b"\x01\x00", "encrypted"),
        (10, struct.pack("<H", 9), "method other than deflate"),
        (10, struct.pack("<H", 14), "method other than deflate"),
        (16, b"\0\0\0\0", "damaged in the archive"),
        (24, struct.pack("<I", 2**30), "limit"),
        (24, struct.pack("<I", 10), "damaged in the archive"),
        (42, struct.pack("<I", 3), "damaged in the archive"),
    ],
)
def test_damaged_members(tmp_path: Path, look: Callable[..., ImageSet], offset: int, value: bytes, cause: str) -> None:
    path = patched(packed(tmp_path / "x.zip", distinct("good.png", "bad.png")), "bad.png", offset, value)
    found = look(path)
    assert found.paths == ("good.png",)
    assert cause in causes(found)["bad.png"]


def test_a_member_with_a_false_size_cannot_fill_the_memory(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    path = packed(tmp_path / "x.zip", {**distinct("good.png"), "bomb.bmp": b"BM" + bytes(60_000_000)})
    patched(path, "bomb.bmp", 24, struct.pack("<I", 1000))
    tracemalloc.start()
    try:
        found = look(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert list(causes(found)) == ["bomb.bmp"]


def test_an_archive_is_read_by_many_threads(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    files = {f"{number}.png": encoded(noise(seed=number)) for number in range(30)}
    found = look(packed(tmp_path / "x.zip", files))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda index: read_bytes(found, index), list(range(30)) * 5))
    assert results == list(files.values()) * 5


# --- what the user may get wrong -------------------------------------------------------------------------------------


def test_wrong_paths(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    tree(
        tmp_path,
        {
            "text.md": b"hello",
            "text.txt": b"hello",
            "broken.zip": b"PK\x03\x04 nothing",
            "empty.zip": b"",
            "image.png": encoded(plain()),
        },
    )
    cut = packed(tmp_path / "cut.zip", distinct("a.png", "b.png")).read_bytes()
    (tmp_path / "cut.zip").write_bytes(cut[: len(cut) // 2])
    for path, words in {
        "": "path is empty",
        "   ": "path is empty",
        tmp_path / "nowhere": "does not exist",
        tmp_path / "text.md": "neither a folder nor",
        tmp_path / "text.txt": "none of the 1 can be read; the first is 'hello'",
        tmp_path / "image.png": "neither a folder nor",
        tmp_path / "broken.zip": "damaged",
        tmp_path / "empty.zip": "damaged",
        tmp_path / "cut.zip": "damaged",
        tmp_path / "text.txt" / "below": "cannot be opened|does not exist",
        tmp_path / ("x" * 5000): "cannot be opened",
        "nul\0byte": "not a path",
        "~nobody-of-that-name/x": "not a path|does not exist",
    }.items():
        with pytest.raises(UslError, match=words):
            look(path)
    with pytest.raises(UslError, match="not a path"):
        look(None)


def test_nothing_to_use(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    with pytest.raises(UslError, match=r"nothing in it is named \.jpg"):
        look(tree(tmp_path / "texts", {"a.txt": b"x"}))
    with pytest.raises(UslError, match=r"nothing in it is named \.jpg"):
        look(packed(tmp_path / "x.zip", {"a.txt": b"x"}))
    with pytest.raises(UslError, match=r"none of the 2 can be read; the first is 'a2.png': the file is empty"):
        look(tree(tmp_path / "bad", {"a2.png": b"", "a10.png": b"text"}))


def test_a_path_in_words_of_the_shell(folder: Path, look: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    tree(folder, distinct("a.png"))
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    assert look("~/data").root == look("data").root == look(str(folder)).root == folder.resolve()


def test_files_that_change_after_the_scan(folder: Path, look: Callable[..., ImageSet]) -> None:
    found = look(tree(folder, distinct("a.png", "b.png", "c.png")))
    (folder / "a.png").unlink()
    (folder / "b.png").write_bytes(encoded(plain(WHITE)))
    with pytest.raises(UslError, match=r"'a\.png'.*no longer there"):
        open_image(found, 0)
    with pytest.raises(UslError, match=r"'b\.png'.*scan again"):
        open_image(found, 1)
    assert near(open_image(found, 2), (0, 0), (2, 0, 0))


def test_an_archive_that_changes_after_the_scan(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    path = packed(tmp_path / "x.zip", distinct("a.png", "b.png"))
    found = look(path)
    packed(path, {"b.png": encoded(plain(WHITE, (9, 9)))})
    with pytest.raises(UslError, match=r"'a\.png'.*no longer in the archive"):
        open_image(found, 0)
    with pytest.raises(UslError, match=r"'b\.png'.*scan again"):
        thumbnail(found, 1, 64)
    path.unlink()
    with pytest.raises(UslError, match=r"'a\.png'.*does not exist"):
        read_bytes(found, 0)


@pytest.mark.parametrize("index", [-1, 1, 1.0, "0", True])
def test_indices_are_checked(folder: Path, index: Any) -> None:
    with pytest.raises(UslError, match="index must be"):
        open_image(one(folder, encoded(plain())), index)


def test_min_side_is_checked(folder: Path) -> None:
    with pytest.raises(UslError, match="min_side must be"):
        open_image(one(folder, encoded(plain())), 0, min_side=0)


# --- the record of the last scan -------------------------------------------------------------------------------------


def same(one: ImageSet, other: ImageSet) -> bool:
    return (one.paths, one.digests, one.problems, one.fingerprint) == (
        other.paths,
        other.digests,
        other.problems,
        other.fingerprint,
    )


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_second_scan_decodes_nothing(tmp_path: Path, look: Callable[..., ImageSet], decoded: list[bytes], form: str) -> None:
    files = {**distinct("a.png", "b/c.png", "new\nline.png"), "bad.png": b"text", "empty.png": b""}
    path = tree(tmp_path / "data", files) if form == "folder" else packed(tmp_path / "x.zip", files)
    first = look(path)
    assert sorted(decoded) == sorted(files.values())
    decoded.clear()
    assert same(look(path), first)
    assert decoded == []


def test_only_what_changed_is_decoded(folder: Path, look: Callable[..., ImageSet], decoded: list[bytes]) -> None:
    look(tree(folder, {**distinct("a.png", "c.png", "gone.png"), "b.png": encoded(plain(RED), "bmp"), "bad.png": b"text"}))
    before = (folder / "b.png").stat()
    new = encoded(plain(BLUE), "bmp")  # the same size, and below the same time
    (folder / "b.png").write_bytes(new)
    os.utime(folder / "b.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "gone.png").unlink()
    (folder / "a2.png").write_bytes(encoded(plain(GREEN)))
    decoded.clear()
    found = look(folder)
    assert sorted(decoded) == sorted([new, encoded(plain(GREEN))])
    assert found.paths == ("a.png", "a2.png", "b.png", "c.png")
    assert list(causes(found)) == ["bad.png"]
    assert read_bytes(found, 2) == new


def test_a_changed_archive_is_scanned_again(tmp_path: Path, look: Callable[..., ImageSet], decoded: list[bytes]) -> None:
    path = packed(tmp_path / "x.zip", distinct("a.png", "b.png"))
    look(path)
    decoded.clear()
    packed(path, distinct("b.png", "a.png"))
    assert near(open_image(look(path), 0), (0, 0), (1, 0, 0))
    assert len(decoded) == 2
    os.utime(path, (0, 0))
    look(path)
    assert len(decoded) == 4


def test_files_younger_than_the_clock_are_not_trusted(
    folder: Path, look: Callable[..., ImageSet], decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_listing, "_SETTLED_NS", 10**12)
    tree(folder, distinct("a.png"))
    look(folder)
    look(folder)
    assert len(decoded) == 2


@pytest.mark.parametrize("name", ["names.npy", "stats.npy", "digests.npy", "meta.json"])
def test_a_damaged_record_is_none(
    tmp_path: Path, folder: Path, look: Callable[..., ImageSet], decoded: list[bytes], name: str
) -> None:
    first = look(tree(folder, distinct("a.png", "b.png")))
    (record,) = (tmp_path / "cache").rglob(name)
    record.write_bytes(record.read_bytes()[:-3] + b"???")
    decoded.clear()
    assert same(look(folder), first)
    assert len(decoded) == 2
    assert same(look(folder), first)
    assert len(decoded) == 2


@pytest.mark.parametrize(
    ("arrays", "meta"),
    [
        ({}, {"stamp": [], "causes": {}}),
        ({"names": 5, "stats": 8, "digests": 8}, {"stamp": [], "causes": {}}),
        ({"names": 5, "stats": 8, "digests": 8}, {}),
        ({"names": 5, "stats": 8, "digests": 8}, {"stamp": [], "causes": [1]}),
    ],
)
def test_a_foreign_record_is_none(
    folder: Path, look: Callable[..., ImageSet], decoded: list[bytes], arrays: dict[str, int], meta: dict[str, Any]
) -> None:
    first = look(tree(folder, distinct("a.png", "b.png")))
    store = Store(folder.parent / "cache")
    (record,) = (store.root / "scans").iterdir()
    store.save("scans", record.name, {name: np.zeros(size, np.uint8) for name, size in arrays.items()}, meta)
    decoded.clear()
    assert same(look(folder), first)
    assert len(decoded) == 2


def test_a_cache_that_cannot_be_written(folder: Path, caplog: pytest.LogCaptureFixture, decoded: list[bytes]) -> None:
    tree(folder, distinct("a.png"))
    (folder.parent / "file").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert len(scan(folder, cache_dir=folder.parent / "file" / "cache")) == 1
    assert "check every file again" in caplog.text


# --- progress --------------------------------------------------------------------------------------------------------


def test_progress_rises_to_one(folder: Path, look: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_index, "_BLOCK_FILES", 2)
    seen: list[tuple[float, str]] = []
    look(tree(folder, distinct(*(f"{number}.png" for number in range(25)))), on_progress=lambda *report: seen.append(report))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert (1.0, "checked 25 of 25 image files") in seen
    assert len(seen) > 10


@pytest.mark.parametrize("error", [Cancelled("stop"), OSError("the pipe is closed")])
def test_cancelling_keeps_what_is_done(
    folder: Path, look: Callable[..., ImageSet], decoded: list[bytes], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(scan_index, "_BLOCK_FILES", 1)
    tree(folder, distinct(*(f"{number}.png" for number in range(200))))

    def stop(fraction: float, note: str) -> None:
        if fraction > 0.1:
            raise error

    with pytest.raises(type(error), match=str(error)):
        look(folder, on_progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("scan")]
    before = len(decoded)
    assert 20 <= before < 100
    assert len(look(folder)) == 200
    assert len(decoded) == 200


def test_cancelling_stops_the_threads(folder: Path, look: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    tree(folder, {f"{number}.png": bytes([number]) for number in range(100)})
    monkeypatch.setattr(scan_index, "_BLOCK_FILES", 50)
    cancelled, late = threading.Event(), []

    def slow(data: bytes, turn: Any) -> None:
        if data[0] >= 50:
            assert cancelled.wait(30)
            late.append(data)
            time.sleep(0.02)

    def stop(fraction: float, note: str) -> None:
        if fraction >= 0.5:
            cancelled.set()
            raise Cancelled

    monkeypatch.setattr(scan_index, "verify", slow)
    with pytest.raises(Cancelled):
        look(folder, on_progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("scan")]
    assert len(late) < 50


def test_cancelling_while_folders_are_listed(folder: Path, look: Callable[..., ImageSet]) -> None:
    def stop(fraction: float, note: str) -> None:
        if "found" in note:
            raise OSError("the pipe is closed")

    with pytest.raises(OSError, match="the pipe is closed"):
        look(tree(folder, distinct("a.png")), on_progress=stop)


# --- subset ----------------------------------------------------------------------------------------------------------


def test_subset(folder: Path, look: Callable[..., ImageSet]) -> None:
    found = look(tree(folder, {**distinct("a/1.png", "a/2.png", "b/1.png", "c/1.png"), "a/0.png": b""}))
    part = subset(found, [1, 3], (Problem("b/1.png", "black"),))
    assert part.paths == ("a/2.png", "c/1.png")
    assert part.labels is not None
    assert (part.labels.tolist(), part.labels.dtype, part.class_names) == ([0, 1], np.int32, ("a", "c"))
    assert list(causes(part)) == ["a/0.png", "b/1.png"]
    assert part.fingerprint == fingerprint("images", part.digests)
    assert part.fingerprint != found.fingerprint
    assert read_bytes(part, 1) == read_bytes(found, 3)
    everything = subset(found, range(4))
    assert same(everything, found)
    assert everything.class_names == found.class_names


def test_subset_without_labels(folder: Path, look: Callable[..., ImageSet]) -> None:
    part = subset(look(tree(folder, distinct("1.png", "2.png"))), range(1, 2))
    assert (part.paths, part.labels, part.class_names) == (("2.png",), None, ())


@pytest.mark.parametrize("keep", [[], [-1], [4], [1, 1], [2, 0], [0.5], [True, False], [[0]], ["0"]])
def test_subset_checks_its_rows(folder: Path, look: Callable[..., ImageSet], keep: Any) -> None:
    found = look(tree(folder, distinct("1.png", "2.png", "3.png", "4.png")))
    with pytest.raises(UslError, match="keep must"):
        subset(found, keep)


def test_the_fingerprint_depends_on_contents_alone(tmp_path: Path, look: Callable[..., ImageSet]) -> None:
    red, blue = encoded(plain(RED)), encoded(plain(BLUE))
    first = look(tree(tmp_path / "one", {"a.png": red, "b.png": blue})).fingerprint
    assert look(tree(tmp_path / "two", {"x/c.png": red, "x/d.png": blue})).fingerprint == first
    assert look(tree(tmp_path / "three", {"a.png": blue, "b.png": red})).fingerprint != first
