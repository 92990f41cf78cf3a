"""What the server answers beside Streamlit: thumbnails, and the checks that every request passes.

Streamlit guards its own routes only, so these bring their own protection: opaque data set ids, whole-number indices,
re-encoded images, and for everything a host check and headers that keep the page from loading or being framed elsewhere.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usl_core.demos import demo_cards, load_demo
from usl_core.errors import UslError
from usl_core.images import thumbnail
from usl_core.types import ImageSet

log = logging.getLogger(__name__)

THUMBNAIL_SIZE = 96
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


def thumbnail_url(dataset: str, index: int) -> str:
    """Address of one image of a data set, relative to the app."""
    return f"api/thumb/{dataset}/{index}"


@lru_cache(maxsize=8)
def _images(dataset: str) -> ImageSet:
    return load_demo(dataset).images


@lru_cache(maxsize=4096)
def _thumbnail(dataset: str, index: int) -> bytes:
    return thumbnail(_images(dataset), index, THUMBNAIL_SIZE)


async def _serve_thumbnail(request: Request) -> Response:
    dataset, index = request.path_params["dataset"], request.path_params["index"]
    if dataset not in {card.name for card in demo_cards()}:
        return Response("unknown data set", status_code=404, media_type="text/plain")
    try:
        data = await anyio.to_thread.run_sync(_thumbnail, dataset, index)
    except (IndexError, UslError) as error:
        log.warning("no thumbnail of image %d of %s: %s", index, dataset, error)
        return Response("unknown image", status_code=404, media_type="text/plain")
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})


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


ROUTES = [Route("/api/thumb/{dataset:str}/{index:int}", _serve_thumbnail)]
MIDDLEWARE = [Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts()), Middleware(SecurityHeaders)]
