"""The addresses of what the server answers beside Streamlit, see `server.routes`; relative to the app."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from usl_core.pipeline.prepared import Prepared


def image_url(name: str, digest: str, size: str = "small") -> str:
    """Address of one image of a data set."""
    return f"api/image/{quote(name)}/{size}/{digest}"


def row_url(name: str, made: Prepared) -> str:
    """Address of the small image of a row, which takes the place of {row}."""
    return f"api/row/{quote(name)}/{made.features.fingerprint}/{{row}}?encoder={made.features.encoder}"


def atlas_url(name: str, made: Prepared) -> str:
    """Address of many rows as one image; {side} and {rows} are what `server.atlas` says."""
    return f"api/atlas/{quote(name)}/{made.features.fingerprint}/{{side}}/{{rows}}?encoder={made.features.encoder}"


def words_url(name: str, made: Prepared) -> str:
    """Address of what a row is called, as JSON; the row takes the place of {row}."""
    return f"api/words/{quote(name)}/{made.features.fingerprint}/{{row}}?encoder={made.features.encoder}"


def file_url(job_id: str) -> str:
    """Address of the file that a finished job made."""
    return f"api/file/{job_id}"


def offer_url(token: str) -> str:
    """Address of a file that a page offers."""
    return f"api/offer/{token}"
