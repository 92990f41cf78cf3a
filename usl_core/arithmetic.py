"""What decides the last bits of a sum: the threads of torch and BLAS, and cuDNN's choice of algorithm.

A training carries them on to other picks. torch and BLAS each have one number of threads for the whole process, so whoever
needs a certain one holds it while it computes.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class _Threads(ABC):
    """One such number, and who holds it: Python threads, in the order of coming."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._holders: list[tuple[int, int]] = []
        self._usual: Any = None

    @abstractmethod
    def _change(self, count: int) -> Any:
        """Set the number; returns what `_restore` needs."""

    @abstractmethod
    def _restore(self, usual: Any) -> None:
        """Go back."""

    @contextmanager
    def held(self, count: int) -> Iterator[None]:
        """Several Python threads may hold the same number at once; one that needs another waits for its turn."""
        mine = (threading.get_ident(), count)
        with self._turn:
            self._turn.wait_for(lambda: all(mine[0] == who or count == number for who, number in self._holders))
            usual = self._change(count)
            if not self._holders:
                self._usual = usual
            self._holders.append(mine)
        try:
            yield
        finally:
            with self._turn:
                self._holders.remove(mine)
                if self._holders:
                    self._change(self._holders[-1][1])
                else:
                    self._restore(self._usual)
                self._turn.notify_all()


class _Torch(_Threads):
    def _change(self, count: int) -> int:
        import torch

        usual = torch.get_num_threads()
        torch.set_num_threads(count)
        return usual

    def _restore(self, usual: int) -> None:
        import torch

        torch.set_num_threads(usual)


class _Blas(_Threads):
    def _change(self, count: int) -> Any:
        import scipy.linalg  # noqa: F401 - it has a BLAS of its own, which is limited only if it is loaded
        from threadpoolctl import threadpool_limits  # comes with scikit-learn

        return threadpool_limits(count, user_api="blas")

    def _restore(self, usual: Any) -> None:
        usual.restore_original_limits()


_TORCH, _BLAS = _Torch(), _Blas()


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute on that many threads, so that its sums come out alike however many cores there are.

    Args:
        count: >= 1.
    """
    with _TORCH.held(count):
        yield


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """The same for the matrix products and decompositions of NumPy and SciPy.

    Args:
        count: >= 1.
    """
    with _BLAS.held(count):
        yield


def same_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """cuDNN may otherwise take another algorithm from run to run, and a resumed training would end elsewhere."""
    import torch

    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
