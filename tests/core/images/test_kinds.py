"""What a file is by its name and by its first bytes, and who decodes it."""

from __future__ import annotations

import struct
import sys
import threading
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image

from usl_core.errors import UslError
from usl_core.images.decode import decode, verify
from usl_core.images.kinds import HEAD_BYTES, decoder_for, decoder_versions, looks_like_image
from usl_core.images.names import is_image_name, is_unknown_name, unread_kind

KINDS = ("jpeg", "png", "gif", "webp", "tiff", "bmp", "avif")
needs_avif = pytest.mark.skipif(not AvifImagePlugin.SUPPORTED, reason="this Pillow reads no AVIF")


def encoded(kind: str, size: tuple[int, int] = (32, 16), **options: object) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, (200, 40, 90)).save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def media(major: bytes, *brands: bytes) -> bytes:
    """The beginning of a file of the family of MP4."""
    body = b"ftyp" + major + bytes(4) + b"".join(brands)
    return struct.pack(">I", len(body) + 4) + body + bytes(300)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_known_by_its_first_bytes(kind: str) -> None:
    if kind == "avif" and not AvifImagePlugin.SUPPORTED:
        pytest.skip("this Pillow reads no AVIF")
    data = encoded(kind)
    assert looks_like_image(data[:HEAD_BYTES])
    assert decoder_for(data[:HEAD_BYTES])(BytesIO(data)).size == (32, 16)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (media(b"heic"), "HEIC"),
        (media(b"mif1", b"heic"), "HEIC"),
        (media(b"hevc", b"mif1"), "HEIC"),
        (media(b"crx ", b"isom"), "raw file"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
        (b"8BPS\0\x01", "image editor"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw file"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"<svg xmlns='x'>", "drawing"),
        (b"qoif\0\0", "convert it"),
        (b"\0\0\1\0\2\0\x10\x10\0\0\1\0\x20\0" + bytes(60), "convert it"),
        (b"\0\0\2\0\1\0\x20\x20\0\0\5\0\7\0" + bytes(60), "convert it"),
        (b"II\xbc\x01" + bytes(40), "convert it"),
        (b"BPG\xfb" + bytes(20), "convert it"),
        (b"FLIF31", "convert it"),
        (b"\x8bJNG\r\n\x1a\n", "convert it"),
        (b"\x01\xda\x01\x01\0\3" + bytes(90), "convert it"),
        (b"\n\x05\x01\x08" + bytes(100), "convert it"),
        (b"#?RGBE\n", "convert it"),
        (b"SDPX\0\0", "convert it"),
        (b"P7\nWIDTH 2\nHEIGHT 2\n", "convert it"),
        (b"/* XPM */\nstatic char *", "convert it"),
        (b"#define im_width 8\n#define im_height 8\n", "convert it"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "made of lines"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by hand -->\n\n<svg/>', "made of lines"),
        (b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN">', "made of lines"),
        (b"\xd7\xcd\xc6\x9a" + bytes(20), "made of lines"),
        (b"\1\0\0\0" + bytes(36) + b" EMF", "made of lines"),
    ],
)
def test_what_is_not_read_says_what_to_do(data: bytes, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # even where the plug-in is installed
    assert looks_like_image(data[:HEAD_BYTES])
    with pytest.raises(UslError, match=cause):
        verify(data, threading.Lock())
    with pytest.raises(UslError, match=r"export|convert"):
        decode(data)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"B",
        b"BM",
        b"BMW and other makes of cars, a text that begins with these letters",
        b"hello",
        bytes(256),
        b"RIFF\0\0\0\0WAVE",
        media(b"isom", b"mp42"),
        media(b"qt  "),
        b"PK\x03\x04",
        b"%PDF-1.7",
        b"\x7fELF",
        b"<html>",
        b"<html><svg/></html>",
        b"<?xml version='1.0'?><kml/>",
        b"\0\0\1\xba\0\0",
        b"\n\n\n\n",
        b"#define WIDTH 8\n",
        b"P7 is a person",
        b"ftyp",
        b"\0\0\0\x08ftyp",
    ],
)
def test_what_is_no_image(head: bytes) -> None:
    assert not looks_like_image(head)
    with pytest.raises(UslError):
        decode(head)


@needs_avif
def test_avif_is_decoded() -> None:
    data = encoded("avif", quality=100)
    verify(data, threading.Lock())
    image = decode(data)
    assert (image.mode, image.size) == ("RGB", (32, 16))
    assert np.abs(np.asarray(image).astype(int) - (200, 40, 90)).max() <= 4
    for cut in (20, 100, len(data) - 5):
        with pytest.raises(UslError, match="damaged"):
            verify(data[:cut], threading.Lock())


@needs_avif
@pytest.mark.parametrize(("orientation", "size"), [(1, (32, 16)), (3, (32, 16)), (6, (16, 32)), (8, (16, 32))])
def test_avif_is_turned_upright_once(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded("avif", exif=exif)).size == size


@needs_avif
def test_transparent_avif_lies_over_white() -> None:
    buffer = BytesIO()
    Image.new("RGBA", (16, 16), (200, 0, 0, 0)).save(buffer, "avif", quality=100)
    assert np.asarray(decode(buffer.getvalue())).min() >= 250


def test_a_pillow_without_avif_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(UslError, match=r"AVIF.*update pillow"):
        decode(media(b"avif"))
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)  # as in a Pillow before 11.3
    monkeypatch.delattr("PIL.AvifImagePlugin", raising=False)
    with pytest.raises(UslError, match=r"AVIF.*update pillow"):
        decode(media(b"mif1", b"miaf", b"avif"))


def test_a_plug_in_for_heic_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_heif(file: BytesIO) -> Image.Image:
        assert file.read(12)[4:] == b"ftypheic"
        return Image.open(BytesIO(encoded("png")))

    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(HeifImageFile=open_heif))
    verify(media(b"heic"), threading.Lock())
    assert decode(media(b"heic")).size == (32, 16)


def test_verdicts_depend_on_the_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    from usl_core.images import kinds as image_kinds

    before = decoder_versions()
    monkeypatch.setattr(image_kinds, "version", lambda name: "99")
    assert decoder_versions() != before


@pytest.mark.parametrize(
    ("name", "read", "named", "unknown"),
    [
        ("a.jpg", True, False, False),
        ("x/a.JPE", True, False, False),
        ("a.jfif", True, False, False),
        ("a.AVIF", True, False, False),
        ("a.heic", True, False, False),
        ("a.b.HIF", True, False, False),
        ("a.svg", False, True, False),
        ("a.CR2", False, True, False),
        ("a.dng", False, True, False),
        ("a.psd", False, True, False),
        ("a.jxl", False, True, False),
        ("a.jp2", False, True, False),
        ("a.ico", False, True, False),
        ("a.tga", False, True, False),
        ("a.ppm", True, False, False),
        ("a.pam", False, True, False),
        ("a.txt", False, False, False),
        ("a.jpg.part", False, False, False),
        ("README", False, False, False),
        ("x/Makefile", False, False, False),
        ("a", False, False, True),
        ("jpg", False, False, True),
        ("x.y/a", False, False, True),
        ("a.jpg_large", False, False, True),
        ("a.0001", False, False, True),
        ("a.", False, False, True),
    ],
)
def test_names(name: str, read: bool, named: bool, unknown: bool) -> None:
    assert (is_image_name(name), unread_kind(name) is not None, is_unknown_name(name)) == (read, named, unknown)
