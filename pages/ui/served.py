"""The images that the server hands out beside Streamlit: found by opaque names and digests, re-encoded before they leave."""

from __future__ import annotations

from functools import lru_cache

from usl_core.image_records import images_version
from usl_core.images import thumbnail
from usl_core.names import display_name
from usl_core.prepared import is_demo, known_images, load_prepared
from usl_core.types import ImageSet

from . import sources

SIZES = {"small": 128, "large": 480}
"""Longer side of the served images in pixels."""


@lru_cache(maxsize=8)
def _images(source: str, version: int | None) -> tuple[ImageSet, dict[str, int]] | None:
    images = known_images(source)
    return None if images is None else (images, {digest: row for row, digest in enumerate(images.digests)})


@lru_cache(maxsize=4096)
def _jpeg(source: str, version: int | None, row: int, size: int) -> bytes:
    known = _images(source, version)
    assert known is not None
    return thumbnail(known[0], row, size)


@lru_cache(maxsize=4)
def _encoded(source: str, encoder: str, fingerprint: str) -> ImageSet | None:
    made = load_prepared(source, encoder)
    return made.images if made is not None and made.features.fingerprint == fingerprint else None


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
    source = sources.source_of(name)
    version = None if is_demo(source) else images_version(source)
    known = _images(source, version)
    if known is None:
        raise LookupError(f"{name} was not scanned")
    return _jpeg(source, version, known[1][digest], SIZES[size])


def image_of_row(name: str, fingerprint: str, row: int, encoder: str) -> bytes:
    """The small image of a row of features; `fingerprint` is that of the features. Raises as `image_of`."""
    return image_of(name, _images_of_rows(name, fingerprint, encoder).digests[row], "small")


def words_of_row(name: str, fingerprint: str, row: int, encoder: str) -> dict[str, str]:
    """What a row of features is called: "file", and "class" where classes are known. Raises as `image_of`."""
    images = _images_of_rows(name, fingerprint, encoder)
    words = {"file": display_name(images.paths[row], 120)}
    if images.labels is not None:
        words["class"] = display_name(images.class_names[images.labels[row]], 60)
    return words


def _images_of_rows(name: str, fingerprint: str, encoder: str) -> ImageSet:
    images = _encoded(sources.source_of(name), encoder, fingerprint)
    if images is None:
        raise LookupError(f"{name} has other features now")
    return images
