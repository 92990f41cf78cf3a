"""Evaluate: does it help? What learners make of the picks of several methods, by budget and over seeds."""

import streamlit as st

from pages.ui import errors, state
from pages.ui.parts import data_set, header, pinned, umap_job
from pages.ui.sidebar import method_settings
from pages.ui.views import (
    evaluate,
    evaluate_curves,
    evaluate_files,
    evaluate_picks,
    evaluate_published,
    evaluate_settings,
    evaluate_without,
)

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)
    drawn = umap_job.drawn(choices, made)
    header.show(header.facts_of(title, made, drawn))
    st.markdown(
        "Label what a method picks, fit a learner to it, classify everything else: the better the picks, the fewer labels an "
        "accuracy takes. The labels of the picks are taken from the classes that are known, as if somebody had given them."
    )
    truth = evaluate.truth_of(made)
    if not truth.is_enough:
        evaluate_without.show(truth)
        st.subheader("What others found", divider="gray", anchor=False)
        evaluate_published.show()
        st.stop()
    if truth.is_reviewed:
        evaluate_without.said_of(truth, len(made.images))
    with st.container(key="what-to-evaluate", horizontal=True, gap="small", vertical_alignment="bottom"):
        methods = evaluate_settings.methods()
        learners = evaluate_settings.learners()
        budgets = evaluate_settings.budgets(len(truth))
        n_seeds = evaluate_settings.seeds()
    if not methods or not learners:
        st.info("Choose a method and a learner above, or more.", icon=":material/info:")
        st.stop()
    choices = method_settings.section(choices, methods)
    asked = evaluate.Asked(
        made=made, truth=truth, methods=methods, budgets=budgets, n_seeds=n_seeds, learners=learners, choices=choices
    )
    frame = asked.known()
    evaluate.run(asked, frame)
    metric = evaluate_settings.metric()

    def live() -> None:
        """The curves while they are computed. Every other second: drawing takes the cores that compute."""
        known = asked.known()
        if len(known):
            evaluate_curves.curves(asked, known, metric)
        else:
            st.caption("The first points are on their way.")

    if asked.is_running:
        st.fragment(live, run_every=2.0)()
    elif len(frame):
        evaluate_curves.curves(asked, frame, metric)
    if len(frame) == asked.n_runs:
        with st.container(horizontal=True, gap="small"):
            learner = evaluate_settings.learner_shown(learners)
            rival = evaluate_settings.rival(methods)
        evaluate_curves.table(asked, frame, metric, learner, rival)
        st.subheader("How many labels does each method need?", divider="gray", anchor=False)
        evaluate_curves.needed(asked, frame, evaluate_settings.target())
        st.subheader("What they pick", divider="gray", anchor=False)
        budget = evaluate_settings.budget_shown(budgets)
        row = state.pinned(len(made.images))
        evaluate_picks.frequency_maps(asked, frame, budget, drawn, row)
        if row is not None:
            pinned.show(choices, made, {}, row)
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**Agreement**")
            evaluate_picks.agreement_map(asked, frame, budget)
        with right:
            st.markdown("**Accuracy by class**")
            evaluate_picks.class_map(asked, frame, budget, learner)
        st.subheader("Take it home", divider="gray", anchor=False)
        evaluate_files.show(asked, frame, rival)
    st.subheader("What others found", divider="gray", anchor=False)
    evaluate_published.show()
