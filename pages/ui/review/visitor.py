"""Whether a review is kept on this server's disk, or only for as long as its page is open.

A review that is kept belongs to whoever opens these images on this server next. That is right for somebody at this machine and
wrong among strangers, so what strangers decide lives in their own browser session and is theirs to download.
"""

from __future__ import annotations

import os

import streamlit as st

from ..access import folders, sources

ENV_REVIEWS = "USL_REVIEWS"
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")


def keeps_on_disk(source: str) -> bool:
    """Whether what this visitor decides about a source is kept. `USL_REVIEWS` says it for everybody: `disk` or `memory`."""
    wanted = os.environ.get(ENV_REVIEWS, "").strip().lower()
    if folders.is_read_only() or sources.upload_at(source) is not None or wanted == "memory":
        return False
    return wanted == "disk" or not is_remote()


def is_remote() -> bool:
    """Whether the visitor sits at another machine: by the address, or because a proxy says that it asks for somebody."""
    return st.context.ip_address is not None or any(name in st.context.headers for name in _FORWARDED)
