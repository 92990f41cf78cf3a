"""Cells on all cores: the first ones here, and the rest, where it takes longer, in processes beside this one.

Threads would wait for each other: much of what a cell does holds Python's lock. The processes are loky's, which need no guard
in the script that asks for an evaluation, and end with this one.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..types import Progress
from .cells import Cell, Line, Trial

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

Work = tuple[Cell, tuple[str, ...]]
"""A cell, and the learners that are wanted of it."""
_ALONE_SECONDS = 3.0  # as long as it takes to start the others
_POLL_SECONDS = 0.2
_AHEAD = 2  # cells that wait for each process
_IDLE_SECONDS = 10
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def usual_workers() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(trial: Trial, work: Sequence[Work], n_workers: int, on_progress: Progress) -> Generator[tuple[Cell, list[Line]]]:
    """The rows of every cell, as they are ready.

    Args:
        trial: what the cells share.
        work: the cells.
        n_workers: processes; with one, all is done here.
        on_progress: called several times a second with the share that is done and the cell that is at work; may raise to stop.

    Raises:
        UslError: a cell failed; its message begins with the cell.
    """
    start, done = time.monotonic(), 0
    while done < len(work) and (n_workers <= 1 or time.monotonic() - start < _ALONE_SECONDS):
        cell, learners = work[done]

        def tell(share: float, note: str, cell: Cell = cell, done: int = done) -> None:
            on_progress((done + share) / len(work), str(cell))

        tell(0.0, "")
        yield cell, trial.lines(cell, learners, tell)
        done += 1
    if done < len(work):
        yield from _beside(trial, work, done, min(n_workers, len(work) - done), on_progress)


def _beside(
    trial: Trial, work: Sequence[Work], done: int, n_workers: int, on_progress: Progress
) -> Generator[tuple[Cell, list[Line]]]:
    import joblib

    with tempfile.TemporaryDirectory(prefix="usl-evaluate-", ignore_cleanup_errors=True) as folder:
        shared = Path(folder, "trial")
        joblib.dump(trial, shared)  # its arrays lie there once for all processes, which map them into their memory
        pool = _pool(n_workers)
        ended = False
        try:
            yield from _collected(pool, shared, work, done, n_workers, on_progress)
            ended = True
        finally:
            pool.shutdown(wait=ended, kill_workers=not ended)


def _pool(n_workers: int) -> ProcessPoolExecutor:
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        max_workers=n_workers, timeout=_IDLE_SECONDS, env=_ONE_THREAD, initializer=_end_with, initargs=(os.getpid(),)
    )


def _end_with(parent: int) -> None:
    """Without this, a process would notice only when it is idle that whoever it works for was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _collected(
    pool: ProcessPoolExecutor, shared: Path, work: Sequence[Work], done: int, n_workers: int, on_progress: Progress
) -> Generator[tuple[Cell, list[Line]]]:
    waiting: dict[Future[list[Line]], Cell] = {}
    ahead = iter(work[done:])
    while True:
        for cell, learners in islice(ahead, _AHEAD * n_workers - len(waiting)):
            waiting[pool.submit(_lines, str(shared), cell, learners)] = cell
        if not waiting:
            return
        on_progress(done / len(work), str(next(iter(waiting.values()))))
        ready, _ = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in ready:
            done += 1
            yield waiting.pop(future), future.result()


def _lines(shared: str, cell: Cell, learners: tuple[str, ...]) -> list[Line]:
    return _trial(shared).lines(cell, learners)


@lru_cache(maxsize=1)
def _trial(shared: str) -> Trial:
    import joblib

    found: Trial = joblib.load(shared, mmap_mode="r")
    return found
