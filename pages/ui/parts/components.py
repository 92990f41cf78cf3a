"""The app's own parts of a page, where Streamlit has none: image galleries, the button that copies
the address. The scripts beside this file put text into the page as text, never as markup."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPTS = Path(__file__).parent / "scripts"
_Renderer = Callable[..., Any]


def _read(name: str) -> str:
    return (_SCRIPTS / name).read_text(encoding="utf-8")


_copy_link: _Renderer = st.components.v2.component(
    "usl_copy_link",
    html="""<button type='button'></button>
<input readonly hidden aria-label='Address of this view'> <small role='status'></small>""",
    css="""button { all: unset; cursor: pointer; color: var(--st-link-color); text-decoration: underline; font: inherit; }
:host, button, input, small { font-family: var(--st-font); font-size: .9rem; color: var(--st-text-color); }
button { color: var(--st-link-color); } input { width: 16rem; max-width: 100%; }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; border-radius: 3px; }
""",
    js=_read("copy_link.js"),
)
_gallery: _Renderer = st.components.v2.component(
    "usl_gallery", html="<ol></ol>\n", css=_read("gallery.css"), js=_read("gallery.js")
)


def copy_link() -> None:
    """A button that copies the address of the view."""
    words = {"label": "Copy link", "copied": "copied", "byHand": "press Ctrl+C to copy"}
    _copy_link(key="copy-link", data=words)


def gallery(
    key: str,
    title: str,
    items: Sequence[Mapping[str, Any]],
    *,
    pinned: int | None,
    on_pin: Callable[[int], None],
    cell: int = 72,
) -> None:
    """Images as buttons.

    Args:
        key: of the part on this page.
        title: name of the list for screen readers.
        items: each with "row", "src", "text" (what is told to those who point at it, or cannot see it) and
            "lines" (what stands below).
        pinned: the row that is marked.
        on_pin: called with the row of a chosen image before the next run.
        cell: least width of an image, pixels.
    """

    def chosen() -> None:
        row = st.session_state[key].pin
        if isinstance(row, int) and any(item["row"] == row for item in items):  # browsers can send anything
            on_pin(row)

    data = {"title": title, "items": list(items), "pinned": pinned, "cell": cell}
    _gallery(key=key, data=data, on_pin_change=chosen)
