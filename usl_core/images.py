"""A folder or a .zip archive of images -> `ImageSet`; and from an `ImageSet` back to bytes, pixels and thumbnails.

Which files count, and how they are read, is in `image_sources`; how damaged ones are found, and how a second scan is spared
decoding, in `scan_index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import UslError
from .image_decode import decode, encode_thumbnail
from .image_names import EXTENSIONS
from .image_sources import Listing, natural_key, open_source
from .scan_index import DIGEST_BYTES, Verdicts, digest, examined
from .store import Store, fingerprint
from .types import ImageSet, Note, Problem, Progress
from .validation import whole_number

if TYPE_CHECKING:
    from PIL import Image

MAX_THUMBNAIL = 1024


def scan(
    path: Path | str,
    *,
    within: Sequence[Path] = (),
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
) -> ImageSet:
    """The images of a folder or a .zip archive, in natural order, with class labels where subfolders give them.

    Class labels: common folders around all readable images (the wrapper in an archive, `cifar10/` scanned from above) are
    passed over; where the tree first forks into two or more folders, those are the classes, and deeper folders do not
    count. If a readable image lies in or above that place there are no labels. Neither are there in a tree that never
    forks: one folder around everything is far more often a wrapper than a data set of one class.

    Args:
        path: a folder, searched recursively, or a .zip archive, which is never unpacked.
        within: resolved folders; a linked file outside all of them becomes a problem. Empty: links may lead anywhere.
        cache_dir: see `Store`. If it cannot be written, the scan succeeds and the next one takes as long again.
        on_progress: see `types.Progress`. If it raises, the verdicts so far stay in the cache.

    Returns:
        An ImageSet with at least one image. Damaged, truncated, empty, oversized, encrypted and unreachable files and
        folders are in its `problems`; what is worth knowing of a file that is used is in its `notes`.

    Raises:
        UslError: the path does not exist, is neither folder nor .zip, is damaged, or holds no readable image.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    source = open_source(_resolved(path), within)
    report(0.0, "looking for image files")
    listing = source.listing(report)
    verdicts = examined(source, listing, Store(cache_dir), report)
    images = _image_set(source.root, listing, verdicts)
    report(1.0, f"{len(images):,} images, {len(images.problems):,} problems")
    return images


def read_bytes(images: ImageSet, index: int) -> bytes:
    """The file of image `index` as it was scanned; safe to call from many threads and processes.

    Raises:
        UslError: no such index, or the file is gone, unreadable or not the one that was scanned.
    """
    name = images.paths[whole_number(index, "index", 0, len(images) - 1, "images")]
    try:
        data = open_source(images.root).read(name)
    except UslError as error:
        raise UslError(f"{name!r} in {images.root} cannot be read: {error}") from error
    if images.digests[index] not in (digest(data).hex(), digest(data, by_rule=True).hex()):
        raise UslError(f"{name!r} in {images.root} is not the file that was scanned; scan again")
    return data


def open_image(images: ImageSet, index: int, *, min_side: int | None = None) -> Image.Image:
    """Image `index` in mode RGB, upright, without metadata; see `image_decode.decode`.

    Args:
        images: the image set.
        index: in [0, len(images)).
        min_side: if given, a JPEG may come at 1/2, 1/4 or 1/8 of its size while its shorter side keeps this many pixels.

    Raises:
        UslError: no such index, or the file is gone, unreadable or not the one that was scanned.
    """
    if min_side is not None:
        min_side = whole_number(min_side, "min_side", 1)
    data = read_bytes(images, index)
    try:
        return decode(data, min_side=min_side)
    except UslError as error:
        raise UslError(f"{images.paths[index]!r} in {images.root} cannot be read: {error}") from error


def thumbnail(images: ImageSet, index: int, size: int) -> bytes:
    """Image `index` as a JPEG file of at most `size` x `size` pixels, without metadata.

    Raises:
        UslError: as `open_image`, or size outside [1, 1024].
    """
    size = whole_number(size, "size", 1, MAX_THUMBNAIL)
    return encode_thumbnail(open_image(images, index, min_side=size), size)


