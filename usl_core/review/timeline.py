"""Undo and redo: the steps from session to session, as small as what they changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .actions import Done
from .session import Session

MOST_STEPS = 200
"""Steps that can be undone; older ones are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action.

    Args:
        said: its sentence.
        when: seconds since 1970, UTC.
        changes: what leads to the session on its other side; see `difference`.
    """

    said: str
    when: float
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A session with the way that led there. Immutable like the session; this is what `store` saves.

    Args:
        session: as it is now.
        past: steps that can be undone, the last one last, at most `MOST_STEPS`.
        future: steps that can be done again, the next one last.
    """

    session: Session
    past: tuple[Step, ...] = ()
    future: tuple[Step, ...] = ()

    def did(self, done: Done, when: float | None = None) -> Timeline:
        """After an action. What had been undone is forgotten.

        Args:
            done: what the action returned.
            when: seconds since 1970; None: now.
        """
        raise NotImplementedError

    def undo(self) -> Timeline:
        """Before the last action, whose sentence is `past[-1].said`.

        Raises:
            UslError: there is nothing to undo.
        """
        raise NotImplementedError

    def redo(self) -> Timeline:
        """After the action that was undone last, whose sentence is `future[-1].said`.

        Raises:
            UslError: there is nothing to do again.
        """
        raise NotImplementedError
