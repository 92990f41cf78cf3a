"""The launcher: `streamlit run app.py`, `python app.py` or `uvicorn app:app`. The pages start in pages/ui/main.py."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # started from another folder
    sys.path.insert(0, str(ROOT))

from pages.ui.routes import MIDDLEWARE, ROUTES  # noqa: E402

app = st.App(ROOT / "pages" / "ui" / "main.py", routes=ROUTES, middleware=MIDDLEWARE)

if __name__ == "__main__":
    app.run()
