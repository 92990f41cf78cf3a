"""Classes and notes: what a user says of images. As for `actions`, each makes another `Session` and says what it did."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..errors import UslError
from ..names import display_name
from ..types import ImageSet
from .actions import Done
from .sentences import named, others_left, shown
from .session import Session, paths_of

LONGEST_NAME = 200
"""Characters of a class name."""
LONGEST_NOTE = 10_000
"""Characters of a note."""


def label(session: Session, images: ImageSet, rows: Iterable[int], name: str) -> Done:
    """Give images a class; a name that is new grows the list. Picks among them are accepted by that and stay; vetoes and
    conflicts of these images are over.

    Raises:
        UslError: a bad row, no row, or no fit name: empty, longer than `LONGEST_NAME`, or with characters that cannot be shown.
    """
    name = _fit(name)
    paths = paths_of(images, rows)
    if not paths:
        raise UslError("there is nothing to label: no images were given")
    return Done(labelled(session, images, dict.fromkeys(paths, name)), f"Labelled {named(paths)} as {shown(name)}.")


def labelled(session: Session, images: ImageSet, classes: Mapping[str, str | None]) -> Session:
    """The session with these labels, by path; see `label`."""
    names = dict.fromkeys((*session.class_names, *(name for name in classes.values() if name is not None)))
    return session.changed(
        images,
        classes,
        labels={**session.labels, **classes},
        class_names=tuple(names),
        slots=tuple(replace(slot, accepted=True) if slot.path in classes else slot for slot in session.slots),
        vetoed=tuple(path for path in session.vetoed if path not in classes),
        conflicts=tuple(one for one in session.conflicts if one.path not in classes),
    )


def clear_label(session: Session, images: ImageSet, rows: Iterable[int]) -> Done:
    """Take labels off, with or without a class.

    Raises:
        UslError: a bad row, or none has one.
    """
    paths = paths_of(images, rows)
    chosen = {path for path in paths if path in session.labels}
    if not chosen:
        raise UslError(f"{named(paths)} cannot be cleared: no label")
    kept = {path: name for path, name in session.labels.items() if path not in chosen}
    left = others_left(len(paths) - len(chosen), "without a label")
    return Done(replace(session, labels=kept), f"Cleared the label of {named(list(chosen))}{left}.")


def add_class(session: Session, name: str) -> Done:
    """A class that no image has yet.

    Raises:
        UslError: no fit name, or there is a class of that name.
    """
    name = _fit(name)
    if name in session.class_names:
        raise UslError(f"there is a class {shown(name)} already")
    return Done(replace(session, class_names=(*session.class_names, name)), f"Added the class {shown(name)}.")


def rename_class(session: Session, name: str, new: str) -> Done:
    """Call a class otherwise.

    Raises:
        UslError: no class of that name, no fit new name, or another class has it (merge them).
    """
    _refuse_unknown(session, name)
    new = _fit(new)
    if new in session.class_names:
        raise UslError(f"there is a class {shown(new)} already; merge the two instead")
    return Done(_renamed(session, name, new), f"Renamed the class {shown(name)} to {shown(new)}.")


def merge_classes(session: Session, name: str, into: str) -> Done:
    """Make one class of two: all images of the first get the second.

    Raises:
        UslError: no class of one of the names, or both are the same.
    """
    _refuse_unknown(session, name)
    _refuse_unknown(session, into)
    if name == into:
        raise UslError(f"{shown(name)} cannot be merged with itself; name two classes")
    count = sum(known == name for known in session.labels.values())
    images = "1 image" if count == 1 else f"{count:,} images"
    return Done(_renamed(session, name, into), f"Merged the class {shown(name)} ({images}) into {shown(into)}.")


def note(session: Session, images: ImageSet, rows: Iterable[int], text: str) -> Done:
    """Write a note on images in place of what was there; an empty one takes it off.

    Raises:
        UslError: a bad row, no row, or a longer text than `LONGEST_NOTE`.
    """
    paths = paths_of(images, rows)
    if not paths:
        raise UslError("a note needs an image, but none was given")
    if not isinstance(text, str) or len(text) > LONGEST_NOTE:
        raise UslError(f"a note must be text of at most {LONGEST_NOTE:,} characters but is {text!r:.80}")
    others = {path: old for path, old in session.notes.items() if path not in set(paths)}
    if not text.strip():
        return Done(replace(session, notes=others), f"Took the note off {named(paths)}.")
    return Done(session.changed(images, paths, notes={**others, **dict.fromkeys(paths, text)}), f"Noted on {named(paths)}.")


def _renamed(session: Session, name: str, new: str) -> Session:
    """Labels and conflicts with a class under another name, which keeps its place unless the other has one."""
    names = dict.fromkeys(new if known == name else known for known in session.class_names)
    if new in session.class_names:
        names = dict.fromkeys(known for known in session.class_names if known != name)
    return replace(
        session,
        class_names=tuple(names),
        labels={path: new if known == name else known for path, known in session.labels.items()},
        conflicts=tuple(replace(one, ours=new) if one.ours == name else one for one in session.conflicts),
    )


def _refuse_unknown(session: Session, name: str) -> None:
    if name not in session.class_names:
        known = ", ".join(map(shown, session.class_names[:10])) or "none"
        raise UslError(f"there is no class {shown(str(name))}; the classes are: {known}")


def _fit(name: str) -> str:
    """The name of a class as somebody typed it, without blanks around it."""
    if not isinstance(name, str) or not name.strip():
        raise UslError(f"a class needs a name, but that is {name!r:.40}")
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise UslError(f"the name of a class must have at most {LONGEST_NAME} characters but has {len(name):,}")
    odd = next((letter for letter in name if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")), None)
    if odd is not None:
        raise UslError(
            f"the name of a class must be on one line, but {display_name(name)!r} holds the character U+{ord(odd):04X}"
        )
    return name
