"""Cells on all cores: the first ones here, and the rest, where it takes longer, in processes beside this one.

Threads would wait for each other: much of what a cell does holds Python's lock. The processes are loky's, which need no guard
in the script that asks for an evaluation, and end with this one.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError
from ..types import Progress
from .cells import Cell, Line, Trial

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

log = logging.getLogger(__name__)

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
        UslError: a cell failed, then its message begins with the cell; or a process was ended by the system.
    """
    start, pool = time.monotonic(), None
    for done, (cell, learners) in enumerate(work):
        if n_workers > 1 and time.monotonic() - start >= _ALONE_SECONDS:
            n_workers, pool = 1, _pool(min(n_workers, len(work) - done))
            if pool is not None:
                yield from _beside(pool, trial, work[done:], done, len(work), on_progress)
                return

        def tell(share: float, note: str, cell: Cell = cell, done: int = done) -> None:
            on_progress((done + share) / len(work), str(cell))

        tell(0.0, "")
        yield cell, trial.lines(cell, learners, tell)


def _pool(n_workers: int) -> Pool | None:
    """Processes, or None where the system has none to give: some lack semaphores, or memory that processes share."""
    try:
        from loky import ProcessPoolExecutor

        made = ProcessPoolExecutor(
            max_workers=n_workers, timeout=_IDLE_SECONDS, env=_ONE_THREAD, initializer=_end_with, initargs=(os.getpid(),)
        )
    except (ImportError, NotImplementedError, OSError) as error:
        log.warning("there can be no processes beside this one (%s), so everything is computed here", error)
        return None
    return Pool(made, n_workers)


@dataclass(frozen=True, slots=True)
class Pool:
    """Processes beside this one, and how many there are."""

    executor: ProcessPoolExecutor
    n_workers: int


def _beside(
    pool: Pool, trial: Trial, work: Sequence[Work], done: int, n_cells: int, on_progress: Progress
) -> Generator[tuple[Cell, list[Line]]]:
    """The cells that are left, `done` of `n_cells` being there."""
    import joblib

    ended = False
    try:
        with tempfile.TemporaryDirectory(prefix="usl-evaluate-", ignore_cleanup_errors=True) as folder:
            shared = Path(folder, "trial")
            joblib.dump(trial, shared)  # its arrays lie there once for all processes, which map them into their memory
            yield from _collected(pool, shared, work, done, n_cells, on_progress)
            ended = True
    except BrokenProcessPool as error:
        raise UslError(
            "a process of the evaluation was ended by the system, most likely because memory ran out; what is done is kept, so "
            f"go on with fewer of them (n_workers, --workers) than {pool.n_workers}"
        ) from error
    finally:
        pool.executor.shutdown(wait=ended, kill_workers=not ended)


def _collected(
    pool: Pool, shared: Path, work: Sequence[Work], done: int, n_cells: int, on_progress: Progress
) -> Generator[tuple[Cell, list[Line]]]:
    waiting: dict[Future[list[Line]], Cell] = {}
    ahead = iter(work)
    while True:
        for cell, learners in islice(ahead, _AHEAD * pool.n_workers - len(waiting)):
            waiting[pool.executor.submit(_lines, str(shared), cell, learners)] = cell
        if not waiting:
            return
        on_progress(done / n_cells, str(next(iter(waiting.values()))))
        ready, _ = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in ready:
            done += 1
            yield waiting.pop(future), future.result()


def _end_with(parent: int) -> None:
    """Without this, a process would notice only when it is idle that whoever it works for was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _lines(shared: str, cell: Cell, learners: tuple[str, ...]) -> list[Line]:
    return _trial(shared).lines(cell, learners)


@lru_cache(maxsize=1)
def _trial(shared: str) -> Trial:
    import joblib

    found: Trial = joblib.load(shared, mmap_mode="r")
    return found
