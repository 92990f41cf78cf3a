"""A visitor without a browser: a session of its own on the server's websocket, which speaks as Streamlit's page does (widgets
in, elements out, fragments rerun in their rhythm) and draws nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

_VALUES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "slider": lambda widget: {"double_array_value": {"data": widget.default}},
    "number_input": lambda widget: {"double_value": widget.default},
    "text_input": lambda widget: {"string_value": widget.default},
    "checkbox": lambda widget: {"bool_value": widget.default},
    "selectbox": lambda widget: {"string_value": widget.options[widget.default]},
    "button_group": lambda widget: {
        "string_array_value": {"data": [widget.options[index].content for index in widget.default]}
    },
}
"""What a page says of a widget that nobody touched, by the kind of element."""

_REMEMBERED = 2  # runs; Streamlit's global.maxCachedMessageAge
PATIENCE = 240.0
"""Seconds for one answer."""


class Visitor:
    """One open page; see `visiting`."""

    def __init__(self, socket: ClientConnection, page: str, query: str, patience: float) -> None:
        self._socket, self._page, self._query, self._patience = socket, page, query, patience
        self._hash = ""
        self._widgets: dict[str, WidgetState] = {}
        self._ids: dict[str, str] = {}
        self._rhythms: list[asyncio.Task[None]] = []
        self._seen: dict[str, int] = {}  # messages that need not be sent again, and the run that showed them last
        self._runs = 0
        self._expected, self._answer, self._told = "", "", False
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def open(self) -> None:
        """Ask for the page and wait until all of it is there."""
        await self._ask("")

    async def move(self, label: str, value: float, command: str) -> None:
        """Set a slider and wait for the page that belongs to it.

        Args:
            label: of the slider.
            value: its new one.
            command: what the commands at the end of that page, and of no earlier one, say.
        """
        self._widgets[self._ids[label]].double_array_value.data[:] = [value]
        await self._ask(command)

    async def _ask(self, expected: str) -> None:
        self._expected, self._answer, self._told = expected, "", False
        self._done = asyncio.get_running_loop().create_future()  # before anything is asked: an answer may be there at once
        await self._rerun()
        first = asyncio.FIRST_COMPLETED
        over, _ = await asyncio.wait([self._done, self._listening], return_when=first, timeout=self._patience)
        if not over:
            wanted = f"the page that says {expected!r}" if expected else f"the page {self._page!r}"
            come = "its end" if self._told else "it"
            raise RuntimeError(f"{wanted} was asked for, and {come} did not come within {self._patience:g} s")
        if not self._done.done():
            self._listening.result()  # raises what went wrong
            raise RuntimeError("the server closed the connection")

    async def _rerun(self, fragment: str = "") -> None:
        asked = BackMsg()
        asked.rerun_script.query_string = self._query
        asked.rerun_script.widget_states.widgets.extend(self._widgets.values())
        asked.rerun_script.page_script_hash = self._hash
        asked.rerun_script.page_name = "" if self._hash else self._page
        asked.rerun_script.cached_message_hashes.extend(self._seen)
        asked.rerun_script.fragment_id = fragment
        asked.rerun_script.is_auto_rerun = bool(fragment)
        await self._socket.send(asked.SerializeToString())

    async def _listen(self) -> None:
        async for data in self._socket:
            assert isinstance(data, bytes)
            self._take(ForwardMsg.FromString(data))

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            self._seen[message.ref_hash] = self._runs
            self._told |= message.ref_hash == self._answer
        elif message.metadata.cacheable:
            self._seen[message.hash] = self._runs
        if kind == "navigation":
            self._hash = message.navigation.page_script_hash
        elif kind == "new_session":
            if not message.metadata.run.fragment_ids:
                self._rest()
                self._told = not self._expected
                self._runs += 1
                self._seen = {known: run for known, run in self._seen.items() if run + _REMEMBERED >= self._runs}
        elif kind == "delta":
            self._keep(message.delta, message.hash)
        elif kind == "auto_rerun":
            rhythm = self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            self._rhythms.append(asyncio.get_running_loop().create_task(rhythm))
        elif kind == "session_event" and message.session_event.WhichOneof("type") == "script_compilation_exception":
            raise RuntimeError("the page cannot be read")
        elif (
            kind == "script_finished"
            and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            and self._told
            and not self._done.done()
        ):
            self._done.set_result(None)

    def _keep(self, delta: Any, digest: str) -> None:
        if not delta.HasField("new_element"):
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if kind == "exception":
            raise RuntimeError(f"the page failed: {element.type} {element.message}")
        if kind == "code" and self._expected in element.code_text:
            self._told, self._answer = True, digest
        if kind in _VALUES and element.id not in self._widgets:
            self._widgets[element.id] = WidgetState(id=element.id, **_VALUES[kind](element))
            self._ids[getattr(element, "label", "")] = element.id

    async def _repeat(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._rerun(fragment)

    def _rest(self) -> None:
        """Let no fragment run by itself any longer, as a page that begins anew."""
        for rhythm in self._rhythms:
            rhythm.cancel()
        self._rhythms.clear()

    def leave(self) -> None:
        """Close the page."""
        self._rest()
        self._listening.cancel()


@asynccontextmanager
async def visiting(address: str, page: str, query: str = "", *, patience: float = PATIENCE) -> AsyncIterator[Visitor]:
    """A session with nothing open yet.

    Args:
        address: of the server.
        page: its name in the address.
        query: of the address.
        patience: seconds for one answer.
    """
    stream = address.replace("http", "ws", 1) + "/_stcore/stream"
    protocol, origin = Subprotocol("streamlit"), Origin(address)
    async with connect(stream, subprotocols=[protocol], origin=origin, compression=None, max_size=None) as socket:
        visitor = Visitor(socket, page, query, patience)
        try:
            yield visitor
        finally:
            visitor.leave()
