"""Linked maps that stay in the browser: points travel once, afterwards only what changed.

The part is a Streamlit component with scripts of its own (`scripts/`), drawn by WebGL; where a browser has none, plotly draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from usl_core.pipeline.artefacts import Map
from usl_core.pipeline.prepared import Prepared, is_toy

from .. import addresses, state
from ..state import Choices
from . import fallback
from .arrays import from_ranges
from .content import Background, Channel, Panel, check, chosen, payload

__all__ = ["Channel", "Background", "Panel", "background_of", "selected", "show", "unselect"]

SCRIPTS = Path(__file__).parent / "scripts"
_FLAT, _SELECTED, _AGAIN = "maps-flat", "maps-selected", "maps-again"
# Streamlit sends these lines again with every change, so they only load the rest, which browsers keep.
LOADER = """async function load(address, say) {
  for (let tries = 1; ; tries++) {
    try {
      return await import(new URL(address, document.baseURI).href);
    } catch (error) {  // a file that did not come; what came is there at the next try
      say(tries < 8 ? "The server does not answer. Trying again …" : "This part could not be loaded. Reload the page.");
      if (tries === 8) throw error;
      await new Promise((go) => setTimeout(go, 250 * 2 ** (tries - 1)));
    }
  }
}
export default function (given) {
  const root = given.parentElement.querySelector(".maps, .desk");
  const here = load(given.data.script, (text) => { root.dataset.late = root.textContent = text; });
  here.then((script) => {
    if (root.dataset.late) root.replaceChildren();
    delete root.dataset.late;
    script.show(given);
  });
  return () => { here.then((script) => script.hide(given)); };
}
"""
_component: Callable[..., Any] = st.components.v2.component(
    "usl_maps", html="<div class='maps'></div>\n", css=(SCRIPTS / "maps.css").read_text(encoding="utf-8"), js=LOADER
)


def background_of(choices: Choices, made: Prepared, drawn: Map) -> Background:
    """What a data set's maps are drawn on; a toy has no pictures."""
    if is_toy(made.source):
        return Background(xy=drawn.xy, version=made.features.fingerprint)
    return Background(
        xy=drawn.xy,
        version=made.features.fingerprint,
        thumbnails=addresses.row_url(choices.data, made),
        words=addresses.words_url(choices.data, made),
        atlas=addresses.atlas_url(choices.data, made),
    )


def show(
    key: str,
    background: Background,
    panels: Sequence[Panel],
    channels: Sequence[Channel],
    colour: str,
    *,
    alt: str,
    pinned: int | None = None,
    on_pin: Callable[[int | None], None] | None = None,
    selectable: bool = True,
    columns: int | None = None,
    panel_height: int = 400,
) -> NDArray[np.int64] | None:
    """Draw maps side by side that move together.

    Args:
        key: of the part on this page; zoom and selection are remembered under it.
        background: coordinates, and where pictures and words come from.
        panels: one to nine.
        channels: everything that an image's hover card tells, and colours can show; by the first quantity, which is a density,
            the images are chosen that stand for others.
        colour: name of the channel that colours every panel that names none.
        alt: what is to be seen, for those who cannot.
        pinned: the row with a ring.
        on_pin: called with the row of a chosen image before the next run; None: clicks do nothing.
        selectable: offer box and lasso.
        columns: panels per row at most; default 4, and as many as have room.
        panel_height: pixels.

    Returns:
        Ascending rows of the selection; None where nothing is selected.

    Raises:
        UslError: arrays, names or rows that do not belong together.
    """
    check(background, panels, channels, colour)
    n, again = len(background.xy), f"{_AGAIN}-{key}"
    rows = selected(key, background) if selectable else None
    if st.session_state.get(_FLAT):
        fallback.show(key, background, panels, channels, colour, alt=alt)
        return None

    def pin() -> None:
        event = st.session_state[key].pin
        row = event.get("row") if isinstance(event, dict) and event.get("version") == background.version else None
        if on_pin is not None and type(row) is int and 0 <= row < n:  # browsers can send anything
            on_pin(row)

    def select() -> None:
        event = st.session_state[key].select
        if isinstance(event, dict) and event.get("version") == background.version:
            found = from_ranges(event.get("ranges"), n)
            if found is not None:
                st.session_state[f"{_SELECTED}-{key}"] = (background.version, found if len(found) else None)

    def flat() -> None:
        st.session_state[_FLAT] = True

    def offer_again() -> None:  # Streamlit calls the script only when something differs
        st.session_state[again] = st.session_state.get(again, 0) + 1

    data = {
        **payload(background, panels, channels, colour, theme=state.theme_name()),
        "script": script_url(),
        "again": st.session_state.get(again, 0),
        "name": key,
        "alt": alt,
        "pinned": pinned,
        "pinnable": on_pin is not None,
        "selectable": selectable,
        "selected": chosen(rows),
        "columns": columns,
        "height": panel_height,
    }
    _component(
        key=key, data=data, on_pin_change=pin, on_select_change=select, on_flat_change=flat, on_missing_change=offer_again
    )
    return rows


def selected(key: str, background: Background) -> NDArray[np.int64] | None:
    """The rows selected on these maps; None where nothing is."""
    version, rows = st.session_state.get(f"{_SELECTED}-{key}", ("", None))
    return rows if version == background.version else None


def unselect(key: str) -> None:
    """Select nothing on these maps; for callbacks."""
    st.session_state.pop(f"{_SELECTED}-{key}", None)


@cache
def script_url() -> str:
    """Address of the script; it changes whenever one of the scripts does."""
    return f"api/maps/{scripts_version()}/index.js"


@cache
def scripts_version() -> str:
    """Digest of all scripts."""
    return digest_of(SCRIPTS)


def digest_of(folder: Path) -> str:
    """Digest of all scripts of a folder."""
    digest = blake2b(digest_size=8)
    for path in sorted(folder.glob("*.js")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
