"""Undo and redo: the steps from session to session, each as small as what it changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import UslError
from .actions import Done
from .differences import Change, applied, difference
from .session import Session

MOST_STEPS = 200
"""Steps that can be undone; older ones are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action.

    Args:
        said: its sentence.
        when: seconds since 1970, UTC.
        changes: by field, what leads to the session on its other side; see `differences.difference`.
    """

    said: str
    when: float
    changes: Mapping[str, Change]


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
        back = difference(done.session, self.session)
        step = Step(said=done.said, when=time.time() if when is None else when, changes=back)
        return Timeline(session=done.session, past=(*self.past, step)[-MOST_STEPS:])

    def undo(self) -> Timeline:
        """Before the last action, whose sentence is `past[-1].said`.

        Raises:
            UslError: there is nothing to undo.
        """
        if not self.past:
            raise UslError("there is nothing to undo")
        before, step = self._other_side(self.past[-1])
        return Timeline(session=before, past=self.past[:-1], future=(*self.future, step))

    def redo(self) -> Timeline:
        """After the action that was undone last, whose sentence is `future[-1].said`.

        Raises:
            UslError: there is nothing to do again.
        """
        if not self.future:
            raise UslError("there is nothing to do again")
        after, step = self._other_side(self.future[-1])
        return Timeline(session=after, past=(*self.past, step), future=self.future[:-1])

    def _other_side(self, step: Step) -> tuple[Session, Step]:
        """The session there, and the step as it looks from there."""
        other = applied(self.session, step.changes)
        return other, replace(step, changes=difference(other, self.session))
