"""Accuracies that others published for the selectors, to be held beside ours: other images, networks and learners.

Only numbers that were read in the named source. Of the paper of USL, whose tables were not at hand, these are the abstract, the
results listed with it, and the tables of its released code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One number of somebody else's table.

    Args:
        data: the image set.
        budget: labels.
        learner: what was trained on them.
        method: as `usl.methods()` calls it, or its own name.
        accuracy: percent.
        deviation: standard deviation over runs, percent; None where none was given.
        source: what was read.
        url: where.
        note: what has to be known of it.
    """

    data: str
    budget: int
    learner: str
    method: str
    accuracy: float
    deviation: float | None = None
    source: str
    url: str
    note: str = ""


_USL = "Wang, Lian, Yu: Unsupervised Selective Labeling, ECCV 2022"
_CODE = f"{_USL}: the released code"
_CODE_URL = "https://github.com/TonyLianLong/UnsupervisedSelectiveLabeling"
_LISTED_URL = "https://paperswithcode.com/paper/data-centric-semi-supervised-learning"
_RDSS = "Shao et al.: RDSS, NeurIPS 2024, table 1"
_RDSS_URL = "https://arxiv.org/abs/2409.11653"
_COVER = "TypiClust (ICML 2022) and ProbCover (NeurIPS 2022)"
_COVER_URL = "https://github.com/avihu111/TypiClust"
_READ_OFF = "read off a figure of the authors' repository"


def _table(rows: tuple[tuple[str, float, float | None], ...], **shared: object) -> tuple[Published, ...]:
    return tuple(
        Published(method=method, accuracy=accuracy, deviation=deviation, **shared)  # type: ignore[arg-type]
        for method, accuracy, deviation in rows
    )


PUBLISHED: tuple[Published, ...] = (
    *_table((("usl-t", 93.5, None),), data="CIFAR-10", budget=40, learner="FixMatch", source=_USL, url=_LISTED_URL),
    *_table((("usl", 93.2, None),), data="CIFAR-10", budget=100, learner="FixMatch", source=_USL, url=_LISTED_URL),
    *_table((("usl-t", 76.1, None),), data="CIFAR-10", budget=40, learner="SimCLR-CLD, linear", source=_CODE, url=_CODE_URL),
    *_table((("usl-t", 36.9, None),), data="CIFAR-100", budget=400, learner="SimCLR-CLD, linear", source=_CODE, url=_CODE_URL),
    *_table(
        (("usl-t", 41.3, None),),
        **{"data": "ImageNet", "budget": 2911, "learner": "SimCLR", "source": _CODE, "url": _CODE_URL},
        note="the released code copies each label to the 20 densest images of its cluster",
    ),
    *_table(
        (
            *(("stratified", 91.5, 3.4), ("random", 87.3, 4.6), ("kmeans-center", 81.2, 8.7), ("usl", 91.7, 0.1)),
            *(("activeft", 70.9, None), ("rdss", 94.7, 0.3)),
        ),
        **{"data": "CIFAR-10", "budget": 40, "learner": "FlexMatch", "source": _RDSS, "url": _RDSS_URL},
        note="5 runs",
    ),
    *_table(
        (
            *(("stratified", 50.2, None), ("random", 45.6, None), ("kmeans-center", 41.6, None), ("usl", 46.9, None)),
            *(("activeft", 25.7, None), ("rdss", 48.1, None)),
        ),
        **{"data": "CIFAR-100", "budget": 400, "learner": "FlexMatch", "source": _RDSS, "url": _RDSS_URL},
        note="5 runs",
    ),
    *_table(
        (("random", 93.4, None), ("usl", 93.8, None), ("rdss", 95.1, None)),
        **{"data": "CIFAR-10", "budget": 40, "learner": "FreeMatch", "source": _RDSS, "url": _RDSS_URL},
        note="5 runs",
    ),
    *_table(
        (("random", 53.8, None), ("typiclust", 93.2, None), ("probcover", 94.1, None)),
        **{"data": "CIFAR-10", "budget": 10, "learner": "semi-supervised", "source": _COVER, "url": _COVER_URL},
        note=_READ_OFF,
    ),
)
"""By data set and budget, as the sources have them."""
