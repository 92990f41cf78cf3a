"""The learners as users see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LearnerCard:
    """A learner as users see it.

    Args:
        name: what `learn` takes.
        title: how tables and charts call it.
        summary: one sentence.
        home: "module:function" inside this package; imported on use.
        reference: where it comes from.
        params: name of the parameter class in that module, or None.
        uses_views: augmented views of the images change what it makes of them; without any, noise takes their place.
        uses_neighbors: it works on the kNN graph of the images, and finds it where none is given.
    """

    name: str
    title: str
    summary: str
    home: str
    reference: str
    params: str | None = None
    uses_views: bool = False
    uses_neighbors: bool = False


CARDS = (
    LearnerCard(
        "1-nn",
        "Nearest labelled neighbour",
        "Each image has the class of the labelled image nearest to it; nothing is trained, so it shows the features alone.",
        "nearest:learn_nearest",
        "Cover, Hart: Nearest neighbor pattern classification, 1967",
    ),
    LearnerCard(
        "linear",
        "Linear probe",
        "L2-regularised logistic regression on the labelled images; its strength is chosen by held-out labels, never by tests.",
        "linear:learn_linear",
        "Alain, Bengio: Understanding intermediate layers using linear classifier probes, 2016",
    ),
    LearnerCard(
        "propagation",
        "Label propagation",
        "Labels spread along the graph of nearest neighbours, so that what is not labelled counts as well.",
        "propagation:learn_propagation",
        "Zhou et al.: Learning with local and global consistency, NeurIPS 2003; Iscen et al., CVPR 2019",
        "PropagationParams",
        uses_neighbors=True,
    ),
    LearnerCard(
        "fixmatch",
        "FixMatch on features",
        "A linear head that learns from the labels, and from its own sure answers on strongly augmented views of all images.",
        "fixmatch:learn_fixmatch",
        "Sohn et al.: FixMatch, NeurIPS 2020; Zhang et al.: FlexMatch, NeurIPS 2021",
        "FixmatchParams",
        uses_views=True,
    ),
)
