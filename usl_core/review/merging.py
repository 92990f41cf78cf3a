"""Labels that came back, taken into a review without losing what either side says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import UslError
from ..labels.returned import ReturnedLabels
from ..types import ImageSet
from .actions import Done
from .labelling import label, labelled
from .sentences import named, shown
from .session import LabelConflict, Session, paths_of


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

    An image with several classes in what came back counts as labelled, without a class, until somebody decides.

    Args:
        session: the review.
        images: that the labels were matched to.
        returned: by `usl.read_labels`.
        source: what they came from, for the conflicts.

    Returns:
        Merged; nothing new and no conflict where all is known already.

    Raises:
        UslError: the labels are of none of these images.
    """
    if not len(returned.labelled):
        raise UslError("there is nothing to take in: none of the labels is about an image of this review")
    paths_of(images, returned.labelled.tolist())  # refuses labels of other images
    came: dict[str, tuple[str, ...]] = {images.paths[row]: (name,) for row, name in returned.named()}
    came |= {one.paths[0]: tuple(dict.fromkeys(name for name, _ in one.classes)) for one in returned.report.conflicts}
    new: dict[str, str] = {}
    same, conflicts = list[str](), list[LabelConflict]()
    for path, theirs in came.items():
        ours = session.labels.get(path, "")
        if len(theirs) == 1 and ours in ("", None):
            new[path] = theirs[0]
        elif theirs == (ours,):
            same.append(path)
        else:
            conflicts.append(LabelConflict(path=path, ours=ours, theirs=theirs, source=source))
    known = {(one.path, one.theirs) for one in session.conflicts}  # the same labels may come back twice
    fresh = tuple(one for one in conflicts if (one.path, one.theirs) not in known)
    undecided = [one.path for one in fresh if one.ours == ""]
    order = {name: place for place, name in enumerate(returned.class_names)}
    by_class = sorted(new, key=lambda path: order[new[path]])  # new classes come in the order of the file's
    after = labelled(session, images, {**{path: new[path] for path in by_class}, **dict.fromkeys(undecided)})
    after = after.changed(images, (one.path for one in fresh), conflicts=(*after.conflicts, *fresh))
    said = f"Took in {len(new):,} new labels, {len(same):,} were here already"
    if conflicts:
        said += f", {len(conflicts):,} contradict each other or what is here and wait for a decision"
    return Merged(session=after, said=f"{said}.", new=tuple(new), same=tuple(same), conflicts=fresh)


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
    rows = list(rows)
    paths = paths_of(images, rows)
    waiting = {one.path for one in session.conflicts}
    for path in paths:
        if path not in waiting:
            raise UslError(f"{shown(path)} has no conflict of labels to decide")
    if not paths:
        raise UslError("there is nothing to decide: no images were given")
    if name is not None:
        return Done(label(session, images, rows, name).session, f"Decided that {named(paths)}: {shown(name)}.")
    left = tuple(one for one in session.conflicts if one.path not in set(paths))
    return Done(replace(session, conflicts=left), f"Left {named(paths)} as it was, against what came back.")
