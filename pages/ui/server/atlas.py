"""Sprite atlases for the maps: many rows of features as one image, so that hundreds of pictures are one request.

Anybody can ask for any rows, so a set of rows has one spelling, none is larger than what a map shows at once, and what is not
known is refused before anything is read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from usl_core.errors import UslError
from usl_core.images.decode import decode

from ..access.kept import Kept
from .pictures import access_to, existing, images_of_rows

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

SIDES = (64, 96)
"""Pixels of a tile, for usual screens and for fine ones; multiples of 8, so that no block of the JPEG holds two tiles."""
COLUMNS = 20
"""Tiles in a line; scripts/atlas.js counts on it."""
MOST_ROWS = 300
_QUALITY = 85
_UNREADABLE = (128, 128, 128)  # seen on light and on dark
_ROWS = re.compile(r"[0-9]{1,12}(?:,[0-9]{1,12})*", re.ASCII)
_Key = tuple[str, int | None, tuple[Path, ...], str, int, tuple[int, ...]]

_atlases: Kept[_Key, bytes] = Kept(24)  # of at most about 1 MB


class Incomplete(Exception):
    """An atlas in which images are missing that may be there again later: to be shown, not to be kept.

    Args:
        data: the JPEG, with a grey tile in place of each of them.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__("some images cannot be read")
        self.data = data


def atlas_of_rows(name: str, fingerprint: str, side: str, rows: str, encoder: str) -> bytes:
    """Rows of features as square tiles of one JPEG: line by line, `COLUMNS` in a line, each the middle of its image.

    Args:
        name: see `sources`.
        fingerprint: of the features.
        side: one of `SIDES`.
        rows: at most `MOST_ROWS` numbers, ascending, separated by commas.
        encoder: full name.

    Raises:
        LookupError: no such features or rows, or they are spelled in another way.
        UslError: no such data set.
        Incomplete: some images are gone, changed or unreadable.
    """
    asked, pixels = _rows_of(rows), _side_of(side)
    access = access_to(name)
    images = images_of_rows(access.source, fingerprint, encoder)
    digests = [images.digests[existing(row, images)] for row in asked]

    def make() -> bytes:
        tiles = [_tile(access.image, digest, pixels) for digest in digests]
        data = _joined(tiles, pixels)
        if None in tiles:
            raise Incomplete(data)
        return data

    return _atlases.get((access.source, access.version, access.within, fingerprint, pixels, asked), make)


def forget() -> None:
    """Keep nothing any longer, as a server that starts anew."""
    _atlases.clear()


def _rows_of(text: str) -> tuple[int, ...]:
    rows = tuple(map(int, text.split(","))) if text.count(",") < MOST_ROWS and _ROWS.fullmatch(text) else ()
    if not rows or list(rows) != sorted(set(rows)) or ",".join(map(str, rows)) != text:
        raise LookupError(f"{text!r:.60} are no 1 to {MOST_ROWS} rows in ascending order")
    return rows


def _side_of(text: str) -> int:
    if text not in map(str, SIDES):
        raise LookupError(f"{text!r:.60} is no side of a tile")
    return int(text)


def _tile(image: Callable[[str, str], bytes], digest: str, side: int) -> Image.Image | None:
    """The middle of an image; None where it cannot be read, which is no reason to withhold the others."""
    from PIL.Image import Resampling
    from PIL.ImageOps import fit

    try:
        return fit(decode(image(digest, "small")), (side, side), Resampling.HAMMING)
    except (LookupError, UslError) as error:
        log.info("no tile of %s: %s", digest, error)
        return None


def _joined(tiles: Sequence[Image.Image | None], side: int) -> bytes:
    from PIL import Image

    lines = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, lines * side), _UNREADABLE)
    for at, tile in enumerate(tiles):
        if tile is not None:
            sheet.paste(tile, (at % COLUMNS * side, at // COLUMNS * side))
    buffer = BytesIO()
    sheet.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)  # halved colours would run into the next tile
    return buffer.getvalue()
