"""What processes below another one take, as Linux says it: processor time, memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Processor time of a process and all that it started, ended or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = _children(pid)
    except FileNotFoundError:  # ended meanwhile; its parent counts it now
        return 0.0
    own = sum(int(ticks) for ticks in state[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(child) for child in children)


def memory_by_kind(pid: int) -> dict[str, float]:
    """Resident memory in MB of the browser's processes below a process, the largest of each kind."""
    largest: dict[str, float] = {}
    for below, command in _descendants(pid):
        kind = re.search(rb"--type=([\w-]+)", command)  # some command lines are one string, some are many
        if kind is not None:
            name = kind[1].decode()
            largest[name] = max(largest.get(name, 0), resident_mb(below))
    return largest


def resident_mb(pid: int) -> float:
    """Resident memory; 0 of a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    resident = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS 0")
    return int(resident.split()[1]) / 1024


def browsers(pid: int) -> list[int]:
    """The browsers below a process, without the processes that they are made of."""
    return [below for below, command in _descendants(pid) if b"--user-data-dir" in command and b"--type=" not in command]


def _descendants(pid: int) -> Iterator[tuple[int, bytes]]:
    """Process ids and command lines."""
    try:
        children = _children(pid)
    except FileNotFoundError:
        return
    for child in children:
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
        yield child, command
        yield from _descendants(child)


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
