"""What the server answers beside Streamlit: images, finished files, arrays of the maps, scripts of our parts.

Streamlit guards its own routes only, so these bring their own protection: opaque names of data sets, images asked for by the
digest of their bytes, re-encoded before they leave, files by the unguessable id of their job; `addresses` spells them. Whatever
else is asked for is not there, and says no more. What every request passes before is in `guard`.

What answers is imported when it is first asked, so that the server listens sooner.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from usl_core.errors import UslError

T = TypeVar("T")
log = logging.getLogger(__name__)

_FOR_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}  # another image has another address
_NEVER = {"Cache-Control": "no-store"}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ROW = re.compile(r"[0-9]{1,12}", re.ASCII)
_READERS = 8
"""Images that are read at a time: a disk that does not answer must not take the threads that answer everything else."""
_readers: RunVar[anyio.CapacityLimiter] = RunVar("readers")  # one per event loop
_ATLAS_MAKERS = 2
"""Atlases that are made at a time: each reads hundreds of images, and single ones must not wait for that."""
_atlas_makers: RunVar[anyio.CapacityLimiter] = RunVar("atlas makers")


async def _serve_image(request: Request) -> Response:
    asked = request.path_params
    from .pictures import image_of

    return await _picture(image_of, asked["name"], asked["digest"], asked["size"])


async def _serve_row(request: Request) -> Response:
    asked, encoder = request.path_params, request.query_params.get("encoder", "")
    from .pictures import image_of_row

    return await _picture(image_of_row, asked["name"], asked["fingerprint"], _row(asked["row"]), encoder)


async def _serve_atlas(request: Request) -> Response:
    asked, encoder = request.path_params, request.query_params.get("encoder", "")
    from .atlas import Incomplete, atlas_of_rows

    parts = (asked["name"], asked["fingerprint"], asked["side"], asked["rows"])
    try:
        data = await _found(atlas_of_rows, *parts, encoder, limiter=_limiter(_atlas_makers, _ATLAS_MAKERS))
    except Incomplete as found:
        return Response(found.data, media_type="image/jpeg", headers=_NEVER)
    if data is None:
        return _unknown("unknown images")
    return Response(data, media_type="image/jpeg", headers=_FOR_A_DAY)


async def _picture(find: Callable[..., bytes], *asked: Any) -> Response:
    data = await _found(find, *asked)
    if data is None:
        return _unknown("unknown image")
    return Response(data, media_type="image/jpeg", headers=_FOR_A_DAY)


async def _serve_words(request: Request) -> Response:
    asked, encoder = request.path_params, request.query_params.get("encoder", "")
    from .pictures import words_of_row

    words = await _found(words_of_row, asked["name"], asked["fingerprint"], _row(asked["row"]), encoder)
    return _unknown("unknown image") if words is None else JSONResponse(words, headers=_FOR_A_DAY)


async def _serve_array(request: Request) -> Response:
    from ..maps.arrays import STORE

    data = STORE.find(request.path_params["digest"])
    if data is None:
        return _unknown("unknown array; open the page again")
    return Response(data, media_type="application/octet-stream", headers=_FOR_A_DAY)


async def _serve_map_script(request: Request) -> Response:
    from ..maps import SCRIPTS, scripts_version

    return _script(request, SCRIPTS, scripts_version())


async def _serve_review_script(request: Request) -> Response:
    from ..review.desk import SCRIPTS, scripts_version

    return _script(request, SCRIPTS, scripts_version())


def _script(request: Request, folder: Path, version: str) -> Response:
    name = request.path_params["name"]
    known = {path.name for path in folder.glob("*.js")}
    if request.path_params["version"] != version or name not in known:
        return _unknown("unknown script")
    return FileResponse(folder / name, media_type="text/javascript", headers=_FOR_A_DAY)


async def _serve_file(request: Request) -> Response:
    from ..access.sources import is_open
    from ..jobs.pool import pool

    job = request.path_params["job"]
    path = pool().file_of(job) if _TOKEN.fullmatch(job) and is_open(pool().source_of(job)) else None
    try:
        facts = None if path is None else os.stat(path)  # noqa: PTH116 - one look at the file, which may be going
    except OSError:
        facts = None
    if path is None or facts is None or not S_ISREG(facts.st_mode):
        return _unknown("unknown file")
    return FileResponse(path, stat_result=facts, headers=_NEVER | _attachment(path.name))


async def _serve_offer(request: Request) -> Response:
    from ..parts.file_links import find

    token = request.path_params["token"]
    offer = find(token) if _TOKEN.fullmatch(token) else None
    data = None if offer is None else await _found(offer.make)
    if offer is None or data is None:
        return _unknown("unknown file; open the page again")
    return Response(data, media_type="application/octet-stream", headers=_NEVER | _attachment(offer.name))


async def _serve_nothing(request: Request) -> Response:
    """Streamlit would answer with its page."""
    return _unknown("nothing is here")


async def _found(find: Callable[..., T], *asked: Any, limiter: anyio.CapacityLimiter | None = None) -> T | None:
    """What `find` returns, in a thread; None where it is not there."""
    try:
        return await anyio.to_thread.run_sync(find, *asked, limiter=limiter or _limiter(_readers, _READERS))
    except (LookupError, UslError) as error:
        log.info("not there: %r: %s", asked, error)
        return None


def _limiter(kept: RunVar[anyio.CapacityLimiter], most: int) -> anyio.CapacityLimiter:
    try:
        return kept.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(most)
        kept.set(limiter)
        return limiter


def _row(text: str) -> int:
    """The number of a row; -1, which none has, for anything else."""
    return int(text) if _ROW.fullmatch(text) else -1


def _unknown(what: str) -> Response:
    return Response(what, status_code=404, media_type="text/plain", headers=_NEVER)


def _attachment(name: str) -> dict[str, str]:
    """The header that saves an answer under that name, whatever characters it has (RFC 6266)."""
    printable = name.encode("utf-8", "replace").decode()
    fallback = re.sub(r"[^A-Za-z0-9._ -]", "_", printable)
    return {"Content-Disposition": f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(printable, safe='')}"}


ROUTES = [
    Route("/api/image/{name:str}/{size:str}/{digest:str}", _serve_image),
    Route("/api/row/{name:str}/{fingerprint:str}/{row:str}", _serve_row),
    Route("/api/atlas/{name:str}/{fingerprint:str}/{side:str}/{rows:str}", _serve_atlas),
    Route("/api/words/{name:str}/{fingerprint:str}/{row:str}", _serve_words),
    Route("/api/array/{digest:str}", _serve_array),
    Route("/api/maps/{version:str}/{name:str}", _serve_map_script),
    Route("/api/review/{version:str}/{name:str}", _serve_review_script),
    Route("/api/file/{job:str}", _serve_file),
    Route("/api/offer/{token:str}", _serve_offer),
    Route("/api/{path:path}", _serve_nothing),
]
