"""Waiting for what a page does, never for longer than was said; who waited in vain is told what did not come.

What is waited for is recorded by the page itself, from before it can happen (`ui.js`): here one only asks whether it has.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Timer
from typing import Any

from playwright.sync_api import Error, Page, TimeoutError

from .processes import browsers

PATIENCE = 60.0
"""Seconds for one thing that is waited for."""


class NotCome(RuntimeError):
    """What was waited for did not come in time."""


def wait_for(page: Page, script: str, what: str, given: Any = None, *, seconds: float = PATIENCE, state: str = "null") -> None:
    """Until a script says that something has come.

    Args:
        page: where.
        script: `given => whether it has`.
        what: for the error.
        given: see `script`.
        seconds: for how long.
        state: an expression whose value belongs into the error.

    Raises:
        NotCome: it has not.
    """
    try:
        page.wait_for_function(script, arg=given, timeout=1000 * seconds)
    except TimeoutError as error:
        raise NotCome(f"{what} did not come within {seconds:g} s; the page says {page.evaluate(state)}") from error


def found_by(page: Page, measurement: str, given: Any, *, seconds: float = PATIENCE) -> Any:
    """What a measurement of `ui.js` that takes a while has found.

    Args:
        page: where.
        measurement: name of the function.
        given: its argument.
        seconds: for how long it may take.

    Raises:
        NotCome: it has not ended in time.
        RuntimeError: it failed.
    """
    page.evaluate("([name, given]) => begin(name, given)", [measurement, given])
    wait_for(page, "name => found[name].over", f"the result of {measurement}", measurement, seconds=seconds)
    result = page.evaluate("name => found[name]", measurement)
    if "error" in result:
        raise RuntimeError(f"{measurement} failed: {result['error']}")
    return result["value"]


def end_browsers() -> None:
    """Kill every browser that this process has started; whatever waits for one fails at once."""
    for pid in browsers(os.getpid()):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def within(seconds: float, what: str, end: Callable[[], None] = end_browsers) -> Iterator[None]:
    """Whatever the block waits for, even if it knows no limit: a page that is busy for ever, a mouse that it does not hear.

    Args:
        seconds: for the whole block.
        what: for the error.
        end: called from another thread when the time is over; it makes the block fail or return.

    Raises:
        NotCome: the time was over.
    """
    is_over = Event()

    def stop() -> None:
        is_over.set()
        end()

    timer = Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (Error, OSError) as error:
        if is_over.is_set():
            raise NotCome(f"{what} did not come within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
    if is_over.is_set():
        raise NotCome(f"{what} did not come within {seconds:g} s")
