"""What umap-learn compiles is kept on disk, so that only the first process that draws a map waits for the compiler."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)

_SLOW = {
    "umap_": ("smooth_knn_dist", "compute_membership_strengths"),
    "layouts": ("_nb_optimize_layout_euclidean_single_epoch",),
}
"""By module of umap-learn: what takes seconds to compile. Not that function's parallel twin, which numba would keep under the
same name; and what another version does not have is compiled as that version likes."""


def keep_compiled() -> None:
    """Have numba look on disk before it compiles for umap-learn, and put there what it compiles; see `keep`."""
    from importlib import import_module

    for module, names in _SLOW.items():
        for name in names:
            keep(getattr(import_module(f"umap.{module}"), name, None))


def keep(function: Any) -> None:
    """The same for one function that numba compiles; anything else, and what is kept already, stays as it is.

    It keeps it where it keeps what packages ask it to keep: beside their modules, else in the user's cache directory, else in
    NUMBA_CACHE_DIR, which goes before both. It is compiled anew when umap-learn, numba or the processor is another one.
    """
    from numba.core.caching import FunctionCache, NullCache

    class Kept(FunctionCache):
        """It may save time and may not cost the map: what cannot be read is compiled, what cannot be written is not kept."""

        def load_overload(self, *given: Any) -> Any:
            try:
                return super().load_overload(*given)
            except Exception:  # files that are damaged raise anything
                log.warning("what numba kept in %s cannot be read and is compiled again", self.cache_path, exc_info=True)
                return None

        def save_overload(self, *given: Any) -> None:
            try:
                super().save_overload(*given)
            except Exception:  # noqa: BLE001 - it reads its index first
                self._begin_anew(given)

        def _begin_anew(self, given: tuple[Any, ...]) -> None:
            try:
                self.flush()
                super().save_overload(*given)
            except OSError as error:
                log.info("what numba compiled cannot be kept in %s: %s", self.cache_path, error)

    if isinstance(getattr(function, "_cache", None), NullCache):
        try:
            function._cache = Kept(function.py_func)
        except (OSError, RuntimeError) as error:  # numba finds no directory that it may write to
            log.info("what numba compiles is not kept: %s", error)
