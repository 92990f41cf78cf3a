"""What makes picks doubtful: looked for in the background, and kept by image while picks come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from usl_core.fingerprints import fingerprint
from usl_core.jobs.review_tasks import call_told
from usl_core.pipeline.prepared import Prepared
from usl_core.review.session import Session

from ..jobs import work
from ..state import Choices

_FOUND, _REFERENCE = "review-flags", "review-reference"


def known(made: Prepared) -> Mapping[int, Sequence[str]]:
    """Reasons to look twice that are known already, by row."""
    fingerprints, found = st.session_state.get(_FOUND, ("", {}))
    return found if fingerprints == made.features.fingerprint else {}


def look(choices: Choices, made: Prepared, session: Session) -> Mapping[int, Sequence[str]]:
    """Reasons to look twice at the picks, by row; those of picks that nobody has looked at yet follow in a moment.

    Its progress is shown where it is called.
    """
    rows = session.pick_rows(made.images).tolist()
    labelled = np.setdiff1d(session.labelled_rows(made.images), rows).tolist()
    key = f"flags {fingerprint(made.features.fingerprint, rows, labelled, session.call.near_duplicates)}"
    asked, reference = st.session_state.get(_REFERENCE, ("", None))
    job = work.section(
        key,
        "flags",
        {
            "source": made.source,
            "encoder": choices.encoder,
            "call": call_told(session.call),
            "picks": rows,
            "labelled": labelled,
            "reference": reference if asked == made.images.fingerprint else None,
        },
        doing="Looking for doubtful picks",
        label="Look for doubtful picks",
        help="Outliers, near-duplicates, and images that are blurred, dark, small or of one colour.",
        auto="needed",
        quiet=True,
    )
    if job is None:
        return known(made)
    found = {int(row): reasons for row, reasons in job.result["flags"]}
    st.session_state[_FOUND] = (made.features.fingerprint, found)
    st.session_state[_REFERENCE] = (made.images.fingerprint, job.result["reference"])
    return found
