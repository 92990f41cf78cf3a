"""The images that the server hands out beside Streamlit: found by opaque names and digests, re-encoded before they leave.

Anybody can ask for anything, so what is asked for is compared with what is known before anything is loaded, and what is not
known leaves no trace here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from usl_core.images.records import images_version
from usl_core.images.scan import thumbnail
from usl_core.names import display_name
from usl_core.pipeline.prepared import is_demo, known_images, prepared_fingerprint, prepared_images
from usl_core.types import ImageSet

from ..access import sources
from ..access.kept import Kept

SIZES = {"small": 128, "large": 480}
"""Longer side of the served images in pixels."""

_scanned: Kept[tuple[str, int | None], tuple[ImageSet, dict[str, int]]] = Kept(8)
_encoded: Kept[tuple[str, str, str], ImageSet] = Kept(8)
_jpegs: Kept[tuple[str, str, int, tuple[Path, ...]], bytes] = Kept(4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A data set whose images may be handed out now; what that depends on is looked up once for all of them.

    Args:
        source: see `sources`.
        version: of what a scan found; None for demos.
        within: folders that its images may be read from today.
    """

    source: str
    version: int | None
    within: tuple[Path, ...]

    def image(self, digest: str, size: str) -> bytes:
        """One image as a JPEG; arguments and errors as for `image_of`."""
        pixels = SIZES[size]
        images, row_of = _scanned.get((self.source, self.version), lambda: _images(self.source))
        row, key = row_of[digest], (self.source, digest, pixels, self.within)
        return _jpegs.get(key, lambda: thumbnail(replace(images, within=self.within), row, pixels))


def access_to(name: str) -> Access:
    """The data set of that name.

    Raises:
        UslError: no such data set, or it may no longer be opened.
    """
    source = sources.served_source_of(name)
    if is_demo(source):
        return Access(source=source, version=None, within=())
    return Access(source=source, version=images_version(source), within=tuple(sources.within_of(source)))


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
    return access_to(name).image(digest, size)


def image_of_row(name: str, fingerprint: str, row: int, encoder: str) -> bytes:
    """The small image of a row of features; `fingerprint` is that of the features. Raises as `image_of`."""
    access = access_to(name)
    images = images_of_rows(access.source, fingerprint, encoder)
    return access.image(images.digests[existing(row, images)], "small")


def words_of_row(name: str, fingerprint: str, row: int, encoder: str) -> dict[str, str]:
    """What a row of features is called: "file", and "class" where classes are known. Raises as `image_of`."""
    images = images_of_rows(sources.served_source_of(name), fingerprint, encoder)
    words = {"file": display_name(images.paths[existing(row, images)], 120)}
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


def images_of_rows(source: str, fingerprint: str, encoder: str) -> ImageSet:
    """The images behind the rows of features.

    Raises:
        LookupError: there are no such features.
    """
    key = (source, encoder, fingerprint)
    found = _encoded.find(key)
    if found is None:
        _check(source, encoder, fingerprint)
        found = _encoded.get(key, lambda: _load(*key))
    return found


def existing(row: int, images: ImageSet) -> int:
    """That row.

    Raises:
        LookupError: it is none of them.
    """
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
