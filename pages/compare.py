"""Compare: which method would I trust? The same images and the same budget, several methods side by side."""

import streamlit as st

from pages.ui import cached, errors, picked, state, text
from pages.ui.parts import (
    charts,
    data_set,
    downloads,
    first_ranks,
    gallery,
    header,
    lasso,
    pinned,
    scores,
    slow_picks,
    umap_job,
)
from pages.ui.review import bulk
from pages.ui.sidebar import controls, method_settings
from pages.ui.views import training
from usl_core.figures.palette import method_style

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)

    images = made.images
    head = st.container()
    with st.container(key="what-to-compare", horizontal=True, gap="small"):
        methods = controls.methods_to_compare(images.labels is not None)
        colour = controls.colour_by(images.labels is not None)
        wanted = controls.map_method()
        r = first_ranks.first(choices.budget)
        by_score = "usl" in methods and first_ranks.order() == first_ranks.SCORE
    choices = method_settings.section(choices, methods)
    drawn = umap_job.drawn(choices, made) if wanted == "umap" else made.pca
    with head:
        header.show(header.facts_of(title, made, drawn))
    if not methods:
        st.info("Choose two methods or more above.", icon=":material/info:")
        st.stop()
    if len(methods) == 1:
        st.caption(":material/info: Choose a second method to compare with.")
    if wanted == "umap":
        umap_job.show(choices, made)

    trained, its_card = None, None
    if "usl-t" in methods:
        if its := training.for_compare(choices, made):
            trained, its_card = its
        else:
            methods.remove("usl-t")
            if not methods:
                st.stop()

    methods = slow_picks.ready(choices, made, methods)
    if not methods:
        st.stop()
    row = state.pinned(len(images))
    whole = cached.selections(made, choices, methods, trained)
    selections = picked.first(whole, r, by_score=by_score)
    titles = {method: method_style(method).label for method in methods}
    percentiles = cached.density_percentiles(made, choices.params.n_neighbors)
    shares = scores.pick_shares(choices, made, methods) if colour == "pick frequency" else {}
    marked = charts.maps_of(choices, made, drawn, selections, colour, row, shares)
    is_cut = r < choices.budget  # the scores below are computed while the browser draws the maps
    cards = (
        picked.scorecards(made, selections, choices.params.n_neighbors)
        if is_cut
        else cached.scorecards(made, choices, methods, its_card)
    )
    lasso.show(
        "compare-maps",
        choices.data,
        images,
        marked,
        percentiles,
        selections,
        row,
        actions=lambda inside: bulk.on_a_map(choices, made, inside.tolist()),
    )
    for note in dict.fromkeys(note for found in selections.values() for note in found.notes):
        st.caption(f":material/info: {text.plain(note)}")
    pinned.show(choices, made, selections, row)

    for line in gallery.in_lines(methods):
        for column, method in zip(st.columns(len(line)), filter(None, line), strict=False):
            with column:
                st.subheader(titles[method])
                gallery.picks(choices.data, images, selections[method], percentiles, f"Picks of {titles[method]}", row)

    left, right = st.columns(2, gap="large") if len(methods) <= gallery.SIDE_BY_SIDE else (st.container(), st.container())
    with left:
        st.subheader("Scores")
        scores.show(choices, made, cards, titles, r if is_cut else None)
    with right:
        st.subheader("Picks per class")
        charts.class_bars(cards, images)
        if len(methods) > 1:
            st.subheader("Agreement")
            scores.overlap_table(selections, titles, len(images))
    if "usl" in selections:
        header.usl_terms(selections["usl"])
    st.subheader("Take it home", divider="gray")
    downloads.show(choices, made, selections, whole, drawn.method, umap_job.settings(choices, made))
