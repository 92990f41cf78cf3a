"""A folder, a .zip archive or a list of images -> `ImageSet`; and from an `ImageSet` back to bytes, pixels and thumbnails.

Which files count, and how they are read, is in `sources`; how damaged ones are found, and how a second scan is spared
decoding, in `scan_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..cache.store import Store, fingerprint
from ..errors import UslError
from ..read_only import read_only
from ..types import ImageSet, Note, Problem, Progress, Sample
from ..validation import whole_number
from .class_folders import FolderNames, folder_names
from .decode import decode, encode_thumbnail
from .listed_names import named_by_list
from .listing import Listing
from .names import EXTENSIONS
from .sampling import checked_sample, draw
from .scan_index import DIGEST_BYTES, Verdicts, digest, examined
from .sources import open_source
from .subsets import in_order, in_split

if TYPE_CHECKING:
    from PIL import Image

MAX_THUMBNAIL = 1024


def scan(
    path: Path | str,
    *,
    split: str | None = None,
    sample: int | None = None,
    sample_seed: int = 0,
    within: Sequence[Path] = (),
    cache_dir: Path | str | None = None,
    on_progress: Progress | None = None,
    on_listed: Callable[[int], None] | None = None,
) -> ImageSet:
    """The images of a folder, a .zip archive or a list, in natural order, with class labels where there are any.

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

    A list names its files itself (`images.list_table`): plain, one path a line, or a table with a column of paths and, if
    there are any, one of classes (label, class, ...) and one of splits (split, set, fold, ...). Then these are the labels and
    splits, whatever the folders are called; names are in natural order, numbers by value. There are labels if every usable
    image has one, else a note names the first that lacks it. A path is relative to the list's folder, or absolute.

    Args:
        path: a folder, searched recursively; a .zip archive, which is never unpacked; or a list of paths, a file named .csv,
            .tsv, .txt or .parquet.
        split: keep only the images of this split; see `in_split`.
        sample: look at no more than this many files, at least 1, drawn uniformly and without replacement of all that were
            listed, before any is opened; the others are not. Unusable ones among them are problems as ever, so fewer images
            may come out. `ImageSet.sample` says what was drawn; where there are no more files, that is None.
        sample_seed: at least 0; the same files are drawn again as long as their names stay the same.
        within: resolved folders; a linked file outside all of them becomes a problem, now and whenever the images are opened.
            Empty: links may lead anywhere.
        cache_dir: see `Store`. If it cannot be written, the scan succeeds and the next one takes as long again.
        on_progress: see `types.Progress`. If it raises, the verdicts so far stay in the cache.
        on_listed: called with the number of image files when all are listed and none is opened; it may raise.

    Returns:
        An ImageSet with at least one image. Damaged, truncated, empty, oversized, encrypted and unreachable files and
        folders are in its `problems`, hidden ones and those of thumbnails and trash are counted in `skipped`, and what is
        worth knowing of a file that is used is in its `notes`.

    Raises:
        UslError: the path does not exist, is no folder, .zip or list, is damaged, or holds no readable image or no such split.

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
    asked = checked_sample(sample, sample_seed)
    source = open_source(_resolved(path), within, report)
    report(0.0, "looking for image files")
    listing = source.listing(report)
    n_files = len(listing.names)
    if on_listed is not None:
        on_listed(n_files)
    is_sample = asked is not None and asked[0] < n_files
    rows = draw(n_files, *asked) if asked is not None and is_sample else np.arange(n_files)
    verdicts = examined(source, listing, rows, Store(cache_dir), report)
    drawn = Sample(n=len(rows), of=n_files, seed=sample_seed) if is_sample else None
    images = replace(_image_set(source.root, listing, verdicts, rows), within=tuple(within), sample=drawn)
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
    """Image `index` in mode RGB, upright, without metadata; see `decode.decode`.

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
        raise UslError("the path is empty; give a folder of images, a .zip archive or a list of paths")
    try:
        return Path(path).expanduser().resolve()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise UslError(
            f"{path!r} is not a path that can be opened ({error}); give a folder, a .zip archive or a list"
        ) from error


def _image_set(root: Path, listing: Listing, verdicts: Verdicts, asked: NDArray[np.int64]) -> ImageSet:
    """The images of those rows of a listing that are asked for."""
    usable = np.zeros(len(listing.names), bool)
    usable[asked] = True
    bad = [Problem(listing.names[row], cause) for row, cause in verdicts.causes.items() if usable[row]]
    problems = in_order([*listing.problems, *bad])
    told = [row for row in sorted(verdicts.notes) if usable[row]]  # the order of the names
    notes = (*listing.notes, *(Note(listing.names[row], text) for row in told for text in verdicts.notes[row]))
    usable[list(verdicts.causes)] = False
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        if problems:
            first = f"none of the {len(problems)} can be read; the first is {problems[0].path!r}: {problems[0].cause}"
        elif listing.columns is not None:
            first = "the list names no file"
        else:
            first = f"nothing in it is named {', '.join(EXTENSIONS[:8])} or the like, and nothing begins like an image"
        if listing.passed_over:
            first += f" (passed over: {', '.join(map(str, listing.passed_over))})"
        raise UslError(f"there is no usable image in {root}: {first}")
    paths = tuple(listing.names[row] for row in rows)
    named = folder_names(paths) if listing.columns is None else FolderNames()
    text, width = verdicts.digests[rows].tobytes().hex(), 2 * DIGEST_BYTES
    digests = tuple(text[start : start + width] for start in range(0, len(text), width))
    images = ImageSet(
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
    return images if listing.columns is None else named_by_list(images, listing.columns)
