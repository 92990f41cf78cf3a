"""Files that a page offers for download: links that answer for as long as the page is open.

Streamlit's own download button keeps its file until the next run of the script. A job that finishes in the background causes
one at any time, and a click at that moment finds nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

import streamlit as st

from ..access.sources import is_open
from . import markup


@dataclass(eq=False, weakref_slot=True, slots=True)
class Offer:
    """A file that is made when somebody asks for it.

    Args:
        name: of the file.
        make: its bytes; called in a thread.
        token: by which it is asked for; nobody guesses it.
        source: what it is about, which may be closed by the time that it is asked for.
    """

    name: str
    make: Callable[[], bytes]
    token: str
    source: str


_offers: WeakValueDictionary[str, Offer] = WeakValueDictionary()  # the sessions hold them, and they go with their session


def find(token: str) -> Offer | None:
    """The offer of that token, if its session is still there, and what it is about still open."""
    offer = _offers.get(token)
    return offer if offer is not None and is_open(offer.source) else None


def link(name: str, make: Callable[[], bytes], help: str = "", *, source: str) -> None:
    """A link to a file about a source, which is always that of the latest run of the page."""
    from ..addresses import offer_url

    key = f"offered {name}"
    offer = st.session_state.get(key)
    if offer is None:
        offer = st.session_state[key] = Offer(name, make, secrets.token_urlsafe(16), source)
        _offers[offer.token] = offer
    offer.make, offer.source = make, source
    anchor(offer_url(offer.token), name, name, help)


def anchor(address: str, name: str, label: str, help: str = "") -> None:
    """A link that saves what it leads to under that name."""
    markup.show("link", width="content", address=address, name=name, label=label, help=help)
