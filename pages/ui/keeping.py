"""How something is computed once and kept for all sessions.

Keys are names, fingerprints and parameter objects, never arrays: Streamlit hashes only a sample of a large array. What is kept
is shared between sessions, so its arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import wraps
from typing import Any, TypeVar, cast

import streamlit as st

from usl_core.projection.params import UmapParams
from usl_core.read_only import read_only
from usl_core.selection.usl_params import UslParams

F = TypeVar("F", bound=Callable[..., Any])
_HASH: dict[str | type, Callable[[Any], Any]] = {
    UslParams: astuple,
    UmapParams: astuple,
    str: lambda text: text.encode("utf-8", "surrogatepass"),  # names of folders need not be text
}


def kept(max_entries: int) -> Callable[[F], F]:
    """Computed once and kept for all sessions, with arrays that nobody can change."""

    def dressed(function: F) -> F:
        @wraps(function)
        def made(*given: Any, **named: Any) -> Any:
            return read_only(function(*given, **named))

        return cast(F, st.cache_resource(max_entries=max_entries, show_spinner=False, hash_funcs=_HASH)(made))

    return dressed


class Missing(Exception):
    """What was asked for has not been made yet, which may change."""
