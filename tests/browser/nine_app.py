"""Serves nine_panels.py with the routes that the maps need."""

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from pages.ui.server.guard import MIDDLEWARE  # noqa: E402
from pages.ui.server.routes import ROUTES  # noqa: E402

app = st.App(HERE / "nine_panels.py", routes=ROUTES, middleware=MIDDLEWARE)
