"""Review: is this pick worth its label? One pick after the other, with what speaks for it, and what is to become of it."""

import streamlit as st

from pages.ui import errors, picked, state
from pages.ui.parts import data_set, first_ranks, gallery, header, lasso, scores, slow_picks, umap_job
from pages.ui.review import (
    acting,
    bulk,
    desk,
    exports,
    flagging,
    labels_back,
    messages,
    next_round,
    opened,
    overview,
    picks,
    session_file,
    uslt,
    why_panel,
)
from pages.ui.sidebar import controls, method_settings
from pages.ui.views import training
from usl_core.figures.palette import method_style

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)
    images = made.images
    head = st.container()
    review = opened.current(made.source)
    if messages.held(review):
        st.stop()
    controls_row = st.container(horizontal=True, gap="small", vertical_alignment="bottom")
    with controls_row:
        method = controls.method_to_review(next_round.offered(review.timeline and review.session, images.labels is not None))
        wanted = controls.map_method()
        by_score = method == "usl" and first_ranks.order() == first_ranks.SCORE
    choices = method_settings.section(choices, [method])
    before = "usl" if review.timeline is None else review.session.call.method
    is_trained = method != picks.TRAINED or uslt.is_ready(choices, made, before)
    if not is_trained:  # what is here stays, or, before anything is here, USL's picks
        training.quick(training.asked_for(choices, made), None)
        method = before
    if (
        (is_trained or method != picks.TRAINED)
        and review.is_untouched
        and (review.timeline is None or picks.differences(review.session, made, choices, method))
    ):
        if method != picks.TRAINED and not slow_picks.ready(choices, made, [method]):
            st.stop()
        picks.begin(review, title, made, choices, method)
    drawn = umap_job.drawn(choices, made) if wanted == "umap" else made.pca
    with head:
        header.show(header.facts_of(title, made, drawn))
    if messages.changed(review, made):
        st.stop()
    session = review.session
    said, n_empty = picks.differences(session, made, choices, method), picks.n_empty(session, images)
    if said or n_empty:
        kept = sum(slot.is_kept for slot in session.slots)
        messages.differs(
            said,
            n_empty,
            kept,
            lambda: picks.select_again(review, made, choices, method),
            lambda: controls.set_back(**picks.asked(session)),
        )
    if session.encoder != made.features.encoder:
        st.stop()  # the numbers behind these picks are those of another encoder

    pool = picks.pool(made, session.call)
    if not picks.is_trained(made, session.call):
        uslt.gone(session.call)
    with controls_row:
        r = first_ranks.first(len(session.slots))
    shown = picks.shown(session, pool, images, r, by_score=by_score)
    rows = [row for row, _ in shown]
    looked_at = state.pinned(len(images))
    still_open = [row for row, slot in shown if not picks.is_decided(slot, session)]
    chosen = looked_at if looked_at in rows else next(iter([*still_open, *rows]), None)
    messages.show(review)
    left, right = st.columns([0.64, 0.36], gap="medium")
    with left:
        desk_place, bar_place = st.container(), st.container()  # what takes its time is shown below them
        flags = flagging.look(choices, made, session)
    with bar_place:
        bulk.bar(review, made, shown, flags)
    with desk_place:
        timeline = review.timeline
        desk.show(
            picks.told(choices.data, images, session, pool, shown, flags, chosen),
            chosen=chosen,
            classes=session.class_names,
            said={
                "undo": timeline.past[-1].said if timeline and timeline.past else "",
                "redo": timeline.future[-1].said if timeline and timeline.future else "",
                "said": review.said[-1] if review.said else "",
            },
            away=looked_at is not None and looked_at not in rows,
            title=f"Picks of {method_style(session.call.method).label}",
            n=len(images),
            on_heard=lambda events: acting.hear(review, made, events),
        )
    with right:
        if (row := looked_at if looked_at is not None else chosen) is not None:
            if row not in rows:
                gallery.large("looked-at", choices.data, images, row, state.pin)
                bulk.show(review, made, [row], "looked-at")
            why_panel.show(choices, made, session, pool, row)

    st.subheader("Where they lie", divider="gray", anchor=False)
    if wanted == "umap":
        umap_job.show(choices, made)
    coloured = overview.colour(session, pool, images.labels is not None)
    marked = overview.show(choices, made, drawn, session, pool, shown, coloured, looked_at if looked_at is not None else chosen)
    decided = picks.selection_of(session, pool, shown)
    percentiles = picks.percentiles(made, choices)
    selections = {session.call.method: decided}
    lasso.show(
        overview.MAPS,
        choices.data,
        images,
        marked,
        percentiles,
        selections,
        looked_at,
        actions=lambda inside: bulk.show(review, made, inside.tolist(), "inside"),
    )
    if len(decided):
        with st.expander("Scores of these picks"):
            cards = picked.scorecards(made, selections, choices.params.n_neighbors)
            scores.table(cards, {session.call.method: method_style(session.call.method).label})
    st.subheader("Take them home", divider="gray", anchor=False)
    exports.of_review(choices, made, session, decided)
    st.subheader("Labels back, and the next round", divider="gray", anchor=False)
    labels_back.show(review, made)
    next_round.show(review, made, choices)
    st.subheader("This review", divider="gray", anchor=False)
    session_file.show(review, made)
