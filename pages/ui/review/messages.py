"""What a review has to say: what could not be done, who else has it open, what changed under it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from usl_core.errors import UslError
from usl_core.names import display_name
from usl_core.pipeline.prepared import Prepared
from usl_core.review.changes import Changes

from .. import errors
from ..parts import file_links
from ..text import number_of, plain
from . import opened as reviews
from .opened import Opened

_LISTED = 100


def show(opened: Opened) -> None:
    """What the last actions could not do, once, and the last thing that was done."""
    _failed(opened)
    if opened.lost:
        st.warning(plain(opened.lost), icon=":material/tab_close:")


def held(opened: Opened) -> bool:
    """Say that another tab has the review open, and offer to take it over.

    Returns:
        Whether it has, so that nothing can be done here.
    """
    said = opened.held or opened.lost
    if not said:
        return False
    _failed(opened)
    st.warning(plain(said), icon=":material/tab_close:")
    with st.container(horizontal=True):
        st.button(
            "Take it over",
            key="take-over",
            icon=":material/swap_horiz:",
            type="primary",
            help="This tab goes on with what the other one has written, and the other one is told.",
            on_click=_take_over,
            args=(opened,),
        )
        if opened.lost and (timeline := opened.timeline) is not None:
            file_links.link(
                "review.json", lambda: reviews.as_file(timeline), "The review as this tab knows it.", source=opened.source
            )
    return True


def _failed(opened: Opened) -> None:
    failed, opened.failed = opened.failed, []
    for text in dict.fromkeys(failed):
        errors.say(text)


def _take_over(opened: Opened) -> None:
    try:
        opened.take_over()
    except UslError as error:
        opened.failed.append(str(error))


def changed(opened: Opened, made: Prepared) -> bool:
    """List how the images differ from those that were reviewed, and offer to go on with them.

    Returns:
        Whether they do, and nobody has said yet to go on.
    """
    found = opened.changes(made)
    if not found:
        return False

    def go_on() -> None:
        opened.go_on_with(made)

    st.warning(
        f"The images have changed since the last review: {_counts(found)}. Labels, vetoes and notes are kept; picks that are "
        "gone lose their places, and picks with another content are no longer accepted.",
        icon=":material/published_with_changes:",
    )
    for title, paths in (("Gone", found.gone), ("With another content", found.changed), ("New", found.new)):
        if paths:
            with st.expander(f"{title}: {number_of(len(paths), 'image')}"):
                names = "\n".join(display_name(path, 160) for path in paths[:_LISTED])
                more = f"\nand {len(paths) - _LISTED:,} more" if len(paths) > _LISTED else ""
                st.code(names + more, language=None)
    st.button(
        "Go on with the images as they are now",
        key="reconcile",
        icon=":material/arrow_forward:",
        type="primary",
        on_click=go_on,
    )
    return True


def _counts(found: Changes) -> str:
    parts = [
        f"{len(found.gone):,} that the review knows are gone",
        f"{len(found.changed):,} have another content",
        f"{len(found.new):,} are new",
    ]
    return f"{', '.join(parts)} ({found.n_before:,} images then, {found.n_now:,} now)"


def differs(said: list[str], n_empty: int, n_kept: int, select_again: Callable[[], None], set_back: Callable[[], None]) -> None:
    """Say that the sidebar asks for other picks than those on the screen, and offer them.

    Args:
        said: the differences.
        n_empty: places whose images are gone.
        n_kept: picks that would stay.
        select_again: the callback that follows the sidebar.
        set_back: the callback that makes the sidebar follow.
    """
    with st.container(border=True, key="review-differs"):
        if said:
            st.markdown(f":material/tune: The sidebar now says {plain('; '.join(said), 600)}.")
        if n_empty:
            st.markdown(
                f":material/tune: {number_of(n_empty, 'place')} without an image, since those that were there are gone."
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Pick again with these settings",
                key="pick-again",
                icon=":material/refresh:",
                type="primary",
                on_click=select_again,
                help="Accepted, pinned and labelled picks stay; all other places are filled anew. It can be undone.",
            )
            if said:
                st.button("Set the sidebar back", key="set-back", icon=":material/settings_backup_restore:", on_click=set_back)
            st.caption(f"{number_of(n_kept, 'pick')} would stay.")
