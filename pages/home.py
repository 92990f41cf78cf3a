"""Home: what is this? The idea on one screen, and two ways to start."""

import streamlit as st

from pages.ui import nav, state
from pages.ui.access import folders
from pages.ui.parts import header

header.show(["side by side, explained, on your own images"])
st.markdown(
    "You have a folder of unlabelled images and can pay for **m** labels. USL Explorer shows which images several selection "
    "methods would spend them on: random, stratified and **USL** (Unsupervised Selective Labeling, ECCV 2022), on the same "
    "map, at the same budget. Nothing leaves this machine."
)
with st.container(horizontal=True):
    if st.button(
        "Open the demo",
        key="start-demo",
        type="primary",
        icon=":material/play_arrow:",
        on_click=state.open_data,
        args=(state.DEFAULT_DATA,),
        help="1,797 handwritten digits; nothing is downloaded.",
    ):
        st.switch_page(nav.pages()["compare"])
    if not folders.is_read_only() and st.button(
        "My folder",
        key="start-folder",
        icon=":material/folder_open:",
        help="Choose a folder or a .zip archive on this machine.",
    ):
        st.switch_page(nav.pages()["data"])

from pages.ui.views import idea  # noqa: E402 - what computes is loaded while the browser shows what is there

st.subheader("The idea in three pictures", divider="gray")
idea.show()
