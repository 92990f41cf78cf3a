"""What every request passes on its way to a route, Streamlit's own included: the host, the origin, headers on every answer."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usl_core.errors import UslError

from ..access import uploads
from ..access.upload_meter import meter

log = logging.getLogger(__name__)

ENV_ALLOWED_HOSTS = "USL_ALLOWED_HOSTS"

HEADERS = {
    # Streamlit's own bundle needs inline styles and eval; nothing may come from, or go to, another host.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)/?$")
_OURS = "/api/"
_THIS_MACHINE = ["127.0.0.1", "localhost"]
_PORTS = {"http": 80, "https": 443}


def allowed_hosts() -> list[str]:
    """Host names that the server answers to: this machine, and those in USL_ALLOWED_HOSTS (comma separated)."""
    more = os.environ.get(ENV_ALLOWED_HOSTS, "")
    return [*_THIS_MACHINE, *(name.strip() for name in more.split(",") if name.strip())]


def tell_streamlit() -> None:
    """Make Streamlit's own check of the host, which its websocket passes, know the further names too."""
    from streamlit import config

    known = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", list(dict.fromkeys([*known, *allowed_hosts()])))


def is_own_origin(origin: str, host: str, names: Sequence[str]) -> bool:
    """Whether a page of that origin is one of this server's.

    It is if it has the host and port that the request went to, whichever of the server's names it used; or, behind a proxy
    that speaks https and names this machine as the host, one of the further names at the port of https. A page of another
    port is another program's, and `null` is nobody's.

    Args:
        origin: header of that name: scheme, host and port.
        host: header of that name: host and port.
        names: see `allowed_hosts`.
    """
    page, here = _split(origin), _split(f"//{host}")
    if page is None or here is None or page.scheme not in _PORTS or origin != f"{page.scheme}://{page.netloc}":
        return False
    usual = _PORTS[page.scheme]
    if (page.port or usual) == (here.port or usual):
        return page.hostname == here.hostname or page.hostname in names
    return page.scheme == "https" and page.port is None and page.hostname in set(names) - {*_THIS_MACHINE, "*"}


def tell_upload_limit() -> None:
    """Make Streamlit's own limit, which counts files one by one, let through what may be uploaded."""
    from streamlit import config

    try:
        megabytes = -(-uploads.max_bytes() // 2**20)
    except UslError as error:  # the page says so, too
        log.error("%s", error)
        return
    if uploads.is_on():
        config.set_option("server.maxUploadSize", megabytes)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where it is no port
    except ValueError:
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


class SecurityHeaders:
    """Adds the headers above to every answer, and answers where a route failed without having answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers[name] = value
                message["headers"] = headers.raw
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            if started or scope["type"] != "http":
                raise
            log.exception("a request failed: %s %r", scope["method"], scope["path"])
            await PlainTextResponse("the server failed; its log has the details", 500)(scope, receive, send_with_headers)


class UploadLimits:
    """Refuses files that are not to be uploaded here, or are too many or too large together, before they are in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _UPLOAD.search(scope["path"]) if scope["type"] == "http" else None
        if asked is None or scope["method"] not in ("PUT", "DELETE"):
            await self.app(scope, receive, send)
            return
        session, file = asked.groups()
        is_there = scope["method"] == "PUT"
        if is_there and (refused := _refused(scope, session, file)):
            await PlainTextResponse(refused, 413)(scope, receive, send)
            return
        status = 500

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        finally:  # also where the browser has gone in the middle of a file
            if not is_there or not 200 <= status < 300:
                meter().drop(session, file)


def _refused(scope: Scope, session: str, file: str) -> str:
    """Why a file must not come; empty if it may."""
    length = Headers(scope=scope).get("content-length", "")
    if not uploads.is_on():
        return "this server takes no uploads"
    if not (length.isascii() and length.isdigit()):
        return "an upload has to say how long it is"
    try:
        return meter().admit(session, file, int(length))
    except UslError as error:
        return str(error)


class OwnOrigin:
    """Refuses what pages of other origins ask for: another page in the same browser could drive the app through it."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origins = headers.get("host", ""), headers.getlist("origin")
        if not all(is_own_origin(origin.lower(), host.lower(), self.names) for origin in origins):
            log.warning("refused %r to a page of %r", scope["path"], origins)
            await PlainTextResponse("this page may not use the server", 403)(scope, receive, send)
            return
        if origins and scope["type"] == "websocket":
            # Streamlit compares with the host alone, and asks the network which addresses this machine has if they differ.
            scheme = origins[0].partition(":")[0]
            others = [(name, value) for name, value in scope["headers"] if name != b"origin"]
            scope = {**scope, "headers": [*others, (b"origin", f"{scheme}://{host}".encode("latin-1"))]}
        await self.app(scope, receive, send)


class BelowBasePath:
    """Finds our own routes below `server.baseUrlPath` too, where Streamlit puts its own and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (base := base_path()) and scope["path"].startswith(f"{base}{_OURS}"):
            raw = scope.get("raw_path")
            scope = {**scope, "path": scope["path"][len(base) :]}
            if raw is not None:
                scope["raw_path"] = raw.removeprefix(quote(base).encode())
        await self.app(scope, receive, send)


def base_path() -> str:
    """What every address of the app begins with behind a proxy, such as "/usl"; empty for none."""
    from streamlit import config

    given = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{given}" if given else ""


MIDDLEWARE = [
    Middleware(SecurityHeaders),
    Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(), www_redirect=False),
    Middleware(OwnOrigin, names=[name.lower() for name in allowed_hosts()]),
    Middleware(UploadLimits),
    Middleware(BelowBasePath),
]
