"""The launcher: `usl-explorer`, `streamlit run app.py`, `python app.py`, `uvicorn app:app`. Pages start in pages/ui/main.py."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # started from another folder
    sys.path.insert(0, str(ROOT))

from pages.ui.server.guard import MIDDLEWARE  # noqa: E402
from pages.ui.server.lifespan import lifespan  # noqa: E402
from pages.ui.server.routes import ROUTES  # noqa: E402
from pages.ui.threads import share_cores  # noqa: E402

share_cores()
app = st.App(ROOT / "pages" / "ui" / "main.py", lifespan=lifespan, routes=ROUTES, middleware=MIDDLEWARE)


def main() -> None:
    """The command `usl-explorer`."""
    from pages.ui.server.launch import run

    run(app, ROOT / "app.py")


if __name__ == "__main__":
    app.run()
