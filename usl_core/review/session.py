"""The review of the picks of one data set, as a document that never changes: every action makes a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..errors import UslError
from ..names import display_name
from ..types import ImageSet, IntArray
from ..validation import index_set

FORMAT = 1
"""Of the document; a file of another number is refused by name."""
Origin = Literal["method", "swap", "veto", "labelled", "pin"]
ORIGINS: tuple[Origin, ...] = ("method", "swap", "veto", "labelled", "pin")
"""How a pick came there: by the method, swapped in by hand, next best after a veto, next best after an image turned out to have
a label already, pinned by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One of the m places; its rank is its place in `Session.slots`, counted from 1.

    Args:
        path: of the image.
        cluster: of the image, in the clusters of `Session.call`; -1 where the method has none.
        origin: how the image came there, one of `ORIGINS`.
        instead_of: path of the image that it replaced; "" where the method chose it.
        accepted: the user wants it labelled; it stays when settings change.
        pinned: it stays when settings change, accepted or not.
    """

    path: str
    cluster: int = -1
    origin: Origin = "method"
    instead_of: str = ""
    accepted: bool = False
    pinned: bool = False

    @property
    def is_kept(self) -> bool:
        """It stays whatever the settings say, and repels like a labelled image."""
        return self.accepted or self.pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How the method was asked, so that the same selection, with its clusters, can be made again.

    Args:
        method: one of `usl.methods(second_round=True)`.
        params: its parameter object, or None.
        seed: of the method.
        budget: m, the kept picks included; the method was asked for `budget - len(kept)`.
        near_duplicates: see `usl.select`.
        kept: paths of accepted and pinned picks that were given as labelled.
        labelled: paths that were given as labelled, `kept` left out.
        classes: class names of some of `labelled`, by path, as they were then; methods of the second round go by them.
        vetoed: paths that were given as vetoed.
        when: seconds since 1970, UTC.
        n_labelled: images with a label when it was asked.
        accuracy: of `model` fitted to these on all other images, in [0, 1]; None where true classes are not known.
        model: "logistic", "1-NN", or "" without an accuracy.
    """

    method: str
    params: Any = None
    seed: int = 0
    budget: int
    near_duplicates: float | None = None
    kept: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    vetoed: tuple[str, ...] = ()
    when: float = 0.0
    n_labelled: int = 0
    accuracy: float | None = None
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round that is over.

    Args:
        call: how its picks were made.
        picks: its slots as they were in the end, in rank order.
    """

    call: Call
    picks: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelConflict:
    """Labels that came back and contradict each other, or what was there. Kept until the user decides.

    Args:
        path: of the image.
        ours: class that it has here; None: labelled without a class, "" : not labelled here.
        theirs: classes that came back, one or more.
        source: what they came from, e.g. the name of a file.
    """

    path: str
    ours: str | None
    theirs: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Session:
    """Everything that is known of a review. Images are referred to by path; see `rows_of` and `paths_of`.

    Args:
        name: of the data set, as people know it.
        source: of the data set, as `pipeline.prepared` takes it: a folder, an archive, a list, "demo:NAME".
        images: fingerprint of the image set.
        n_images: n.
        known: n numbers of 32 bit, one per path and sorted, by which images are seen to be new; see `changes.known_paths`.
        encoder: full name.
        call: of the current picks.
        slots: current picks in rank order, at most `call.budget`, fewer only where no images are left. No two are of one image,
            none is vetoed; one that has a label got it while it was a pick.
        vetoed: paths that must not be picked, in the order of the vetoes.
        labels: class name by path; None: labelled already, nobody said what.
        class_names: in the order in which they were made.
        notes: text by path.
        conflicts: that wait for a decision.
        digests: content of every image that is referred to, by path, as `ImageSet.digests` has it.
        rounds: those that are over, the first one first.
    """

    name: str
    source: str
    images: str
    n_images: int
    known: bytes = b""
    encoder: str
    call: Call
    slots: tuple[Slot, ...] = ()
    vetoed: tuple[str, ...] = ()
    labels: Mapping[str, str | None] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[LabelConflict, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()

    @cached_property
    def picks(self) -> tuple[str, ...]:
        """Paths of the current picks in rank order."""
        return tuple(slot.path for slot in self.slots)

    @cached_property
    def pending(self) -> tuple[str, ...]:
        """Paths that were accepted or pinned in earlier rounds and have no label yet: somebody is at them, so they repel."""
        kept = (slot.path for one in self.rounds for slot in one.picks if slot.is_kept)
        return tuple(dict.fromkeys(path for path in kept if path not in self.labels))

    @cached_property
    def taken(self) -> frozenset[str]:
        """Paths that no new pick may have: picks, vetoed, labelled and pending images."""
        return frozenset((*self.picks, *self.vetoed, *self.labels, *self.pending))

    def changed(self, images: ImageSet, paths: Iterable[str] = (), **fields: Any) -> Session:
        """The session with other fields, and with the content of images that it refers to from now on."""
        places = row_by_path(images)
        new = {path: images.digests[places[path]] for path in paths if path in places and path not in self.digests}
        return replace(self, digests={**self.digests, **new} if new else self.digests, **fields)

    def rank_of(self, path: str) -> int | None:
        """Rank of a pick, counted from 1; None for an image that is none."""
        return self.picks.index(path) + 1 if path in self.picks else None

    def pick_rows(self, images: ImageSet) -> IntArray:
        """(m,) int64 rows of the current picks in rank order.

        Raises:
            UslError: a pick is no image of the set; `changes.reconciled` mends that.
        """
        return rows_of(images, self.picks)

    def labelled_rows(self, images: ImageSet) -> IntArray:
        """Sorted rows that have a label; images that are gone are left out."""
        return np.sort(present_rows(images, self.labels))

    def vetoed_rows(self, images: ImageSet) -> IntArray:
        """Sorted rows that are vetoed; images that are gone are left out."""
        return np.sort(present_rows(images, self.vetoed))

    def class_ids(self, images: ImageSet) -> IntArray:
        """(n,) int64 class of each image as its place in `class_names`; -1 where there is none."""
        number = {name: place for place, name in enumerate(self.class_names)}
        found = np.full(len(images), -1, dtype=np.int64)
        for path, name in self.labels.items():
            row = row_by_path(images).get(path)
            if row is not None and name is not None:
                found[row] = number[name]
        return found


def paths_of(images: ImageSet, rows: Iterable[int]) -> list[str]:
    """Paths of some rows, in order and once each.

    Raises:
        UslError: a row that is none of the set.
    """
    rows = list(rows)
    index_set(rows, len(images), "rows")
    return list(dict.fromkeys(images.paths[row] for row in rows))


def rows_of(images: ImageSet, paths: Iterable[str]) -> IntArray:
    """Rows of some paths, in order.

    Raises:
        UslError: a path that is none of the set.
    """
    places = row_by_path(images)
    paths = list(paths)
    for path in paths:
        if path not in places:
            raise UslError(f"no image of {images.root} has the path {display_name(path, 120)!r}; was it moved or removed?")
    return np.array([places[path] for path in paths], dtype=np.int64)


def present_rows(images: ImageSet, paths: Iterable[str]) -> IntArray:
    """Rows of those paths that the set has, in order."""
    places = row_by_path(images)
    return np.array([places[path] for path in paths if path in places], dtype=np.int64)


def row_by_path(images: ImageSet) -> Mapping[str, int]:
    """Row of each path; made once per image set."""
    made = images.__dict__.get(_ROWS)
    if made is None:
        made = {path: row for row, path in enumerate(images.paths)}
        images.__dict__[_ROWS] = made  # as cached_property does: the set never changes
    return made


_ROWS = "_row_by_path"
