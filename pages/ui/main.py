"""Page configuration and navigation; every page of the app runs through this script."""

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).resolve().parents[1]

st.set_page_config(page_title="USL Explorer", page_icon=PAGES.parent / "assets" / "icon.png", layout="wide")
st.navigation([st.Page(PAGES / "compare.py", title="Compare", icon=":material/compare:", default=True)]).run()
