"""Well-known data sets: what each is, and a button that downloads it once, or opens it."""

from __future__ import annotations

import streamlit as st

from usl_core.demos.torchvision_sets import DatasetCard, archive_path, dataset_cards, datasets_dir
from usl_core.disk import size_text

from .. import state
from ..access import sources
from ..jobs import work
from ..text import plain


def show() -> None:
    """One line that unfolds."""
    section = st.expander("Well-known data sets", icon=":material/school:", key="well-known", on_change="rerun")
    with section:
        if section.open:
            st.caption(
                "Each is downloaded once, from where torchvision has it, and kept on this server as an archive of images."
            )
            for card in dataset_cards():
                with st.container(border=True):
                    _row(card)


def _row(card: DatasetCard) -> None:
    splits = f"splits {', '.join(card.splits)}" if card.splits else "no splits"
    st.markdown(
        f"**{plain(card.title)}** · {card.n:,} images, {card.n_classes} classes, {plain(card.side)} pixels, {splits}  \n"
        f":small[{plain(card.description)} {plain(card.citation)}. Terms: {plain(card.terms)}.]"
    )
    if archive_path(card).is_file():
        _open(card)
        return
    done = work.section(
        f"dataset {card.name}",
        "dataset",
        {"name": card.name, "folder": str(datasets_dir())},
        doing=card.title,
        label=f"Download {size_text(card.size_mb * 1e6)}",
        help=f"Into {plain(str(datasets_dir()))}. It goes on when you leave the page. After a cancel it can be resumed.",
        quiet=True,
        is_there=archive_path(card).is_file,
        place=f"dataset-{card.name}",
    )
    if done is not None:
        st.rerun()


def _open(card: DatasetCard) -> None:
    is_open = sources.whole_of(state.data()) == card.name
    st.button(
        "Is open" if is_open else "Open",
        key=f"open-{card.name}",
        icon=":material/check:" if is_open else None,
        disabled=is_open,
        on_click=state.open_data,
        args=(card.name,),
    )
