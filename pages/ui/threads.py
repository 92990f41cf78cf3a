"""How many threads the numerical libraries use: in the server few, because many pages compute there at the same time."""

from __future__ import annotations

import os

_IDLE = {"OMP_WAIT_POLICY": "PASSIVE"}
_BLAS = "OPENBLAS_NUM_THREADS"
_OTHERS = ("OMP_NUM_THREADS", "GOTO_NUM_THREADS")  # what OpenBLAS reads too
_set_here: set[str] = set()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_cores() -> None:
    """Set up the server's environment, before anything loads the libraries that read it: whoever set it already knows better.

    Idle threads of OpenMP (faiss, scikit-learn, torch) sleep, where they would spin on cores that other sessions need. OpenBLAS
    (numpy) has no such setting: its threads spin after, and for, each of the many small products of a page, which took more
    processor time than the products. Other pages are what the other cores are for.
    """
    for name, value in _IDLE.items():
        os.environ.setdefault(name, value)
    if not any(name in os.environ for name in (_BLAS, *_OTHERS)):
        os.environ[_BLAS] = "1"
        _set_here.add(_BLAS)


def for_workers() -> dict[str, str]:
    """The environment of worker processes, which have the cores to themselves, without what is set for the server alone."""
    return _IDLE | {name: value for name, value in os.environ.items() if name not in _set_here}
