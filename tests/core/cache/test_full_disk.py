"""A disk without space: what is said, and that nothing half-written stays."""

from __future__ import annotations

import errno
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from usl_core.cache.store import Store
from usl_core.disk import size_text
from usl_core.encoders import download
from usl_core.encoders.registry import get_encoder
from usl_core.encoders.trained import export_encoder
from usl_core.errors import UslError
from usl_core.export.files import write_atomically
from usl_core.features.encode import encode

from ..features.test_encode import Tiny, make_folder

images_module = importlib.import_module("usl_core.images.scan")
KEY = "0123456789abcdef" * 2
SPACE = 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != "locks")


@pytest.mark.parametrize("n", [10_000_000, 200_000], ids=["in one piece", "in the second array"])
def test_an_entry_that_does_not_fit_is_told_and_leaves_nothing(small_disk, n):
    store = Store(small_disk / "cache")
    store.save("kind", "f" * 32, {"a": np.arange(10)})
    with pytest.raises(UslError) as caught:
        store.save("kind", KEY, {"a": np.zeros(n, np.uint8), "b": np.zeros(n, np.uint8)})
    said = str(caught.value)
    assert "No space left on device" in said
    assert str(small_disk / "cache") in said
    assert f"no space is left for the {size_text(2 * n)} that are needed" in said
    assert "USL_CACHE_DIR" in said
    assert "requested" not in said
    assert _files(small_disk) == ["cache/kind/" + "f" * 32 + "/a.npy", "cache/kind/" + "f" * 32 + "/meta.json"]
    assert store.load("kind", "f" * 32) is not None, "what is there can still be read"


def test_encoding_goes_on_once_there_is_space(small_disk, tmp_path):
    images = images_module.scan(make_folder(tmp_path / "images"), cache_dir=tmp_path / "elsewhere")
    blocker = small_disk / "blocker"
    cache = small_disk / "cache"

    class Wide(Tiny):
        def __call__(self, pixels):
            if len(list(cache.glob("vectors/*"))) >= 2 and not blocker.exists() and not wide.n_filled:
                blocker.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
                wide.n_filled += 1
            return super().__call__(pixels)

    wide = Wide()
    wide.n_filled = 0
    with pytest.raises(UslError, match="no space is left for the 512 bytes that are needed"):
        encode(images, wide, cache_dir=cache)
    assert len(list(cache.glob("vectors/*"))) == 2
    assert not list(cache.rglob(".*"))
    blocker.unlink()
    again = Tiny()
    features = encode(images, again, cache_dir=cache)
    assert again.n_prepared == 30 - 16
    np.testing.assert_array_equal(features.values, encode(images, Tiny(), cache_dir=tmp_path / "fresh").values)


def test_a_disk_that_is_full_when_all_is_encoded(small_disk, tmp_path):
    """Neither the index nor the features of the folder can be written; nothing is encoded again once they can."""
    images = images_module.scan(make_folder(tmp_path / "images"), cache_dir=tmp_path / "elsewhere")
    blocker, cache = small_disk / "blocker", small_disk / "cache"

    def fill(fraction, note):
        if note == "putting the features together" and not blocker.exists():
            blocker.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))

    with pytest.raises(UslError, match=r"no space is left for the 1\.4 kB that are needed"):
        encode(images, Tiny(), cache_dir=cache, on_progress=fill)
    assert len(list(cache.glob("vectors/*"))) == 4
    blocker.unlink()
    again = Tiny()
    features = encode(images, again, cache_dir=cache)
    assert again.n_prepared == 0
    np.testing.assert_array_equal(features.values, encode(images, Tiny(), cache_dir=tmp_path / "fresh").values)


def test_files_of_results_on_a_full_disk(small_disk):
    with pytest.raises(UslError, match=r"picks.csv cannot be written \(No space left on device\); .*no space is left"):
        write_atomically(small_disk / "out" / "picks.csv", bytes(1_000_000))
    assert _files(small_disk) == []


def test_an_encoder_that_does_not_fit(small_disk, monkeypatch):
    monkeypatch.setenv("USL_ENCODERS_DIR", str(small_disk / "encoders"))
    weights = {"x": np.zeros(100_000, np.float32)}
    with pytest.raises(
        UslError, match=r"the encoder in .*encoders cannot be written .*No space left.* no space is left for the 400 kB"
    ):
        export_encoder("mine", "mini", weights, "nothing")
    assert _files(small_disk) == []
    with pytest.raises(UslError, match="there is no trained encoder"):
        get_encoder("trained:mine")


def test_a_download_that_does_not_fit_does_not_blame_the_network(monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "_append", full)
    with pytest.raises(UslError, match=r"cannot be written \(No space left on device\); .* no space is left for the 44\.7 MB"):
        get_encoder("torchvision:resnet18").load("cpu", "float32", lambda note: None)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG], ids=errno.errorcode.get)
@pytest.mark.parametrize("write", [0, 1, 2], ids=["first array", "second array", "meta.json"])
def test_a_write_that_fails(tmp_path, monkeypatch, number, write):
    store = Store(tmp_path)
    arrays = {"a": np.zeros(70_000, np.uint8), "b": np.zeros(20)}
    store.save("kind", KEY, arrays, {"version": 1})
    real, opened = io.open, []

    def failing(path, mode="r", *args, **rest):
        file = real(path, mode, *args, **rest)
        if "w" in mode:
            opened.append(path)
            if len(opened) > write:
                file.close()
                raise OSError(number, os.strerror(number), str(path))
        return file

    monkeypatch.setattr(io, "open", failing)
    with pytest.raises(UslError, match=r"no space is left for .*70\.2 kB that are needed"):
        store.save("kind", KEY, arrays, {"version": 2})
    monkeypatch.undo()
    entry = store.load("kind", KEY)
    assert entry is not None
    assert entry.meta == {"version": 1}
    assert not list(tmp_path.rglob(".*"))


_LIMITED = """
import resource, sys
import numpy as np
from usl_core.errors import UslError
from usl_core.cache.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Store(sys.argv[1]).save("kind", "0" * 32, {"a": np.zeros(131_072, np.uint8)})
except UslError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of a file")
def test_a_limit_on_the_size_of_files(tmp_path):
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no space is left for the 131 kB that are needed under the limit on the size of a file" in done.stdout
    assert _files(tmp_path) == []


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        *[(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (27_616, "27.6 kB"), (131_072, "131 kB"), (999_600, "1 MB")],
        *[(20e9, "20 GB"), (1_500_000, "1.5 MB"), (1.5e12, "1,500 GB")],
    ],
)
def test_sizes_in_words(n_bytes, text):
    assert size_text(n_bytes) == text
