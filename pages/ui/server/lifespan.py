"""What the server does when it starts and before it ends, whichever way it was started."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread, Timer

import anyio
import streamlit as st

from ..access import folders, uploads
from .guard import tell_streamlit, tell_upload_limit


def _prepare_heading() -> None:
    """Load what stands before the first heading, while the browser is still busy with its own part."""
    import streamlit.emojis  # compiles a pattern of all emojis, for the icon of the page
    import streamlit.material_icon_names  # noqa: F401

    from .. import nav, state  # noqa: F401
    from ..jobs import pressed  # noqa: F401
    from . import turns  # noqa: F401

    inspect.stack()  # as Streamlit does at the first element of all; finding the sources of all modules takes long only once


def _warm_up() -> None:
    """Load what the first page needs beside its heading."""
    from ..sidebar import controls  # noqa: F401
    from ..views import idea

    idea.steps(idea.DEFAULT_TOY, 10, 1.0)


def _sweep() -> None:
    from ..jobs import folder as job_folder

    job_folder.sweep()
    uploads.sweep()


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """From the first request that can be answered to the last. SIGTERM passes through here and not through `atexit`."""
    tell_streamlit()
    tell_upload_limit()
    folders.roots()  # from here on they are what they are now
    Thread(target=_prepare_heading, name="heading", daemon=True).start()
    spare = Timer(3.0, _warm_up)  # unless a browser comes at once; serving that one goes first
    spare.daemon = True
    spare.start()
    Thread(target=_sweep, name="sweep", daemon=True).start()
    from ..jobs import pool as job_pool
    from ..jobs import spare as spare_time

    end_spare_time = spare_time.start(job_pool.is_idle)
    try:
        yield
    finally:
        spare.cancel()
        end_spare_time()

        own = anyio.CapacityLimiter(1)  # all threads for requests may be busy
        await anyio.to_thread.run_sync(job_pool.close, limiter=own)
        await anyio.to_thread.run_sync(uploads.close, limiter=own)
