"""A web server for weights files: ranges, cut connections, a redirecting hub, and what it was asked for."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """What is served, and how badly.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.cut_after: list[int] = []
        """Bytes after which the connection is cut, of one answer after the other."""
        self.statuses: list[int] = []
        """Answered instead, one after the other."""
        self.knows_ranges = True
        self.seconds_per_block = 0.0


@contextmanager
def serving() -> Iterator[Web]:
    """A server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_HEAD(self) -> None:
            self._answer(head=True)

        def do_GET(self) -> None:
            self._answer(head=False)

        def _answer(self, head: bool) -> None:
            path = self.path.partition("?")[0]
            if not head:
                web.asked.append(path)
                web.ranges.append(self.headers.get("Range", ""))
            status = web.statuses.pop(0) if web.statuses and not head else None
            body = web.files.get(path)
            if status is not None or body is None:
                self.send_response(status or 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = 0
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if web.knows_ranges else None
            if asked:
                start = int(asked[1])
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            digest = hashlib.sha256(body).hexdigest()
            for name, value in {"X-Repo-Commit": "a" * 40, "ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"'}.items():
                self.send_header(name, value)
            self.send_header("X-Linked-Size", str(len(body)))
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            if head:
                return
            rest = body[start:]
            if web.cut_after:
                rest = rest[: web.cut_after.pop(0)]
            for place in range(0, len(rest), 1 << 16):
                self.wfile.write(rest[place : place + (1 << 16)])
                self.wfile.flush()
                time.sleep(web.seconds_per_block)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    web = Web(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
