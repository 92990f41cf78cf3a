"""What is known of a job at one moment, what it is for, and how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .child import Outcome

log = logging.getLogger(__name__)

Status = Literal["waiting", "running", "stopping", "done", "failed", "cancelled"]
ACTIVE: tuple[Status, ...] = ("waiting", "running", "stopping")

Purpose = Literal["asked", "needed", "background"]
PURPOSES: tuple[Purpose, ...] = ("asked", "needed", "background")
"""The strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a job at one moment.

    Args:
        id: unguessable; names its files in addresses.
        key: what it computes; one job per key.
        task: see `usl_core.jobs.tasks`.
        purpose: what it was started for; the strongest of those who want it.
        status: "waiting" for its turn, "running", "stopping" (cancelled, not gone yet), or how it ended.
        fraction: done, in [0, 1].
        note: what it is doing.
        error: why it failed, for the user.
        crashed: it failed by no mistake of the user's.
        result: of the task.
        started: `time.monotonic()` when it was asked for.
    """

    id: str
    key: str
    task: str
    purpose: Purpose = "asked"
    status: Status = "waiting"
    fraction: float = 0.0
    note: str = ""
    error: str = ""
    crashed: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def seconds(self) -> float:
        """Since it was asked for."""
        return time.monotonic() - self.started


def stronger(one: Purpose, other: Purpose) -> Purpose:
    """What a job is for when two want it for different purposes."""
    return min(one, other, key=PURPOSES.index)


def ended(job: Job, outcome: Outcome) -> Job:
    """How a job ended, from how its process did."""
    answer = outcome.answer
    if "result" in answer:
        return replace(job, status="done", fraction=1.0, result=answer["result"])
    if "error" in answer:
        return replace(job, status="failed", error=answer["error"])
    if job.status == "stopping" or answer.get("cancelled"):
        return replace(job, status="cancelled")
    log.error("the job %s stopped with exit status %s:\n%s", job.task, outcome.code, outcome.said[-4000:])
    return replace(job, status="failed", crashed=True, error=outcome.cause())


def not_started(job: Job, error: Exception) -> Job:
    """A job whose process could not be started."""
    if job.status == "stopping":
        return replace(job, status="cancelled")
    log.error("the job %s could not be started", job.task, exc_info=error)
    why = str(error) or type(error).__name__
    return replace(job, status="failed", crashed=True, error=f"its process could not be started ({why})")


def file_named_by(job: Job) -> Path | None:
    """What a finished job says that it made."""
    name = job.result.get("file")
    return Path(name) if isinstance(name, str) else None
