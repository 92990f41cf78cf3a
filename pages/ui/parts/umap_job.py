"""The UMAP that is on the screen, and the job that draws the one that was asked for meanwhile."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from usl_core.pipeline.artefacts import Map, load_map
from usl_core.pipeline.prepared import Prepared, is_toy
from usl_core.projection.params import UmapParams
from usl_core.projection.umap import FEWEST

from .. import cached
from ..access import sources
from ..jobs import work
from ..jobs.state import Purpose
from ..state import Choices

_SHOWN = "map-shown"
_DRAWING = "map-job"
_LEFT = "map-jobs-left"


def drawn(choices: Choices, made: Prepared) -> Map:
    """The map of the settings in the sidebar; until it is there, the UMAP that this session saw last of these images, or the
    one of the default settings, or PCA."""
    params = settings(choices, made)
    found = cached.umap(made, params)
    if found is None:
        return made.pca
    st.session_state[_SHOWN] = (made.features.fingerprint, params)
    return found


def settings(choices: Choices, made: Prepared) -> UmapParams:
    """What was asked for when the UMAP that is on the screen was drawn; what is asked for now where there is none."""
    fingerprint, shown = st.session_state.get(_SHOWN, ("", None))
    before = [shown] if shown is not None and fingerprint == made.features.fingerprint else []
    options = [choices.umap, *before, UmapParams()]
    return next((params for params in options if cached.umap(made, params) is not None), choices.umap)


def show(choices: Choices, made: Prepared) -> None:
    """Its progress, until there is the UMAP that was asked for; nothing afterwards."""
    asked = choices.umap
    if is_toy(made.source) or len(made.features) < FEWEST or not sources.may_encode(made.source):
        return
    if cached.umap(made, asked) is not None:
        _let_go_of_others("")
        return
    key, arguments = _key(choices, made), {"source": made.source, "encoder": choices.encoder, "settings": asdict(asked)}
    _let_go_of_others(key)
    if _was_left(key):  # before its map was done, and nobody cancelled it: choosing these settings again is asking again
        work.start(key, "map", arguments, purpose=_purpose(asked))
    has_one = cached.umap(made, settings(choices, made)) is not None
    work.section(
        key,
        "map",
        arguments,
        doing="This is the map of before; the new one is being drawn" if has_one else "This is PCA; UMAP is being drawn",
        label="Draw with UMAP",
        help="Keeps neighbours together better than PCA. It takes from seconds to minutes and is then kept on disk.",
        auto=_purpose(asked),
        is_there=lambda: load_map(made.features, "umap", asked) is not None,
    )


def _purpose(asked: UmapParams) -> Purpose:
    """What somebody has chosen does not wait for what is only computed ahead."""
    return "background" if asked == UmapParams() else "needed"


def _key(choices: Choices, made: Prepared) -> str:
    """One job per setting; that of the default ones is known by the name that it always had."""
    task = "map"
    if choices.umap != UmapParams():
        task = " ".join(["map", *(f"{name}={value}" for name, value in asdict(choices.umap).items())])
    return cached.job_key(task, made.source, choices.encoder)


def _let_go_of_others(key: str) -> None:
    """The map of other settings is not waited for any longer."""
    before = st.session_state.get(_DRAWING, "")
    st.session_state[_DRAWING] = key
    job = work.find(before) if before not in ("", key) else None
    if job is not None and job.active:
        work.let_go(before)
        _left().add(before)


def _was_left(key: str) -> bool:
    if key not in _left():
        return False
    _left().discard(key)
    return True


def _left() -> set[str]:
    return st.session_state.setdefault(_LEFT, set())
