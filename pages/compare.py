"""Compare: which method would I trust? The same images and the same budget, several methods side by side."""

import streamlit as st

from pages.ui import cached, charts, controls, errors, gallery, header, scores
from pages.ui.state import METHODS
from usl_core.palette import method_style

with errors.shown():
    choices = controls.sidebar()
    demo = cached.dataset(choices.dataset)
    selections = {method: cached.selection(choices, method) for method in METHODS}
    titles = {method: method_style(method).label for method in METHODS}
    percentiles = cached.density_percentiles(choices.dataset, choices.params.n_neighbors)

    header.show("Which method would I trust?", demo)
    colour = controls.colour_by(has_classes=demo.images.labels is not None)
    charts.maps(choices, demo, selections, percentiles, colour)
    for note in dict.fromkeys(note for chosen in selections.values() for note in chosen.notes):
        st.caption(f":material/info: {note}")

    for column, (method, chosen) in zip(st.columns(len(METHODS)), selections.items(), strict=True):
        with column:
            st.subheader(titles[method])
            gallery.show(choices.dataset, demo.images, chosen, percentiles, f"Picks of {titles[method]}")

    cards = {method: cached.scorecard(choices, method) for method in METHODS}
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Scores")
        scores.table(cards, titles)
        st.caption("★ best of its row; † sees the class labels, so it is a reference only. Point at a name for its definition.")
    with right:
        st.subheader("Picks per class")
        charts.class_bars(cards, demo.images)
        st.subheader("Agreement")
        scores.overlap_table(selections, titles, len(demo.images))
    header.usl_terms(selections["usl"])
