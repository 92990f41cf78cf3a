"""Images that changed under a review: what is gone, what has another content, what is new; what still holds is kept."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import ImageSet
from .actions import Done
from .session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How the images differ from those of the review.

    Args:
        gone: paths that the review refers to and the set lacks.
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
    """`Session.known` of an image set."""
    raise NotImplementedError


def changes_of(session: Session, images: ImageSet) -> Changes:
    """Compare a review with the images as they are now."""
    raise NotImplementedError


def reconciled(session: Session, images: ImageSet) -> Done:
    """The review on the images as they are now.

    Picks that are gone lose their places, which `rounds.reselected` fills again. Picks with another content stay, but are not
    accepted any more. Labels, vetoes and notes of images that are gone or have another content are kept.
    """
    raise NotImplementedError
