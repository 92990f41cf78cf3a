"""Data: what do I have? The images, the next step with them, and what is in them."""

import streamlit as st

from pages.ui import cached, errors, state
from pages.ui.access import folders, sources
from pages.ui.data import encoders, inventory, learning, many, near_duplicates, pick, splits, uploads
from pages.ui.parts import header
from usl_core.pipeline.prepared import is_demo

choices = state.choices()
name = choices.data
made, images, title, source = None, None, None, None
with errors.shown(stop=False):
    title = sources.title_of(name)
    source = sources.source_of(name)
    images = cached.images(name)
    made = cached.prepared(name, choices.encoder)
header.show(header.facts_of(title or "no data set", made))

# Whoever has chosen a folder is shown the next step; whoever has not, what there is to choose.
pick.show(folded=source is not None and not is_demo(source))
uploads.refusal()

if title is not None and source is not None:
    with errors.shown():
        uploads.about(name)
        if images is not None:
            many.show(images)
        splits.show(name)
        if images is None:
            if many.scan(name) is not None:
                st.rerun()
            st.stop()
        encoders.show(name, images)
        if not folders.is_read_only():
            learning.show(name, images)
        st.subheader("What is in it", divider="gray")
        inventory.show(name, images)
        if made is not None:
            near_duplicates.show(choices, made)
        inventory.mosaic(name, images)
