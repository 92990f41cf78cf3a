"""Labels that came back: which rows have which class, and a report of all that could not be taken as it stands."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..images.listed_names import in_order_of_values
from ..names import display_name
from ..types import ImageSet, IntArray
from ..validation import class_ids
from .entries import Entry, LabelFile
from .matching import Matcher
from .spelling import Typo, probable_typos

_EXPLAINED = 100  # unknown names, for each of which the nearest is looked for


@dataclass(frozen=True, slots=True)
class Unknown:
    """An entry that is about no image of the set, or that could not be read.

    Args:
        name: as the file has it; empty where it has none.
        where: its place in the file.
        why: what is known about that, or empty.
    """

    name: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An image, or several that are byte for byte the same, with more than one class.

    Args:
        rows: of the images.
        paths: of the images.
        classes: what they were called, and where.
    """

    rows: tuple[int, ...]
    paths: tuple[str, ...]
    classes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReport:
    """What is odd about labels that came back.

    Args:
        n_entries: images that the file names, those that could not be used included.
        unknown: entries about no image of the set. They have no effect.
        unreadable: parts of the file that could not be used.
        conflicts: images with two classes or more. They count as labelled, but as no class.
        copies: images that are the same, byte for byte, but have different classes. Each keeps its own.
        typos: class names that are probably others. They stay as they are.
        empty: paths of images without a class: skipped, or not labelled yet. They do not count as labelled.
        notes: how the file was read.
    """

    n_entries: int
    unknown: tuple[Unknown, ...] = ()
    unreadable: tuple[Unknown, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    copies: tuple[Conflict, ...] = ()
    typos: tuple[Typo, ...] = ()
    empty: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lists(self, rename: str | None = None) -> Iterator[tuple[str, list[str]]]:
        """What there is to say, as a heading and its lines; nothing where all is well.

        Args:
            rename: the option of the command line that renames a class, for a line to say how it is given; None: not said.
        """
        n = len(self.unknown)
        lines = [_said(f"{_shown(one.name)} ({one.where})", one.why) for one in self.unknown]
        yield f"{_count(n, 'entry is', 'entries are')} about no image here and {'has' if n == 1 else 'have'} no effect", lines
        lines = [f"{one.where}: {one.why}" for one in self.unreadable]
        yield f"{_count(len(lines), 'part', 'parts')} of the file could not be used", lines
        lines = [f"{_shown(one.paths[0])}: {_classes(one)}" for one in self.conflicts]
        are = "image has more than one class and counts" if len(lines) == 1 else "images have more than one class and count"
        yield f"{len(lines):,} {are} as labelled, but as no class", lines
        lines = [f"{', '.join(map(_shown, one.paths[:3]))}: {_classes(one)}" for one in self.copies]
        yield f"{_count(len(lines), 'image', 'images')} came back under several names with different classes", lines
        lines = [_misspelt(one, rename) for one in self.typos]
        yield f"{_count(len(lines), 'class name is', 'class names are')} probably misspelt and stands as it is", lines
        has = "has no class yet, or was skipped" if len(self.empty) == 1 else "have no class yet, or were skipped"
        yield f"{_count(len(self.empty), 'image', 'images')} {has}", [_shown(path) for path in self.empty]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnedLabels:
    """Labels of images of one set.

    Args:
        rows: (L,) int64 sorted rows that have one class.
        classes: (L,) int64 their class ids.
        class_names: the name of each class id, in natural order.
        undecided: sorted rows that have more than one class.
        kind: what the file was read as.
        digest: of the file's content.
        renamed: new names of classes by those that they have in the file.
        report: what is odd about it.
    """

    rows: IntArray
    classes: IntArray
    class_names: tuple[str, ...]
    undecided: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    kind: str = ""
    digest: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    report: LabelReport

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labelled(self) -> IntArray:
        """Sorted rows that have a class, or several: nobody needs to label them again."""
        return np.union1d(self.rows, self.undecided)

    def ids(self, n: int) -> IntArray:
        """(n,) class id of every image of the set, -1 where there is none: what `select` and `fit_logistic` take."""
        found = np.full(n, -1, dtype=np.int64)
        found[self.rows] = self.classes
        return class_ids(found, n)

    def named(self) -> Iterator[tuple[int, str]]:
        """Each row and its class name."""
        return ((int(row), self.class_names[number]) for row, number in zip(self.rows, self.classes, strict=True))


def matched(file: LabelFile, images: ImageSet, matcher: Matcher, renames: Mapping[str, str] | None = None) -> ReturnedLabels:
    """The labels of a file, whose classes may have been renamed, each with the image that it is about.

    An image that one entry names exactly belongs to it; an entry of which only the last parts fit is then about another image,
    which is not in the set.
    """
    exact = [matcher.exact(entry) for entry in file.entries]
    taken = {row for row in exact if row is not None}
    found: dict[int, list[Entry]] = {}
    unknown: list[Unknown] = []
    for entry, known in zip(file.entries, exact, strict=True):
        row, why = (known, "") if known is not None else matcher.alike(entry)
        if known is None and row is not None and row in taken:
            why = f"{_shown(images.paths[row])} is named by another entry"
            row = None
        if row is None:
            explained = len(unknown) < _EXPLAINED
            unknown.append(Unknown(entry.names[0], entry.where, why or (matcher.reason(entry) if explained else "")))
        else:
            found.setdefault(row, []).append(entry)
    said = {row: tuple(dict.fromkeys(name for entry in found[row] for name in entry.classes)) for row in sorted(found)}
    label = {row: names[0] for row, names in said.items() if len(names) == 1}
    undecided = [row for row, names in said.items() if len(names) > 1]
    names = in_order_of_values(label.values())
    number = {name: place for place, name in enumerate(names)}
    report = LabelReport(
        n_entries=len(file.entries) + len(file.unreadable),
        unknown=tuple(unknown),
        unreadable=tuple(Unknown("", where, why) for where, why in file.unreadable),
        conflicts=tuple(Conflict((row,), (images.paths[row],), _places(found[row])) for row in undecided),
        copies=_copies(images, label, found),
        typos=probable_typos(Counter(name for several in said.values() for name in several)),
        empty=tuple(images.paths[row] for row, several in said.items() if not several),
        notes=file.notes,
    )
    return ReturnedLabels(
        rows=np.array(list(label), dtype=np.int64),
        classes=np.array([number[name] for name in label.values()], dtype=np.int64),
        class_names=names,
        undecided=np.array(undecided, dtype=np.int64),
        kind=file.kind,
        digest=file.digest,
        renamed=dict(renames or {}),
        report=report,
    )


def _places(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    return tuple((name, entry.where) for entry in entries for name in entry.classes)


def _copies(images: ImageSet, label: Mapping[int, str], found: Mapping[int, Sequence[Entry]]) -> tuple[Conflict, ...]:
    odd = []
    for group in images.duplicates:
        rows = tuple(row for row in group if row in label)
        if len({label[row] for row in rows}) > 1:
            places = tuple(place for row in rows for place in _places(found[row]))
            odd.append(Conflict(rows, tuple(images.paths[row] for row in rows), places))
    return tuple(odd)


def _shown(name: str) -> str:
    return f"'{display_name(name, 120)}'"


def _said(what: str, why: str) -> str:
    return f"{what}; {why}" if why else what


def _misspelt(typo: Typo, option: str | None) -> str:
    count, meant = _count(typo.count, "image", "images"), f"{_shown(typo.meant)} ({typo.meant_count:,})"
    said = f"{_shown(typo.name)} ({count}) is probably {meant}"
    if option is None:
        return said
    between = "=" if typo.name.startswith("-") else " "  # else it would look like another option
    return f"{said}; if so, give {option}{between}{shlex.quote(f'{typo.name}={typo.meant}')}"


def _classes(conflict: Conflict) -> str:
    return ", ".join(f"{_shown(name)} ({where})" for name, where in conflict.classes[:10])


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
