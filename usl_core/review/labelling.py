"""Classes and notes: what a user says of images. As for `actions`, each makes another `Session` and says what it did."""

from __future__ import annotations

from collections.abc import Iterable

from ..types import ImageSet
from .actions import Done
from .session import Session

LONGEST_NAME = 200
"""Characters of a class name."""
LONGEST_NOTE = 10_000
"""Characters of a note."""


def label(session: Session, images: ImageSet, rows: Iterable[int], name: str) -> Done:
    """Give images a class; a name that is new grows the list. Picks among them are accepted by that and stay; vetoes and
    conflicts of these images are over.

    Raises:
        UslError: a bad row, or no fit name: empty, longer than `LONGEST_NAME`, or with characters that cannot be shown.
    """
    raise NotImplementedError


def clear_label(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Take labels off, with or without a class.

    Raises:
        UslError: a bad row, or none has one.
    """
    raise NotImplementedError


def add_class(session: Session, name: str) -> Done:
    """A class that no image has yet.

    Raises:
        UslError: no fit name, or there is a class of that name.
    """
    raise NotImplementedError


def rename_class(session: Session, name: str, new: str) -> Done:
    """Call a class otherwise.

    Raises:
        UslError: no class of that name, no fit new name, or another class has it (merge them).
    """
    raise NotImplementedError


def merge_classes(session: Session, name: str, into: str) -> Done:
    """Make one class of two: all images of the first get the second.

    Raises:
        UslError: no class of one of the names, or both are the same.
    """
    raise NotImplementedError


def note(session: Session, images: ImageSet, rows: Iterable[int], text: str) -> Done:
    """Write a note on images in place of what was there; an empty one takes it off.

    Raises:
        UslError: a bad row, or a longer text than `LONGEST_NOTE`.
    """
    raise NotImplementedError
