"""Images that changed under a review: what is gone, what has another content, what is new; what still holds is kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..types import ImageSet, IntArray
from .actions import Done
from .session import Session, row_by_path

_TYPE = "<u4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How the images differ from those of the review.

    Args:
        gone: paths that the review refers to and the set lacks, though it had them when the review last agreed with it.
        changed: paths that the review refers to and whose content is another.
        new: paths of the set that the review has not seen.
        n_before: images of the review.
        n_now: images of the set.
    """

    gone: tuple[str, ...]
    changed: tuple[str, ...]
    new: tuple[str, ...]
    n_before: int
    n_now: int

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.gone or self.changed or self.new or self.n_before != self.n_now)


def known_paths(images: ImageSet) -> bytes:
    """`Session.known` of an image set: 4 bytes per path, so that a review of 50,000 images stays a small file.

    Two of n paths share their number with a chance of n / 4e9 per new path, which then goes unnoticed as new.
    """
    return np.sort(_numbers(images.paths)).astype(_TYPE).tobytes()


def changes_of(session: Session, images: ImageSet) -> Changes:
    """Compare a review with the images as they are now. Of images that it does not refer to, only new ones are seen."""
    places = row_by_path(images)
    referred = _referred(session)
    known = np.frombuffer(session.known, dtype=_TYPE)
    is_new = ~np.isin(_numbers(images.paths), known) if len(known) else np.zeros(len(images), dtype=bool)
    digests = session.digests
    missing = [path for path in referred if path not in places]
    if len(known):  # labels and notes outlive their images, which are told of once; a pick cannot
        there = np.isin(_numbers(missing), known).tolist()
        missing = [path for path, was in zip(missing, there, strict=True) if was or path in session.picks]
    return Changes(
        gone=tuple(missing),
        changed=tuple(
            path
            for path in referred
            if path in places and digests.get(path, _now(images, places[path])) != _now(images, places[path])
        ),
        new=tuple(images.paths[row] for row in np.flatnonzero(is_new).tolist()),
        n_before=session.n_images,
        n_now=len(images),
    )


def reconciled(session: Session, images: ImageSet) -> Done:
    """The review on the images as they are now.

    Picks that are gone lose their places, which `rounds.reselected` fills again. Picks with another content stay, but are not
    accepted any more. Labels, vetoes and notes of images that are gone or have another content are kept.
    """
    found = changes_of(session, images)
    gone, changed = set(found.gone), set(found.changed)
    slots = tuple(
        replace(slot, accepted=False) if slot.path in changed and slot.path not in session.labels else slot
        for slot in session.slots
        if slot.path not in gone
    )
    places = row_by_path(images)
    digests = {path: _now(images, places[path]) if path in places else old for path, old in session.digests.items()}
    after = replace(
        session,
        images=images.fingerprint,
        n_images=len(images),
        known=known_paths(images),
        slots=slots,
        digests=digests,
    )
    lost = len(session.slots) - len(slots)
    said = f"The images changed: {len(gone):,} are gone ({lost:,} of them picks), {len(changed):,} have another content, "
    return Done(after, f"{said}{len(found.new):,} are new.")


def _referred(session: Session) -> list[str]:
    """Every path that the review says something of, once."""
    former = (slot.path for one in session.rounds for slot in one.picks)
    conflicts = (one.path for one in session.conflicts)
    return list(dict.fromkeys((*session.picks, *session.vetoed, *session.labels, *session.notes, *former, *conflicts)))


def _now(images: ImageSet, row: int) -> str:
    return images.digests[row]


def _numbers(paths: Iterable[str]) -> IntArray:
    return np.array([zlib.crc32(path.encode("utf-8", "surrogatepass")) for path in paths], dtype=np.int64)
