"""The numbers of several selections side by side, each with its definition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from html import escape

import streamlit as st

from usl_core.metrics import METRICS, Metric, Scorecard, expected_overlap, overlap
from usl_core.selection import method_cards
from usl_core.types import Selection

_STYLE = """<style>
.usl-table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
.usl-table th, .usl-table td { padding: .3rem .6rem; border-bottom: 1px solid rgba(128,128,128,.28); text-align: right; }
.usl-table th:first-child { text-align: left; font-weight: 500; }
.usl-table abbr { text-decoration: underline dotted; text-underline-offset: 3px; cursor: help; }
.usl-table .best { font-weight: 700; }
.usl-table .best::before { content: "★ "; }
.usl-scroll { overflow-x: auto; }
</style>"""


def table(cards: Mapping[str, Scorecard], titles: Mapping[str, str]) -> None:
    """One row per number, one column per method. The best value of a row is bold and starred; a method that looks at the
    class labels is a reference and takes no part."""
    references = {card.name for card in method_cards() if card.needs_labels}
    head = "".join(f"<th scope='col'>{escape(titles[method])}{' †' if method in references else ''}</th>" for method in cards)
    body = "".join(_row(metric, cards, references) for metric in METRICS)
    _show(f"<tr><th scope='col'>Score</th>{head}</tr>", body)


def _row(metric: Metric, cards: Mapping[str, Scorecard], references: Set[str]) -> str:
    shown = {method: _figure(metric, getattr(card, metric.key)) for method, card in cards.items()}
    ranked = {method: getattr(card, metric.key) for method, card in cards.items() if shown[method] and method not in references}
    if not any(shown.values()):
        return ""
    values = ranked.values()
    best = _figure(metric, max(values) if metric.better == "higher" else min(values)) if ranked else ""
    starred = {method for method in ranked if shown[method] == best}
    if len(starred) == len(ranked):
        starred = set()
    cells = "".join(
        f"<td class='best'>{text}</td>" if method in starred else f"<td>{text or '–'}</td>" for method, text in shown.items()
    )
    arrow = "↑" if metric.better == "higher" else "↓"
    definition = escape(f"{metric.definition} {metric.better.capitalize()} is better.", quote=True)
    name = f"<abbr title='{definition}'>{escape(metric.title)}</abbr> <span aria-hidden='true'>{arrow}</span>"
    return f"<tr><th scope='row'>{name}</th>{cells}</tr>"


def _figure(metric: Metric, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value * 100:.{metric.digits}f} %" if metric.percent else f"{value:.{metric.digits}f}"


def overlap_table(selections: Mapping[str, Selection], titles: Mapping[str, str], n: int) -> None:
    """How many picks two methods share, beside what two random draws would share."""
    shared = overlap({method: chosen.indices for method, chosen in selections.items()})
    head = "".join(f"<th scope='col'>{escape(titles[method])}</th>" for method in selections)
    rows = "".join(
        f"<tr><th scope='row'>{escape(titles[a])}</th>" + "".join(f"<td>{shared[a, b]}</td>" for b in selections) + "</tr>"
        for a in selections
    )
    _show(f"<tr><th scope='col'>Shared picks</th>{head}</tr>", rows)
    budget = len(next(iter(selections.values())))
    st.caption(f"Two random draws of {budget} from {n:,} images share {expected_overlap(n, budget, budget):.1f} on average.")


def _show(head: str, body: str) -> None:
    table = f"<table class='usl-table'><thead>{head}</thead><tbody>{body}</tbody></table>"
    st.html(f"{_STYLE}<div class='usl-scroll'>{table}</div>")
