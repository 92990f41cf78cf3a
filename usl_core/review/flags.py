"""Flags: what makes a pick doubtful, each with its numbers. The limits are measured; see docs/method.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..names import display_name
from ..types import ImageSet, IntArray, Progress
from ..validation import index_set
from .pixel_facts import BRIGHT, DARK, PixelFacts, pixel_facts
from .pool import Pool

Kind = Literal["outlier", "near-duplicate", "small", "uniform", "blurred", "dark", "bright"]
KINDS: tuple[Kind, ...] = ("outlier", "near-duplicate", "small", "uniform", "blurred", "dark", "bright")
COSINE = 0.99
"""From which on two images are near-duplicates, unless the call of the review says otherwise."""
OUTLIER_DEVIATIONS = 4.5
"""Robust standard deviations of log density below the median of the cluster."""
FEWEST_MEMBERS = 20
"""Clusters with fewer images are compared with all images instead: a median of less says little."""
SMALLEST_SHARE = 0.25
"""Of the usual shorter side, below which a picture is unreadably small, ..."""
LARGE_ENOUGH = 96
"""... if it has fewer pixels than this, too."""
LEAST_CONTRAST = 4.0
"""Standard deviation of grey values, of 255, below which a picture is nearly uniform."""
BLUR_SIDE = 16
"""Smaller pictures have no sharpness to judge."""
BLUR_SHARE = 0.05
"""Of the usual sharpness, below which a picture is blurred, ..."""
BLUR_LIMIT = 0.02
"""... if it is below this, too: smooth things in a sharp data set are not blurred."""
MOST_EXPOSED = 0.9
"""Share of pixels that are all but black, or all but white."""
N_REFERENCE = 200


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
        reference: what is usual in this data set, by `reference_facts`; None: measured here. It depends on the images only,
            so keep it.
        on_progress: see `types.Progress`; picks are decoded, which takes a moment.

    Raises:
        UslError: a bad row, or a picture that is gone.
    """
    rows = list(dict.fromkeys(int(row) for row in picks))
    index_set(rows, len(pool), "picks")
    fixed = np.setdiff1d(index_set(labelled, len(pool), "labelled"), rows)
    images = pool.features.images
    usual = reference_facts(images, on_progress=_half(on_progress, 0)) if reference is None else reference
    facts = pixel_facts(images, rows, on_progress=on_progress if reference is not None else _half(on_progress, 1))
    found: dict[int, list[Flag]] = {row: [] for row in rows}
    for place, row in enumerate(rows):
        found[row] += _outlier(pool, row)
        found[row] += _near_duplicate(
            pool, row, np.array([*fixed.tolist(), *rows[:place]], dtype=np.int64), set(fixed.tolist())
        )
        found[row] += flags_of_pixels(facts, place, usual)
    return {row: tuple(flags) for row, flags in found.items() if flags}


def reference_facts(images: ImageSet, *, on_progress: Progress | None = None) -> PixelFacts:
    """Pixels of 200 images, drawn evenly over the set: what sharpness is usual here.

    Raises:
        UslError: a picture is gone.
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), N_REFERENCE)).astype(np.int64))
    return pixel_facts(images, rows.tolist(), on_progress=on_progress)


def _half(on_progress: Progress | None, number: int) -> Progress | None:
    """The progress of the first or the second half of the work."""
    return None if on_progress is None else lambda fraction, note: on_progress((number + fraction) / 2, note)


def _outlier(pool: Pool, row: int) -> Iterator[Flag]:
    """Density far below the median, in units of 1.4826 times the median absolute deviation, of log U."""
    members, where = np.arange(len(pool)), "all images"
    if pool.clusters is not None:
        own = np.flatnonzero(pool.clusters == pool.clusters[row])
        if len(own) >= FEWEST_MEMBERS:
            members, where = own, f"its cluster of {len(own):,}"
    logs = np.log(pool.utility[members].astype(np.float64))
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))
    if spread <= 0:
        return
    below = float((middle - np.log(float(pool.utility[row]))) / spread)
    if below > OUTLIER_DEVIATIONS:
        said = f"its density lies {below:.1f} robust standard deviations below the median of {where}"
        yield Flag(kind="outlier", reason=f"Outlier: {said}.", value=below, limit=OUTLIER_DEVIATIONS)


def _near_duplicate(pool: Pool, row: int, others: IntArray, labelled: set[int]) -> Iterator[Flag]:
    if not len(others):
        return
    limit = COSINE if pool.call.near_duplicates is None else pool.call.near_duplicates
    cosines = pool.features.values[others] @ pool.features.values[row]
    nearest = int(np.argmax(cosines))
    other, cosine = int(others[nearest]), float(min(cosines[nearest], 1.0))
    copy = pool.copies[other] == pool.copies[row]
    if cosine >= limit or copy:
        what = "the labelled image" if other in labelled else "the pick"
        name = display_name(pool.features.images.paths[other])
        said = f"cosine {cosine:.3f} to {what} '{name}'"
        yield Flag(kind="near-duplicate", reason=f"Near-duplicate: {said}.", value=cosine, limit=limit, other=other)


def flags_of_pixels(facts: PixelFacts, place: int, usual: PixelFacts) -> Iterator[Flag]:
    """The flags that need nothing but pixels.

    Args:
        facts: of some images.
        place: of one of them.
        usual: see `reference_facts`.
    """
    side, contrast = int(facts.sides[place]), float(facts.contrasts[place])
    dark, bright, sharpness = (float(one[place]) for one in (facts.dark, facts.bright, facts.sharpness))
    smallest = min(SMALLEST_SHARE * float(np.median(usual.sides)), LARGE_ENOUGH)
    if side < smallest:
        said = f"its shorter side has {side} pixels, others here have {np.median(usual.sides):.0f}"
        yield Flag(kind="small", reason=f"Small: {said}.", value=side, limit=smallest)
    if contrast < LEAST_CONTRAST:
        said = f"its grey values spread by {contrast:.1f} of 255 only"
        yield Flag(kind="uniform", reason=f"Nearly uniform: {said}.", value=contrast, limit=LEAST_CONTRAST)
        return  # neither sharpness nor exposure says more of it
    blur = min(BLUR_SHARE * float(np.median(usual.sharpness)), BLUR_LIMIT)
    if side >= BLUR_SIDE and sharpness < blur:
        said = f"its sharpness is {sharpness:.4f}, the median here is {np.median(usual.sharpness):.3f}"
        yield Flag(kind="blurred", reason=f"Blurred: {said}.", value=sharpness, limit=blur)
    for kind, share, typical, what in (
        ("dark", dark, usual.dark, f"darker than {DARK}"),
        ("bright", bright, usual.bright, f"brighter than {BRIGHT}"),
    ):
        # Where it is the background that is black or white, all images are so.
        limit = max(MOST_EXPOSED, float(np.percentile(typical, 95)))
        if share > limit:
            said = f"{share:.0%} of its pixels are {what} of 255"
            name = "Underexposed" if kind == "dark" else "Overexposed"
            yield Flag(kind="dark" if kind == "dark" else "bright", reason=f"{name}: {said}.", value=share, limit=limit)
