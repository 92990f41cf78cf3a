"""Choices that this side has made, until the browser knows them.

With every request, a browser sends the values of all its controls, also those that it does not know to be old yet: a fragment
that asks for news each second sends, just after a button has opened another data set, the name of the one before. Such a
request is known by a counter that travels with the controls, and what it would take back is chosen again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

_TURN = "turn"
_UNCONFIRMED = "unconfirmed"


@dataclass(slots=True, kw_only=True)
class _Unconfirmed:
    """What one visitor's browser may not know yet.

    Args:
        turn: what the counter says once it does.
        is_sent: a run has told it.
        values: by key, the choice now, and before it those that it may still have.
    """

    turn: int = 0
    is_sent: bool = False
    values: dict[str, list[Any]] = field(default_factory=dict)


def put(values: Mapping[str, Any]) -> None:
    """Set choices by their keys; in callbacks, and before their controls are made."""
    unconfirmed: _Unconfirmed = st.session_state.setdefault(_UNCONFIRMED, _Unconfirmed())
    for key, value in values.items():
        unconfirmed.values.setdefault(key, [st.session_state.get(key)]).append(value)
        st.session_state[key] = value
    unconfirmed.turn += 1
    unconfirmed.is_sent = False
    st.session_state[_TURN] = str(unconfirmed.turn)


def restore() -> None:
    """Choose again what a browser that did not know it yet has taken back; once per run, before any control.

    A choice that was none of those before was made by the visitor meanwhile, and stays.
    """
    unconfirmed: _Unconfirmed | None = st.session_state.get(_UNCONFIRMED)
    if unconfirmed is None or not unconfirmed.values:
        return
    if st.session_state.get(_TURN) != str(unconfirmed.turn):
        for key, (*before, value) in unconfirmed.values.items():
            if st.session_state.get(key) in before:
                st.session_state[key] = value
        st.session_state[_TURN] = str(unconfirmed.turn)
    elif unconfirmed.is_sent:
        unconfirmed.values.clear()
    unconfirmed.is_sent = True


def carry() -> None:
    """The control that counts, to be put among those that nobody sees."""
    st.text_input(_TURN, "0", key=_TURN, max_chars=20)
