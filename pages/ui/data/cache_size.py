"""How much this server keeps on disk, and how much it may."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from usl_core.cache.contents import look_through
from usl_core.cache.store import default_cache_dir
from usl_core.cache.upkeep import ENV_CACHE_MAX_GB, limit_bytes
from usl_core.disk import size_text


def show() -> None:
    """One line.

    Raises:
        UslError: the limit is no size.
    """
    limit = limit_bytes()
    kept = f"The cache of this server holds {size_text(_size(str(default_cache_dir())))}"
    most = "without a limit" if limit is None else f"of at most {size_text(limit)}"
    st.caption(
        f"{kept}, {most}.",
        help="Features, graphs, maps and trainings are kept on disk. At the limit, what was not used for longest goes. "
        f"`{ENV_CACHE_MAX_GB}` sets it; `python -m usl_core cache` lists, verifies and prunes. Counted once a minute.",
    )


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _size(directory: str) -> int:
    return look_through(Path(directory)).size
