"""File names as people may see them: short, on one line, and unable to act as markup or to reorder the text around them."""

from __future__ import annotations

import re
import unicodedata
from html import escape

ELLIPSIS = "…"
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible formatting (direction overrides too), surrogates, line breaks
_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPELLED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))")
_START = "(^|[;,|\t\r\n])"
_RISKY = re.compile(_START + "(?='|[\\s\"\u200b\ufeff]*[-=+@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
_GUARDED = re.compile(_START + "'")
_NUMBER = re.compile(r"\d[\d\s.,:/eE+-]*")
_JOINERS = "\u200c\u200d"  # harmless, and needed to spell Persian, Hindi and family emoji


def display_name(name: str, limit: int = 60) -> str:
    """`name` with unprintable characters spelled out and its middle replaced by an ellipsis where it is too long.

    Args:
        name: any text, e.g. a path.
        limit: the most characters to return, at least 3; beginning and end (with the extension) are kept.

    Returns:
        One line of at most `limit` characters. It may still hold `<` and `&`: escape it where it becomes markup.
    """
    shown = name if name.isascii() and name.isprintable() else "".join(map(_visible, name))
    if len(shown) <= limit:
        return shown
    tail = (limit - 1) * 3 // 5
    return shown[: limit - 1 - tail] + ELLIPSIS + shown[len(shown) - tail :]


def spelled_out(name: str) -> str:
    """`name` on one line, whole: what would break the line or turn its direction is written as in `a\\u000ab`; `taken_back`
    undoes it."""
    return _BREAKING.sub(lambda found: f"\\u{ord(found[0]):04x}", name)


def taken_back(text: str) -> str:
    """The name behind `spelled_out`, and behind what a terminal showed that lacks some of its characters."""
    return _SPELLED.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), text)


def guarded(text: str) -> str:
    """`text` for a cell that a spreadsheet neither runs nor rewrites: an apostrophe stands before what it might take for a
    formula or a number.

    Programs that take another separator than the comma cut a cell in two, so each part of it counts as a beginning.
    """
    safe = _RISKY.sub(r"\1'", text)
    return f"'{safe}" if _NUMBER.fullmatch(text) else safe


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return _GUARDED.sub(r"\1", text)


def hover_name(name: str, limit: int = 60) -> str:
    """`display_name` for plotly's hover text, which takes a few HTML tags and entities for markup.

    The directional isolate around a name in Hebrew or Arabic keeps it from reordering what follows on the line.
    """
    shown = escape(display_name(name, limit), quote=False)
    return shown if shown.isascii() else f"\u2068{shown}\u2069"


def _visible(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"\\u{ord(character):04x}"


def duration_text(seconds: float) -> str:
    """How long something takes, to two figures or so."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
