"""Some images of an image set: a few left out, or one split kept; and how a source is spelled of which only a part is meant.

Spelled: the path, then what is meant of it, `PATH[::sample-N-SEED][::SPLIT]`. The split is of the sample.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from ..cache.store import fingerprint
from ..errors import UslError
from ..read_only import read_only
from ..types import ImageSet, ListedLabels, Problem
from .class_folders import FolderNames, folder_names, fork_level, is_split_name
from .listed_names import with_listed_labels
from .listing import natural_key
from .names import is_list_name


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
    labels, class_names = _renumbered(images.labels, images.class_names, rows)
    listed = None if images.listed is None else _listed(images.listed, rows)
    splits, split_names = _renumbered(images.splits, images.split_names, rows)
    digests = tuple(images.digests[row] for row in rows)
    paths = tuple(images.paths[row] for row in rows)
    gone = set(images.paths).difference(paths)
    part = ImageSet(
        root=images.root,
        paths=paths,
        digests=digests,
        labels=labels,
        class_names=class_names,
        splits=splits,
        split_names=split_names,
        skipped=images.skipped,
        within=images.within,
        listed=listed,
        sample=images.sample,
        problems=in_order((*images.problems, *extra_problems)),
        notes=tuple(note for note in images.notes if note.path not in gone),
        fingerprint=fingerprint("images", digests),
    )
    return read_only(part)


def _listed(listed: ListedLabels, rows: NDArray[np.int64]) -> ListedLabels:
    """What the list says of some rows; -1 stays what it is."""
    ids = listed.ids[rows]
    present, renumbered = np.unique(ids, return_inverse=True)
    lacking = int(len(present) > 0 and present[0] < 0)
    names = tuple(listed.names[number] for number in present[lacking:])
    return ListedLabels(ids=(renumbered - lacking).astype(np.int32), names=names)


def _renumbered(ids: NDArray[np.int32] | None, names: tuple[str, ...], rows: NDArray[np.int64]) -> Any:
    """The ids of some rows and the names of those ids, consecutive again."""
    if ids is None:
        return None, ()
    present, renumbered = np.unique(ids[rows], return_inverse=True)
    return renumbered.astype(np.int32), tuple(names[number] for number in present)


def in_split(images: ImageSet, split: str) -> ImageSet:
    """The images of one split.

    Args:
        images: the image set; a set of one split is that split.
        split: one of `images.split_names`.

    Returns:
        Those images, with the classes that they have or would have alone, and the problems outside the other splits.

    Raises:
        UslError: no such split; the message lists those there are.
    """
    if images.splits is None:
        raise UslError(f"there is no split {split!r} in {images.root}: {_why_no_splits(images)}")
    if split not in images.split_names:
        raise UslError(f"there is no split {split!r} in {images.root}; choose one of {', '.join(images.split_names)}")
    if len(images.split_names) == 1:
        return images
    part = subset(images, np.flatnonzero(images.splits == images.split_names.index(split)).tolist())
    if images.listed is not None:
        problems = tuple(problem for problem in part.problems if problem.split in (None, split))
        return with_listed_labels(replace(part, problems=problems))
    level = fork_level(tuple(path.split("/")[:-1]) for path in images.paths) or 0
    others = set(images.split_names) - {split}
    named = folder_names(part.paths) if images.labels is None else FolderNames(part.labels, part.class_names)
    return replace(
        part,
        labels=named.labels,
        class_names=named.class_names,
        problems=tuple(problem for problem in part.problems if others.isdisjoint(problem.path.split("/")[level : level + 1])),
    )


def _why_no_splits(images: ImageSet) -> str:
    if images.listed is None:
        return "its folders are not named train, val, test or the like"
    return "it has no column split, subset, set, partition or fold, or one that says nothing of some images"


class SourceParts(NamedTuple):
    """A source taken apart.

    Args:
        path: a folder, archive or list.
        sample: how many of its files are drawn, and by which seed; None: all files.
        split: the split of these that is meant; None: all of them.
    """

    path: str
    sample: tuple[int, int] | None
    split: str | None


def source_parts(source: str) -> SourceParts:
    """What `with_sample` and then `with_split` were given."""
    rest, split = without_split(source)
    drawn = _SAMPLE.fullmatch(rest)
    if drawn is None:
        return SourceParts(rest, None, split)
    return SourceParts(drawn[1], (int(drawn[2]), int(drawn[3])), split)


def with_sample(path: str, sample: tuple[int, int] | None) -> str:
    """The source of which only a uniform sample is meant; the path itself for None.

    Args:
        path: a folder, archive or list.
        sample: how many of its files are drawn, and by which seed.
    """
    return path if sample is None else f"{path}{_MARK}sample-{sample[0]}-{sample[1]}"


def with_split(source: str, split: str | None) -> str:
    """The source of which only one split is meant; the source itself for None.

    Args:
        source: a folder, archive or list, or what `with_sample` returned.
        split: a name that `is_split_name` accepts; of a list, any.
    """
    if split is None:
        return source
    return f"{source}{_MARK}{split if is_split_name(split) else _OTHER + quote(split, safe='', errors='surrogatepass')}"


def without_split(source: str) -> tuple[str, str | None]:
    """What `with_split` was given."""
    path, mark, split = source.rpartition(_MARK)
    if mark and is_split_name(split):
        return path, split
    if mark and split.startswith(_OTHER) and is_list_name(source_parts(path).path):
        return path, unquote(split.removeprefix(_OTHER), errors="surrogatepass")
    return source, None


_MARK, _OTHER = "::", "="
_SAMPLE = re.compile(r"(.*)::sample-([0-9]{1,15})-([0-9]{1,15})", re.DOTALL)


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems in natural order of their paths."""
    return tuple(sorted(problems, key=lambda problem: (natural_key(problem.path), problem.cause)))
