"""Diversity: what does the regulariser do? The rounds of USL, term by term, on the images or on points in the plane."""

import streamlit as st

from pages.ui import cached, errors, state
from pages.ui.parts import data_set, gallery, header, pinned, umap_job
from pages.ui.views import diversity

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)
    head = st.container()
    toy = diversity.shown_on(title)
    if toy:
        made, choices = diversity.as_toy(toy, choices)
        title = f"Toy: {toy}"
    drawn = umap_job.drawn(choices, made)
    with head:
        header.show(header.facts_of(title, made, drawn))
        st.markdown(
            "k-means makes **m** clusters, and the densest image of each is picked. Then every pick pushes the images of all "
            "*other* clusters away, and each cluster picks again the image with the largest **U − λ · RegBar**, round after "
            "round. λ and α in the sidebar say how strong the push is and how fast it fades."
        )
    if not toy:
        umap_job.show(choices, made)
    row = None if toy else state.pinned(len(made.images))
    picked = cached.selection(made, choices, "usl")
    number = diversity.round_slider(len(picked.trace))
    diversity.terms_maps(choices, made, drawn, number, row)
    diversity.round_line(picked, number)
    if not toy:
        pinned.show(choices, made, {"usl": picked}, row)
    diversity.rounds_charts(choices, made, picked, number)
    header.usl_terms(picked)
    st.subheader("What each part adds", divider="gray", anchor=False)
    diversity.steps_maps(choices, made, drawn, row)
    st.subheader("The effect of λ and α", divider="gray", anchor=False)
    diversity.sweeps(choices, made)
    if not toy:
        st.subheader("The picks", divider="gray", anchor=False)
        percentiles = cached.density_percentiles(made, choices.params.n_neighbors)
        gallery.picks(choices.data, made.images, picked, percentiles, "Picks of USL", row)
