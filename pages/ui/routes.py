"""What the server answers beside Streamlit: images, finished files, and the checks that every request passes.

Streamlit guards its own routes only, so these bring their own protection: opaque names of data sets, images asked for by the
digest of their bytes, re-encoded before they leave, files by the unguessable id of their job; and for everything a host check
and headers that keep the page from loading or being framed elsewhere.

What answers is imported when it is first asked, so that the server listens sooner.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usl_core.errors import UslError

if TYPE_CHECKING:
    from usl_core.prepared import Prepared


log = logging.getLogger(__name__)

ENV_ALLOWED_HOSTS = "USL_ALLOWED_HOSTS"

_HEADERS = {
    # Streamlit's own bundle needs inline styles and eval; nothing may come from, or go to, another host.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}  # another image has another address


def image_url(name: str, digest: str, size: str = "small") -> str:
    """Address of one image of a data set, relative to the app."""
    return f"api/image/{name}/{size}/{digest}"


def row_url(name: str, made: Prepared) -> str:
    """Address of the small image of a row, which takes the place of {row}; relative to the app."""
    return f"api/row/{name}/{made.features.fingerprint}/{{row}}?encoder={made.features.encoder}"


def words_url(name: str, made: Prepared) -> str:
    """Address of what a row is called, as JSON; the row takes the place of {row}; relative to the app."""
    return f"api/words/{name}/{made.features.fingerprint}/{{row}}?encoder={made.features.encoder}"


def file_url(job_id: str) -> str:
    """Address of the file that a finished job made, relative to the app."""
    return f"api/file/{job_id}"


def offer_url(token: str) -> str:
    """Address of a file that a page offers, relative to the app."""
    return f"api/offer/{token}"


async def _serve_image(request: Request) -> Response:
    asked = request.path_params
    from .served import image_of

    return await _answer(image_of, asked["name"], asked["digest"], asked["size"])


async def _serve_row(request: Request) -> Response:
    asked = request.path_params
    encoder = request.query_params.get("encoder", "")
    from .served import image_of_row

    return await _answer(image_of_row, asked["name"], asked["fingerprint"], asked["row"], encoder)


async def _answer(find: Callable[..., bytes], *asked: Any) -> Response:
    try:
        data = await anyio.to_thread.run_sync(find, *asked)
    except (LookupError, UslError) as error:
        log.info("no image for %r: %s", asked, error)
        return Response("unknown image", status_code=404, media_type="text/plain")
    return Response(data, media_type="image/jpeg", headers=_FOR_A_DAY)


async def _serve_words(request: Request) -> Response:
    asked = request.path_params
    encoder = request.query_params.get("encoder", "")
    from .served import words_of_row

    try:
        words = await anyio.to_thread.run_sync(words_of_row, asked["name"], asked["fingerprint"], asked["row"], encoder)
    except (LookupError, UslError) as error:
        log.info("no words for %r: %s", asked, error)
        return Response("unknown image", status_code=404, media_type="text/plain")
    return JSONResponse(words, headers=_FOR_A_DAY)


async def _serve_array(request: Request) -> Response:
    from .maps.arrays import STORE

    data = STORE.find(request.path_params["digest"])
    if data is None:
        return Response("unknown array; open the page again", status_code=404, media_type="text/plain")
    return Response(data, media_type="application/octet-stream", headers=_FOR_A_DAY)


async def _serve_script(request: Request) -> Response:
    from .maps import SCRIPTS, scripts_version

    name = request.path_params["name"]
    known = {path.name for path in SCRIPTS.glob("*.js")}
    if request.path_params["version"] != scripts_version() or name not in known:
        return Response("unknown script", status_code=404, media_type="text/plain")
    return FileResponse(SCRIPTS / name, media_type="text/javascript", headers=_FOR_A_DAY)


async def _serve_file(request: Request) -> Response:
    from .job_pool import pool

    path = pool().file_of(request.path_params["job"])
    if path is None or not path.is_file():
        return Response("unknown file", status_code=404, media_type="text/plain")
    return FileResponse(path, filename=path.name, headers={"Cache-Control": "no-store"})  # as an attachment


async def _serve_offer(request: Request) -> Response:
    from .offered import find

    offer = find(request.path_params["token"])
    if offer is None:
        return Response("unknown file; open the page again", status_code=404, media_type="text/plain")
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{offer.name}"'}
    return Response(await anyio.to_thread.run_sync(offer.make), media_type="application/octet-stream", headers=headers)


class SecurityHeaders:
    """Adds the headers above to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def allowed_hosts() -> list[str]:
    """Host names that the server answers to: this machine, and those in USL_ALLOWED_HOSTS (comma separated)."""
    more = os.environ.get(ENV_ALLOWED_HOSTS, "")
    return ["127.0.0.1", "localhost", *(name.strip() for name in more.split(",") if name.strip())]


ROUTES = [
    Route("/api/image/{name:str}/{size:str}/{digest:str}", _serve_image),
    Route("/api/row/{name:str}/{fingerprint:str}/{row:int}", _serve_row),
    Route("/api/words/{name:str}/{fingerprint:str}/{row:int}", _serve_words),
    Route("/api/array/{digest:str}", _serve_array),
    Route("/api/maps/{version:str}/{name:str}", _serve_script),
    Route("/api/file/{job:str}", _serve_file),
    Route("/api/offer/{token:str}", _serve_offer),
]
MIDDLEWARE = [Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts()), Middleware(SecurityHeaders)]
