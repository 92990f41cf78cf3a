"""The data set that is open, for pages that need its features."""

from __future__ import annotations

import streamlit as st

from usl_core.pipeline.prepared import Prepared

from .. import cached, nav
from ..access import sources
from ..state import Choices
from . import header


def encoded(choices: Choices) -> tuple[str, Prepared]:
    """Its title, and what was made of it. Where it has not been encoded yet, the page ends with the way to Data.

    Args:
        choices: of the sidebar.

    Raises:
        UslError: this server knows no data set, or no encoder, of that name.
    """
    title = sources.title_of(choices.data)
    made = cached.prepared(choices.data, choices.encoder)
    if made is None:
        header.show(header.facts_of(title, None))
        st.info("These images have not been encoded yet.", icon=":material/info:")
        st.page_link(nav.pages()["data"], label="Encode them on the page Data", icon=":material/arrow_forward:")
        st.stop()
    return title, made
