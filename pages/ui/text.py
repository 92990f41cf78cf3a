"""Foreign text on a page: file names, class names and messages must never act as Markdown or HTML."""

from __future__ import annotations

from usl_core.names import display_name

_MARKDOWN = frozenset(r"\`*_{}[]()<>#+-.!|~$:&^=")


def plain(text: str, limit: int = 2000) -> str:
    """`text` for Streamlit's Markdown, which labels, captions and messages are: shown as it is, on one line."""
    return "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in display_name(text, limit))
