"""The line on top of every page: what is drawn, and how far the drawing may be trusted."""

from __future__ import annotations

from html import escape

import streamlit as st

from usl_core.demos import Demo
from usl_core.types import Selection

_STYLE = """<style>
.usl-header { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; align-items: baseline; }
.usl-header h1 { font-size: 1.5rem; font-weight: 650; padding: 0; margin: 0; }
.usl-header span { opacity: .82; font-size: .9rem; }
[data-testid="stButtonGroup"] button p { text-transform: capitalize; }
</style>"""


def show(question: str, demo: Demo) -> None:
    """Title and facts.

    Args:
        question: what the page answers.
        demo: the data set on screen.
    """
    features = demo.features
    facts = (
        demo.card.title,
        f"{len(features):,} images",
        f"{features.encoder}, {features.values.shape[1]} dimensions",
        f"drawn with UMAP seed 0, trustworthiness {demo.trustworthiness['umap']:.2f}",
    )
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    st.html(f"{_STYLE}<div class='usl-header'><h1>{escape(question)}</h1>{spans}</div>")
    st.caption(demo.card.description)


def usl_terms(selection: Selection) -> None:
    """The two terms that lambda weighs, so that its value can be judged.

    Args:
        selection: of USL.
    """
    info = selection.info
    st.caption(
        f"USL weighs two terms: over all images, utility U spreads by {info['utility_spread']:.3g} and the push of the other "
        f"picks by {info['penalty_spread']:.3g} (10th to 90th percentile); λ is {info['reg_weight']:.3g} in absolute terms. "
        f"In the last of {len(selection.trace)} rounds {selection.trace[-1].moved} picks moved."
    )
