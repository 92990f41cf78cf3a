"""What the server does ahead of any question while nobody asks for anything: the first map must not wait for a compiler.

It is no job of the pool: it takes no place there, nobody sees it, and it ends as soon as there is a job, to be tried again when
there is none. What it makes is kept on disk, so a later start only finds it there.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from .child import Child, Outcome

log = logging.getLogger(__name__)

ENV_WARM_UP = "USL_WARM_UP"
IDLE_SECONDS = 20.0
"""Without a job before it begins: a visitor who comes at once, and a server that only starts to be tested, go first."""
LOOK_SECONDS = 0.2
"""Between two looks at whether there is a job."""
COMMAND = (sys.executable, "-m", "usl_core.jobs.worker")
_REQUEST = {"task": "warm-up", "arguments": {}, "background": True}


def warm_up(is_idle: Callable[[], bool], closed: threading.Event, command: tuple[str, ...] = COMMAND) -> bool:
    """Compile what maps need, once nobody has asked for anything for a while; its own thread.

    Args:
        is_idle: whether no job waits or runs.
        closed: set when the server ends.
        command: what to start.

    Returns:
        Whether it was done.
    """
    while _wait_for_quiet(is_idle, closed):
        outcome = _run(is_idle, closed, command)
        if outcome is None:
            continue
        if "result" not in outcome.answer:
            log.warning("nothing could be compiled ahead of the first map: %s", outcome.cause())
        return "result" in outcome.answer
    return False


def _wait_for_quiet(is_idle: Callable[[], bool], closed: threading.Event) -> bool:
    quiet = 0.0
    while quiet < IDLE_SECONDS:
        if closed.wait(LOOK_SECONDS):
            return False
        quiet = quiet + LOOK_SECONDS if is_idle() else 0.0
    return True


def _run(is_idle: Callable[[], bool], closed: threading.Event, command: tuple[str, ...]) -> Outcome | None:
    """None where it had to give way."""
    child, found = Child(command, lambda fraction, note: None), [Outcome(code=None)]

    def follow() -> None:
        try:
            found[0] = child.run(_REQUEST)
        except (OSError, RuntimeError) as error:  # no more processes, or threads
            found[0] = Outcome(code=1, said=str(error))

    thread = threading.Thread(target=follow, name="warm-up", daemon=True)
    thread.start()
    is_stopped = False
    while thread.is_alive():
        if not is_stopped and (closed.is_set() or not is_idle()):
            child.stop()
            is_stopped = True
        thread.join(LOOK_SECONDS)
    return None if is_stopped else found[0]


def start(is_idle: Callable[[], bool]) -> Callable[[], Any]:
    """Have it done in the background unless the environment forbids it; returns what ends it."""
    closed = threading.Event()
    if os.environ.get(ENV_WARM_UP, "").strip().lower() in ("0", "false", "no"):
        return closed.set
    threading.Thread(target=warm_up, args=(is_idle, closed), name="spare", daemon=True).start()
    return closed.set
