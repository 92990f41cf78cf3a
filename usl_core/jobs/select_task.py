"""The task "select": the picks of a method that takes a while, kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..encoders.own_vectors import is_vectors
from ..errors import UslError
from ..pipeline.kept_picks import KeptPicks
from ..pipeline.prepared import Prepared, load_prepared
from ..selection.registry import params_from
from ..types import Progress, Views


def select_and_keep(
    source: str,
    encoder: str,
    method: str,
    budget: int,
    params: Mapping[str, Any] | None,
    seed: int,
    near_duplicates: float | None = None,
    within: Sequence[str] = (),
    *,
    on_progress: Progress,
) -> dict[str, Any]:
    """The picks are kept where `KeptPicks` of the same arguments finds them."""
    made = load_prepared(source, encoder, within=[Path(folder) for folder in within])
    if made is None:
        raise UslError(f"the features of {encoder} are no longer in the cache; encode the images again on the page Data")
    settings = params_from(method, params)
    kept = KeptPicks(made.features, method, budget, settings, seed=seed, near_duplicates=near_duplicates)
    views = views_for(made, settings, on_progress)
    return {"picks": len(kept.make(made.neighbors, views, on_progress=on_progress))}


def views_for(made: Prepared, params: Any, on_progress: Progress) -> Views | None:
    """The augmented views that a method with these parameters looks at; None where there are none."""
    n_views = getattr(params, "n_views", 0)
    if not n_views or is_vectors(made.features.encoder):
        return None
    from ..features.views import encode_views

    return encode_views(
        made.features,
        n_views,
        strength=getattr(params, "view_strength", None),
        on_progress=lambda fraction, note: on_progress(0.0, f"augmented views: {note}"),
    )
