"""Picks that somebody decided one by one, as they stand in the record of a run: no method would repeat them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np

from ..json_fields import JsonFields
from ..types import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedPicks:
    """Picks as a review left them, in rank order.

    Args:
        rows: (m,) of the images.
        clusters: (m,) that they are from; -1 for none.
        scores: (m,) of the method; None where it gave none.
    """

    rows: tuple[int, ...]
    clusters: tuple[int, ...]
    scores: tuple[float | None, ...]

    def selection(self, method: str, params: Any, seed: int) -> Selection:
        """The picks as `select` would return them."""
        return Selection(
            indices=np.array(self.rows, dtype=np.int64),
            clusters=np.array(self.clusters, dtype=np.int64),
            scores=np.array([nan if score is None else score for score in self.scores], dtype=np.float64),
            method=method,
            params=params,
            seed=seed,
            notes=("the picks were decided one by one, so they are those of the record, and no method ran",),
        )


def decided_document(selection: Selection) -> list[dict[str, Any]]:
    """What JSON holds of the picks."""
    parts = zip(selection.indices.tolist(), selection.clusters.tolist(), selection.scores.tolist(), strict=True)
    return [{"row": row, "cluster": cluster, "score": None if isnan(score) else score} for row, cluster, score in parts]


def decided_picks(field: JsonFields, n: int) -> DecidedPicks | None:
    """The picks of the field "decided"; None where it is null or missing, as in records of earlier versions.

    Args:
        field: of a run record.
        n: number of images.

    Raises:
        UslError: a field is missing or wrong, or the picks are not as many different images as the budget says.
    """
    if not field.has("decided"):
        return None
    entries = field.entries("decided")
    picks = [entries.inside(str(place)) for place in range(len(field.get("decided", list)))]
    rows = tuple(pick.whole("row", 0, n - 1) for pick in picks)
    if len(set(rows)) != len(rows) or len(rows) != field.whole("budget", 1, n):
        raise field.wrong("decided", "must name as many different images as the budget says")
    return DecidedPicks(
        rows=rows,
        clusters=tuple(pick.whole("cluster", -1) for pick in picks),
        scores=tuple(pick.real("score") if pick.has("score") else None for pick in picks),
    )
