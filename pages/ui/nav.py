"""The pages of the app, in the order of the menu."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_FOLDER = Path(__file__).resolve().parents[1]
_HOME = "home"


class _Page(NamedTuple):
    title: str
    icon: str
    question: str


_PAGES = {
    _HOME: _Page("Home", "home", "Which m images should you label?"),
    "data": _Page("Data", "photo_library", "What do I have?"),
    "compare": _Page("Compare", "compare", "Which method would I trust?"),
    "density": _Page("Density", "grain", "Who is typical?"),
    "diversity": _Page("Diversity", "hub", "What does the regulariser do?"),
    "uslt": _Page("USL-T", "model_training", "How does learning select?"),
    "review": _Page("Review", "rate_review", "Is this pick worth its label?"),
    "evaluate": _Page("Evaluate", "query_stats", "Does it help?"),
}
"""By the name of the file and in the address."""


def pages() -> dict[str, StreamlitPage]:
    """Every page by its name in the address."""
    return {
        name: st.Page(
            _FOLDER / f"{name}.py", title=page.title, icon=f":material/{page.icon}:", url_path=name, default=name == _HOME
        )
        for name, page in _PAGES.items()
    }


def question(page: StreamlitPage) -> str:
    """What a page answers: its heading, which is known before anything of the page is loaded."""
    return _PAGES[page.url_path or _HOME].question
