"""Density: who is typical? The kNN density by k, two ways to estimate it, its peaks and its tails."""

import streamlit as st

from pages.ui import cached, density_view, errors, header, maps_job, opened, pinned, state

QUESTION = "Who is typical?"

choices = state.choices()
with errors.shown(way_out=True):
    title, made = opened.encoded(QUESTION, choices)
    drawn = made.umap or made.pca
    header.show(QUESTION, header.facts_of(title, made, drawn))
    st.markdown(
        "An image is typical where feature space is crowded. USL measures that by the mean distance to the **k** nearest "
        "neighbours: utility **U = 1 / mean distance**. Move *Neighbours k* and watch: a small k sees fine detail and noise, "
        "a large k the crowd."
    )
    maps_job.show(choices, made)
    row = state.pinned(len(made.images))
    with_picks = st.toggle("Show the picks of USL", key="density-picks", help="Where the picks at this budget and λ lie.")
    picked = cached.selection(made, choices, "usl") if with_picks else None
    density_view.maps_of(choices, made, drawn, picked, row)
    density_view.charts_of(choices, made, picked, row)
    pinned.show(choices, made, {"usl": picked} if picked else {}, row)
    if row is not None:
        density_view.neighbourhood_of(choices, made, row)
    density_view.galleries_of(choices, made, row)
