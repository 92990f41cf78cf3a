"""The picks of a review: where they come from, in which order they are shown, and what the desk is told of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from usl_core.errors import UslError
from usl_core.figures.palette import method_style
from usl_core.fingerprints import fingerprint
from usl_core.names import display_name
from usl_core.pipeline.kept_picks import KeptPicks
from usl_core.pipeline.prepared import Prepared
from usl_core.review import rounds
from usl_core.review.pool import Pool, pool_of, runners_up
from usl_core.review.session import Call, Session, Slot, row_by_path
from usl_core.review.trained import pool_with, training_record
from usl_core.selection.registry import default_params, is_quick
from usl_core.types import ImageSet, Selection
from usl_core.uslt.train import UsltTraining

from .. import cached, trained
from ..addresses import image_url
from ..keeping import kept
from ..state import Choices
from .opened import Opened

TRAINED = "usl-t"
"""The method whose picks need a training of their own, which the page USL-T makes."""
_BELOW = 11
"""Characters that fit below a small picture: beginning and end, since names of cameras and data sets begin alike."""
SPARES, AROUND = 5, 10
"""Runners-up that the desk shows of each pick; and picks before and after the chosen one that it knows them of."""


def call_key(call: Call) -> str:
    """What names the selection of a call: everything but when it was made and what came of it."""
    return fingerprint(repr(replace(call, when=0.0, accuracy=None, model="", n_labelled=0)))


def pool(made: Prepared, call: Call) -> Pool:
    """What the picks of a call were chosen from.

    Raises:
        UslError: what `usl.select` refuses.
    """
    if call.method != TRAINED:
        return _pool(made.features.fingerprint, call_key(call), None, made, call, None)
    record = training_record(call, made.features)
    return _pool(made.features.fingerprint, call_key(call), record.version, made, call, cached.training(record))


def is_trained(made: Prepared, call: Call) -> bool:
    """Whether what the picks of a call need was trained and is there."""
    return call.method != TRAINED or training_record(call, made.features).version is not None


@kept(16)
def _pool(features: str, key: str, version: int | None, _made: Prepared, _call: Call, _training: UsltTraining | None) -> Pool:
    found = _made_by_a_job(_made, _call)
    if found is not None:
        return pool_of(_made.features, _made.neighbors, _call, found)
    return pool_with(_made.features, _made.neighbors, _call, _training)


def _made_by_a_job(made: Prepared, call: Call) -> Selection | None:
    """Of what takes a while, the picks that a job has made, where nothing was kept or labelled yet; see `slow_picks`."""
    if call.method == TRAINED or is_quick(call.method, len(made.features)) or call.kept or call.labelled or call.vetoed:
        return None
    asked = (made.features, call.method, call.budget, call.params)
    return KeptPicks(*asked, seed=call.seed, near_duplicates=call.near_duplicates).load()


def selected(made: Prepared, call: Call) -> Selection | None:
    """What a call gives beside the picks that are kept; None where nothing is missing.

    Raises:
        UslError: what `usl.select` refuses, or USL-T has not been trained so.
    """
    found = pool(made, call).selection
    if found is None and len(call.kept) < call.budget:
        raise UslError(
            f"USL-T with these settings (m = {call.budget:,}, seed {call.seed}) has not been trained yet; train it on the page "
            "USL-T, or choose another method"
        )
    return found


def begin(opened: Opened, title: str, made: Prepared, choices: Choices, method: str) -> None:
    """A new review of what the sidebar says.

    Raises:
        UslError: what `usl.select` refuses.
    """
    call = rounds.first_call(
        made.features,
        method=method,
        params=params_of(choices, made, method),
        seed=choices.seed,
        budget=choices.budget,
        near_duplicates=choices.near_duplicates,
    )
    selection = selected(made, call)
    assert selection is not None  # nothing is kept yet
    opened.begin(rounds.start(title, made.source, made.features, call, selection))


def select_again(opened: Opened, made: Prepared, choices: Choices, method: str) -> None:
    """Fill all places that are not kept by what the sidebar says now."""

    def again(session: Session) -> Any:
        call = rounds.call_for(
            session,
            made.features,
            method=method,
            params=params_of(choices, made, method),
            seed=choices.seed,
            budget=choices.budget,
            near_duplicates=choices.near_duplicates,
        )
        return rounds.reselected(session, made.features, call, selected(made, call))

    opened.act(again)


def differences(session: Session, made: Prepared, choices: Choices, method: str) -> list[str]:
    """In what the sidebar says something else than the picks were made with, each as "budget m 40, not 20"."""
    call, params = session.call, params_of(choices, made, method)
    alike = ("off" if value is None else f"{value:g}" for value in (choices.near_duplicates, call.near_duplicates))
    pairs = [
        ("encoder", made.features.encoder, session.encoder),
        ("method", method_style(method).label, method_style(call.method).label),
        ("budget m", f"{choices.budget:,}", f"{call.budget:,}"),
        ("seed", str(choices.seed), str(call.seed)),
        ("one of near-duplicates", *alike),
    ]
    if method == call.method and params is not None and params != call.params:
        its = method_style(method).label
        pairs += [(f"{name} of {its}", str(now), str(then)) for name, now, then in _unlike(params, call.params)]
    return [f"{what} {now}, not {then}" for what, now, then in pairs if now != then]


def n_empty(session: Session, images: ImageSet) -> int:
    """Places without an image that another one could take."""
    return min(session.call.budget - len(session.slots), len(images) - len(rows_here(images, session.taken)))


def asked(session: Session) -> dict[str, Any]:
    """What the sidebar would have to say for the picks to be what it asks for, see `controls.set_back`."""
    call = session.call
    return {
        "method": call.method,
        "encoder": session.encoder,
        "budget": call.budget,
        "seed": call.seed,
        "params": call.params,
        "near_duplicates": call.near_duplicates,
    }


def _unlike(now: Any, then: Any) -> list[tuple[str, Any, Any]]:
    names = now.__dataclass_fields__
    return [(name, getattr(now, name), getattr(then, name)) for name in names if getattr(now, name) != getattr(then, name)]


def params_of(choices: Choices, made: Prepared, method: str) -> Any:
    """The parameter object of a method as the page says it; None where it has none."""
    if method == TRAINED:
        return trained.params_of(choices, made)
    return choices.of(method) or default_params(method)


def shown(session: Session, its_pool: Pool, images: ImageSet, r: int, *, by_score: bool) -> list[tuple[int, Slot]]:
    """Row and slot of the first r picks, in the order in which they are shown."""
    rows = session.pick_rows(images).tolist()
    places = list(range(len(rows)))
    if by_score and its_pool.scores is not None:
        scores = its_pool.scores
        places.sort(key=lambda place: -float(np.nan_to_num(scores[rows[place]], nan=-np.inf)))
    return [(rows[place], session.slots[place]) for place in places[:r]]


def selection_of(session: Session, its_pool: Pool, picks: Sequence[tuple[int, Slot]]) -> Selection:
    """The picks as they were decided, in the order in which they are shown."""
    rows = np.array([row for row, _ in picks], dtype=np.int64)
    return Selection(
        indices=rows,
        clusters=np.array([slot.cluster for _, slot in picks], dtype=np.int64),
        scores=np.full(len(rows), np.nan) if its_pool.scores is None else its_pool.scores[rows].astype(np.float64),
        method=session.call.method,
        params=session.call.params,
        seed=session.call.seed,
        cluster_labels=its_pool.clusters,
    )


def is_decided(slot: Slot, session: Session) -> bool:
    """Whether somebody has said what is to become of a pick."""
    return slot.is_kept or slot.path in session.labels


def told(
    name: str,
    images: ImageSet,
    session: Session,
    its_pool: Pool,
    picks: Sequence[tuple[int, Slot]],
    flags: Mapping[int, Sequence[str]],
    chosen: int | None,
) -> list[dict[str, Any]]:
    """What the desk is told of the picks, in order.

    Args:
        name: of the data set, in the images' addresses.
        images: the data set's images.
        session: the review.
        its_pool: of its call.
        picks: as `shown` returns them.
        flags: reasons to look twice, by row.
        chosen: row of the chosen pick; runners-up are looked for around it, since each takes a look at all images.
    """
    at = next((place for place, (row, _) in enumerate(picks) if row == chosen), 0)
    return [
        {
            **image(name, images, row),
            "rank": rank,
            "cluster": slot.cluster,
            "flags": list(flags.get(row, ())),
            "accepted": slot.accepted,
            "swapped": slot.origin != "method",
            "pinned": slot.pinned,
            "labelled": slot.path in session.labels,
            "label": session.labels.get(slot.path) or "",
            "note": session.notes.get(slot.path, ""),
            "decided": is_decided(slot, session),
            "spares": _spares(name, images, session, its_pool, row) if abs(rank - 1 - at) <= AROUND else None,
        }
        for rank, (row, slot) in enumerate(picks, start=1)
    ]


def _spares(name: str, images: ImageSet, session: Session, its_pool: Pool, row: int) -> list[dict[str, Any]]:
    return [image(name, images, other) for other in runners_up(its_pool, session, row, SPARES).tolist()]


def image(name: str, images: ImageSet, row: int) -> dict[str, Any]:
    """What the desk is told of any image."""
    file = display_name(images.paths[row], 120)
    known = "" if images.labels is None else display_name(images.class_names[images.labels[row]], 40)
    return {
        "row": row,
        "src": image_url(name, images.digests[row]),
        "file": file,
        "text": file + (f", class {known}" if known else ""),
        "about": known or display_name(PurePosixPath(images.paths[row]).stem, _BELOW),
    }


def rows_here(images: ImageSet, paths: Iterable[str]) -> list[int]:
    """Rows of those paths that are there."""
    places = row_by_path(images)
    return [places[path] for path in paths if path in places]


def percentiles(made: Prepared, choices: Choices) -> np.ndarray:
    """(n,) density percentiles at the k of the sidebar."""
    return cached.density_percentiles(made, choices.params.n_neighbors)
