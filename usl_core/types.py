"""What flows between the steps: images, features, neighbours, selections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

Progress = Callable[[float, str], None]
"""Called as `on_progress(fraction in [0, 1], note)`; it may raise `Cancelled` to stop the work."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be used.

    Args:
        path: the file, relative to the root of its image set, with forward slashes.
        cause: one plain sentence: what is wrong with it.
        split: the split that a list puts it in; None where folders tell, or nobody does.
    """

    path: str
    cause: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What is worth knowing of a file that is used all the same.

    Args:
        path: the file, relative to the root of its image set, with forward slashes.
        text: one plain sentence, e.g. that the range of its numbers had to be guessed.
    """

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Files or folders of one kind that were passed over on purpose.

    Args:
        count: how many.
        what: what they are, in the number that `count` wants: "hidden folders".
    """

    count: int
    what: str

    def __str__(self) -> str:
        return f"{self.count:,} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A uniform sample of the files of a source, drawn without replacement before any was opened.

    Args:
        n: files that were drawn.
        of: files that there were.
        seed: that drew them.

    >>> str(usl.Sample(n=20_000, of=1_281_167, seed=0))
    'a uniform sample of 20,000 of 1,281,167 files, seed 0'
    """

    n: int
    of: int
    seed: int

    def __str__(self) -> str:
        return f"a uniform sample of {self.n:,} of {self.of:,} files, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedLabels:
    """What a list says of the classes of n images.

    Args:
        ids: (n,) int32 class ids; -1 where the list gives none.
        names: the name of each class id; empty if the list has no labels at all.
    """

    ids: NDArray[np.int32]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """The readable images of one folder, zip archive or list, in natural order of their paths. Made by `scan`.

    Args:
        root: the folder, the .zip file, or the list.
        paths: n paths relative to `root`, forward slashes; those of a list as they stand there, relative to its folder or
            absolute.
        digests: n digests of the files' bytes (hex); equal digests are exact duplicates.
        labels: (n,) int32 class ids if every image lies in a class subfolder, or has a label in its list, else None.
        class_names: the name of each class id; empty without labels.
        splits: (n,) int32 split ids where folders such as train and val stand above the same classes, or where the list
            gives every image a split, else None.
        split_names: the name of each split id; empty without splits.
        problems: the files that could not be used, each with its cause.
        notes: what is worth knowing of files that are used; a file may have several.
        skipped: what was passed over on purpose: hidden folders, those of thumbnails and trash, and the like.
        within: resolved folders; nothing outside of them is read when an image is opened. Empty: links may lead anywhere.
        listed: what the list says of classes, also where some images have none; None for folders and archives.
        sample: of which files of the source these images are; None: of all.
        fingerprint: hash of the contents in order; does not depend on file names or on where the folder lies.
    """

    root: Path
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    splits: NDArray[np.int32] | None = None
    split_names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    within: tuple[Path, ...] = ()
    listed: ListedLabels | None = None
    sample: Sample | None = None
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """Groups of two or more indices whose files are byte for byte the same, in order of first appearance."""
        groups: dict[str, list[int]] = {}
        for index, digest in enumerate(self.digests):
            groups.setdefault(digest, []).append(index)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Unit feature vectors of an image set.

    Args:
        values: (n, d) float32, C-contiguous, unit rows, read-only.
        fingerprint: hash of everything the values depend on: image contents, encoder, weights, preprocessing.
        encoder: the encoder's full name, e.g. `torchvision:resnet18`.
        images: the image set whose image i is row i; its `problems` include images that failed while encoding.
    """

    values: FloatArray
    fingerprint: str
    encoder: str
    images: ImageSet

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """Augmented views of an image set as unit feature vectors. Made by `encode_views`.

    Args:
        values: (n, 1 + A, d) float32, unit vectors, read-only; view 0 is the image as it is, the others are strongly augmented.
        fingerprint: hash of everything the values depend on.
    """

    values: FloatArray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbors:
    """The k nearest neighbours of every point, itself excluded, nearest first; every smaller k is a prefix.

    Args:
        indices: (n, k) int32 row numbers.
        distances: (n, k) float32 plain Euclidean distances, ascending; ties are in order of index.
    """

    indices: NDArray[np.int32]
    distances: FloatArray

    @property
    def k_max(self) -> int:
        return int(self.indices.shape[1])

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Iteration:
    """One round of regularised picking, for the trace of a USL selection.

    Args:
        picks: (m,) int64, one pick per cluster, in cluster order.
        moved: how many picks differ from the round before (m in the first round).
        mean_utility: mean U over the picks.
        mean_penalty: mean lambda * RegBar over the picks.
    """

    picks: IntArray
    moved: int
    mean_utility: float
    mean_penalty: float

    @property
    def objective(self) -> float:
        """Mean regularised utility of the picks, the quantity that each cluster maximises."""
        return self.mean_utility - self.mean_penalty


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """The picks of one method.

    Args:
        indices: (m,) int64 distinct rows; rank r is entry r - 1.
        clusters: (m,) int64 cluster of each pick; -1 where the method has no clusters.
        scores: (m,) float64 the method's own score of each pick; NaN where it has none.
        method: name of the method that really ran.
        params: its parameter object, or None.
        seed: the seed.
        trace: one entry per round (USL), else empty.
        cluster_labels: (n,) int64 cluster of every row, or None.
        info: named numbers of the run, e.g. the two spreads behind a relative lambda.
        notes: sentences a user should see, e.g. that k was reduced to n - 1.
    """

    indices: IntArray
    clusters: IntArray
    scores: NDArray[np.float64]
    method: str
    params: Any = None
    seed: int = 0
    trace: tuple[Iteration, ...] = ()
    cluster_labels: IntArray | None = None
    info: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.indices)
