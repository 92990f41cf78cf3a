"""What a file is by its first bytes, and which class decodes it; what the name tells is in `names`.

Whatever looks like an image is either decoded or comes with a sentence that says what to do about it. Pillow's decoder classes
are named one by one: `PIL.Image.open` would hand the bytes to forty formats that nobody expects behind the name of a photo.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from typing import TYPE_CHECKING

from ..errors import UslError
from .names import DRAWING, OTHER_KIND, PROJECT, RAW

if TYPE_CHECKING:
    from PIL import ImageFile

HEAD_BYTES = 256
"""How many first bytes tell what a file is."""


def looks_like_image(head: bytes) -> bool:
    """Whether a file that begins like this, with `HEAD_BYTES` bytes or all it has, is an image, read or not.

    Signatures of two bytes are too short to tell alone, so a BMP must have the rest of a header.
    """
    if head.startswith(b"BM"):
        return head[6:10] == bytes(4) and head[15:18] == bytes(3) and head[14:15] in _BMP_HEADERS
    if head[4:8] == b"ftyp":
        return _media_kind(head) != ""
    if head.startswith((*_JPEG, *_PNG, *_GIF, *_TIFF)) or _is_webp(head) or _NETPBM.match(head):
        return True
    return _unread_cause(head) is not None


_JPEG, _PNG, _GIF = (b"\xff\xd8\xff",), (b"\x89PNG\r\n\x1a\n",), (b"GIF87a", b"GIF89a")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NETPBM = re.compile(rb"P[1-6Ff]\s(?:\s|#[^\r\n]*[\r\n])*[0-9]+\s+[0-9]+\s")
_BMP_HEADERS = (b"\x0c", b"\x28", b"\x34", b"\x38", b"\x40", b"\x6c", b"\x7c")  # their lengths, by version
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2", b"mif3"}
_JPEG_XL = "it is a JPEG XL image, which is not read; export it as JPEG or PNG"
_JPEG_2000 = "it is a JPEG 2000 image, which is not read; convert it to PNG or JPEG"
_UNREAD_HEADS = (
    (b"\0\0\0\x0cJXL \r\n\x87\n", _JPEG_XL),
    (b"\xff\x0a", _JPEG_XL),  # short, but no text begins like this
    (b"\0\0\0\x0cjP  \r\n\x87\n", _JPEG_2000),
    (b"\xff\x4f\xff\x51", _JPEG_2000),
    (b"8BPS", PROJECT),
    (b"gimp xcf", PROJECT),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"FOVb", RAW),
    (b"IIRO", RAW),
    (b"IIU\0", RAW),
    (b"\x76\x2f\x31\x01", OTHER_KIND),  # OpenEXR
    (b"\x8aMNG\r\n\x1a\n", OTHER_KIND),
    (b"\x8bJNG\r\n\x1a\n", OTHER_KIND),
    (b"II\xbc", OTHER_KIND),  # JPEG XR
    (b"\x59\xa6\x6a\x95", OTHER_KIND),  # Sun raster
    *((start, OTHER_KIND) for start in (b"#?RADIANCE", b"#?RGBE", b"DDS ", b"icns", b"qoif", b"FLIF", b"BPG\xfb")),
    *((start, OTHER_KIND) for start in (b"SDPX", b"XPDS", b"/* XPM */", b"P7\nWIDTH", b"P7\n#", b"P7 332")),
    (b"SIMPLE  =", OTHER_KIND),  # FITS
    (b"\xd7\xcd\xc6\x9a", DRAWING),  # WMF
)
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<svg|<!DOCTYPE svg|<(?:\?xml|!--)[^\0]*<(?:svg|!DOCTYPE svg))")
_BEGINNING = re.compile(  # where a signature alone is too short
    rb"\0\0[\1\2]\0[\x01-\x40]\0...\0"  # ICO, CUR
    rb"|\x01\xda[\0\1][\1\2]\0[\1-\3]"  # SGI
    rb"|\n[\0\2-\5]\x01[\1\2\4\x08]"  # PCX
    rb"|#define \S+_width \d",  # XBM
    re.DOTALL,
)


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _unread_cause(head: bytes) -> str | None:
    if head.startswith(_TIFF) and head[8:10] == b"CR":  # Canon's CR2 begins like a TIFF, and holds a small picture like one
        return RAW
    if head[128:132] == b"DICM":
        return "it is a DICOM image, which is not read; export it as PNG"
    if _SVG.match(head) or (head.startswith(b"\1\0\0\0") and head[40:44] == b" EMF"):
        return DRAWING
    if _BEGINNING.match(head):
        return OTHER_KIND
    return next((cause for start, cause in _UNREAD_HEADS if head.startswith(start)), None)


def _media_kind(head: bytes) -> str:
    """AVIF, HEIC, or nothing for films; the file names one brand, and then the others that it goes along with."""
    end = max(min(int.from_bytes(head[:4], "big"), len(head)), 12)
    brands = [head[offset : offset + 4] for offset in (8, *range(16, end, 4))]
    if brands[0] in _AVIF_BRANDS or (brands[0] in (b"mif1", b"msf1") and _AVIF_BRANDS.intersection(brands)):
        return "AVIF"
    if brands[0] == b"crx ":
        return "CR3"
    return "HEIC" if brands[0] in _HEIC_BRANDS else ""


def decoder_for(head: bytes) -> Callable[[BytesIO], ImageFile.ImageFile]:
    """The class that reads files that begin like this, whatever their names say.

    Args:
        head: the first `HEAD_BYTES` bytes, or all there are.

    Raises:
        UslError: nothing here reads them; the message is the cause.
    """
    from PIL import (
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    if head.startswith(_JPEG):
        return JpegImagePlugin.JpegImageFile
    if head.startswith(_PNG):
        return PngImagePlugin.PngImageFile
    if head.startswith(_GIF):
        return GifImagePlugin.GifImageFile
    if _is_webp(head):
        return WebPImagePlugin.WebPImageFile
    if cause := _unread_cause(head):
        raise UslError(cause)
    if head.startswith(_TIFF):
        return TiffImagePlugin.TiffImageFile
    if head.startswith(b"BM"):
        return BmpImagePlugin.BmpImageFile
    if _NETPBM.match(head):
        return PpmImagePlugin.PpmImageFile
    if head[4:8] == b"ftyp":
        return _media_decoder(_media_kind(head))
    if head.startswith(b"version https://git-lfs"):
        raise UslError("it is a pointer of Git LFS, not the image itself; run git lfs pull in that folder")
    if head.lstrip().startswith(b"<"):
        raise UslError("the file is not an image but a web page or other marked-up text")
    raise UslError("the file is not an image: its contents are none of JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF, HEIC and Netpbm")


def _media_decoder(kind: str) -> Callable[[BytesIO], ImageFile.ImageFile]:
    if kind == "CR3":
        raise UslError(RAW)
    if kind == "AVIF":
        try:
            from PIL import AvifImagePlugin
        except ImportError:  # a Pillow before 11.3
            supported = False
        else:
            supported = AvifImagePlugin.SUPPORTED
        if supported:
            return AvifImagePlugin.AvifImageFile
        raise UslError("it is an AVIF image, which the installed Pillow does not read; update pillow, or export it as JPEG")
    if kind == "HEIC":
        try:
            from pillow_heif import HeifImageFile
        except (ImportError, OSError) as error:
            advice = "install pillow-heif (pip install pillow-heif) to read it, or export it as JPEG"
            raise UslError(f"it is a HEIC image, which Pillow alone does not read; {advice}") from error
        made: Callable[[BytesIO], ImageFile.ImageFile] = HeifImageFile
        return made
    raise UslError("it is a film or another media file, not an image")


def decoder_versions() -> tuple[str, ...]:
    """What a verdict on an image may depend on, without importing any of it."""
    found = []
    for name in ("pillow", "pillow-heif"):
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append("")
    return tuple(found)
