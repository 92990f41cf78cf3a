"""Timing, memory of a child process, and the table that comes out."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        what: what was measured, with its sizes.
        ours: our figure.
        rival: the figure beside it, measured in the same run.
        rival_name: what the rival is.
        unit: of both.
        bound: the ratio ours / rival that we promise to stay under (or over, with `at_least`).
        at_least: the bound is a lower one.
    """

    what: str
    ours: float
    rival: float
    rival_name: str
    unit: str = "s"
    bound: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.rival

    @property
    def kept(self) -> bool:
        if self.bound is None:
            return True
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def medians(actions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median time of each action; they take turns, so that a slow minute of the machine falls on all of them."""
    runs = [[seconds(action) for action in actions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def in_child(code: str, *arguments: str) -> dict[str, float]:
    """Run `code` in a fresh interpreter; it prints one JSON object as its last line."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"the measured process failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far. Linux's getrusage would count that of the parent in, from before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform.startswith("linux") else 1024**2)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| measured | ours | beside it | ratio | promised |", "|---|---|---|---|---|"]
    for row in rows:
        promise = "" if row.bound is None else f"{'≥' if row.at_least else '≤'} {row.bound:g}"
        verdict = "" if row.kept else " **missed**"
        beside = f"{_figure(row.rival)} {row.unit} ({row.rival_name})"
        lines.append(f"| {row.what} | {_figure(row.ours)} {row.unit} | {beside} | {row.ratio:.3g} | {promise}{verdict} |")
    return "\n".join(lines)


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Any table in Markdown: a cell per head in each line."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
