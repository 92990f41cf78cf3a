"""Where images come from: the bundled demos as cards, and the folders of the server through a browser that stays inside."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from usl_core.demos.bundled import DemoCard, demo_cards
from usl_core.errors import UslError
from usl_core.images.sources import check_list

from .. import cached, errors, state
from ..access import folders, sources
from ..addresses import image_url
from ..parts import markup
from ..state import Key
from ..text import number_of, plain
from . import published, uploads

_BROWSED = "browsed-folder"
_REFUSED = "refused-folder"
_FIELD = "typed-folder"
_SHOWN = "shown-folder"
_SAMPLES = 10
_STYLE = "<style>.st-key-folder-list { max-height: 14rem; overflow-y: auto; }</style>"  # a home directory may hold hundreds


def show(*, folded: bool) -> None:
    """The demos, and the folders of the server unless it is closed.

    Args:
        folded: behind one line.
    """
    if folded:
        icon = ":material/folder_open:"
        section = st.expander("Choose other images", icon=icon, key=Key.CHOOSE, on_change="rerun", bind="query-params")
        if section.open:
            with section:
                _all()
    else:
        st.subheader("Choose images", divider="gray")
        _all()


def _all() -> None:
    _demos()
    if not folders.is_read_only():
        _folder()
    uploads.show()
    if not folders.is_read_only():
        published.show()


def _demos() -> None:
    """One card per bundled collection."""
    for column, card in zip(st.columns(len(demo_cards()), gap="medium"), demo_cards(), strict=True):
        with column, st.container(border=True, height="stretch"):
            _demo(card)


def _demo(card: DemoCard) -> None:
    images = cached.images(card.name)
    assert images is not None
    step = max(len(images) // _SAMPLES, 1)
    shown = range(step // 2, len(images), step)[:_SAMPLES]
    markup.show("samples", addresses=[image_url(card.name, images.digests[row]) for row in shown])
    st.markdown(f"**{card.title}** · {card.n:,} images, {card.n_classes} classes  \n:small[{plain(card.description)}]")
    is_open = state.data() == card.name
    st.button(
        "Open" if not is_open else "Is open",
        key=f"open-{card.name}",
        icon=":material/check:" if is_open else None,
        disabled=is_open,
        on_click=state.open_data,
        args=(card.name,),
        help=f"{plain(card.source)}. Licence: {plain(card.licence)}.",
    )


def _folder() -> None:
    """The browser of folders."""
    roots = folders.roots()
    if not roots:
        st.caption("None of the folders in USL_DATA_ROOTS exists on this server.")
        return
    here = _here(roots)
    try:
        listed = folders.contents(here)
    except UslError as error:
        errors.say(str(error))
        here = roots[0]
        listed = folders.contents(here)
    with st.container(border=True):
        st.markdown("**My folder**")
        _path_field(here)
        _trail(here, roots)
        refused = st.session_state.pop(_REFUSED, None)
        if refused:
            errors.say(refused)
        counted = number_of(listed.n_images, "image file") if listed.n_images else "no image files"
        some = "" if listed.complete else "at least "
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Use this folder",
                key="use-folder",
                type="primary",
                icon=":material/folder_open:",
                on_click=_use_typed,
                help="All images in it and in its subfolders; subfolders become classes. Nothing is copied or changed.",
            )
            here_too = [number_of(len(listed.folders), "subfolder"), number_of(len(listed.archives), "archive")]
            here_too += [number_of(len(listed.lists), "table")] if listed.lists else []
            st.caption(f"{some}{counted} right here, {', '.join(here_too)}")
        st.html(_STYLE)
        with st.container(key="folder-list", horizontal=True, gap="small"):
            for index, name in enumerate(listed.folders):
                st.button(plain(name, 48), key=f"enter-{index}", icon=":material/folder:", on_click=_enter, args=(here / name,))
            for kind, names, icon, help in (
                ("archive", listed.archives, ":material/folder_zip:", "Use this archive"),
                ("list", listed.lists, ":material/table:", "Use the images that this table lists in a column path"),
            ):
                for index, name in enumerate(names):
                    st.button(plain(name, 48), key=f"{kind}-{index}", icon=icon, on_click=_use, args=(here / name,), help=help)
        if listed.n_left_out or not listed.complete:
            more = f"{listed.n_left_out:,} more" if listed.complete else "The rest"
            st.caption(f"{more} are not listed; type the path above.")


def _here(roots: list[Path]) -> Path:
    """The folder that is looked into, checked again: it may have become a link since."""
    try:
        return folders.confined(Path(st.session_state.get(_BROWSED, roots[0])))
    except UslError:
        return roots[0]


def _path_field(here: Path) -> None:
    # What was typed and refused stays, so that it can be mended, until the visitor goes elsewhere.
    if _FIELD not in st.session_state or st.session_state.get(_SHOWN) != str(here):
        st.session_state[_FIELD], st.session_state[_SHOWN] = _typable(here), str(here)
    st.text_input(
        "Folder on this server",
        key=_FIELD,
        on_change=_typed,
        icon=":material/search:",
        help="A folder, a .zip archive, or a list of paths (.csv, .tsv, .parquet, .txt). Only what lies inside USL_DATA_ROOTS "
        "(default: the home directory) can be opened.",
    )


def _trail(here: Path, roots: list[Path]) -> None:
    """From a root down to here, each step a button."""
    root = next((root for root in roots if here.is_relative_to(root)), roots[0])
    steps = [*(other for other in roots if other != root), root]
    below = here
    path = []
    while below != root:
        path.append(below)
        below = below.parent
    steps += reversed(path)
    with st.container(horizontal=True, gap=None):
        for index, step in enumerate(steps):
            name = str(step) if step in roots else step.name
            icon = ":material/home_storage:" if step in roots else ":material/chevron_right:"
            st.button(
                plain(name, 60),
                key=f"trail-{index}",
                type="tertiary",
                icon=icon,
                on_click=_enter,
                args=(step,),
                disabled=step == here,
            )


def _typed() -> None:
    try:
        path = folders.confined(st.session_state[_FIELD])
        if path.is_dir():
            st.session_state[_BROWSED] = str(path)
        else:
            _use(path)
    except UslError as error:
        st.session_state[_REFUSED] = str(error)


def _enter(path: Path) -> None:
    try:
        st.session_state[_BROWSED] = str(folders.confined(path))
    except UslError as error:
        st.session_state[_REFUSED] = str(error)


def _use_typed() -> None:
    """What stands in the field, which may be newer than the page."""
    typed, shown = st.session_state[_FIELD], Path(st.session_state[_SHOWN])
    _use(shown if typed == _typable(shown) else typed)


def _typable(path: Path) -> str:
    """A path as text that can be sent; a name that is no text has a question mark where it is none."""
    return str(path).encode("utf-8", "replace").decode()


def _use(path: Path | str) -> None:
    try:
        found = folders.confined(path)
        if not found.exists():
            raise UslError(f"{found} does not exist; give a folder of images, a .zip archive or a list of paths")
        check_list(found, folders.roots())
        state.open_data(sources.name_of(found))
    except UslError as error:
        st.session_state[_REFUSED] = str(error)
