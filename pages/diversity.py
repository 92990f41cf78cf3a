"""Diversity: what does the regulariser do? The rounds of USL, term by term, on the images or on points in the plane."""

import streamlit as st

from pages.ui import cached, diversity_view, errors, gallery, header, maps_job, opened, pinned, state

QUESTION = "What does the regulariser do?"

choices = state.choices()
with errors.shown(way_out=True):
    title, made = opened.encoded(QUESTION, choices)
    head = st.container()
    toy = diversity_view.shown_on(title)
    if toy:
        made, choices = diversity_view.as_toy(toy, choices)
        title = f"Toy: {toy}"
    drawn = made.umap or made.pca
    with head:
        header.show(QUESTION, header.facts_of(title, made, drawn))
        st.markdown(
            "k-means makes **m** clusters, and the densest image of each is picked. Then every pick pushes the images of all "
            "*other* clusters away, and each cluster picks again the image with the largest **U − λ · RegBar**, round after "
            "round. λ and α in the sidebar say how strong the push is and how fast it fades."
        )
    if not toy:
        maps_job.show(choices, made)
    row = None if toy else state.pinned(len(made.images))
    chosen = cached.selection(made, choices, "usl")
    at = diversity_view.round_slider(len(chosen.trace))
    diversity_view.terms_maps(choices, made, drawn, at, row)
    diversity_view.round_line(chosen, at)
    if not toy:
        pinned.show(choices, made, {"usl": chosen}, row)
    diversity_view.rounds_charts(choices, made, chosen, at)
    header.usl_terms(chosen)
    st.subheader("What each part adds", divider="gray", anchor=False)
    diversity_view.steps_maps(choices, made, drawn, row)
    st.subheader("The effect of λ and α", divider="gray", anchor=False)
    diversity_view.sweeps(choices, made)
    if not toy:
        st.subheader("The picks", divider="gray", anchor=False)
        percentiles = cached.density_percentiles(made, choices.params.n_neighbors)
        gallery.picks(choices.data, made.images, chosen, percentiles, "Picks of USL", row)
