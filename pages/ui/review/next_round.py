"""The next round: another method, with what is labelled by now, and what the rounds before were worth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from usl_core.figures.palette import method_style
from usl_core.pipeline.prepared import Prepared
from usl_core.review import rounds
from usl_core.review.session import Call, Session
from usl_core.selection.registry import method_cards

from .. import state
from ..parts import tables
from ..state import Choices, Key
from ..text import number_of, plain
from . import picks, uslt
from .opened import Opened


def offered(session: Session | None, has_classes: bool) -> dict[str, str]:
    """The methods that can be asked, by what they are called; those of a second round where something has a class."""
    knows = session is not None and any(name is not None for name in session.labels.values())
    cards = [card for card in method_cards(second_round=knows) if has_classes or not card.needs_labels]
    return {method_style(card.name).label: card.name for card in cards}


def show(opened: Opened, made: Prepared, choices: Choices) -> None:
    """The controls, the button, and the table of rounds."""
    session = opened.session
    _history(session)
    n_labels = len(session.labels)
    if not n_labels and not any(slot.accepted for slot in session.slots):
        st.caption(":material/info: Label some picks, or take over labels, before you pick the next ones.")
        return
    options = offered(session, made.images.labels is not None)
    summaries = {card.name: card.summary for card in method_cards(second_round=True)}
    labels = list(options)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = "uherding" if "uherding" in options.values() else "usl"
        preferred = list(options.values()).index(usual)
        label = st.selectbox("Method of the next round", labels, index=preferred, key=f"next-after-{usual}", width=220)
        budget = st.number_input("Budget", 1, 1_000_000, choices.budget, 1, key="next-budget", width=140)
        method = options.get(label, "usl")
        is_trained = _is_trained(choices, made, method, int(budget))
        pressed = st.button(
            "Pick the next round",
            key="next-round",
            icon=":material/fast_forward:",
            type="primary",
            disabled=not is_trained,
            help="The picks of now go to the history. What is accepted or labelled repels, and is not picked again.",
        )
    if not is_trained:
        uslt.missing(int(budget), choices.seed)
    st.caption(f"{plain(summaries[method])} {number_of(n_labels, 'image')} with a label so far.")
    if pressed and _begin(opened, made, choices, method, int(budget)):
        state.choose_now({Key.REVIEWED: method_style(method).label, Key.BUDGET: int(budget), Key.PIN: ""})


def _is_trained(choices: Choices, made: Prepared, method: str, budget: int) -> bool:
    params = picks.params_of(choices, made, method)
    return picks.is_trained(made, Call(method=method, params=params, seed=choices.seed, budget=budget))


def _begin(opened: Opened, made: Prepared, choices: Choices, method: str, budget: int) -> bool:
    def begun(session: Session) -> Any:
        call = rounds.call_for(
            session,
            made.features,
            method=method,
            params=picks.params_of(choices, made, method),
            seed=choices.seed,
            budget=budget,
            near_duplicates=choices.near_duplicates,
            next_round=True,
        )
        return rounds.next_round(session, made.features, call, picks.selected(made, call))

    with st.spinner("Picking"):
        if opened.act(begun):
            return True
    for text in opened.failed:
        st.error(plain(text), icon=":material/error:")
    opened.failed = []
    return False


def _history(session: Session) -> None:
    lines = [_line(number, one.call, sum(slot.accepted for slot in one.picks)) for number, one in enumerate(session.rounds, 1)]
    if not lines:
        return
    lines.append(_line(len(lines) + 1, session.call, sum(slot.accepted for slot in session.slots)))
    titles = ("Round", "Method", "Picks", "Accepted", "Labels before", "Accuracy before", "When (UTC)")
    tables.rows(titles, lines, label="The rounds of this review")
    st.caption(
        "Accuracy before: of a classifier of the labels that there were when the round was picked, on all other images whose "
        "true class is known; – where none is."
    )


def _line(number: int, call: Call, accepted: int) -> tuple[str, ...]:
    accuracy = "–" if call.accuracy is None else f"{100 * call.accuracy:.1f} % ({call.model})"
    when = datetime.fromtimestamp(call.when, UTC).strftime("%Y-%m-%d %H:%M") if call.when else "–"
    return (
        str(number),
        method_style(call.method).label,
        f"{call.budget:,}",
        f"{accepted:,}",
        f"{call.n_labelled:,}",
        accuracy,
        when,
    )
