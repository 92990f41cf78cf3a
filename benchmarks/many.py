"""Many visitors at once: sessions that move sliders on Compare, each its own and as soon as its last move is answered, beside
one session alone. No browser takes part, so what is measured is the server."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator

from tests.browser.server import Server, running_app

from .harness import Row, cores
from .processes import processor_seconds
from .visitor import visiting

_SESSIONS = 32
_SECONDS = 60
_ALONE = 40
_UNTOUCHED = 8  # moves before anything is measured: what is loaded at first use
_PATIENCE = 300  # seconds until all have opened their page


def rows(sessions: int = _SESSIONS, seconds: float = _SECONDS) -> list[Row]:
    """All rows of this group."""
    with running_app() as server:
        alone = asyncio.run(_alone(server))
        taken, throughput, among = asyncio.run(_together(server, sessions, seconds))
    taken.sort()
    crowd = f"{sessions} sessions on Compare"
    return [
        Row(
            what="processor time of a move of λ or k on Compare, one session",
            ours=alone,
            rival=0.2,
            rival_name="the 0.2 s we promise",
            bound=1,
        ),
        Row(
            what=f"processor time of a move, {crowd}",
            ours=among,
            rival=alone,
            rival_name="one session",
        ),
        Row(
            what=f"moves answered, {crowd}",
            ours=throughput,
            rival=cores() / alone,
            rival_name="what the cores allow",
            unit="moves/s",
            bound=0.8,
            at_least=True,
        ),
        Row(
            what=f"95th percentile of a move, {crowd}",
            ours=taken[round(0.95 * (len(taken) - 1))],
            rival=statistics.median(taken),
            rival_name="the median",
            bound=4,
        ),
    ]


async def _alone(server: Server) -> float:
    """Processor time per move."""
    async with visiting(server.address, "compare") as visitor:
        moves = _moves(_SESSIONS)
        await visitor.open()
        for _ in range(_UNTOUCHED):
            await visitor.move(*next(moves))
        before = processor_seconds(server.process.pid)
        for _ in range(_ALONE):
            await visitor.move(*next(moves))
        return (processor_seconds(server.process.pid) - before) / _ALONE


async def _together(server: Server, sessions: int, seconds: float) -> tuple[list[float], float, float]:
    """Seconds of each move, moves per second, and processor time per move."""
    opened = asyncio.Barrier(sessions + 1)
    taken: list[float] = []

    async def one(index: int) -> None:
        async with visiting(server.address, "compare") as visitor:
            moves = _moves(index)
            await visitor.open()
            for _ in range(2):
                await visitor.move(*next(moves))
            await opened.wait()
            ends = time.perf_counter() + seconds
            while (start := time.perf_counter()) < ends:
                await visitor.move(*next(moves))
                taken.append(time.perf_counter() - start)

    async with asyncio.TaskGroup() as group:
        for index in range(sessions):
            group.create_task(one(index))
        try:
            await asyncio.wait_for(opened.wait(), _PATIENCE)
        except TimeoutError as error:
            raise RuntimeError(
                f"{opened.n_waiting} of {sessions} sessions had opened their page after {_PATIENCE} s"
            ) from error
        start, before = time.perf_counter(), processor_seconds(server.process.pid)
        await asyncio.sleep(seconds)
        used, done, lasted = processor_seconds(server.process.pid) - before, len(taken), time.perf_counter() - start
    return taken, done / lasted, used / done


def _moves(index: int) -> Iterator[tuple[str, float, str]]:
    """Slider, value and what the commands then say, as no other session moves it: λ, and now and then k."""
    for step in range(10_000):
        if step % 4 == 3:
            k = 22 + 5 * index + (step // 4) % 5
            yield "Neighbours k", k, f"--k {k} "
        else:
            weight = round(0.55 + 0.05 * ((7 * index + step) % 89), 2)
            yield "Weight λ", weight, f"--lambda {weight} "
