"""Why was this image picked, and what stood behind it? The numbers of one image in the pool of its review."""

from __future__ import annotations

from typing import Any

import streamlit as st

from usl_core.names import display_name
from usl_core.pipeline.prepared import Prepared
from usl_core.review.pool import Pool
from usl_core.review.session import Session
from usl_core.review.why import Push, Why, why

from .. import cached, state
from ..addresses import image_url
from ..parts import components, gallery, markup, tables
from ..state import Choices
from . import seeds

_NEIGHBORS, _PUSHES = 12, 8
_KINDS = {"pick": "a pick", "former": "picked in an earlier round of USL", "labelled": "labelled or kept"}


def show(choices: Choices, made: Prepared, session: Session, its_pool: Pool, row: int) -> None:
    """The panel beside the desk.

    Args:
        choices: of the sidebar.
        made: the data set.
        session: the review.
        its_pool: of its call.
        row: of the image, which need not be a pick.
    """
    found = why(its_pool, session, row, n_neighbors=_NEIGHBORS, n_runners_up=0)
    rank = session.rank_of(made.images.paths[row])
    with st.container(border=True, key="why"):
        st.markdown("**Why this pick?**" if rank is not None else "**Why not this image?** It is no pick.")
        head = ("File", display_name(made.images.paths[row], 120))
        tables.rows(head, _facts(choices, made, session, found, rank), words=True, label="The numbers behind the image")
        _terms(choices, made, found)
        st.caption("Its nearest neighbours in feature space, with their distance")
        items = [_item(choices, made, other, f"{distance:.3f}", "distance ") for other, distance in found.neighbors]
        components.gallery("why-neighbors", "Nearest neighbours", items, pinned=None, on_pin=state.pin, cell=52)
        seeds.show(choices, made, session.call, row)


def _facts(choices: Choices, made: Prepared, session: Session, found: Why, rank: int | None) -> list[tuple[str, str]]:
    images, pick, row = made.images, found.pick, found.pick.row
    facts: list[tuple[str, str]] = []
    if images.labels is not None:
        facts.append(("Class", display_name(images.class_names[images.labels[row]], 60)))
    if rank is not None and (slot := session.slots[rank - 1]).instead_of:
        facts.append(("Came in for", display_name(slot.instead_of, 120)))
    if found.cluster_size is not None:
        facts.append(("Its cluster", f"{found.cluster_size:,} image{'s' if found.cluster_size != 1 else ''}"))
    if pick.density_rank is not None:
        of = f" of {found.cluster_size:,}" if found.cluster_size is not None else ""
        facts.append(("Density rank in it", f"{pick.density_rank:,}{of}"))
    percentile = cached.density_percentiles(made, choices.params.n_neighbors)[row]
    facts += [("Density percentile", f"{percentile:.0f} of all images"), ("Utility U", f"{pick.utility:.3f}")]
    if pick.penalty is not None:
        facts.append(("Penalty λ · RegBar", f"{pick.penalty:.3f}"))
    if pick.score is not None:
        named = {"usl": "U − λ · RegBar", "usl-t": "Confidence"}
        facts.append((named.get(session.call.method, "Score"), f"{pick.score:.3f}"))
    return facts


def _terms(choices: Choices, made: Prepared, found: Why) -> None:
    """What USL weighs against each other, who pushes, and what would be picked if nobody did."""
    pick = found.pick
    if pick.penalty is None or found.pushes is None:
        return
    left = 100 * max(pick.utility - pick.penalty, 0) / pick.utility if pick.utility > 0 else 0
    words = f"Of the utility {pick.utility:.3f}, the push of other images takes {pick.penalty:.3f}: {100 - left:.0f} %."
    if pick.penalty > pick.utility:
        words = f"The push of other images, {pick.penalty:.3f}, outweighs the utility, {pick.utility:.3f}."
    lost = f"−{pick.penalty:.2f}" if left < 85 else ""
    kept = f"{pick.utility - pick.penalty:.2f}" if left > 15 else ""
    markup.show("term_bar", kept=left, kept_text=kept, lost_text=lost, label=words)
    st.caption(words)
    if found.pushes:
        st.caption("Who pushes it away, the strongest first, with their share of the penalty")
        items = [_pushing(choices, made, push) for push in found.pushes[:_PUSHES]]
        components.gallery("why-pushes", "Who pushes it away", items, pinned=None, on_pin=state.pin, cell=52)
    other = found.unregularised
    if other is not None and other != pick.row:
        st.caption("Without the push (λ = 0), its cluster would give this one")
        items = [_item(choices, made, other, "at λ = 0", "")]
        components.gallery("why-unregularised", "Picked at lambda 0", items, pinned=None, on_pin=state.pin, cell=52)
    elif other is not None:
        st.caption("Without the push (λ = 0), it would be picked just the same.")


def _pushing(choices: Choices, made: Prepared, push: Push) -> dict[str, Any]:
    item = _item(choices, made, push.row, f"{push.share:.0%}", f"{_KINDS.get(push.kind, push.kind)}, share ")
    return item | {"text": f"{item['text']}, {push.penalty:.3f} of the penalty"}


def _item(choices: Choices, made: Prepared, row: int, number: str, what: str) -> dict[str, Any]:
    return {
        "row": row,
        "src": image_url(choices.data, made.images.digests[row]),
        "text": f"{gallery.describe(made.images, row)}, {what}{number}",
        "lines": (number,),
    }
