"""Tables as plain HTML: readable by screen readers, and foreign text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from usl_core.names import display_name

_STYLE = """<style>
.usl-table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
.usl-table th, .usl-table td { padding: .3rem .6rem; border-bottom: 1px solid rgba(128,128,128,.28); text-align: right;
  vertical-align: top; overflow-wrap: anywhere; }
.usl-table th:first-child, .usl-words th, .usl-words td { text-align: left; font-weight: 500; }
.usl-words th:first-child { min-width: 7rem; }
.usl-table abbr { text-decoration: underline dotted; text-underline-offset: 3px; cursor: help; }
.usl-table small { display: block; opacity: .82; white-space: nowrap; }
.usl-table .best { font-weight: 700; }
.usl-table .best::before { content: "★ "; }
.usl-scroll { overflow: auto; max-height: 36rem; }
</style>"""


def show(head: str, body: str, *, words: bool = False, label: str = "") -> None:
    """A table from the cells' HTML, which the caller has escaped.

    Args:
        head: one `<tr>`.
        body: the others.
        words: columns of text, to the left.
        label: what the table is about, for screen readers.
    """
    kind = "usl-table usl-words" if words else "usl-table"
    table = f"<table class='{kind}'><thead>{head}</thead><tbody>{body}</tbody></table>"
    st.html(
        f"{_STYLE}<div class='usl-scroll' tabindex='0' role='region' aria-label='{escape(label, quote=True)}'>{table}</div>"
    )


def rows(titles: Sequence[str], lines: Sequence[Sequence[object]], *, words: bool = False, label: str = "") -> None:
    """A table of foreign text and numbers."""
    head = "".join(f"<th scope='col'>{_text(title)}</th>" for title in titles)
    body = "".join(
        f"<tr><th scope='row'>{_text(line[0])}</th>" + "".join(f"<td>{_text(cell)}</td>" for cell in line[1:]) + "</tr>"
        for line in lines
    )
    show(f"<tr>{head}</tr>", body, words=words, label=label)


def _text(cell: object) -> str:
    return escape(display_name(str(cell), 2000))
