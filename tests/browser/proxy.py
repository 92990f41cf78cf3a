"""A small reverse proxy, as an operator puts one before the app: below a path, with the headers that say who asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_HEAD_ENDS = b"\r\n\r\n"


@contextmanager
def reverse_proxy(port: int, prefix: str = "", *, strip: bool = False) -> Iterator[str]:
    """Hand on what is asked below a path to a server of this machine, websockets too; stop afterwards.

    Args:
        port: of the server.
        prefix: such as /usl; anything else is answered with 404.
        strip: hand it on without the prefix.

    Yields:
        The address, without a slash at the end.
    """
    started, address, stops = threading.Event(), "", list[Callable[[], object]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):  # either side has gone
            await _hand_on(reader, writer, port, prefix, strip)
        writer.close()

    async def serve() -> None:
        nonlocal address
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 20)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}"
        stops.append(lambda: loop.call_soon_threadsafe(ended.set))
        started.set()
        await ended.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield address
    finally:
        for stop in stops:
            stop()
        thread.join(10)


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, prefix: str, strip: bool) -> None:
    """One request per connection, so that nothing but the first lines must be read."""
    head = await reader.readuntil(_HEAD_ENDS)
    first, *lines = head[: -len(_HEAD_ENDS)].split(b"\r\n")
    method, path, version = first.split(b" ")
    below = path.removeprefix(prefix.encode())
    if prefix and (below == path or below[:1] not in (b"/", b"?", b"")):
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return
    is_socket = any(line.lower().startswith(b"upgrade: websocket") for line in lines)
    kept = [line for line in lines if is_socket or not line.lower().startswith((b"connection:", b"keep-alive:"))]
    told = [b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: http", b"X-Real-Ip: 192.0.2.7"]
    told += [] if is_socket else [b"Connection: close"]
    asked = b" ".join([method, (below or b"/") if strip else path, version])
    inner_reader, inner = await asyncio.open_connection("127.0.0.1", port)
    inner.write(b"\r\n".join([asked, *kept, *told]) + _HEAD_ENDS)
    await asyncio.gather(_pipe(reader, inner), _pipe(inner_reader, writer))


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(1 << 16):
            target.write(chunk)
            await target.drain()
    finally:
        target.close()
