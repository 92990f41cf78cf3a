"""What every request passes: hosts, origins, headers on every answer, failures included."""

from __future__ import annotations

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from pages.ui import addresses
from pages.ui.server import guard, routes

HERE = "127.0.0.1:8501"
SECURE = {name.lower() for name in guard.HEADERS}


async def _fail(request: Request) -> Response:
    raise RuntimeError("a bug, with /a/path/of/the/server")


async def _stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.headers.get("origin", "none"))
    await websocket.close()


async def _write(request: Request) -> Response:
    return PlainTextResponse("written")


@pytest.fixture
def client() -> TestClient:
    more = [
        *(Route("/fail", _fail), WebSocketRoute("/_stcore/stream", _stream)),
        Route("/_stcore/upload_file/{session}/{file}", _write, methods=["PUT", "DELETE"]),
    ]
    app = Starlette(routes=[*routes.ROUTES, *more], middleware=list(guard.MIDDLEWARE))
    return TestClient(app, base_url=f"http://{HERE}", raise_server_exceptions=False)


def assert_secure(answer) -> None:
    assert set(answer.headers) >= SECURE
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


ODD_PATHS = [
    *(
        "/api/file/é",
        "/api/file/%c3%a9",
        "/api/file/%ff%fe",
        "/api/file/\u202e",
        "/api/file/😀",
        "/api/file/a%00b",
        "/api/file/%0d%0aX:1",
    ),
    *("/api/offer/é", "/api/offer/%ff", "/api/array/é", "/api/array/%00", "/api/maps/é/é", "/api/maps/0/..%2f..%2fapp.py"),
    *("/api/image/é/é/é", "/api/image/digits/é/0", "/api/image/digits/small/é", "/api/image/digits/small/%00"),
    *(
        "/api/row/digits/0/" + "9" * 5000,
        "/api/row/digits/0/-1",
        "/api/row/digits/0/1e3",
        "/api/row/digits/0/²",
        "/api/row/digits/é/0",
    ),
    *(
        "/api/row/digits/0/٣",
        "/api/row/digits/0/0?encoder=é",
        "/api/row/digits/0/0?encoder=%00",
        "/api/row/digits/0/0?encoder=" + "x" * 9000,
    ),
    *("/api/words/digits/0/0?encoder=trained:..%2f..%2fx", "/api/words/é/0/0", "/api/words/digits/0/" + "1" * 4301),
    *(
        "/api/",
        "/api/x",
        "/api/x/y/z/é",
        "/api/image/digits/small/a/b",
        "/api//file/x",
        "/api/%2e%2e/%2e%2e/etc/passwd",
    ),
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: repr(path)[:40])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whatever_is_asked_for_is_not_there_and_nothing_fails(client, path, method):
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert_secure(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", ["/api/file/x", "/api/image/digits/small/0", "/api/file/é", "/api/x"])
def test_other_methods_are_refused(client, path, method):
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert_secure(answer)


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"range": "bytes=5-1"},
            {"range": "bytes=0-,0-,0-"},
            {"range": "x"},
            {"if-none-match": "é".encode()},
            {"if-range": "*"},
        ),
        *(
            {"accept": "\xff".encode("latin-1")},
            {"cookie": b"a=\xff; =; ;;"},
            {"if-modified-since": "never"},
            {"x": "y" * 9000},
        ),
    ],
    ids=lambda given: repr(given)[:40],
)
@pytest.mark.parametrize("path", ["/api/image/digits/small/0", "/api/file/x", addresses.image_url("digits", "0" * 32)])
def test_odd_headers_do_no_harm(client, path, headers):
    answer = client.get(path, headers=headers)
    assert answer.status_code == 404
    assert_secure(answer)


def test_a_failure_is_an_answer_that_tells_nothing_and_the_log_tells_all(client, caplog):
    answer = client.get("/fail")
    assert answer.status_code == 500
    assert_secure(answer)
    assert "/a/path" not in answer.text
    assert "/a/path/of/the/server" in caplog.text


@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1.evil.example", "[", "a@127.0.0.1", "127.0.0.1:x", "www.localhost"]
)
def test_a_refused_host_gets_the_headers_too(client, host):
    answer = client.get("/api/file/x", headers={"host": host})
    assert answer.status_code == 400
    assert_secure(answer)


FOREIGN = [
    *(
        "http://127.0.0.1:8502",
        "http://localhost:9999",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "http://localhost",
        "https://localhost",
    ),
    *(
        "null",
        "",
        "file://",
        "http://evil.example",
        "http://evil.example:8501",
        "https://evil.example",
        "http://127.0.0.1.evil.example:8501",
    ),
    *(
        "http://127.0.0.1:8501@evil.example",
        "http://evil.example@127.0.0.1:8501",
        "http://127.0.0.1:8501/",
        "http://127.0.0.1:8501x",
    ),
    *(
        "http://127.0.0.1:85010",
        "ftp://127.0.0.1:8501",
        "127.0.0.1:8501",
        "//127.0.0.1:8501",
        "http://[::1]:8501",
        "http://:8501",
        "*",
    ),
    *(
        "chrome-extension://abcdefgh",
        "http://127.0.0.1:8501 http://evil.example",
        "http://localhost.:8501",
        "http://0.0.0.0:8501",
    ),
]
OWN = ["http://127.0.0.1:8501", "http://localhost:8501", "HTTP://LOCALHOST:8501", "https://localhost:8501"]


