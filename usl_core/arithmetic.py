"""What decides the last bits of a sum: the threads of torch and BLAS, and cuDNN's choice of algorithm.

A training carries them on to other picks. torch and BLAS each have one number of threads for the whole process, so whoever
needs a certain one holds it while it computes.
"""

from __future__ import annotations

import sys
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
    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[int, list[Any]] | None = None
        self._own: dict[str, tuple[Any, int]] = {}

    def _change(self, count: int) -> None:
        for library in self._libraries():  # one may be new since another change, with a number of its own
            self._own.setdefault(library.filepath, (library, library.num_threads))
            _set(library, count)

    def _restore(self, usual: None) -> None:
        for library, number in self._own.values():
            _set(library, number)
        self._own.clear()

    def usual_of_numpy(self) -> int:
        """While it is held: what NumPy's had before."""
        with self._turn:
            own = list(self._own.items())
        numbers = [number for path, (_, number) in own if "numpy" in path] or [number for _, (_, number) in own]
        return max(numbers, default=1)

    def _libraries(self) -> list[Any]:
        """Every BLAS of this process. To find them takes longer than to pick from a few thousand images, and new ones come with
        new modules only, of which this library's own bring none."""
        from threadpoolctl import ThreadpoolController  # comes with scikit-learn

        names = list(sys.modules)  # a copy in one step: another thread may import while these are counted
        n_modules = sum(not name.startswith("usl_core.") for name in names)
        if self._found is None or self._found[0] != n_modules:
            self._found = n_modules, ThreadpoolController().select(user_api="blas").lib_controllers
        return self._found[1]


def _set(library: Any, count: int) -> None:
    """threadpoolctl lets one Python thread alone set the number and passes over what others ask for, without a word. Here
    threads take turns, see `held`."""
    release = getattr(library, "clear_controlling_thread", lambda *, force: None)  # since threadpoolctl 3.7
    release(force=True)
    library.set_num_threads(count)
    release(force=True)


_TORCH, _BLAS = _Torch(), _Blas()
_OPENMP = threading.local()
"""`usual`: what OpenMP had in this Python thread before it held BLAS; None where nothing brought OpenMP yet."""


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
    """The same for the matrix products and decompositions of NumPy, and of SciPy where `scipy.linalg` was imported before: it
    has a BLAS of its own.

    Args:
        count: >= 1.
    """
    is_outermost = not hasattr(_OPENMP, "usual")
    if is_outermost or _OPENMP.usual is None:
        _OPENMP.usual = _openmp_now()
    try:
        with _BLAS.held(count):
            yield
    finally:
        if is_outermost:
            usual = _OPENMP.usual
            del _OPENMP.usual
            if usual is not None:
                sys.modules["faiss"].omp_set_num_threads(usual)


def usual_blas_threads() -> int:
    """The threads that NumPy's BLAS has while nobody holds it by `blas_threads`; for whoever holds it now."""
    return _BLAS.usual_of_numpy()


def _openmp_now() -> int | None:
    if "faiss" not in sys.modules:
        return None
    import faiss  # and wait, where another thread has only begun to

    return faiss.omp_get_max_threads()


def openmp_threads() -> int:
    """The threads that OpenMP has in this Python thread. faiss's BLAS is built on it, so whoever holds BLAS holds OpenMP's
    number too; this is what it was before."""
    import faiss

    held: int | None = getattr(_OPENMP, "usual", None)
    found: int = faiss.omp_get_max_threads()
    return found if held is None else held


def same_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """cuDNN may otherwise take another algorithm from run to run, and a resumed training would end elsewhere."""
    import torch

    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
