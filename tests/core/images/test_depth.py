"""Files whose pixels are not plain 8-bit numbers, and files that lack what the pixels do not need."""

from __future__ import annotations

import random
import struct
import threading
import zlib
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

import usl_core as usl
from usl_core.errors import UslError
from usl_core.images.decode import decode, verify
from usl_core.images.notes import Remarks, listening
from usl_core.images.scan import open_image, read_bytes

from .tiff_files import DEFLATE, LZW, NONE, PACKBITS, tiff

WHITE_IS_ZERO, PALETTE, CMYK = 0, 3, 5


def shown(data: bytes) -> NDArray[np.int64]:
    """The pixels; `verify` must agree that there are some."""
    verify(data, threading.Lock())
    return np.asarray(decode(data)).astype(np.int64)


def grey(data: bytes) -> list[list[int]]:
    pixels = shown(data)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0].tolist()


def said(data: bytes) -> Remarks:
    with listening() as remarks:
        verify(data, threading.Lock())
    return remarks


def near(found: Any, expected: Any, tolerance: int = 1) -> bool:
    return bool(np.abs(np.array(found) - np.array(expected)).max() <= tolerance)


def u16(*values: Any) -> NDArray[np.uint16]:
    array = np.array(values, np.uint16)
    return array.reshape(1, len(values), -1)


