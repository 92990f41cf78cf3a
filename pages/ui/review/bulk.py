"""What can be done to several images at once: those inside a lasso, one that is no pick, all picks that are not flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from usl_core.pipeline.prepared import Prepared
from usl_core.review import actions
from usl_core.review.session import Slot
from usl_core.types import IntArray, Selection

from .. import cached, errors, nav
from ..access import sources
from ..parts import lasso
from ..state import Choices
from ..text import number_of, plain
from . import acting, messages, picks
from . import opened as reviews
from .opened import Opened


def show(opened: Opened, made: Prepared, rows: Sequence[int], key: str) -> None:
    """The buttons.

    Args:
        opened: the review.
        made: its data set.
        rows: of the images.
        key: of the place on the page.
    """
    if opened.timeline is None or opened.lost:
        messages.show(opened)
        return
    label_key, rows = f"{key}-class", list(rows)

    def do(kind: str, value: Any = None) -> None:
        acting.act(opened, made, kind, rows, value)

    def give_class() -> None:
        name = st.session_state.get(label_key)
        if name:
            do("label", name)
        else:
            opened.failed.append("choose a class, or type the name of a new one, before you label with it")

    them = "it" if len(rows) == 1 else f"all {len(rows):,}"
    vetoed = set(opened.session.vetoed_rows(made.images).tolist())
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-actions"):
        _button(
            "Veto", f"{key}-veto", ":material/block:", f"Never pick {them}; the next best take the places of picks", do, "veto"
        )
        if vetoed.intersection(rows):
            _button("Allow again", f"{key}-unveto", ":material/undo:", f"Take back the veto of {them}", do, "unveto")
        text = f"{them.capitalize()} has a label elsewhere: nobody picks it again, and it repels picks"
        _button("Labelled already", f"{key}-labelled", ":material/label:", text, do, "labelled")
        _button(
            "Pin", f"{key}-pin", ":material/push_pin:", f"Keep {them} among the picks, whatever the settings say", do, "pin"
        )
        st.selectbox(
            "Class",
            list(opened.session.class_names),
            index=None,
            key=label_key,
            accept_new_options=True,
            placeholder="choose or type",
            width=200,
        )
        st.button(f"Label {them}", key=f"{key}-label", icon=":material/sell:", on_click=give_class)
        _undo(opened, key)
    messages.show(opened)


def inside(
    key: str, choices: Choices, made: Prepared, rows: IntArray | None, selections: Mapping[str, Selection], pinned: int | None
) -> None:
    """What box or lasso hold on a map of a page that is not about a review: its gallery and the buttons; see `lasso.show`."""

    def actions(rows: IntArray) -> None:
        on_a_map(choices, made, rows.tolist(), key=f"inside-{key}")

    if rows is not None:
        percentiles = cached.density_percentiles(made, choices.params.n_neighbors)
        lasso.show(key, choices.data, made.images, rows, percentiles, selections, pinned, actions)


def on_a_map(choices: Choices, made: Prepared, rows: Sequence[int], key: str = "inside") -> None:
    """The same on a page that is not about a review: it is the one of this data set, which begins with USL's picks.

    Args:
        choices: of the sidebar.
        made: the data set.
        rows: of the images.
        key: of the map on the page.
    """
    with errors.shown(stop=False):
        opened = reviews.current(made.source)
        if messages.held(opened):
            return
        if opened.timeline is None:
            picks.begin(opened, sources.title_of(choices.data), made, choices, "usl")
        show(opened, made, rows, key)
        with st.container(horizontal=True, vertical_alignment="center"):
            if opened.said:
                st.caption(plain(opened.said[-1], 200))
            st.page_link(nav.pages()["review"], label="Open the review", icon=":material/rate_review:")


def bar(opened: Opened, made: Prepared, shown: Sequence[tuple[int, Slot]], flags: Mapping[int, Sequence[str]]) -> None:
    """Accept all picks that are not flagged.

    Args:
        opened: the review.
        made: its data set.
        shown: the picks that are on the screen, see `picks.shown`.
        flags: reasons to look twice, by row.
    """
    session = opened.session
    open_ones = [row for row, slot in shown if not picks.is_decided(slot, session)]
    fine = [row for row in open_ones if row not in flags]

    def accept() -> None:
        opened.act(lambda now: actions.accept(now, made.images, fine))

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Accept {number_of(len(fine), 'unflagged pick')}",
            key="accept-unflagged",
            icon=":material/done_all:",
            disabled=not fine,
            on_click=accept,
            help="All that are not decided yet and that nothing speaks against.",
        )
        doubtful = len(open_ones) - len(fine)
        if doubtful:
            st.caption(f":material/flag: {number_of(doubtful, 'pick')} to look at twice.")
        if opened.said:
            st.caption(plain(opened.said[-1], 200))


def _button(label: str, key: str, icon: str, help: str, do: Any, kind: str) -> None:
    st.button(label, key=key, icon=icon, help=help, on_click=do, args=(kind,))


def _undo(opened: Opened, key: str) -> None:
    if opened.timeline is not None and opened.timeline.past:
        said = opened.timeline.past[-1].said

        def undo() -> None:
            opened.undo()

        st.button("Undo", key=f"{key}-undo", icon=":material/undo:", help=plain(f"Take back: {said}", 200), on_click=undo)
