"""What looks at the images: the encoder that is recommended, its cost and one button; all others folded into a table."""

from __future__ import annotations

import streamlit as st

from usl_core.encoders import timm
from usl_core.encoders.base import EncoderCard
from usl_core.encoders.registry import card_of, encoder_cards
from usl_core.encoders.trained import PREFIX
from usl_core.pipeline.prepared import is_demo, prepared_fingerprint
from usl_core.types import ImageSet

from .. import cached, nav
from ..access import folders, looking, sources
from ..jobs import work
from ..state import Key
from ..text import plain
from . import cache_size, costs, own_encoders

_SEARCH = "encoder-search"
_MOST = 12
_WIDTHS = (0.46, 0.2, 0.2, 0.14)
_GO_ON = """<style>
.st-key-go-on a[data-testid="stPageLink-NavLink"] { background: light-dark(#0F62A8, #5AB0F0); padding: 0.4rem 0.9rem; }
.st-key-go-on a[data-testid="stPageLink-NavLink"] * { color: light-dark(#FFFFFF, #12171E); }
</style>"""
_STYLE = "<style>.st-key-encoder-list { max-height: 27rem; overflow-y: auto; }</style>"


def show(name: str, images: ImageSet) -> None:
    """The next step, and the other encoders.

    Raises:
        UslError: this server knows no data set, or no encoder, of that name.
    """
    with st.container(border=True, key="next-step"):
        _next_step(name, images)
    section = st.expander(
        "Other encoders", icon=":material/visibility:", key=Key.ENCODERS, on_change="rerun", bind="query-params"
    )
    with section:
        if section.open:
            _others(name, images)
    if not folders.is_read_only():
        own_encoders.show()
        cache_size.show()


def _next_step(name: str, images: ImageSet) -> None:
    source, encoder, usual = sources.source_of(name), looking.encoder(), looking.usual()
    card = card_of(encoder)
    is_ready = cached.prepared(name, encoder) is not None
    if is_ready:
        badge = ":green-badge[:material/check: encoded]"
    elif encoder == usual.encoder:
        badge = ":blue-badge[:material/recommend: recommended]"
    else:
        badge = ":gray-badge[chosen]"
    st.markdown(f"Encoder **{plain(encoder)}** {badge}  \n:small[{_about(card)}]")
    if not is_ready and encoder == usual.encoder:
        st.caption(f"Recommended because {usual.why}.")
    key, arguments = cached.job_key("prepare", source, encoder), {"source": source, "encoder": encoder}
    job = work.find(key)
    if is_ready and (job is None or job.status in ("done", "cancelled")):
        st.html(_GO_ON)
        with st.container(key="go-on", horizontal=True, vertical_alignment="center"):
            st.page_link(nav.pages()["compare"], label="Compare the methods on these images", icon=":material/arrow_forward:")
            if not is_demo(source):
                st.button(
                    "Look for changes in the folder",
                    key="again",
                    icon=":material/refresh:",
                    on_click=work.start,
                    args=(key, "prepare", arguments),
                    kwargs={"purpose": "asked", "afresh": True},
                    help="Scans again. Only images that are new or have changed are encoded.",
                )
        return
    if not sources.may_encode(source) or (folders.is_read_only() and not card.cached):
        downloads = ", and downloads none" if sources.may_encode(source) else ""
        said = "with this encoder" if downloads else "these images"
        st.info(f"This public server does not encode {said}{downloads}. Choose another encoder below.")
        return
    if job is None or not job.active:
        costs.line(source, card, images)
    done = work.section(
        key,
        "prepare",
        arguments,
        doing="Encoding",
        label=f"Encode with {plain(encoder) if encoder.startswith(PREFIX) else encoder}",
        help="In the background: look around meanwhile, reload or close the page. What is done is kept on disk.",
        is_there=lambda: cached.prepared(name, encoder) is not None,
    )
    if (job := work.find(key)) is not None and job.active:
        work.end_background()
    if done is not None:
        st.rerun()


def _others(name: str, images: ImageSet) -> None:
    source = sources.source_of(name)
    text = st.text_input(
        "Search",
        key=_SEARCH,
        icon=":material/search:",
        placeholder="dinov2 small, clip, resnet, self-supervised, ...",
        help="Among the encoders here and more than 1,700 networks of timm; all words must be there.",
        max_chars=80,
    )
    found = _found(text)
    if not found:
        st.caption("No encoder is named or described so; try fewer or other words.")
    measured = {} if folders.is_read_only() else costs.table(source, found, images)
    st.html(_STYLE)
    with st.container(key="encoder-list", gap="small"):
        for card in found:
            _row(source, card, measured.get(card.name))


def _found(text: str) -> list[EncoderCard]:
    """What a search finds: without words all that are here, then the rest of the list."""
    words = text.casefold().split()
    cards = [card for card in encoder_cards() if all(word in f"{card.name} {card.training}".casefold() for word in words)]
    if words:
        known = {card.name for card in cards}
        cards += [card for card in timm.search(text, most=_MOST) if card.name not in known]
        return cards[: 2 * _MOST]
    return sorted(cards, key=lambda card: not card.cached)


def _row(source: str, card: EncoderCard, cost: str | None) -> None:
    chosen = looking.encoder() == card.name
    what, facts, price, button = st.columns(_WIDTHS, vertical_alignment="center")
    what.markdown(f"**{plain(card.name)}**  \n:small[{plain(card.training)}]")
    facts.markdown(f":small[{plain(str(card.dim))} dimensions  \n{_seen(card)}]")
    if prepared_fingerprint(source, card.name) is not None:
        here = ":green-badge[:material/check: encoded]"
    else:
        here = ":gray-badge[ready to use]" if card.cached else f":gray-badge[downloads {card.size}]"
    price.markdown(here + (f"  \n:small[{cost}]" if cost else ""))
    button.button(
        "Is chosen" if chosen else "Choose",
        key=f"encoder-{card.name}",
        icon=":material/check:" if chosen else None,
        disabled=chosen,
        on_click=looking.use,
        args=(card.name,),
        help=f"Licence: {plain(card.licence)}",
        width="stretch",
    )


def _about(card: EncoderCard) -> str:
    return f"{plain(card.training)} · {plain(str(card.dim))} dimensions · sees {_seen(card)} · " + (
        "needs no download" if card.cached else f"downloads {card.size} once"
    )


def _seen(card: EncoderCard) -> str:
    return f"{card.input_size} × {card.input_size} pixels" if card.input_size else "no image"
