"""A user's mistake becomes a sentence on the page; everything else keeps its traceback in the server's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from usl_core.errors import UslError


@contextmanager
def shown() -> Iterator[None]:
    """Show a UslError as a message and end the run there."""
    try:
        yield
    except UslError as error:
        st.error(_plain(str(error)), icon=":material/error:")
        st.stop()


def _plain(text: str) -> str:
    """Escape what Streamlit would read as Markdown; file names occur in messages."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()<>#+-.!|~$:" else letter for letter in text)
