"""Bytes to pixels: one image file of any common kind becomes upright 8-bit RGB, within limits that keep hostile files out.

Pillow's decoder classes are called directly (see `image_kinds`): `PIL.Image.open` would also warn process-wide about large
images, where sessions share one process.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from .errors import UslError
from .image_kinds import HEAD_BYTES, decoder_for
from .image_notes import listening

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_FILE_BYTES = 2**28  # 256 MiB, since a file is read into memory as a whole
MAX_PIXELS = 178_956_970  # what Pillow itself calls a decompression bomb: 512 MiB as RGB
MAX_TIFF_PIXELS = 89_478_485  # beyond this Pillow's TIFF decoder, other than the rest, warns process-wide while it decodes
_LARGE_PIXELS = 2**25  # images beyond this are decoded one at a time, or eight threads could take gigabytes
_THUMBNAIL_QUALITY = 85
_ORIENTATION = 0x0112  # EXIF tag

# What Pillow's decoders raise on bytes that are not what they seem. A `Warning` is raised where warnings are errors.
_DECODER_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, AssertionError, LookupError, ArithmeticError),
    *(RuntimeError, MemoryError, Warning, struct.error, zlib.error),
)


def decode(data: bytes, *, min_side: int | None = None) -> Image.Image:
    """The picture in the bytes of a JPEG, PNG, BMP, GIF, WebP, TIFF or AVIF file, or of HEIC where pillow-heif is installed.

    The first frame of an animation, the first page of a document; turned upright by its EXIF orientation; transparency lies
    over white. 16-bit grey keeps its upper 8 bits. 32-bit integers count as 16-bit if they fit, floats as shares of white
    if they lie in [0, 1] and as 8-bit if in [0, 255]; otherwise the range of the image is stretched over [0, 255].

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
        image = _opened(data)
        if min_side is not None:
            image.draft(None, (min_side, min_side))
        image.load()
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
        image = _opened(data)
        is_jpeg = image.format == "JPEG"
        with turn if image.width * image.height > _LARGE_PIXELS else nullcontext():
            if is_jpeg:
                image.draft("L", (1, 1))  # reads every byte, but computes one pixel in 64
            image.load()
            if not is_jpeg and (image.mode not in ("1", "L", "RGB") or image.has_transparency_data):
                _rgb(image)
            _orientation(image)  # so that the scan hears what the decoder has to say of damaged EXIF


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


def _opened(data: bytes) -> ImageFile.ImageFile:
    """The image with its header read and its size checked, nothing decoded yet."""
    if not data:
        raise UslError("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise UslError(too_many_bytes(len(data)))
    image = decoder_for(data[:HEAD_BYTES])(BytesIO(data))
    limit = MAX_TIFF_PIXELS if image.format == "TIFF" else MAX_PIXELS
    if image.width * image.height > limit:
        raise UslError(f"it has {image.width:,} x {image.height:,} pixels, more than the limit of {limit:,}")
    return image


def too_many_bytes(size: int) -> str:
    """The cause to give for a file of `size` bytes."""
    return f"the file has {size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}"


def _rgb(image: Image.Image) -> Image.Image:
    """A copy in mode RGB without metadata."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    image = image.convert("RGB")
    image.info.clear()
    return image


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """32-bit grey values, integer or float, as uint8 by the rules in `decode`; NaN and infinity become black."""
    is_whole = values.dtype.kind == "i"
    finite = np.isfinite(values)
    known = values[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    values = np.where(finite, values, 0)
    if low < 0 or high > (65535 if is_whole else 255):
        values = (values.astype(np.float64) - low) * (255 / (high - low or 1)) * finite
    elif is_whole:
        values = values >> 8
    elif high <= 1:
        values = values * 255
    return np.rint(values).astype(np.uint8)


def _orientation(image: Image.Image) -> object:
    """The EXIF orientation of a loaded image, 1 to 8; damaged EXIF says nothing about the pixels and counts as upright."""
    try:
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
