"""Work in pieces whose size has nothing to do with the number of threads, on as many threads as NumPy's BLAS has.

A product of matrices is cut by BLAS itself where it has several threads, and what surrounds the product then runs on one. Here
each thread takes whole pieces, product and all, with one thread of BLAS, and the results come in the order of the pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from .arithmetic import blas_threads, usual_blas_threads

A = TypeVar("A")
T = TypeVar("T")


class Run(Protocol):
    """What the step returns for each piece, in order; an error of any of them is raised."""

    def __call__(self, step: Callable[[A], T], pieces: Iterable[A], /) -> list[T]: ...


def one_by_one(step: Callable[[A], T], pieces: Iterable[A], /) -> list[T]:
    """A `Run` without threads."""
    return [step(piece) for piece in pieces]


@contextmanager
def numpy_threads(most: int) -> Iterator[Run]:
    """Threads for steps that spend their time inside of NumPy, which lets go of Python's lock there.

    Args:
        most: pieces that there will be at a time; with one of them there are no threads.
    """
    with blas_threads(1):
        count = min(usual_blas_threads(), most)
        if count <= 1:
            yield one_by_one
            return
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(count, "numpy")
        try:
            yield lambda step, pieces: list(pool.map(step, pieces))
        finally:
            pool.shutdown(cancel_futures=True)
