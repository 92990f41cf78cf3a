"""The images that the server hands out beside Streamlit: found by opaque names and digests, re-encoded before they leave.

Anybody can ask for anything, so what is asked for is compared with what is known before anything is loaded, and what is not
known leaves no trace here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from usl_core.image_records import images_version
from usl_core.images import thumbnail
from usl_core.names import display_name
from usl_core.prepared import is_demo, known_images, prepared_fingerprint, prepared_images
from usl_core.types import ImageSet

from . import folders, sources
from .kept import Kept

SIZES = {"small": 128, "large": 480}
"""Longer side of the served images in pixels."""

_scanned: Kept[tuple[str, int | None], tuple[ImageSet, dict[str, int]]] = Kept(8)
_encoded: Kept[tuple[str, str, str], ImageSet] = Kept(8)
_jpegs: Kept[tuple[str, str, int, tuple[Path, ...]], bytes] = Kept(4096)


def image_of(name: str, digest: str, size: str) -> bytes:
    """One image of a data set as a JPEG.

    Args:
        name: see `sources`.
        digest: of the file's bytes.
        size: one of `SIZES`.

    Raises:
        LookupError: there is no such image.
        UslError: no such data set, or the file is gone or changed.
    """
    source, pixels = sources.source_of(name), SIZES[size]
    version = None if is_demo(source) else images_version(source)
    images, row_of = _scanned.get((source, version), lambda: _images(source))
    row, within = row_of[digest], () if is_demo(source) else tuple(folders.roots())
    return _jpegs.get((source, digest, pixels, within), lambda: thumbnail(replace(images, within=within), row, pixels))


def image_of_row(name: str, fingerprint: str, row: int, encoder: str) -> bytes:
    """The small image of a row of features; `fingerprint` is that of the features. Raises as `image_of`."""
    images = _images_of_rows(name, fingerprint, encoder)
    return image_of(name, images.digests[_existing(row, images)], "small")


def words_of_row(name: str, fingerprint: str, row: int, encoder: str) -> dict[str, str]:
    """What a row of features is called: "file", and "class" where classes are known. Raises as `image_of`."""
    images = _images_of_rows(name, fingerprint, encoder)
    words = {"file": display_name(images.paths[_existing(row, images)], 120)}
    if images.labels is not None:
        words["class"] = display_name(images.class_names[images.labels[row]], 60)
    return words


def forget() -> None:
    """Keep nothing any longer, as a server that starts anew."""
    for kept in (_scanned, _encoded, _jpegs):
        kept.clear()


def _images(source: str) -> tuple[ImageSet, dict[str, int]]:
    images = known_images(source)
    if images is None:
        raise LookupError(f"{source} was not scanned")
    return images, {digest: row for row, digest in enumerate(images.digests)}


def _images_of_rows(name: str, fingerprint: str, encoder: str) -> ImageSet:
    source = sources.source_of(name)
    key = (source, encoder, fingerprint)
    found = _encoded.find(key)
    if found is None:
        _check(source, encoder, fingerprint)
        found = _encoded.get(key, lambda: _load(*key))
    return found


def _existing(row: int, images: ImageSet) -> int:
    if not 0 <= row < len(images):
        raise LookupError(f"there is no row {row} of {len(images)}")
    return row


def _load(source: str, encoder: str, fingerprint: str) -> ImageSet:
    images = prepared_images(source, encoder)
    _check(source, encoder, fingerprint)  # they may have been encoded anew meanwhile
    if images is None:
        raise LookupError(f"the features of {source} are gone")
    return images


def _check(source: str, encoder: str, fingerprint: str) -> None:
    if prepared_fingerprint(source, encoder) != fingerprint:
        raise LookupError(f"{source} has no features {fingerprint!r:.60}")
