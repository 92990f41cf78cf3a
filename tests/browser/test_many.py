"""Visitors without a browser, as the benchmarks count them: several at once, and every one is answered."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from benchmarks.many import _moves, processor_seconds
from benchmarks.visitor import visiting

from .server import Server

VISITORS, MOVES = 6, 4


async def _one(server: Server, at: int) -> int:
    answered = 0
    async with visiting(server.address, "compare") as visitor:
        moves = _moves(at)
        await visitor.open()
        for _ in range(MOVES):
            await visitor.move(*next(moves))
            answered += 1
    return answered


async def _all(server: Server) -> list[int]:
    return await asyncio.gather(*(_one(server, at) for at in range(VISITORS)))


def test_every_visitor_is_answered_when_all_ask_at_once(server):
    before = processor_seconds(server.process.pid)
    # In a thread of its own: a browser that an earlier test of this process opened keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        answered = thread.submit(asyncio.run, asyncio.wait_for(_all(server), 300)).result()
    assert answered == [MOVES] * VISITORS
    assert processor_seconds(server.process.pid) > before
