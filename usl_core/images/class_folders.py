"""What the folders around the images say: classes, and the splits (train, val, test) that stand above the same classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .listing import natural_key

_SPLIT = re.compile(
    r"(train|training|val|valid|validation|test|testing)([ _-]?(set|data|images|imgs|split|[0-9]{2,4}))?", re.IGNORECASE
)

Ids = NDArray[np.int32]
Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FolderNames:
    """What is known of n images by the folders they lie in; see `images.scan` for the rule.

    Args:
        labels: (n,) int32 class ids, or None.
        class_names: of each id.
        splits: (n,) int32 split ids, or None.
        split_names: of each id.
    """

    labels: Ids | None = None
    class_names: tuple[str, ...] = ()
    splits: Ids | None = None
    split_names: tuple[str, ...] = ()


def is_split_name(name: str) -> bool:
    """Whether a folder of this name may be a split: train, val, test or a form of these, as training_set or val2017."""
    return _SPLIT.fullmatch(name) is not None


def folder_names(paths: Sequence[str]) -> FolderNames:
    """Classes and splits of images.

    Args:
        paths: n >= 1 paths with forward slashes.
    """
    parents = [path.rpartition("/")[0] for path in paths]
    folders = {parent: tuple(parent.split("/")) if parent else () for parent in parents}
    level = fork_level(folders.values())
    if level is None:
        return FolderNames()
    names = {parent: parts[level] for parent, parts in folders.items()}
    split_of = names if all(map(is_split_name, set(names.values()))) else {}
    classes = _classes_in_splits(folders, split_of, level + 1) if split_of else None
    if classes is None:
        return FolderNames(*_ids(parents, names))
    known = {parent: name for parent, name in classes.items() if name is not None}
    labels, class_names = _ids(parents, known) if len(known) == len(classes) else (None, ())
    return FolderNames(labels, class_names, *_ids(parents, split_of))


def fork_level(folders: Iterable[Parts]) -> int | None:
    """The first level at which the folders that hold images have two or more names; None if one of them ends before."""
    listed = list(folders)
    for level in range(min(map(len, listed))):
        if any(parts[level] != listed[0][level] for parts in listed):
            return level
    return None


def _classes_in_splits(folders: dict[str, Parts], split_of: dict[str, str], start: int) -> dict[str, str | None] | None:
    """The class of each folder that holds images, None where it has none; or None if what looks like splits is classes.

    They are splits if two of them hold a folder of the same name, or if one forks into classes and another does not. A split
    that does not fork holds one class if its images lie in a folder that is a class of another split.
    """
    inside: dict[str, list[Parts]] = {}
    for parent, split in split_of.items():
        inside.setdefault(split, []).append(folders[parent][start:])
    forks = {split: fork_level(below) for split, below in inside.items()}
    classes = {parts[level] for split, level in forks.items() if level is not None for parts in inside[split]}
    below = Counter(name for listed in inside.values() for name in {name for parts in listed for name in parts})
    if max(below.values(), default=0) < 2 and not (classes and None in forks.values()):
        return None

    def class_of(parts: Parts, fork: int | None) -> str | None:
        return parts[fork] if fork is not None else next((name for name in parts if name in classes), None)

    return {parent: class_of(folders[parent][start:], forks[split]) for parent, split in split_of.items()}


def _ids(parents: Sequence[str], name_of: dict[str, str]) -> tuple[Ids, tuple[str, ...]]:
    names = tuple(sorted(set(name_of.values()), key=natural_key))
    ids = {name: number for number, name in enumerate(names)}
    id_of = {parent: ids[name] for parent, name in name_of.items()}
    return np.fromiter((id_of[parent] for parent in parents), np.int32, len(parents)), names
