"""Density: who is typical? The kNN density by k, two ways to estimate it, its peaks and its tails."""

import streamlit as st

from pages.ui import cached, errors, state
from pages.ui.parts import data_set, header, pinned, umap_job
from pages.ui.views import density

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)
    drawn = umap_job.drawn(choices, made)
    header.show(header.facts_of(title, made, drawn))
    st.markdown(
        "An image is typical where feature space is crowded. USL measures that by the mean distance to the **k** nearest "
        "neighbours: utility **U = 1 / mean distance**. Move *Neighbours k* and watch: a small k sees fine detail and noise, "
        "a large k the crowd."
    )
    umap_job.show(choices, made)
    row = state.pinned(len(made.images))
    with_picks = st.toggle("Show the picks of USL", key="density-picks", help="Where the picks at this budget and λ lie.")
    picked = cached.selection(made, choices, "usl") if with_picks else None
    density.maps_of(choices, made, drawn, picked, row)
    density.charts_of(choices, made, picked, row)
    pinned.show(choices, made, {"usl": picked} if picked else {}, row)
    if row is not None:
        density.neighbourhood_of(choices, made, row)
    density.galleries_of(choices, made, row)
