"""In how many of ten seeds an image is picked: counted when somebody asks for it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from usl_core.fingerprints import fingerprint
from usl_core.jobs.review_tasks import call_told
from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Call

from ..jobs import work
from ..state import Choices
from . import picks

N_SEEDS = 10


def show(choices: Choices, made: Prepared, call: Call, row: int) -> None:
    """The button, its progress, and then the number for this image; of USL-T among the trainings that have finished."""
    if call.method == picks.TRAINED:
        _trained(made, call, row)
        return
    job = work.section(
        f"seed-counts {fingerprint(made.features.fingerprint, picks.call_key(call))}",
        "seed-counts",
        {"source": made.source, "encoder": choices.encoder, "call": call_told(call), "n_seeds": N_SEEDS},
        doing="Picking with ten seeds",
        label="How often would other seeds pick it?",
        help=f"Runs the method with the seeds 0 to {N_SEEDS - 1}, everything else as it is.",
        quiet=True,
    )
    if job is not None:
        counts = dict(zip(job.result["rows"], job.result["counts"], strict=True))
        st.markdown(f"Picked in **{counts.get(row, 0)} of {N_SEEDS}** seeds.")


def _trained(made: Prepared, call: Call, row: int) -> None:
    others = (replace(call, seed=seed) for seed in range(N_SEEDS))
    found = [one.selection for one in (picks.pool(made, other) for other in others) if one.selection is not None]
    n, times = len(found), sum(row in one.indices for one in found)
    if n > 1:
        st.markdown(f"Picked in **{times} of {n}** seeds that USL-T has been trained with.")
    else:
        st.caption("How often other seeds pick it is known once USL-T has been trained with several.")
