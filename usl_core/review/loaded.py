"""What opening a review brings."""

from __future__ import annotations

from dataclasses import dataclass

from .timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a file held.

    Args:
        timeline: the review; None where there was none yet.
        said: sentences for the user, e.g. that the newest file was damaged and a backup was taken, of when.
    """

    timeline: Timeline | None
    said: tuple[str, ...] = ()
