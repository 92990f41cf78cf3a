"""The encoders as cards, the job that encodes with one, and how much room its results take."""

from __future__ import annotations

import streamlit as st

from usl_core.encoder_trained import PREFIX
from usl_core.encoders import EncoderCard, encoder_cards
from usl_core.prepared import is_demo, prepared_fingerprint

from . import cache_size, cached, folders, jobs, nav, sources, state
from .text import plain

PER_ROW = 3


def show(name: str) -> None:
    """One card each; the chosen one encodes.

    Raises:
        UslError: this server knows no data set of that name.
    """
    cards = encoder_cards()
    for start in range(0, len(cards), PER_ROW):
        for column, card in zip(st.columns(PER_ROW, gap="medium"), cards[start : start + PER_ROW], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(name, card)
    _encoding(name)
    if not folders.is_read_only():
        cache_size.show()


def _card(name: str, card: EncoderCard) -> None:
    chosen = state.encoder() == card.name
    ready = prepared_fingerprint(sources.source_of(name), card.name) is not None
    here = "encoded" if ready else ("ready to use" if card.cached else f"downloads {card.size} once")
    badge = ":green-badge[:material/check: encoded]" if ready else f":gray-badge[{here}]"
    st.markdown(
        f"**{plain(card.name)}** {badge}  \n"
        f":small[{plain(str(card.dim))} dimensions · sees {card.input_size} × {card.input_size} pixels · {card.size}]  \n"
        f":small[Training: {plain(card.training)}]"
    )
    st.button(
        "Is chosen" if chosen else "Choose",
        key=f"encoder-{card.name}",
        icon=":material/check:" if chosen else None,
        disabled=chosen,
        on_click=state.use_encoder,
        args=(card.name,),
        help=f"Licence: {plain(card.licence)}",
    )


def _encoding(name: str) -> None:
    source, encoder = sources.source_of(name), state.encoder()
    key = cached.job_key("prepare", source, encoder)
    arguments = {"source": source, "encoder": encoder}
    job = jobs.find(key)
    is_ready = cached.prepared(name, encoder) is not None
    if is_ready and (job is None or job.status in ("done", "cancelled")):
        if not is_demo(source):
            st.button(
                "Look for changes in the folder",
                key="again",
                icon=":material/refresh:",
                on_click=jobs.start,
                args=(key, "prepare", arguments),
                kwargs={"purpose": "asked", "afresh": True},
                help="Scans again, and encodes again if any image was added, changed or removed.",
            )
    elif folders.is_read_only():
        st.info("This public server does not encode. Choose an encoder that is marked as encoded.")
    else:
        done = jobs.section(
            key,
            "prepare",
            arguments,
            doing="Encoding",
            label=f"Encode with {plain(encoder) if encoder.startswith(PREFIX) else encoder}",
            help="In the background: look around meanwhile, reload or close the page. What is done is kept on disk.",
            is_there=lambda: cached.prepared(name, encoder) is not None,
        )
        if done is not None:
            st.rerun()
    if is_ready:
        st.page_link(nav.pages()["compare"], label="Compare the methods on these images", icon=":material/arrow_forward:")
