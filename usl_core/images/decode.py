"""Bytes to pixels: one image file of any common kind becomes upright 8-bit RGB, within limits that keep hostile files out.

Pillow's decoder classes are called directly (see `kinds`): `PIL.Image.open` would also warn process-wide about large
images, where sessions share one process. Where Pillow drops a part of the numbers or misunderstands them, the samples are read
as they are (`tiff`, `png`, `netpbm`) and become levels by one rule (`pixel_range`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UslError
from .jpeg import is_padded, with_end_marker
from .kinds import HEAD_BYTES, decoder_for
from .netpbm import DeepNetpbm, deep_netpbm
from .notes import listening, note, note_by_rule
from .png import DeepPng, is_deep_png, is_png, scale_transparent_grey, without_bulk
from .samples import Samples, picture
from .tiff import DeepTiff, deep_tiff, is_tiff

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_FILE_BYTES = 2**28  # 256 MiB, since a file is read into memory as a whole
MAX_PIXELS = 178_956_970  # what Pillow itself calls a decompression bomb: 512 MiB as RGB
MAX_TIFF_PIXELS = 89_478_485  # beyond this Pillow's TIFF decoder, other than the rest, warns process-wide while it decodes
_LARGE_PIXELS = 2**25  # images beyond this are decoded one at a time, or eight threads could take gigabytes
_DEEP_WEIGHT = 8  # how many pixels of 8 bits one of a deep image takes as much memory as
_THUMBNAIL_QUALITY = 85
_ORIENTATION = 0x0112  # EXIF tag
_EXTRA_SAMPLES = 338  # TIFF tag

# What Pillow's decoders raise on bytes that are not what they seem. A `Warning` is raised where warnings are errors.
_DECODER_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, AssertionError, LookupError, ArithmeticError),
    *(RuntimeError, MemoryError, Warning, struct.error, zlib.error),
)


def decode(data: bytes, *, min_side: int | None = None) -> Image.Image:
    """The picture in the bytes of a JPEG, PNG, BMP, GIF, WebP, TIFF, Netpbm or AVIF file, or of HEIC with pillow-heif.

    The first frame of an animation, the first page of a document; turned upright by its EXIF orientation; transparency lies
    over white. Numbers of more than 8 bits become levels by the rule in `pixel_range`. What is worth knowing of the file is
    told to `notes.listening`.

    Args:
        data: the whole file, at most `MAX_FILE_BYTES`.
        min_side: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times faster, as long as its
            shorter side keeps at least this many pixels. Other formats come in full size.

    Returns:
        An image in mode RGB with at most `MAX_PIXELS` pixels and no metadata.

    Raises:
        UslError: the bytes are no such image; the message is the cause, without the name of the file.
    """
    with _plain_causes():
        opened = _opened(data)
        if isinstance(opened, Deep):
            return _upright(picture(opened.read()), _orientation(opened))
        image = _loaded(opened, data, None if min_side is None else (None, (min_side, min_side)))
        return _upright(_rgb(image), _orientation(image))


def verify(data: bytes, turn: AbstractContextManager[object]) -> None:
    """Make sure that `decode` will succeed, at a fraction of its cost for JPEG.

    Args:
        data: the whole file.
        turn: a lock shared by all threads; held while a large image takes up memory.

    Raises:
        UslError: as `decode`.
    """
    with _plain_causes():
        opened = _opened(data)
        weight = _DEEP_WEIGHT if isinstance(opened, Deep) else 1
        with turn if opened.size[0] * opened.size[1] * weight > _LARGE_PIXELS else nullcontext():
            if isinstance(opened, Deep):
                picture(opened.read())
            else:
                opened = _loaded(opened, data, ("L", (1, 1)))  # of a JPEG, reads every byte but computes one pixel in 64
                if opened.format != "JPEG" and (opened.mode not in ("1", "L", "RGB") or opened.has_transparency_data):
                    _rgb(opened)
            _orientation(opened)  # so that the scan hears what the decoder has to say of damaged EXIF


def encode_thumbnail(image: Image.Image, size: int) -> bytes:
    """A JPEG file of the image, at most `size` x `size` pixels, without metadata.

    A picture less than half as large is enlarged by a whole factor without smoothing, so that 8 x 8 digits stay crisp.
    """
    from PIL.Image import Resampling

    factor = size // max(image.size)
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Resampling.NEAREST)
    else:
        image.thumbnail((size, size), Resampling.LANCZOS)
    buffer = BytesIO()
    # Full-resolution colour for the enlarged ones: subsampling would smear their hard edges.
    image.save(buffer, "JPEG", quality=_THUMBNAIL_QUALITY, subsampling=0 if factor > 1 else 2)
    return buffer.getvalue()


@contextmanager
def _plain_causes() -> Iterator[None]:
    """Whatever a decoder trips over becomes a `UslError` with a plain sentence."""
    from PIL.Image import DecompressionBombError

    try:
        with listening():
            yield
    except UslError:
        raise
    except DecompressionBombError as error:
        raise UslError(f"it has more pixels than the limit of {MAX_PIXELS:,}") from error
    except MemoryError as error:
        raise UslError("it does not fit in memory") from error
    except _DECODER_ERRORS as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise UslError(f"the file is damaged, cut off or of an unusual kind ({detail})") from error


Deep = DeepTiff | DeepPng | DeepNetpbm


def _opened(data: bytes) -> ImageFile.ImageFile | Deep:
    """The image with its header read and its size checked, nothing decoded yet."""
    if not data:
        raise UslError("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise UslError(too_many_bytes(len(data)))
    if is_png(data):
        data = without_bulk(data)
    opened: ImageFile.ImageFile | Deep | None = deep_tiff(data) or deep_netpbm(data)
    if opened is None:
        image = decoder_for(data[:HEAD_BYTES])(BytesIO(data))
        opened = DeepPng(data, image) if is_deep_png(data) else image
    width, height = opened.size
    limit = MAX_TIFF_PIXELS if is_tiff(data) else MAX_PIXELS
    if width * height > limit:
        raise UslError(f"it has {width:,} x {height:,} pixels, more than the limit of {limit:,}")
    return opened


def _loaded(image: ImageFile.ImageFile, data: bytes, draft: tuple[str | None, tuple[int, int]] | None) -> ImageFile.ImageFile:
    """The image with its pixels, a JPEG perhaps in less than full size."""
    if draft is not None:
        image.draft(*draft)
    try:
        if image.format == "JPEG" and is_padded(data):
            raise OSError("its end is missing")
        image.load()
    except OSError:
        whole = with_end_marker(data) if image.format == "JPEG" else None
        if whole is None:
            raise
        note("its end marker is missing, but every pixel is there")
        return _loaded(type(image)(BytesIO(whole)), whole, draft)
    if is_png(data):
        scale_transparent_grey(data, image)
    return image


def too_many_bytes(size: int) -> str:
    """The cause to give for a file of `size` bytes."""
    return f"the file has {size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}"


def _rgb(image: Image.Image) -> Image.Image:
    """A copy in mode RGB without metadata."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return picture(Samples(values=np.asarray(image)[..., None]))
    if image.mode == "RGBA" and _may_be_no_alpha(image) and image.getchannel("A").getextrema() == (0, 0):
        note_by_rule()
        note("its opacity is 0 in every pixel: it was taken as opaque")
        image = image.convert("RGB")
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    image = image.convert("RGB")
    image.info.clear()
    return image


def _may_be_no_alpha(image: Image.Image) -> bool:
    """Whether the fourth channel may hold nothing: in a BMP it often does, and a TIFF tells what it is, or does not."""
    return image.format == "BMP" or (image.format == "TIFF" and _EXTRA_SAMPLES not in getattr(image, "tag_v2", {}))


def _orientation(image: Image.Image | Deep) -> object:
    """The EXIF orientation of a loaded image, 1 to 8; damaged EXIF says nothing about the pixels and counts as upright."""
    try:
        if isinstance(image, Deep):
            return image.orientation
        return image.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    for value, turn in turns.items():
        if orientation == value:
            return image.transpose(turn)
    return image
