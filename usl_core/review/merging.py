"""Labels that came back, taken into a review without losing what either side says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..labels.returned import ReturnedLabels
from ..types import ImageSet
from .actions import Done
from .session import LabelConflict, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What came of it.

    Args:
        session: with the new labels and conflicts.
        said: one sentence.
        new: paths that got a class, or one in place of "labelled already".
        same: paths that had this class.
        conflicts: new ones; the images keep what they had until `decide` or `labelling.label`.
    """

    session: Session
    said: str
    new: tuple[str, ...]
    same: tuple[str, ...]
    conflicts: tuple[LabelConflict, ...]

    @property
    def done(self) -> Done:
        """As an action, for the timeline."""
        return Done(self.session, self.said)


def merge_labels(session: Session, images: ImageSet, returned: ReturnedLabels, source: str = "") -> Merged:
    """Take in labels that came back.

    Args:
        session: the review.
        images: that the labels were matched to.
        returned: by `usl.read_labels`.
        source: what they came from, for the conflicts.

    Raises:
        UslError: the labels hold no label of these images, or none that is not here already and the same.
    """
    raise NotImplementedError


def decide(session: Session, images: ImageSet, rows: Iterable[int], name: str | None) -> Done:
    """End the conflicts of images.

    Args:
        session: the review.
        images: of it.
        rows: with a conflict.
        name: the class that they have; None: leave each as it is here, and forget what came back.

    Raises:
        UslError: a bad row, one without a conflict, or no fit name.
    """
    raise NotImplementedError
