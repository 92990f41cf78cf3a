"""Page configuration and navigation; every page of the app runs through this script."""

import streamlit as st

from pages.ui import nav, state
from pages.ui.jobs import pressed
from pages.ui.server import turns

# Streamlit's captions reach a contrast of 4.2, its white on the accent of the dark theme 2.4; small print needs 4.5 (WCAG AA).
STYLE = """
.st-key-header { margin-top: -1rem; }
@media (max-width: 640px) { .st-key-header { flex-wrap: wrap; row-gap: 0; } .st-key-header > :first-child { flex: 1 1 100%; } }
[data-testid='stCaptionContainer'] { color: inherit; opacity: .85; }
[data-testid='stBaseButton-primary'], [data-testid='stBaseButton-primary'] p { color: light-dark(#FFFFFF, #12171E); }
a.usl-file, a.usl-file:visited { display: inline-block; padding: .35rem .75rem; border: 1px solid; border-radius: 6px;
  border-color: light-dark(#B4BFCC, #4A5A6C); color: inherit; text-decoration: none; }
a.usl-file:hover, a.usl-file:focus-visible { border-color: light-dark(#0F62A8, #5AB0F0); color: light-dark(#0F62A8, #7CC2F5); }
"""


def sidebar() -> None:
    """The controls that all pages share. Made here, they are the same controls on every page; made on each page, they would
    forget on the way to the next what a link had set."""
    from pages.ui.sidebar import controls

    state.choose(controls.sidebar())


with turns.taken():
    # An emoji: a file would load numpy and Pillow first; without any, Streamlit fetches the icon of the menu from the network.
    st.set_page_config(page_title="USL Explorer", page_icon="🔷", layout="wide")
    page = st.navigation(list(nav.pages().values()))
    state.mend_address()
    st.title(
        nav.question(page), anchor=False
    )  # first of all: it needs no data, and for style and fields the browser fetches more
    st.html(f"<style>{STYLE}</style>")
    state.carry()
    is_home = page.url_path == ""
    if not is_home:
        sidebar()
    page.run()
    if is_home:  # its pictures need none of the controls and come first
        sidebar()
    pressed.forget()
