"""What the sections of a report show; the templates of the same names say how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.comparison import Comparison
from ..evaluation.metrics import METRICS, expected_overlap, overlap
from ..selection.registry import method_cards

View = dict[str, Any]
"""What a template is given."""


def facts(comparison: Comparison, map_note: str) -> list[tuple[str, str]]:
    """The line under the title."""
    features, cosine = comparison.features, comparison.near_duplicates
    return [
        ("images", f"{len(features):,}"),
        *([("drawn from", str(features.images.sample))] if features.images.sample is not None else []),
        ("encoder", f"{features.encoder}, d = {features.values.shape[1]}"),
        ("budget m", f"{comparison.budget:,}"),
        *([("near-duplicates", f"at most one of each group, cosine {cosine:g} or more")] if cosine is not None else []),
        ("seeds", _span(comparison.seeds)),
        ("k of density and coverage", str(comparison.n_neighbors)),
        ("map", map_note or "given coordinates"),
    ]


def _span(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def methods(comparison: Comparison) -> View:
    """One sentence per method, and what the runs want a reader to know."""
    summaries = {card.name: card.summary for card in method_cards()}
    notes = {method: sorted({note for run in runs for note in run.notes}) for method, runs in comparison.selections.items()}
    return {"methods": [(method, summaries.get(method, ""), noted) for method, noted in notes.items()]}


def maps(comparison: Comparison, colours: Sequence[str], map_note: str, n_shown: int, n_peaks: int, owner: str) -> View:
    """The switch, the place where the maps go, and how to read them."""
    return {
        "methods": list(comparison.selections),
        "colours": colours,
        "map_note": map_note,
        "seed": comparison.seeds[0],
        "n": len(comparison.features),
        "n_shown": n_shown,
        "n_peaks": n_peaks,
        "n_neighbors": comparison.n_neighbors,
        "cluster_owner": owner,
    }


def scores(comparison: Comparison) -> View:
    """Mean and spread of every known score; the best among the methods that do not see the labels."""
    names = list(comparison.scorecards)
    seeing = {card.name for card in method_cards() if card.needs_labels} & set(names)
    references = seeing if len(seeing) < len(names) else set()
    rows = []
    for metric in METRICS:
        values = {method: comparison.mean_and_sd(method, metric.key) for method in names}
        if any(metric.text(mean) for mean, _ in values.values()):
            best = metric.best({method: mean for method, (mean, _) in values.items() if method not in references})
            rows.append((metric, values, best))
    return {"methods": names, "references": references, "n_seeds": len(comparison.seeds), "rows": rows}


def classes(comparison: Comparison, counts: Mapping[str, NDArray[np.float64]], sizes: NDArray[Any]) -> View:
    """Picks per class, mean over the seeds."""
    several = len(comparison.seeds) > 1
    expected = comparison.budget * sizes / sizes.sum()
    rows = [
        (
            name,
            int(sizes[index]),
            f"{expected[index]:.1f}",
            [f"{found[index]:.{1 if several else 0}f}" for found in counts.values()],
        )
        for index, name in enumerate(comparison.features.images.class_names)
    ]
    over = f"mean over {len(comparison.seeds)} seeds" if several else f"seed {comparison.seeds[0]}"
    return {"methods": list(counts), "over": over, "rows": rows}


def agreement(comparison: Comparison) -> View:
    """Shared picks of each two methods, beside what chance gives."""
    names, m = list(comparison.selections), comparison.budget
    return {
        "methods": names,
        "budget": m,
        "n_seeds": len(comparison.seeds),
        "chance": f"{expected_overlap(len(comparison.features), m, m):.2g}",
        "rows": [(a, [_shared(comparison, a, b) for b in names]) for a in names],
    }


def _shared(comparison: Comparison, a: str, b: str) -> str:
    first, second = ([run.indices for run in comparison.selections[method]] for method in (a, b))
    seeds = range(len(comparison.seeds))
    pairs = [(s, s) for s in seeds] if a != b else [(s, t) for s in seeds for t in seeds if s < t]
    found = [overlap({"a": first[s], "b": second[t]})["a", "b"] for s, t in pairs]
    return f"{np.mean(found):.1f}" if found else "–"
