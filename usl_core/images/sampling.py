"""A seeded uniform sample of the files of a source, for folders that are too large to look through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..types import ImageSet, Sample
from ..validation import whole_number
from .subsets import subset


def draw(n_files: int, n: int, seed: int) -> NDArray[np.int64]:
    """Which of the files are drawn: uniformly, without replacement, by their place in natural order.

    Every file gets a random number, and those with the least are drawn: so one seed draws nested samples.

    Args:
        n_files: how many there are.
        n: how many to draw; at least `n_files` means all of them.
        seed: of the generator.

    Returns:
        (min(n, n_files),) ascending rows.
    """
    keys = np.random.default_rng(seed).random(n_files)
    return np.sort(np.argsort(keys, kind="stable")[:n])


def checked_sample(n: int | None, seed: int) -> tuple[int, int] | None:
    """The sample that is asked for: how many files and the seed; None for all.

    Raises:
        UslError: n is less than 1, or the seed negative.
    """
    return None if n is None else (whole_number(n, "sample", 1), whole_number(seed, "sample_seed", 0))


def sampled(images: ImageSet, asked: tuple[int, int]) -> ImageSet:
    """A uniform sample of images that have been scanned already, all of which are usable; the same if there are no more."""
    n, seed = asked
    if n >= len(images):
        return images
    part = subset(images, draw(len(images), n, seed).tolist())
    return replace(part, sample=Sample(n=n, of=len(images), seed=seed))
