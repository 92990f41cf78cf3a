"""A worker of the tests' own that speaks the protocol, and how to wait for what a pool makes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from pages.ui.jobs.pool import JobPool
from pages.ui.jobs.state import Job

# What the pool starts here instead of the real worker; it speaks the same protocol. The task names what it does.
WORKER = r"""
import json, os, sys, threading, time
asked = json.loads(sys.stdin.readline())
task, given = asked["task"], asked["arguments"]
def say(**line): print(json.dumps(line), flush=True)
say(progress=0.25, note="begun")
if task == "quick": say(result={"pid": os.getpid(), **given})
elif task == "file":
    os.makedirs(given["out"]); open(os.path.join(given["out"], "x.txt"), "w").write("made")
    say(result={"file": os.path.join(given["out"], "x.txt")})
elif task == "mistake": say(error="give another folder")
elif task == "crash": say(crash="ValueError: oh"); sys.exit(1)
elif task == "die": sys.stderr.write("line one\nSegmentation fault\n"); sys.exit(7)
elif task == "garbage": print("not json"); print("[1"); say(result={})
elif task == "polite": sys.stdin.readline(); say(cancelled=True)
elif task == "late": sys.stdin.readline(); say(result={"too": "late"})
elif task == "stubborn":
    while True: time.sleep(1)
elif task == "gate":
    while not os.path.exists(given["gate"]):
        time.sleep(0.01)
    say(result={})
"""


def command(worker: str = WORKER) -> tuple[str, ...]:
    """What starts it."""
    return (sys.executable, "-c", worker)


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def ended(pool: JobPool, key: str) -> Job:
    """The job, once it has ended."""
    until(lambda: not known(pool, key).active)
    return known(pool, key)


def known(pool: JobPool, key: str) -> Job:
    """The job as it stands."""
    job = pool.find(key)
    assert job is not None
    return job


def running(pool: JobPool, key: str) -> None:
    """Wait until it has said something."""
    until(lambda: known(pool, key).note == "begun")


def process_of(pool: JobPool, key: str) -> int:
    """The id of its process."""
    process = pool._entries[key].process
    assert process is not None
    return process.pid
