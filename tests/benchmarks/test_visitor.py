"""A visitor without a browser: an answer counts whenever it comes, and one that does not come is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.visitor import Visitor


def begin() -> ForwardMsg:
    message = ForwardMsg()
    message.new_session.SetInParent()
    return message


def says(text: str) -> ForwardMsg:
    message = ForwardMsg()
    message.delta.new_element.code.code_text = text
    return message


def slider() -> ForwardMsg:
    message = ForwardMsg()
    widget = message.delta.new_element.slider
    widget.id, widget.label = "the id", "k"
    widget.default.append(20)
    return message


def end() -> ForwardMsg:
    message = ForwardMsg()
    message.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    return message


class Socket:
    """A server that answers each request with the next of some answers, all of it before the request has even returned.

    Args:
        answers: messages; None: the connection closes.
    """

    def __init__(self, *answers: list[ForwardMsg] | None) -> None:
        self._answers = list(answers)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self, request: bytes) -> None:
        answer = self._answers.pop(0)
        for message in [None] if answer is None else answer:
            self._queue.put_nowait(None if message is None else message.SerializeToString())
        await asyncio.sleep(0.05)  # who listens has taken all of it by now, and nobody awaits it yet

    async def __aiter__(self):
        while (data := await self._queue.get()) is not None:
            yield data


def visit(socket: Socket, asked: Callable[[Visitor], object], patience: float = 60) -> None:
    async def run() -> None:
        visitor = Visitor(socket, "compare", "", patience)
        try:
            await asked(visitor)
        finally:
            visitor.leave()

    with ThreadPoolExecutor(1) as beside:  # a browser of another test may have left a loop in this thread
        beside.submit(lambda: asyncio.run(run())).result()


async def open_and_move(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.move("k", 30, "--k 30")


def test_an_answer_that_is_there_before_it_is_awaited():
    visit(Socket([begin(), slider(), end()], [begin(), says("--k 30"), end()]), open_and_move)


def test_an_answer_to_an_earlier_move_does_not_count():
    first, second = [begin(), slider(), end()], [begin(), says("--k 20"), end()]
    with pytest.raises(RuntimeError, match=r"the page that says '--k 30' was asked for, and it did not come within 0\.3 s"):
        visit(Socket(first, second), open_and_move, 0.3)


def test_a_page_that_never_ends_is_told_from_one_that_never_comes():
    with pytest.raises(RuntimeError, match=r"the page 'compare' was asked for, and its end did not come within 0\.2 s"):
        visit(Socket([begin(), slider()]), Visitor.open, 0.2)
    with pytest.raises(RuntimeError, match=r"the page 'compare' was asked for, and it did not come within 0\.2 s"):
        visit(Socket([]), Visitor.open, 0.2)


def test_a_connection_that_closes_is_no_wait():
    with pytest.raises(RuntimeError, match="the server closed the connection"):
        visit(Socket(None), Visitor.open)


def test_a_page_that_fails_says_so():
    failed = ForwardMsg()
    failed.delta.new_element.exception.type, failed.delta.new_element.exception.message = "ValueError", "no such k"
    with pytest.raises(RuntimeError, match="the page failed: ValueError no such k"):
        visit(Socket([begin(), failed]), Visitor.open)
