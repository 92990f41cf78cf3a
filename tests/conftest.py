"""What every test gets: caches that end with the test session, the development data, one small real data set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

# Libraries read these when they load, NumPy among them. Idle OpenMP threads (faiss, scikit-learn) would spin on the few cores
# that tests share, and where every core has a test already, more threads only wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # not in the process that starts the others, which would find its number set
    _SHARE = str(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))
    for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # numba, once it computes, tells torch its own number
        os.environ.setdefault(_name, _SHARE)
# Most tests are about something else than the encoder, and this one is by far the quickest; those of the default unset it.
os.environ["USL_ENCODER"] = "bundled:mini"

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from usl_core.types import FloatArray, IntArray, Neighbors

# How long an example takes to be made or tried depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


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


LONGEST = (
    *("browser/test_app", "browser/test_maps", "browser/test_hostile", "browser/test_learning", "browser/test_uslt"),
    *("pages/test_compare", "core/pretrain/test_pretrain", "core/uslt/test_training", "core/uslt/test_finetune"),
    *("pages/test_data", "pages/test_uslt", "pages/test_learning", "core/training/test_killed_trainings"),
    *("core/cache/test_at_once", "pages/test_jobs"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that none of them keeps one core busy while the others have nothing left to do."""

    def turn(item: pytest.Item) -> int:
        name = item.path.relative_to(ROOT / "tests").with_suffix("").as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=turn)  # stable: within a file, and among the short ones, the order stays


_TESTS_SO_FAR = count()


@pytest.fixture(autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's caches, or another test's. The folders are named here and made by who needs them."""
    mine = tmp_path_factory.getbasetemp() / "caches" / str(next(_TESTS_SO_FAR))
    monkeypatch.setenv("USL_CACHE_DIR", str(mine / "usl"))
    monkeypatch.setenv("USL_ENCODERS_DIR", str(mine / "encoders"))
    monkeypatch.setenv("USL_DATASETS_DIR", str(mine / "datasets"))
    monkeypatch.setenv("USL_SESSIONS_DIR", str(mine / "sessions"))
    monkeypatch.setenv("TORCH_HOME", str(mine / "torch"))
    monkeypatch.setenv("HF_HOME", str(mine / "hub"))


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


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is trained from scratch here is a narrow network."""
    from usl_core.encoders.small import SMALL_NETWORKS

    from .narrow import narrow_mini

    monkeypatch.setitem(SMALL_NETWORKS, "mini", narrow_mini())  # type: ignore[arg-type]
