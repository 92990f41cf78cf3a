"""The pages of the app, in the order of the menu."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_FOLDER = Path(__file__).resolve().parents[1]


def pages() -> dict[str, StreamlitPage]:
    """Every page by its name in the address."""
    home = st.Page(_FOLDER / "home.py", title="Home", icon=":material/home:", default=True)
    data = st.Page(_FOLDER / "data.py", title="Data", icon=":material/photo_library:", url_path="data")
    compare = st.Page(_FOLDER / "compare.py", title="Compare", icon=":material/compare:", url_path="compare")
    density = st.Page(_FOLDER / "density.py", title="Density", icon=":material/grain:", url_path="density")
    diversity = st.Page(_FOLDER / "diversity.py", title="Diversity", icon=":material/hub:", url_path="diversity")
    uslt = st.Page(_FOLDER / "uslt.py", title="USL-T", icon=":material/model_training:", url_path="uslt")
    return {"home": home, "data": data, "compare": compare, "density": density, "diversity": diversity, "uslt": uslt}
