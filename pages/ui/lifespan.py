"""What the server does when it starts and before it ends, whichever way it was started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread, Timer

import anyio
import streamlit as st

from . import folders
from .guard import tell_streamlit


def _warm_up() -> None:
    """Load what the first page needs."""
    from . import controls, idea  # noqa: F401

    idea.steps(idea.DEFAULT_TOY, 10, 1.0)


def _sweep() -> None:
    from . import job_folder

    job_folder.sweep()


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """From the first request that can be answered to the last. SIGTERM passes through here and not through `atexit`."""
    tell_streamlit()
    folders.roots()  # from here on they are what they are now
    spare = Timer(3.0, _warm_up)  # unless a browser comes at once; serving that one goes first
    spare.daemon = True
    spare.start()
    Thread(target=_sweep, name="sweep", daemon=True).start()
    try:
        yield
    finally:
        spare.cancel()
        from . import job_pool

        own = anyio.CapacityLimiter(1)  # all threads for requests may be busy
        await anyio.to_thread.run_sync(job_pool.close, limiter=own)
