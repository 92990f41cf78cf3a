"""A folder or a .zip archive of images -> `ImageSet`; and from an `ImageSet` back to bytes, pixels and thumbnails.

Which files count, and how they are read, is in `image_sources`; how damaged ones are found, and how a second scan is spared
decoding, in `scan_index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .class_folders import folder_names
from .errors import UslError
from .image_decode import decode, encode_thumbnail
from .image_listing import Listing
from .image_names import EXTENSIONS
from .image_sources import open_source
from .image_subsets import in_order, in_split
from .read_only import read_only
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
    split: str | None = None,
    within: Sequence[Path] = (),
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
) -> ImageSet:
    """The images of a folder or a .zip archive, in natural order, with class labels where subfolders give them.

    Class labels: common folders around all readable images (the wrapper in an archive, `cifar10/` scanned from above) are
    passed over; where the tree first forks into two or more folders, those are the classes, and deeper folders do not
    count. If a readable image lies in or above that place there are no labels. Neither are there in a tree that never
    forks: one folder around everything is far more often a wrapper than a data set of one class.

    Splits: folders at that first fork that are all named like splits (train, training, val, valid, validation, test,
    testing, also as in training_set or val2017) are splits and no classes if two of them hold a folder of the same name, or
    if one of them forks into class folders and another does not. The classes are then where each split forks by the same
    rule; a split that does not fork holds one class, if its images lie in a folder that is a class of another split. If any
    image has no class by this rule there are no labels, but a split of its own may still have some. Folders named train and
    test that share no folder name, and fork both or neither, are classes like any others.

    Args:
        path: a folder, searched recursively, or a .zip archive, which is never unpacked.
        split: keep only the images of this split; see `in_split`.
        within: resolved folders; a linked file outside all of them becomes a problem, now and whenever the images are opened.
            Empty: links may lead anywhere.
        cache_dir: see `Store`. If it cannot be written, the scan succeeds and the next one takes as long again.
        on_progress: see `types.Progress`. If it raises, the verdicts so far stay in the cache.

    Returns:
        An ImageSet with at least one image. Damaged, truncated, empty, oversized, encrypted and unreachable files and
        folders are in its `problems`, hidden ones and those of thumbnails and trash are counted in `skipped`, and what is
        worth knowing of a file that is used is in its `notes`.

    Raises:
        UslError: the path does not exist, is neither folder nor .zip, is damaged, holds no readable image, or no such split.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("cat/a.png", "dog/b.png"):
    ...         Path(folder, name).parent.mkdir()
    ...         Image.new("RGB", (8, 8)).save(Path(folder, name))
    ...     written = Path(folder, "dog/broken.jpg").write_bytes(b"no picture")
    ...     images = usl.scan(folder)
    >>> images.paths, images.class_names, [problem.path for problem in images.problems]
    (('cat/a.png', 'dog/b.png'), ('cat', 'dog'), ['dog/broken.jpg'])
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    source = open_source(_resolved(path), within)
    report(0.0, "looking for image files")
    listing = source.listing(report)
    verdicts = examined(source, listing, Store(cache_dir), report)
    images = replace(_image_set(source.root, listing, verdicts), within=tuple(within))
    if split is not None:
        images = in_split(images, split)
    report(1.0, f"{len(images):,} images, {len(images.problems):,} problems")
    return read_only(images)


def read_bytes(images: ImageSet, index: int) -> bytes:
    """The file of image `index` as it was scanned; safe to call from many threads and processes.

    Raises:
        UslError: no such index, or the file is gone, unreadable or not the one that was scanned.
    """
    name = images.paths[whole_number(index, "index", 0, len(images) - 1, "images")]
    try:
        data = open_source(images.root, images.within).read(name)
    except UslError as error:
        raise UslError(f"{name!r} in {images.root} cannot be read: {error}") from error
    if all(digest(data, by_rule).hex() != images.digests[index] for by_rule in (False, True)):
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

    >>> usl.open_image(usl.load_demo("digits").images, 0).size
    (8, 8)
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


def _resolved(path: Path | str) -> Path:
    if isinstance(path, str) and not path.strip():
        raise UslError("the path is empty; give a folder of images or a .zip archive")
    try:
        return Path(path).expanduser().resolve()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise UslError(f"{path!r} is not a path that can be opened ({error}); give a folder or a .zip archive") from error


def _image_set(root: Path, listing: Listing, verdicts: Verdicts) -> ImageSet:
    problems = in_order([*listing.problems, *(Problem(listing.names[row], cause) for row, cause in verdicts.causes.items())])
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
            first = f"nothing in it is named {', '.join(EXTENSIONS[:8])} or the like, and nothing begins like an image"
        if listing.passed_over:
            first += f" (passed over: {', '.join(map(str, listing.passed_over))})"
        raise UslError(f"there is no usable image in {root}: {first}")
    paths = tuple(listing.names[row] for row in rows)
    named = folder_names(paths)
    text, width = verdicts.digests[rows].tobytes().hex(), 2 * DIGEST_BYTES
    digests = tuple(text[start : start + width] for start in range(0, len(text), width))
    return ImageSet(
        root=root,
        paths=paths,
        digests=digests,
        labels=named.labels,
        class_names=named.class_names,
        splits=named.splits,
        split_names=named.split_names,
        problems=problems,
        notes=notes,
        skipped=listing.passed_over,
        fingerprint=fingerprint("images", digests),
    )