def noise(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray:
    """Numbers over the whole range of a type, or in [0, 1]."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def spread(values: NDArray) -> NDArray[np.int64]:
    """Levels over the whole range of the type, or of [0, 1]."""
    limits = np.iinfo(values.dtype) if values.dtype.kind != "f" else None
    low, high = (float(limits.min), float(limits.max)) if limits else (0.0, 1.0)
    levels = np.rint((values.astype(np.float64) - low) / (high - low) * 255).astype(np.int64)
    return np.repeat(levels, 3, axis=2) if values.shape[2] == 1 else levels


# --- TIFF ------------------------------------------------------------------------------------------------------------

ARRANGEMENTS: list[dict[str, Any]] = [
    {},
    {"order": ">"},
    {"big": True},
    {"big": True, "order": ">"},
    {"rows": 5},
    {"rows": 1, "compression": LZW},
    {"tile": 16},
    {"tile": 16, "compression": DEFLATE, "order": ">"},
    {"tile": 32, "compression": LZW, "predictor": 2},
    {"separate": True, "rows": 4},
    {"separate": True, "tile": 16, "compression": LZW},
    {"compression": PACKBITS, "rows": 7},
    {"compression": DEFLATE, "rows": 3, "predictor": 2, "order": ">"},
    {"compression": LZW, "predictor": 2, "big": True},
]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "uint32", "int32", "uint64", "float16", "float32", "float64"])
def test_every_type_in_every_arrangement(dtype: str, arrangement: dict[str, Any]) -> None:
    for channels in (1, 3):
        values = noise((21, 19, channels), dtype)
        assert near(shown(tiff(values, **arrangement)), spread(values))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("arrangement", [{"compression": DEFLATE}, {"compression": LZW, "tile": 16, "order": ">"}], ids=str)
def test_differences_of_floats(dtype: str, arrangement: dict[str, Any]) -> None:
    for channels in (1, 3):
        values = noise((21, 19, channels), dtype)
        assert near(shown(tiff(values, predictor=3, **arrangement)), spread(values))


def test_ordinary_files_in_rare_arrangements() -> None:
    for channels in (1, 3):
        values = noise((21, 19, channels), "uint8")
        for arrangement in ARRANGEMENTS:
            assert near(shown(tiff(values, **arrangement)), spread(values), 0), arrangement


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_ordinary_channels_in_every_arrangement(arrangement: dict[str, Any]) -> None:
    for dtype in ("uint8", "uint16"):
        values = noise((21, 19, 5), dtype)
        share = values[..., -1:] / np.iinfo(dtype).max
        white = 255 * (1 - share)
        for count in (1, 3):
            colours = spread(values[..., :count])
            some = np.concatenate([values[..., :count], values[..., -1:]], axis=-1)
            for meaning, expected in ((2, colours * share + white), (1, np.minimum(colours + white, 255)), (0, colours)):
                data = tiff(some, tags={338: ("H", meaning)}, photometric=count - count // 3, **arrangement)
                assert near(shown(data), np.rint(expected))
            inverted = tiff(some, tags={338: ("H", 2)}, photometric=WHITE_IS_ZERO, **arrangement)
            if count == 1:
                assert near(shown(inverted), np.rint((255 - colours) * share + white))
        ink = shown(tiff(values[..., :4], photometric=CMYK, **arrangement))
        black = 255 - spread(values[..., 3:4])
        assert near(ink, np.rint((255 - spread(values[..., :3])) * black / 255), 2)


@pytest.mark.parametrize("bits", range(1, 9))
def test_less_than_a_byte_in_grey(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 2**bits, (7, 5, 1), dtype=np.uint8)
    for order in "<>":
        assert near(shown(tiff(values, bits=bits, order=order)), np.rint(values / (2**bits - 1) * 255))


def test_less_than_a_byte_in_colours() -> None:
    values = np.array([[[15, 0, 7], [0, 8, 15]]], np.uint8)
    for separate in (False, True):
        assert near(shown(tiff(values, bits=4, separate=separate)), values.astype(int) * 17)


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15, 24])
def test_the_depth_that_a_file_declares_is_its_range(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 2**bits, (7, 5, 3), dtype=np.uint32)
    values[0, 0] = 2**bits - 1
    dark = values // 8
    for compression in (NONE, LZW):
        assert near(shown(tiff(values, bits=bits, compression=compression)), np.rint(values / (2**bits - 1) * 255))
        if bits != 24:
            data = tiff(dark, bits=bits, compression=compression)
            assert near(shown(data), np.rint(dark / (2**bits - 1) * 255))
            assert said(data).texts == []


def test_three_bytes_with_a_sign() -> None:
    values = np.array([[[-(2**23)], [0], [2**23 - 1]]], np.int32)
    for order in "<>":
        assert near(grey(tiff(values, bits=24, order=order)), [[0, 128, 255]])


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (u16(0, 16384, 65535), [255, 191, 0]),
        (u16(0, 1024, 4095), [255, 191, 0]),
        (np.array([[[0], [0.5], [1]]], np.float32), [255, 128, 0]),
        (np.array([[[0], [127.5], [255]]], np.float64), [255, 128, 0]),
        (np.array([[[-128], [0], [127]]], np.int8), [255, 127, 0]),
        (np.array([[[0], [2**31], [2**32 - 1]]], np.uint32), [255, 127, 0]),
        (np.array([[[0], [100], [255]]], np.uint8), [255, 155, 0]),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero(values: NDArray, levels: list[int], order: str) -> None:
    assert near(grey(tiff(values, photometric=WHITE_IS_ZERO, order=order)), [levels])


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_white_is_zero_below_a_byte(bits: int) -> None:
    values = np.array([[[0], [2**bits - 1], [2**bits // 2], [0]]], np.uint16)
    expected = 255 - np.rint(values[..., 0] / (2**bits - 1) * 255)
    assert near(grey(tiff(values, bits=bits, photometric=WHITE_IS_ZERO)), expected)
    assert near(grey(tiff(values, bits=bits)), 255 - expected)


def test_opacity_of_deep_files() -> None:
    full = u16((65535, 0, 0, 32768), (0, 65535, 0, 0), (0, 0, 65535, 65535))
    over_white = [[[255, 127, 127], [255, 255, 255], [0, 0, 255]]]
    assert near(shown(tiff(full, tags={338: ("H", 2)})), over_white)
    assert near(shown(tiff(full.astype(np.float32) / 65535, tags={338: ("H", 2)})), over_white)
    multiplied = u16((32768, 0, 0, 32768), (0, 0, 0, 0), (0, 0, 65535, 65535))
    assert near(shown(tiff(multiplied, tags={338: ("H", 1)})), over_white)
    camera = u16((4095, 0, 0, 2048), (0, 4095, 0, 0), (0, 0, 4095, 4095))
    assert near(shown(tiff(camera, tags={338: ("H", 2)})), over_white)
    assert near(grey(tiff(u16((0, 32768), (65535, 0), (0, 65535)), tags={338: ("H", 2)})), [[127, 255, 0]])
    for dtype in ("int8", "int16", "int32", "int64"):
        top = np.iinfo(dtype).max
        signed = np.array([[(100, 50, 0, top), (0, 100, 0, 0)]], dtype)
        assert near(shown(tiff(signed, tags={338: ("H", 2)}))[0, 1], 255)
        opaque = shown(tiff(signed[..., :3]))[0, 0]
        assert near(shown(tiff(signed, tags={338: ("H", 2)}))[0, 0], opaque)


def test_a_fourth_channel_that_nobody_explains() -> None:
    for dtype in ("uint8", "uint16"):
        top = np.iinfo(dtype).max
        values = np.array([[[top, 0, 0, 0], [0, top, 0, 0]]], dtype)
        assert shown(tiff(values)).tolist() == [[[255, 0, 0], [0, 255, 0]]]
        assert said(tiff(values)).texts
        values[0, 0, 3] = top
        assert shown(tiff(values)).tolist() == [[[255, 0, 0], [255, 255, 255]]]
        assert said(tiff(values)).texts == []
        declared = tiff(np.zeros((1, 2, 4), dtype), tags={338: ("H", 2)})
        assert shown(declared).tolist() == [[[255, 255, 255]] * 2]


def test_channels_of_no_known_meaning_are_left_out_and_named() -> None:
    data = tiff(u16((65535, 0, 0, 9), (0, 65535, 0, 9)), tags={338: ("H", 0)})
    assert shown(data).tolist() == [[[255, 0, 0], [0, 255, 0]]]
    assert "only 3 of its 4 channels" in said(data).texts[0]


def test_deep_printing_colours() -> None:
    data = tiff(u16((0, 65535, 65535, 0), (0, 0, 0, 65535), (0, 0, 0, 0)), photometric=CMYK)
    assert near(shown(data), [[[255, 0, 0], [0, 0, 0], [255, 255, 255]]])


def test_what_the_tags_say_of_the_range() -> None:
    values = u16(0, 500, 1000)
    smax = tiff(values, tags={340: ("H", 0), 341: ("H", 1000)})
    assert near(grey(smax), [[0, 128, 255]])
    assert said(smax).texts == []
    floats = np.array([[[-2.0], [0.0], [2.0]]], np.float32)
    assert near(grey(tiff(floats, tags={340: ("f", -2.0), 341: ("f", 2.0)})), [[0, 128, 255]])
    assert said(tiff(values, tags={281: ("H", 4095)})).texts == []
    assert near(grey(tiff(values, tags={281: ("H", 4095)})), [[0, 31, 62]])
    assert grey(tiff(values, tags={281: ("H", 1000)})) == grey(tiff(values)), "statistics, not a depth"
    assert grey(tiff(values, tags={341: ("H", 300)})) == grey(tiff(values)), "contradicted by the pixels"


def test_declared_no_data() -> None:
    values = np.array([[[-9999.0], [0.0], [0.5], [1.0]]], np.float32)
    assert grey(tiff(values, tags={42113: ("s", b"-9999\0")})) == [[0, 0, 128, 255]]
    assert near(grey(tiff(u16(65535, 0, 2048, 4095), tags={42113: ("s", b"65535\0")})), [[0, 0, 128, 255]])
    assert grey(tiff(np.array([[[np.nan], [0], [1]]], np.float32), tags={42113: ("s", b"nan\0")})) == [[0, 0, 255]]
    assert grey(tiff(np.array([[[np.inf], [0], [1]]], np.float32), tags={42113: ("s", b"inf\0")})) == [[0, 0, 255]]
    assert grey(tiff(np.array([[[np.inf], [0], [1]]], np.float32), tags={42113: ("s", b"-inf\0")})) == [[255, 0, 255]]


@pytest.mark.parametrize("value", range(1, 9))
def test_deep_files_are_turned_upright(value: int) -> None:
    values = noise((3, 5, 1), "uint16")
    plain = Image.fromarray((values[..., 0] >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = value
    buffer = BytesIO()
    plain.save(buffer, "png", exif=exif)
    assert near(shown(tiff(values, tags={274: ("H", value)})), shown(buffer.getvalue()))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(noise((2, 2, 1), "float32"), tags={339: ("H", 6)}), "complex"),
        (tiff(noise((2, 2, 1), "uint32"), bits=20), "20 bits"),
        (tiff(noise((2, 2, 3), "uint16"), tags={258: ("H", [16, 8, 16])}), "of several kinds"),
        (tiff(noise((2, 2, 1), "uint16"), photometric=PALETTE), "colours of kind 3"),
        (tiff(noise((2, 2, 1), "uint16"), photometric=32803), "colours of kind 32803"),
        (tiff(noise((2, 2, 1), "uint16"), tags={266: ("H", 2)}), "lowest bit first"),
        (tiff(noise((2, 2, 3), "uint8"), photometric=8, separate=True), "colours of kind 8"),
        (tiff(noise((2, 2, 3), "uint8"), photometric=6, separate=True), "colours of kind 6"),
        (tiff(noise((2, 2, 1), "uint16"), tags={259: ("H", 34887)}), "unusual kind"),
        (tiff(noise((2, 2, 1), "uint16"), compression=DEFLATE, tags={317: ("H", 9)}), "predictor"),
        (tiff(noise((9, 9, 1), "uint16"))[:-2], "cut off"),
        (tiff(noise((9, 9, 1), "uint16"), compression=DEFLATE)[:-9], "cut off"),
        (tiff(noise((9, 9, 1), "uint16"), compression=LZW)[:-40], "damaged"),
        (tiff(noise((9, 9, 1), "uint16"), rows=3, tags={278: ("I", 1)}), "not listed"),
        (tiff(noise((9, 9, 1), "uint16"), tile=16, tags={322: ("I", 2**20), 323: ("I", 2**20)}), "limit"),
        (tiff(noise((9, 9, 1), "uint16"), tags={256: ("I", 20_000), 257: ("I", 20_000)}), "more than the limit of 89,478,485"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, words: str) -> None:
    for attempt in (lambda: decode(data), lambda: verify(data, threading.Lock())):
        with pytest.raises(UslError, match=words):
            attempt()


def test_files_that_lie_are_problems_and_nothing_else() -> None:
    rng = random.Random("deep")
    bases = [
        tiff(noise((9, 7, 3), "uint16"), compression=LZW, rows=2),
        tiff(noise((9, 7, 1), "float32"), tile=16, compression=DEFLATE),
        tiff(noise((9, 7, 1), "uint16"), bits=12),
        png(noise((9, 7, 3), "uint16"), 2),
        netpbm(noise((9, 7, 1), "uint16"), "5 7 9 4095"),
    ]
    for _ in range(400):
        changed = bytearray(rng.choice(bases))
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(min(len(changed), 260))] = rng.randrange(256)
        try:
            verify(bytes(changed), threading.Lock())
        except UslError:
            continue
        assert decode(bytes(changed)).mode == "RGB"


# --- PNG -------------------------------------------------------------------------------------------------------------


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values: NDArray, colours: int, bits: int = 16, extra: bytes = b"", interlaced: bool = False) -> bytes:
    """A PNG file of (height, width, channels) numbers; `extra` stands before the pixels."""
    height, width = values.shape[:2]
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    lines = b""
    for top, down, left, right in passes if interlaced else [(0, 1, 0, 1)]:
        part = values[top::down, left::right]
        if part.size == 0:
            continue
        for row in part:
            text = "".join(f"{number:0{bits}b}" for number in row.ravel().tolist())
            lines += b"\0" + int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, int(interlaced))
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_every_kind_of_png(colours: int, channels: int, interlaced: bool) -> None:
    values = noise((13, 11, channels), "uint16")
    plain = values[..., :-1] if colours >= 4 else values
    share = values[..., -1:] / 65535 if colours >= 4 else 1
    expected = np.rint(np.broadcast_to(plain / 65535 * share + (1 - share), (13, 11, 1 if channels < 3 else 3)) * 255)
    data = png(values, colours, interlaced=interlaced)
    assert near(shown(data), np.broadcast_to(expected, (13, 11, 3)))
    assert said(data).texts == []
    dark = values.copy()
    dark[..., : plain.shape[2]] >>= 4  # what a camera of 12 bits gives
    assert near(shown(png(dark, colours, interlaced=interlaced)), np.broadcast_to(expected, (13, 11, 3)))
    assert "4,095" in said(png(dark, colours)).texts[0]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("key", [0, 1])
def test_transparent_grey_of_every_depth(bits: int, key: int) -> None:
    values = np.array([[[0], [2**bits - 1], [key], [2**bits // 2]]], np.uint16)
    expected = np.where(values == key, 255, np.rint(values / (2**bits - 1) * 255))[..., 0]
    assert near(grey(png(values, 0, bits, chunk(b"tRNS", struct.pack(">H", key)))), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_is_exact(bits: int) -> None:
    top = 2**bits - 1
    values = np.array([[[1, 2, 3], [1, 2, 4], [top, top, 0]]], np.uint16)
    expected = np.rint(values / top * 255)
    expected[0, 0] = 255
    assert near(shown(png(values, 2, bits, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))), expected)


BULK = zlib.compress(b"x" * 3_000_000)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iTXt", b"note\0\1\0\0\0" + BULK),
        chunk(b"zTXt", b"note\0\0" + BULK),
        chunk(b"iCCP", b"profile\0\0" + BULK),
        chunk(b"iCCP", b"profile\0\7" + BULK),
        chunk(b"zTXt", b"note\0\7" + BULK),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + BULK),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BULK),
        chunk(b"zTXt", b"note\0\0damaged"),
        chunk(b"tEXt", b"note\0" + b"x" * 3_000_000) * 30,
        *(chunk(b"eXIf", exif) for exif in (b"", b"xx")),
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b"x" * 1_000_000)) * 70,
        chunk(b"pHYs", b"\0") + chunk(b"gAMA", b"") + chunk(b"tIME", b"x") + chunk(b"sBIT", b""),
        chunk(b"tEXt", b"a\0b")[:-4] + b"\0\0\0\0",
    ],
    ids=lambda extra: f"{extra[4:30]!r}",
)
def test_metadata_of_a_png_does_not_matter(extra: bytes) -> None:
    values = np.array([[[10, 200, 30], [250, 1, 9]]], np.uint8)
    plain = png(values, 2, 8)
    end = len(plain) - 12
    for data in (png(values, 2, 8, extra), plain[:end] + extra + plain[end:], plain[:end] + extra):
        assert shown(data).tolist() == values.tolist()
        assert said(data).texts == []
    assert shown(png(values.astype(np.uint16) * 257, 2, 16, extra)).tolist() == values.tolist()


def test_a_png_still_says_what_is_up() -> None:
    values = np.array([[[10], [20]]], np.uint8)
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x xmlns:tiff='t'><y tiff:Orientation=\"6\"/></x>"
    assert grey(png(values, 0, 8, chunk(b"iTXt", xmp))) == [[10], [20]]
    assert grey(png(u16(0, 65535), 0, 16, chunk(b"iTXt", xmp))) == [[0], [255]]


# --- Netpbm ----------------------------------------------------------------------------------------------------------


def netpbm(values: NDArray, header: str) -> bytes:
    kind = values.dtype.newbyteorder("<" if "-" in header else ">")  # type: ignore[call-overload]
    return f"P{header}\n".encode() + values.astype(kind).tobytes()


def test_netpbm_files() -> None:
    assert near(grey(netpbm(u16(0, 500, 1000), "5\n# a comment\n3 1\n1000")), [[0, 128, 255]])
    assert near(shown(netpbm(u16((4095, 0, 2048)), "6 1 1 4095")), [[[255, 0, 128]]])
    assert near(grey(b"P2 3 1 1023\n0 512 # a comment\n1023\n"), [[0, 128, 255]])
    assert near(grey(b"P2 3 1 15 0 8 15"), [[0, 136, 255]])
    assert grey(b"P1 3 1\n1 0 1") == [[0, 255, 0]]
    assert near(grey(b"P5 3 1 100\n\x00\x32\x64"), [[0, 128, 255]])
    assert shown(b"P6 1 1 255\n\x01\x02\x03").tolist() == [[[1, 2, 3]]]
    floats = np.array([[[0.0], [0.5]], [[1.0], [0.25]]], np.float32)
    for sign in ("", "-"):
        assert near(grey(netpbm(floats[::-1], f"f 2 2 {sign}1.0")), [[0, 128], [255, 64]])
    assert said(netpbm(u16(0, 500, 1000), "5 3 1 1000")).texts == []
    for cut in (b"P5 3 1 1000\n\0\0", b"P2 3 1 1000\n1 2", b"P5 300000 300000 65535\n"):
        with pytest.raises(UslError, match=r"cut off|limit"):
            decode(cut)


# --- the same numbers, whatever holds them ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(arrays(np.uint16, (5, 6, 3), elements=st.integers(0, 65535)), st.integers(0, 8), st.sampled_from([1, 3]))
def test_a_picture_is_the_same_in_every_container(values: NDArray[np.uint16], darker: int, channels: int) -> None:
    values = values[..., :channels] >> darker
    pictures = [
        shown(png(values, 0 if channels == 1 else 2)),
        shown(tiff(values)),
        shown(tiff(values, order=">", compression=LZW, predictor=2)),
        shown(tiff(values, separate=True, tile=16, big=True)),
    ]
    if not said(tiff(values)).texts:  # nothing was guessed: as in a PGM that declares the full depth
        pictures.append(shown(netpbm(values, f"{5 if channels == 1 else 6} 6 5 65535")))
    assert all((picture == pictures[0]).all() for picture in pictures)


@settings(max_examples=40)
@given(arrays(np.float32, (5, 6, 1), elements=st.floats(-4, 300, width=32)))
def test_floats_are_the_same_in_every_container(values: NDArray[np.float32]) -> None:
    first = shown(tiff(values))
    assert (shown(netpbm(values[::-1], "f 6 5 1.0")) == first).all()
    assert (shown(tiff(values.astype(np.float64), tile=16)) == first).all()


# --- BMP -------------------------------------------------------------------------------------------------------------


def bmp(pixels: list[tuple[int, int, int, int]], header: int) -> bytes:
    """One row of red, green, blue and opacity, with a BITMAPV4HEADER (108) or BITMAPV5HEADER (124)."""
    body = b"".join(struct.pack("BBBB", blue, green, red, alpha) for red, green, blue, alpha in pixels)
    fields = struct.pack("<IiiHHIIiiII", header, len(pixels), 1, 1, 32, 3, len(body), 2835, 2835, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs"
    head = (fields + masks).ljust(header, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


@pytest.mark.parametrize("header", [108, 124])
def test_opacity_in_a_bmp(header: int) -> None:
    nowhere = bmp([(10, 200, 30, 0), (250, 1, 9, 0)], header)
    assert shown(nowhere).tolist() == [[[10, 200, 30], [250, 1, 9]]]
    assert "opacity is 0" in said(nowhere).texts[0]
    partly = bmp([(10, 200, 30, 0), (255, 0, 0, 128), (0, 0, 255, 255)], header)
    assert near(shown(partly), [[[255, 255, 255], [255, 127, 127], [0, 0, 255]]])
    assert said(partly).texts == []


# --- JPEG ------------------------------------------------------------------------------------------------------------


def jpeg(mode: str = "RGB", **options: Any) -> bytes:
    values = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(values).resize((70, 50), Image.Resampling.BICUBIC).convert(mode).save(buffer, "jpeg", **options)
    return buffer.getvalue()


KINDS: list[dict[str, Any]] = [
    {},
    {"mode": "L"},
    {"mode": "CMYK"},
    {"progressive": True},
    {"mode": "L", "progressive": True, "quality": 95},
    {"optimize": True, "quality": 20},
    {"subsampling": 0, "quality": 100},
    {"restart_marker_rows": 1},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_that_lacks_only_its_end_marker(options: dict[str, Any]) -> None:
    whole = jpeg(**options)
    assert whole.endswith(b"\xff\xd9")
    for cut in (whole[:-2], whole[:-1], whole[:-2] + bytes(500)):
        assert shown(cut).tolist() == shown(whole).tolist()
        assert decode(cut, min_side=10).size == decode(whole, min_side=10).size != (70, 50)
        assert said(cut).texts == ["its end marker is missing, but every pixel is there"]
    for after in (b"", bytes(500), b"a film\xff\xda\0\0" + bytes(9)):
        assert shown(whole + after).tolist() == shown(whole).tolist()
        assert said(whole + after).texts == []


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_that_lacks_a_part_is_a_problem(options: dict[str, Any]) -> None:
    whole = jpeg(**options)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    tables = [at for at in range(scans[0], len(whole)) if whole[at : at + 2] == b"\xff\xc4"]
    for cut in [*scans[1:], *tables, len(whole) // 2, len(whole) * 3 // 4, len(whole) - 30, len(whole) - 12]:
        for filling in (b"", bytes(4000)):
            with pytest.raises(UslError, match="damaged, cut off"):
                decode(whole[:cut] + filling)


# --- what depends on it ----------------------------------------------------------------------------------------------


def test_features_of_files_that_were_read_otherwise_are_not_found_again(tmp_path: Path) -> None:
    """What was computed from a file lies under its digest, which for these is another than that of the bytes alone."""
    files = {
        "a.tif": tiff(u16(0, 500, 4000)),
        "b.png": png(np.array([[[0], [15]]]), 0, 4, chunk(b"tRNS", b"\0\x0f")),
        "c.bmp": bmp([(1, 2, 3, 0)], 108),
        "d.png": png(np.array([[[0], [200]]]), 0, 8),
        "e.jpg": jpeg()[:-2],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = usl.scan(tmp_path, cache_dir=tmp_path / "cache")
    assert (found.paths, found.problems) == (tuple(files), ())
    plain = [
        digest == blake2b(data, digest_size=16).hexdigest() for digest, data in zip(found.digests, files.values(), strict=True)
    ]
    assert plain == [False, False, False, True, True]
    assert len(set(found.digests)) == 5
    assert [note.path for note in found.notes] == ["a.tif", "c.bmp", "e.jpg"]
    for index, data in enumerate(files.values()):
        assert read_bytes(found, index) == data
        assert open_image(found, index).mode == "RGB"
    (tmp_path / "a.tif").write_bytes(files["c.bmp"])
    with pytest.raises(UslError, match="scan again"):
        read_bytes(found, 0)
