"""HTML on a page, from the templates beside this file: whatever they print is text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st

_TEMPLATES = Path(__file__).parent / "templates"


def show(template: str, /, *, width: Literal["stretch", "content"] = "stretch", **given: object) -> None:
    """Draw a template of that name.

    Args:
        template: its name, without the ending.
        width: see `st.html`.
        given: what it prints.
    """
    from usl_core.html import environment

    st.html(environment(_TEMPLATES).get_template(f"{template}.html").render(given), width=width)
