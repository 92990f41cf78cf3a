"""What an encoder would take for the images at hand, measured on a few of them in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.encoders.base import EncoderCard
from usl_core.names import duration_text
from usl_core.types import ImageSet

from .. import cached
from ..jobs import work
from ..text import plain

_TASK = "encoding-cost"


def line(source: str, card: EncoderCard, images: ImageSet) -> None:
    """One line about one encoder; measured without being asked for, again whenever the images are others."""
    if not card.input_size:
        st.caption("No image is opened for it: its vectors are read from their file.")
        return
    key = _key(source, card, images)
    arguments = {"source": source, "encoders": [card.name]}
    job = work.background(key, _TASK, arguments, f"measuring how long it would take for these {len(images):,} images")
    if job is None:
        return
    cost = job.result[card.name]
    if "error" in cost:
        st.caption(f":material/error: {plain(cost['error'])}")
        return
    download = "" if card.cached else f", and the download of {card.size}"
    st.markdown(
        f"About **{duration_text(cost['seconds'])}** for these {len(images):,} images on this machine{download}.",
        help=f"Measured on a few of them: {_rate(cost)}. Images that were encoded before, here or in another folder, are not "
        "encoded again.",
    )


def table(source: str, cards: Sequence[EncoderCard], images: ImageSet) -> dict[str, str]:
    """A button that measures all of some encoders, and what is known of each so far, in words."""
    found: dict[str, str] = {}
    for card in cards:
        job = work.find(_key(source, card, images))
        if job is not None and job.status == "done":
            found |= _texts(job.result)
    names = [card.name for card in cards if card.input_size]
    job = work.section(
        f"{_TASK} {fingerprint(names, images.fingerprint)} {source}",
        _TASK,
        {"source": source, "encoders": names},
        doing="Measuring",
        label="Measure what each would take",
        help="Encodes one batch of these images with each of them, with random weights where its own are not here yet.",
        quiet=True,
        place="measure-all",
    )
    return found if job is None else found | _texts(job.result)


def _key(source: str, card: EncoderCard, images: ImageSet) -> str:
    return cached.job_key(f"{_TASK} {images.fingerprint}", source, card.name)


def _texts(result: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: "cannot be measured" if "error" in cost else f"about {duration_text(cost['seconds'])}, {_rate(cost)}"
        for name, cost in result.items()
    }


def _rate(cost: Mapping[str, float]) -> str:
    return f"{cost['rate']:,.{0 if cost['rate'] >= 10 else 1}f} images/s"
