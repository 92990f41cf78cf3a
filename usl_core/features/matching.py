"""Which image a vector is of that was made elsewhere: by the path beside it, or by the order of the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..cache.store import fingerprint
from ..encoders.own_vectors import NATURAL, PLAIN
from ..errors import UslError
from ..images.listing import natural_key
from ..images.name_finder import NameFinder
from ..names import display_name
from ..types import ImageSet, IntArray

_TOLD_EVERY = 4096
_ODD = re.compile(r"[^ -~]|[\\\\'\"]|^\s|\s$|^$")
"""A name that may be spelled otherwise than it is meant, see `NameFinder`."""


def names_key(images: ImageSet) -> str:
    """Changes whenever vectors may be matched otherwise: a fingerprint of names; that of an image set is of contents."""
    problems = (problem.path for problem in images.problems)
    return fingerprint("names", str(images.root), "\0".join(images.paths), "\0".join(problems))


def by_path(images: ImageSet, names: Sequence[str], file: Path, told: Callable[[int], None]) -> tuple[IntArray, list[str]]:
    """Match by path: as lists of images are, from the folder of the images, of the file, or one above which all paths lie.

    Args:
        images: the image set.
        names: (r,) the path beside each vector.
        file: that they stand in.
        told: called now and then with the number of names that were looked for.

    Returns:
        (r,) the image of each vector, -1 where it has none; and what a user should know.

    Raises:
        UslError: no name is one of an image.
    """
    finder, folder = NameFinder(images), f"{file.parent.as_posix()}/"
    targets, notes = _exact(finder, names), list[str]()
    if not (targets >= 0).any():
        targets, above = _below(finder, names)
        if above and above.rstrip("/") not in (".", images.root.as_posix(), images.root.name):
            notes.append(f"its paths were taken from {display_name(above)!r} on, where those of the images begin")
    ends = {path.rpartition("/")[2].strip() for path in images.paths}
    for count, row in enumerate(np.flatnonzero(targets < 0).tolist()):
        if count % _TOLD_EVERY == 0:
            told(row)
        name = names[row]
        if _ODD.search(name) is None and name.rpartition("/")[2] not in ends:
            continue  # it takes long to look for what cannot be there, and the file may be of many more images
        found = finder.find(name)
        if found is None and name.strip() and not name.startswith("/"):
            found = finder.find(folder + name)
        if found is not None:
            targets[row] = found
    if not (targets >= 0).any():
        reason = finder.reason(names[0])
        raise UslError(
            f"none of the {len(names):,} paths in {file} is one of the {len(images):,} images in {images.root}; the first is "
            f"'{display_name(names[0], 120)}'{f' ({reason})' if reason else ''}: write them relative to that folder"
        )
    return targets, notes


def _exact(finder: NameFinder, names: Iterable[str]) -> IntArray:
    return np.array([-1 if (row := finder.exact(name)) is None else row for name in names], dtype=np.int64)


def _below(finder: NameFinder, names: Sequence[str]) -> tuple[IntArray, str]:
    """Match what is left of paths, from another machine say, without the folders that all of them lie in."""
    plain = [name.strip().replace("\\", "/") for name in names]
    common = next((name for name in plain if name), "").split("/")[:-1]
    for name in filter(None, plain):
        parts = name.split("/", len(common))
        while common and parts[: len(common)] != common:
            common.pop()
    best, best_above = np.full(len(names), -1, dtype=np.int64), ""
    for depth in range(len(common), 0, -1):
        above = "/".join(common[:depth]) + "/"
        targets = _exact(finder, (name[len(above) :] for name in plain))
        if (targets >= 0).sum() > (best >= 0).sum():
            best, best_above = targets, above
    return best, best_above


def by_order(images: ImageSet, n: int, order: str, file: Path) -> tuple[IntArray, list[str]]:
    """Match by order: row i is image i, or file i where those that cannot be used have rows as well.

    Args:
        images: the image set.
        n: rows.
        order: `NATURAL` or `PLAIN`.
        file: that they stand in.

    Returns:
        See `by_path`.

    Raises:
        UslError: there are not as many rows as images, nor as files.
    """
    broken = list(dict.fromkeys(problem.path for problem in images.problems))
    files = list(images.paths) if n == len(images) else [*images.paths, *broken]
    if n != len(files):
        others = f" and {len(broken):,} files that could not be used" if broken else ""
        raise UslError(
            f"{file} has {n:,} vectors, but there are {len(images):,} images{others} in {images.root}, so they cannot be "
            "matched by order; give a file with a path beside each vector, or one with a row for each image"
        )
    key: Callable[[str], Any] = natural_key if order == NATURAL else _parts
    targets = np.array(sorted(range(n), key=lambda at: key(files[at])), dtype=np.int64)
    notes = []
    if order == NATURAL and any(_parts(files[a]) > _parts(files[b]) for a, b in pairwise(targets.tolist())):
        notes.append(
            "its rows were matched in natural order (img2 before img10); if they stand as sorted or ImageFolder has them, "
            f"add it with the order {PLAIN!r}"
        )
    return np.where(targets < len(images), targets, -1), notes


def _parts(path: str) -> list[str]:
    return path.split("/")
