"""Data: what do I have? The demos, a folder of the server, what is in it, and the encoder that looks at it."""

import streamlit as st

from pages.ui import cached, encoders, errors, folders, header, inventory, jobs, learning, pick_data, sources, splits, state

choices = state.choices()
name = choices.data
made, images, title = None, None, None
with errors.shown(stop=False):
    title = sources.title_of(name)
    images = cached.images(name)
    made = cached.prepared(name, choices.encoder)
header.show("What do I have?", header.facts_of(title or "no data set", made))

st.subheader("Choose images", divider="gray")
pick_data.demos()
if not folders.is_read_only():
    pick_data.folder()

if title is not None:
    with errors.shown():
        splits.show(name)
        source = sources.source_of(name)
        if images is None:
            done = jobs.section(
                cached.job_key("scan", source),
                "scan",
                {"source": source},
                doing="Looking through the images",
                label="Scan",
                help="Opens every image once to find the damaged ones; the second time is quick.",
                auto="needed",
                is_there=lambda: cached.images(name) is not None,
            )
            if done is not None:
                st.rerun()
            st.stop()
        st.subheader("Choose an encoder", divider="gray")
        encoders.show(name)
        if not folders.is_read_only():
            learning.show(name, images)
        st.subheader("What is in it", divider="gray")
        inventory.show(name, images)
