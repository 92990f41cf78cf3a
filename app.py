"""The launcher: `streamlit run app.py`, `python app.py` or `uvicorn app:app`. The pages start in pages/ui/main.py."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Timer

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # started from another folder
    sys.path.insert(0, str(ROOT))

from pages.ui.guard import MIDDLEWARE, tell_streamlit  # noqa: E402
from pages.ui.routes import ROUTES  # noqa: E402


def _warm_up() -> None:
    """Load what the first page needs."""
    from pages.ui import controls, idea  # noqa: F401

    idea.steps(idea.DEFAULT_TOY, 10, 1.0)


@asynccontextmanager
async def _lifespan(app: st.App) -> AsyncIterator[None]:
    tell_streamlit()
    spare = Timer(3.0, _warm_up)  # unless a browser comes at once; serving that one goes first
    spare.daemon = True
    spare.start()
    yield


app = st.App(ROOT / "pages" / "ui" / "main.py", lifespan=_lifespan, routes=ROUTES, middleware=MIDDLEWARE)

if __name__ == "__main__":
    app.run()