def subset(images: ImageSet, keep: Sequence[int], extra_problems: tuple[Problem, ...] = ()) -> ImageSet:
    """The image set without some of its images.

    Args:
        images: the image set.
        keep: at least one index, ascending.
        extra_problems: joined to those of `images`.

    Returns:
        Image i is image keep[i] of `images`. Classes that lost all their images are gone, and ids are consecutive again.

    Raises:
        UslError: `keep` is empty, not ascending, or holds something else than indices.
    """
    rows = np.asarray(keep)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) == 0:
        raise UslError(f"keep must be a sequence of at least one index but has shape {rows.shape} and type {rows.dtype}")
    rows = rows.astype(np.int64)
    if rows[0] < 0 or rows[-1] >= len(images) or (np.diff(rows) <= 0).any():
        raise UslError(f"keep must ascend within [0, {len(images) - 1}] but runs from {rows[0]} to {rows[-1]} or repeats")
    labels, class_names = images.labels, images.class_names
    if labels is not None:
        present, renumbered = np.unique(labels[rows], return_inverse=True)
        labels, class_names = renumbered.astype(np.int32), tuple(class_names[label] for label in present)
    digests = tuple(images.digests[row] for row in rows)
    paths = tuple(images.paths[row] for row in rows)
    gone = set(images.paths).difference(paths)
    return ImageSet(
        root=images.root,
        paths=paths,
        digests=digests,
        labels=labels,
        class_names=class_names,
        problems=_in_order((*images.problems, *extra_problems)),
        notes=tuple(note for note in images.notes if note.path not in gone),
        fingerprint=fingerprint("images", digests),
    )


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (natural_key(problem.path), problem.cause)))


def _resolved(path: Path | str) -> Path:
    if isinstance(path, str) and not path.strip():
        raise UslError("the path is empty; give a folder of images or a .zip archive")
    try:
        return Path(path).expanduser().resolve()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise UslError(f"{path!r} is not a path that can be opened ({error}); give a folder or a .zip archive") from error


def _image_set(root: Path, listing: Listing, verdicts: Verdicts) -> ImageSet:
    problems = _in_order([*listing.problems, *(Problem(listing.names[row], cause) for row, cause in verdicts.causes.items())])
    notes = tuple(
        Note(listing.names[row], text)
        for row in sorted(verdicts.notes)  # the order of the names
        for text in verdicts.notes[row]
    )
    usable = np.ones(len(listing.names), bool)
    usable[list(verdicts.causes)] = False
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        if problems:
            first = f"none of the {len(problems)} can be read; the first is {problems[0].path!r}: {problems[0].cause}"
        else:
            first = f"nothing in it is named {', '.join(EXTENSIONS)}"
        raise UslError(f"there is no usable image in {root}: {first}")
    paths = tuple(listing.names[row] for row in rows)
    labels, class_names = _class_labels(paths)
    text, width = verdicts.digests[rows].tobytes().hex(), 2 * DIGEST_BYTES
    digests = tuple(text[start : start + width] for start in range(0, len(text), width))
    return ImageSet(
        root=root,
        paths=paths,
        digests=digests,
        labels=labels,
        class_names=class_names,
        problems=problems,
        notes=notes,
        fingerprint=fingerprint("images", digests),
    )


def _class_labels(paths: Sequence[str]) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Labels (n,) int32 and class names by the rule in `scan`."""
    parents = [path.rpartition("/")[0] for path in paths]
    folders = {parent: parent.split("/") if parent else [] for parent in parents}
    level = 0
    while True:
        if any(len(parts) <= level for parts in folders.values()):
            return None, ()
        names = {parts[level] for parts in folders.values()}
        if len(names) > 1:
            break
        level += 1
    class_names = tuple(sorted(names, key=natural_key))
    ids = {name: number for number, name in enumerate(class_names)}
    id_of = {parent: ids[parts[level]] for parent, parts in folders.items()}
    return np.fromiter((id_of[parent] for parent in parents), np.int32, len(parents)), class_names
