"""The two streams of the command line: on whatever terminal, a line is written whole, or one error says why not.

A character that the terminal's encoding lacks is written escaped, and `--labelled` takes a name back in that form. What is
said beside the results goes to standard error; one that takes nothing stops no run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from ..errors import UslError

BROKEN_PIPE = 141
"""Exit status when the reader of the results has gone: what a shell reports of programs that SIGPIPE ends."""
_EINVAL = 22


def make_ready() -> None:
    """To be called before anything is written.

    Raises:
        UslError: standard output is closed.
    """
    if sys.stderr is None:  # so Python marks a closed one, and `print` would take standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        raise UslError("standard output is closed; send it to a terminal, a file, or /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def put(line: str, *, at_once: bool = False) -> None:
    """A line on standard output.

    Args:
        line: without its end.
        at_once: whether somebody waits for it.

    Raises:
        UslError: it cannot be written.
        BrokenPipeError: the reader has gone.
    """
    with _writing():
        print(line, flush=at_once)


def put_all() -> None:
    """Write what standard output still holds back; raises as `put`."""
    with _writing():
        sys.stdout.flush()


def say(sentence: str) -> None:
    """A line on standard error."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:  # full, or its reader has gone: nobody is left to be told
        abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Let what a stream still holds vanish, so that Python does not fail over it at its end."""
    with suppress(OSError, ValueError):  # no descriptor: not one of the process's own
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def can_write(text: str) -> bool:
    """Whether standard output has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if sys.platform == "win32" and error.errno == _EINVAL:  # Windows' word for a pipe that nobody reads
            raise BrokenPipeError from error
        raise UslError(f"standard output cannot be written ({error.strerror or error}); send it elsewhere") from error
