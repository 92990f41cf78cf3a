"""The review that a visitor has open: read when it is first asked for, written at every action, and told who else wants it.

At this machine it is a file, see `usl_core.review.store`, and one tab at a time writes it; elsewhere it lives in the session of
the browser, see `visitor`.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from weakref import finalize

import streamlit as st
from streamlit import runtime

from usl_core.errors import UslError
from usl_core.pipeline.prepared import Prepared
from usl_core.review import store
from usl_core.review.actions import Done
from usl_core.review.changes import Changes, changes_of, reconciled
from usl_core.review.session import Session
from usl_core.review.timeline import Timeline
from usl_core.types import ImageSet

from ..jobs import work
from . import visitor

_OPENED = "review-opened"
_MOST_SAID = 5
_tabs: dict[str, str] = {}  # by the token of an owner: the session of the browser
_lock = threading.Lock()


@dataclass(eq=False, kw_only=True)
class Opened:
    """The review of one data set in one browser session.

    Args:
        source: of the data set.
        on_disk: it is kept there.
        file: that is written; None in memory, and where somebody else has it.
        timeline: None before anything was picked, and where somebody else has it.
        held: what is to be said of somebody else who has it open; "" where nobody has.
        lost: what is to be said where somebody took it over while it was open here.
        said: sentences of the last actions that are to be shown, the newest last.
        failed: what the last action could not do.
    """

    source: str
    on_disk: bool
    file: store.SessionFile | None = None
    timeline: Timeline | None = None
    held: str = ""
    lost: str = ""
    said: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _agrees_with: ImageSet | None = None

    @property
    def session(self) -> Session:
        """The review as it is now; there is one."""
        assert self.timeline is not None
        return self.timeline.session

    @property
    def is_untouched(self) -> bool:
        """Nothing was decided yet, so that nothing is lost when it begins anew."""
        if self.timeline is None:
            return True
        now = self.timeline.session
        touched = any(slot.is_kept or slot.origin != "method" for slot in now.slots)
        return not (touched or now.vetoed or now.labels or now.notes or now.rounds or now.class_names or now.conflicts)

    def begin(self, session: Session) -> None:
        """Begin with a new review; it is written when something is decided."""
        self.timeline = Timeline(session=session)

    def replace(self, timeline: Timeline, said: str) -> None:
        """Go on with another review of the same images, e.g. one that was uploaded."""
        self._keep(timeline)
        self._agrees_with = None
        self._say(said)

    def act(self, action: Callable[[Session], Done]) -> bool:
        """Do something, write it, and remember what is to be said.

        Returns:
            Whether it was done; else `failed` says why not.
        """
        if self.timeline is None or self.lost:
            return False
        try:
            done = action(self.timeline.session)
            self._keep(self.timeline.did(done))
        except UslError as error:
            self.failed.append(str(error))
            return False
        self._say(done.said)
        return True

    def undo(self) -> bool:
        """Take the last action back."""
        return self._turn(lambda timeline: (timeline.undo(), f"Undone: {timeline.past[-1].said}"))

    def redo(self) -> bool:
        """Do again what was taken back."""
        return self._turn(lambda timeline: (timeline.redo(), f"Done again: {timeline.future[-1].said}"))

    def _turn(self, turn: Callable[[Timeline], tuple[Timeline, str]]) -> bool:
        if self.timeline is None or self.lost:
            return False
        try:
            timeline, said = turn(self.timeline)
            self._keep(timeline)
        except (UslError, IndexError) as error:
            self.failed.append(str(error) if isinstance(error, UslError) else "there is nothing to take back or to do again")
            return False
        self._say(said)
        return True

    def changes(self, made: Prepared) -> Changes:
        """How the images differ from those of the review; looked for once for each scan of them."""
        if self._agrees_with is made.images:
            n = len(made.images)
            return Changes(gone=(), changed=(), new=(), n_before=n, n_now=n)
        found = changes_of(self.session, made.images)
        if not found:
            self._agrees_with = made.images
        return found

    def go_on_with(self, made: Prepared) -> bool:
        """Put the review onto the images as they are now."""
        return self.act(lambda session: reconciled(session, made.images))

    def take_over(self) -> None:
        """Open it although somebody else has it open, who cannot write it any more.

        Raises:
            UslError: it cannot be read.
        """
        self._open(take_over=True)

    def close(self) -> None:
        """Let others open it."""
        file, self.file = self.file, None
        if file is not None:
            with _lock:
                _tabs.pop(file.owner.token, None)
            file.close()

    def _open(self, *, take_over: bool = False) -> None:
        self.close()
        owner = store.Owner.new("another tab of the app")
        try:
            self.file, loaded = store.open_session(self.source, owner, take_over=take_over)
        except store.SessionHeld as error:
            if not take_over and _is_gone(error.holder):
                self._open(take_over=True)
                return
            self.held = str(error)
            return
        with _lock:
            _tabs[owner.token] = work.session()
        finalize(self, _let_go, self.file)
        self.held = self.lost = ""
        self.timeline, self._agrees_with = loaded.timeline, None
        self.said.extend(loaded.said)

    def _keep(self, timeline: Timeline) -> None:
        """Write first: what is on the screen is what is on the disk."""
        if self.file is not None:
            try:
                self.file.save(timeline)
            except store.SessionLost as error:
                self.lost = str(error)
                raise
        self.timeline = timeline

    def _say(self, text: str) -> None:
        self.said = [*self.said, text][-_MOST_SAID:]


def current(source: str) -> Opened:
    """The review of a source, opened unless it is open here.

    Raises:
        UslError: its file, and all backups of it, cannot be read.
    """
    known: Opened | None = st.session_state.get(_OPENED)
    if known is not None and known.source == source:
        return known
    if known is not None:
        known.close()
    made = Opened(source=source, on_disk=visitor.keeps_on_disk(source))
    if made.on_disk:
        made._open()
    st.session_state[_OPENED] = made
    return made


def as_file(timeline: Timeline) -> bytes:
    """A review as the bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "review.json"
        store.export_session(timeline, path)
        return path.read_bytes()


def from_file(content: bytes, name: str) -> Timeline:
    """A review from the bytes of a file.

    Raises:
        UslError: it is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "review.json"
        path.write_bytes(content)
        try:
            return store.import_session(path)
        except UslError as error:  # it was written under another name
            raise UslError(str(error).replace(str(path), name)) from error


def _is_gone(holder: store.Owner) -> bool:
    """Whether the tab that has a review open in this very process shows no page any more: it was closed, or loaded anew."""
    with _lock:
        tab = _tabs.get(holder.token)
    return tab is not None and runtime.exists() and not runtime.get_instance().is_active_session(tab)


def _let_go(file: store.SessionFile) -> None:
    """Its session has ended."""
    with _lock:
        _tabs.pop(file.owner.token, None)
    file.close()
