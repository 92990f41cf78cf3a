"""A user's mistake becomes a sentence on the page; everything else keeps its traceback in the server's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from usl_core.errors import UslError

from . import nav
from .text import plain


@contextmanager
def shown(*, stop: bool = True, way_out: bool = False) -> Iterator[None]:
    """Show a UslError as a message.

    Args:
        stop: end the run there; otherwise go on after the block.
        way_out: add a link to the page Data.
    """
    try:
        yield
    except UslError as error:
        say(str(error))
        if way_out:
            st.page_link(nav.pages()["data"], label="Choose images on the page Data", icon=":material/arrow_forward:")
        if stop:
            st.stop()


def say(message: str) -> None:
    """An error that is no exception, e.g. of a job."""
    st.error(plain(message), icon=":material/error:")