@pytest.mark.parametrize("origin", FOREIGN)
def test_pages_of_other_origins_get_nothing(client, origin):
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect(f"ws://{HERE}/_stcore/stream", headers={"origin": origin}),
    ):
        pass
    assert refused.value.status_code == 403
    assert_secure(refused.value)
    for method, path in (
        ("PUT", "/_stcore/upload_file/a/b"),
        ("DELETE", "/_stcore/upload_file/a/b"),
        ("GET", "/api/file/x"),
        ("OPTIONS", "/x"),
    ):
        answer = client.request(method, path, headers={"origin": origin})
        assert answer.status_code == 403
        assert_secure(answer)


@pytest.mark.parametrize("origin", OWN)
def test_our_own_pages_get_all(client, origin):
    with client.websocket_connect(f"ws://{HERE}/_stcore/stream", headers={"origin": origin}) as stream:
        assert stream.receive_text().endswith(f"://{HERE}"), "Streamlit must find it the same as the host"
    assert client.put("/_stcore/upload_file/a/b", headers={"origin": origin}).text == "written"


def test_several_origins_are_none_of_ours(client):
    headers = [("host", HERE), ("origin", "http://127.0.0.1:8501"), ("origin", "http://evil.example")]
    assert client.get("/api/file/x", headers=headers).status_code == 403


def test_programs_send_no_origin(client):
    with client.websocket_connect(f"ws://{HERE}/_stcore/stream") as stream:
        assert stream.receive_text() == "none"


NAMES = ["127.0.0.1", "localhost", "demo.example"]


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://demo.example:8501", "demo.example:8501", True),
        ("https://demo.example", "demo.example", True),  # a proxy that hands the host on
        ("https://demo.example", "127.0.0.1:8501", True),  # one that does not
        ("https://demo.example", "demo.example:8501", True),
        ("https://demo.example:8443", "demo.example:8443", True),
        ("http://demo.example", "demo.example", True),
        ("http://demo.example", "demo.example:8501", False),
        ("http://demo.example:9999", "demo.example:8501", False),
        ("https://demo.example:9999", "127.0.0.1:8501", False),
        ("https://other.example", "demo.example", False),
        ("https://localhost", "demo.example:8501", False),
        ("http://a.wild.example:8501", "a.wild.example:8501", True),
        ("http://evil.example:8501", "a.wild.example:8501", False),
        ("http://[::1]:8501", "[::1]:8501", True),
    ],
)
def test_further_hosts_have_their_own_origins(origin, host, own):
    assert guard.is_own_origin(origin, host, [*NAMES, "*.wild.example"]) is own


@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.example:8501", "https://*", "null"])
def test_a_server_for_any_host_is_not_one_for_any_page(origin):
    assert not guard.is_own_origin(origin, "127.0.0.1:8501", [*NAMES, "*"])


def test_streamlit_knows_the_further_hosts(monkeypatch):
    from streamlit import config
    from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

    before = config.get_option("server.allowedHosts")
    monkeypatch.setenv(guard.ENV_ALLOWED_HOSTS, "demo.example, *.wild.example")
    try:
        config.set_option("server.allowedHosts", ["127.0.0.1", "localhost"])
        assert not is_host_allowed("demo.example")
        guard.tell_streamlit()
        for host in ("demo.example", "demo.example:8501", "a.wild.example", "localhost:8501", "127.0.0.1"):
            assert is_host_allowed(host)
        assert not is_host_allowed("evil.example")
    finally:
        config.set_option("server.allowedHosts", before)


@pytest.mark.parametrize(
    ("base", "path", "said"),
    [
        ("", "/api/file/x", "unknown file"),
        ("usl", "/usl/api/file/x", "unknown file"),
        ("/usl/", "/usl/api/file/x", "unknown file"),
        ("a/b c", "/a/b%20c/api/file/x", "unknown file"),
        ("usl", "/api/file/x", "unknown file"),
        ("", "/usl/api/file/x", "Not Found"),
        ("usl", "/other/api/file/x", "Not Found"),
        ("usl", "/uslapi/file/x", "Not Found"),
    ],
)
def test_our_routes_are_below_the_base_path_too(client, monkeypatch, base, path, said):
    known = st.config.get_option
    option = "server.baseUrlPath"
    monkeypatch.setattr(st.config, "get_option", lambda name: base if name == option else known(name))
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (404, said)
    assert_secure(answer)
