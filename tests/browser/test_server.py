"""The running server as a program on the network sees it: who is refused, and that nothing keeps it from answering."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pages.ui import addresses
from pages.ui.server import guard
from usl_core.pipeline.prepared import find_images

from .helpers import write_images
from .server import Server, running_app

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def open_server(root: Path) -> Iterator[Server]:
    """A server that has a second name."""
    with running_app(USL_DATA_ROOTS=str(root), USL_ALLOWED_HOSTS="demo.example") as found:
        yield found


def port_of(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, refusals included."""
    asked = urllib.request.Request(
        url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


def stream_status(server: Server, host: str, origin: str | None) -> int:
    """How the server answers to somebody who opens Streamlit's websocket; 101 is a yes."""
    plug = socket.create_connection(("127.0.0.1", port_of(server)), timeout=20)
    try:
        with connect(f"ws://{host}/_stcore/stream", sock=plug, origin=origin, subprotocols=["streamlit"], proxy=None):  # type: ignore[arg-type,list-item]
            return 101
    except InvalidStatus as refused:
        sent = {name.lower() for name in refused.response.headers}
        return refused.response.status_code if {name.lower() for name in guard.HEADERS} <= sent else 0


def test_only_our_own_pages_open_the_websocket(open_server: Server):
    port = port_of(open_server)
    here, named = f"127.0.0.1:{port}", f"demo.example:{port}"
    yes = [
        *(
            (here, f"http://127.0.0.1:{port}"),
            (here, f"http://localhost:{port}"),
            (f"localhost:{port}", f"http://localhost:{port}"),
        ),
        *(
            (named, f"http://demo.example:{port}"),
            ("demo.example", "https://demo.example"),
            (here, "https://demo.example"),
            (here, None),
        ),
    ]
    no = [
        *(
            (here, f"http://127.0.0.1:{port + 1}"),
            (here, f"http://localhost:{port - 1}"),
            (here, "http://localhost"),
            (here, "null"),
        ),
        *((here, "http://evil.example"), (here, f"http://evil.example:{port}"), (named, f"http://evil.example:{port}")),
        *((named, "http://demo.example:9"), (here, "file://"), (here, "https://demo.example.evil.example")),
    ]
    assert {asked: stream_status(open_server, *asked) for asked in yes} == dict.fromkeys(yes, 101)
    assert {asked: stream_status(open_server, *asked) for asked in no} == dict.fromkeys(no, 403)
    assert stream_status(open_server, f"evil.example:{port}", f"http://evil.example:{port}") == 400


def test_streamlits_own_routes_are_closed_to_other_pages_too(open_server: Server):
    port = port_of(open_server)
    other, own = f"http://localhost:{port + 1}", f"http://localhost:{port}"
    for path in (
        "_stcore/health",
        "_stcore/host-config",
        "_stcore/upload_file/a/b",
        "media/x.png",
        "",
        "api/file/x",
        "static/x.js",
    ):
        for method in ("GET", "OPTIONS", "PUT", "DELETE", "POST"):
            assert fetch(f"{open_server.address}/{path}", method, Origin=other)[0] == 403, (method, path)
            assert fetch(f"{open_server.address}/{path}", method, Origin=own)[1].keys() >= {"content-security-policy"}
    assert fetch(f"{open_server.address}/_stcore/health", Origin=own)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *("api/file/%C3%A9", "api/file/%FF", "api/file/a%00b", "api/row/digits/0/" + "9" * 5000, "api/nothing", "api/x/y/z"),
        *("api/maps/%2e%2e/%2e%2e%2fapp.py", "api/offer/%0d%0a", "api/image/digits/small/%E2%80%AE"),
    ],
)
def test_odd_addresses_are_not_there(open_server: Server, path: str):
    for method in ("GET", "HEAD"):
        status, headers, body = fetch(f"{open_server.address}/{path}", method)
        assert status in (400, 404)  # Streamlit itself refuses what looks like a way out
        assert {name.lower() for name in guard.HEADERS} <= set(headers)
        assert len(body) < 60


def test_a_foreign_host_gets_the_headers(open_server: Server):
    status, headers, _ = fetch(open_server.address, Host="evil.example")
    assert status == 400
    assert {name.lower() for name in guard.HEADERS} <= set(headers)


def test_bytes_that_are_no_request_do_no_harm(open_server: Server):
    for line in (
        b"GET /api/file/\xe9 HTTP/1.1",
        b"GET /api/file/\xff\xfe HTTP/1.1",
        b"\x00\x01",
        b"GET  HTTP/9.9",
        b"GET http://[ HTTP/1.1",
    ):
        with socket.create_connection(("127.0.0.1", port_of(open_server)), timeout=20) as plug:
            plug.sendall(line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = plug.recv(4096)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer[:80]
    assert fetch(f"{open_server.address}/_stcore/health")[0] == 200


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices as files")
def test_images_that_turned_into_pipes_and_devices_hang_nobody(root: Path):
    folder = root / "turned"
    write_images(folder, 60)
    with running_app(USL_DATA_ROOTS=str(root)) as mortal:
        (mortal.cache / "opened").mkdir(parents=True)
        (mortal.cache / "opened" / "folder-00000000000000aa.json").write_text(json.dumps({"path": str(folder)}))
        images = find_images(str(folder), cache_dir=mortal.cache)
        for at, path in enumerate(images.paths):
            (folder / path).unlink()
            if at % 2:
                os.mkfifo(folder / path)
            else:
                (folder / path).symlink_to("/dev/zero")
        urls = [f"{mortal.address}/{addresses.image_url('folder-00000000000000aa', digest)}" for digest in images.digests]
        with ThreadPoolExecutor(len(urls)) as visitors:
            assert {status for status, _, _ in visitors.map(fetch, urls)} == {404}
        assert fetch(f"{mortal.address}/_stcore/health")[0] == 200
        with ThreadPoolExecutor(8) as visitors:
            asking = [visitors.submit(fetch, url) for url in urls[:8]]
            mortal.process.send_signal(signal.SIGTERM)
            mortal.process.wait(timeout=20)
            for future in asking:
                future.exception()  # answered or cut off, but not waiting
