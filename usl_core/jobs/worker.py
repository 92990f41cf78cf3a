"""One task in a process of its own: `python -m usl_core.jobs.worker`, started by the app and talked to in lines of JSON.

In, on standard input: one line `{"task": name, "arguments": {...}}`; then nothing while the work is wanted. Any further line,
or the end of the input, means cancel. The input ends by itself when whoever started the worker dies, so none is left over.
With `"background": true` in the line, the work takes what time the processors have left.

Out, on standard output: lines `{"progress": fraction, "note": text}`, then one of `{"result": {...}}`,
`{"error": text}` (a mistake that the user can mend), `{"cancelled": true}` or `{"crash": text}`, whose traceback goes to
standard error.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
import traceback
from typing import Any, TextIO

from ..errors import Cancelled, UslError
from .tasks import TASKS

GRACE_SECONDS = 1.0
"""How long work may take to notice that it is cancelled before the process ends without it. The cache only has finished
entries, so nothing is lost but the last few seconds."""
_MIN_SECONDS = 0.1  # between two lines of progress
_NICE, _NICE_IN_BACKGROUND = 5, 15  # below the server: sliders go first, and then what a visitor waits for
_EXIT_CANCELLED = 3


class Reporter:
    """Writes the lines, and raises `Cancelled` in the working thread once nobody wants the work."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._last, self._fraction = out, 0.0, 0.0
        self.cancelled = threading.Event()

    def progress(self, fraction: float, note: str) -> None:
        """See `types.Progress`; a fraction that is no number leaves it where it was."""
        if self.cancelled.is_set():
            raise Cancelled("cancelled")
        if not math.isnan(fraction):
            self._fraction = round(min(max(float(fraction), 0.0), 1.0), 4)
        now = time.monotonic()
        if now - self._last >= _MIN_SECONDS or fraction >= 1:
            self._last = now
            self.write({"progress": self._fraction, "note": note})

    def write(self, line: dict[str, Any]) -> None:
        """One line; without a reader there is nobody to tell."""
        text = json.dumps(line, allow_nan=False) + "\n"
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            self.cancelled.set()


def main() -> int:
    """Do one task.

    Returns:
        Exit status: 0 when the last line says how it went, be it an error.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    reporter = Reporter(_own_output())
    first = sys.stdin.readline()
    threading.Thread(target=_watch, args=(reporter,), name="cancel", daemon=True).start()
    try:
        asked = json.loads(first)
        _step_back(_NICE_IN_BACKGROUND if asked.get("background") else _NICE)
        result = TASKS[asked["task"]](**asked["arguments"], on_progress=reporter.progress)
        reporter.write({"result": result})
    except Cancelled:
        reporter.write({"cancelled": True})
    except UslError as error:
        reporter.write({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - the process ends here; the app shows the cause, its log the traceback
        traceback.print_exc()
        reporter.write({"crash": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def _step_back(niceness: int) -> None:
    """Lower the priority of this process and of all threads to come (not on Windows)."""
    if hasattr(os, "nice"):
        os.nice(niceness)


def _own_output() -> TextIO:
    """Standard output for the protocol alone: what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _watch(reporter: Reporter) -> None:
    sys.stdin.readline()  # a line or the end
    reporter.cancelled.set()
    time.sleep(GRACE_SECONDS)
    os._exit(_EXIT_CANCELLED)  # in the middle of something that never reports, such as compiling


if __name__ == "__main__":
    sys.exit(main())
