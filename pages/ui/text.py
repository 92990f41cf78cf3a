"""Foreign text on a page: file names, class names and messages must never act as Markdown or HTML.

Backslashes alone do not keep Streamlit's Markdown from acting: it looks for addresses, arrows and icons once more in the text
that is left when the backslashes are gone. These patterns are therefore cut in two by an element without contents.
"""

from __future__ import annotations

import re

from usl_core.names import display_name

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_NOTHING = ":small[]"
_ACTS = re.compile(
    r"""
      (?<=http)(?=s?://) | (?<=https)(?=://) | (?<=www)(?=\.) | (?=@)    # GFM's autolinks
    | (?<=:)(?=[\w+/-]+:)                                                 # emoji, icons and the logo by name
    | (?<=[-<>=~])(?=[-<>=~])                                             # arrows, dashes and signs of comparison
    """,
    re.VERBOSE | re.IGNORECASE,
)


def plain(text: str, limit: int = 2000) -> str:
    """`text` for Streamlit's Markdown, which labels, captions and messages are: shown as it is, on one line.

    Args:
        text: any text.
        limit: the most characters that are shown, see `display_name`.
    """
    shown = display_name(text, limit)
    indent = len(shown) - len(shown.lstrip(" "))  # four blanks would begin a block of code
    return "&#32;" * indent + _NOTHING.join(_PUNCTUATION.sub(r"\\\1", part) for part in _ACTS.split(shown[indent:]))


def number_of(count: int, thing: str) -> str:
    """`1 folder`, `1,200 folders`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
