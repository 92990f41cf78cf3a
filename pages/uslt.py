"""USL-T: how does learning select? A training that is watched while it runs."""

import streamlit as st

from pages.ui import cached, errors, nav, state, text
from pages.ui.access import folders
from pages.ui.parts import data_set, gallery, header, umap_job
from pages.ui.views import experiments, training, training_charts
from usl_core.selection.uslt import selection_of

choices = state.choices()
with errors.shown(way_out=True):
    title, made = data_set.encoded(choices)
    drawn = umap_job.drawn(choices, made)
    header.show(header.facts_of(title, made, drawn))
    st.markdown(
        "USL-T learns clusters instead of measuring density: heads on the features are trained so that an image agrees with "
        "its augmented views (L_global) and with its neighbours (L_local). The most confident image of each cluster is picked."
    )
    training.say_without_views(made)
    umap_job.show(choices, made)
    asked = training.asked_for(choices, made)
    training.obey(asked)
    running = training.current(made)
    shown = running if running is not None and running.is_active else asked
    if folders.is_read_only() and not shown.finished:
        st.info("This public server does not train.", icon=":material/info:")
        st.stop()
    choice = cached.may_be_picked(made, shown.record, choices.near_duplicates)  # refuses a budget before it is trained for
    training.buttons(asked, shown)

    def live() -> None:
        """The running training. Every other second: drawing takes the cores that train."""
        job = shown.job
        if job is None or not job.active:
            st.rerun()
        training.progress(shown, job)
        epochs = training.history(shown)
        if epochs:
            training_charts.show(choices, shown, epochs, drawn, live=True)
        else:
            st.caption("Nothing to see before the first epoch; the augmented views are encoded first, once per data set.")

    if shown.is_active:
        st.fragment(live, run_every=2.0)()
    elif epochs := training.history(shown):
        training_charts.show(choices, shown, epochs, drawn, live=False)
        if shown.finished is not None:
            for note in (*shown.finished.notes, *(choice.notes if choice is not None else ())):
                st.caption(f":material/info: {text.plain(note)}")
            st.subheader("The picks", anchor=False)
            percentiles = cached.density_percentiles(made, choices.params.n_neighbors)
            picked = selection_of(shown.finished, choice)
            gallery.picks(choices.data, made.images, picked, percentiles, "Picks of USL-T", state.pinned(len(made.images)))
            st.page_link(nav.pages()["compare"], label="Beside the other methods on Compare", icon=":material/arrow_forward:")
    experiments.show()
