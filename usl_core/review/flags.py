"""Flags: what makes a pick doubtful, each with its numbers. The limits are measured; see docs/method.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..types import ImageSet, Progress
from .pixel_facts import PixelFacts
from .pool import Pool

Kind = Literal["outlier", "near-duplicate", "small", "uniform", "blurred", "dark", "bright"]
KINDS: tuple[Kind, ...] = ("outlier", "near-duplicate", "small", "uniform", "blurred", "dark", "bright")
COSINE = 0.99
"""From which on two images are near-duplicates, unless the call of the review says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One reason to look twice.

    Args:
        kind: one of `KINDS`.
        reason: one sentence with the numbers.
        value: what was measured.
        limit: that it is beyond.
        other: row of the image that it is a near-duplicate of, else None.
    """

    kind: Kind
    reason: str
    value: float
    limit: float
    other: int | None = None


def find_flags(
    pool: Pool,
    picks: Iterable[int],
    *,
    labelled: Iterable[int] = (),
    reference: PixelFacts | None = None,
    on_progress: Progress | None = None,
) -> Mapping[int, tuple[Flag, ...]]:
    """The flags of picks, by row; a pick without any is not in it.

    Args:
        pool: of the review.
        picks: rows in rank order. Of two near-duplicates the later one is flagged.
        labelled: rows that have a label.
        reference: what is usual in this data set, by `reference_facts`; None: measured here. It depends
            on the images only, so keep it.
        on_progress: see `types.Progress`; picks are decoded, which takes a moment.

    Raises:
        UslError: a bad row, or a picture that is gone.
    """
    raise NotImplementedError


def reference_facts(images: ImageSet, *, on_progress: Progress | None = None) -> PixelFacts:
    """Pixels of 200 images, drawn evenly over the set: what sharpness is usual here."""
    raise NotImplementedError
