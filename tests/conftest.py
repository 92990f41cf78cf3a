"""What every test gets: caches that end with the test session, the development data, one small real data set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from usl_core.types import FloatArray, IntArray, Neighbors

# How long an example takes to be made or tried depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]

# Libraries read these when they load. Idle OpenMP threads (faiss, scikit-learn) would spin on the few cores that tests share,
# and where every core has a test already, more threads only wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_TESTS_AT_ONCE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _TESTS_AT_ONCE)))


@dataclass(frozen=True, slots=True)
class Digits:
    """scikit-learn's 1,797 digits as 64 principal components, unit rows.

    Args:
        values: (1797, 64) float32.
        labels: (1797,) digit of each image.
        graph: its 20 nearest neighbours.
    """

    values: FloatArray
    labels: IntArray
    graph: Neighbors


_TESTS_SO_FAR = count()


@pytest.fixture(autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's caches, or another test's. The folders are named here and made by who needs them."""
    mine = tmp_path_factory.getbasetemp() / "caches" / str(next(_TESTS_SO_FAR))
    monkeypatch.setenv("USL_CACHE_DIR", str(mine / "usl"))
    monkeypatch.setenv("USL_ENCODERS_DIR", str(mine / "encoders"))
    monkeypatch.setenv("TORCH_HOME", str(mine / "torch"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the development data ({folder.name}/ beside the checkout) is not here")
    return folder


@pytest.fixture(scope="session")
def digits() -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    from usl_core import find_neighbors
    from usl_core.validation import unit_rows

    pixels, labels = load_digits(return_X_y=True)
    values = unit_rows(PCA(64, svd_solver="full").fit_transform(pixels))
    values.setflags(write=False)
    return Digits(values, labels.astype(np.int64), find_neighbors(values, 20))
