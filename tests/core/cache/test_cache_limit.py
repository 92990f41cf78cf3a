"""The limit on the cache: what is evicted and what never is, what killed writers left, what is none of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from usl_core.cache import locks, upkeep
from usl_core.cache.contents import is_scratch, look_through, new_scratch
from usl_core.cache.store import Store
from usl_core.errors import UslError
from usl_core.fingerprints import fingerprint

ROOT = Path(__file__).resolve().parents[3]
SIZE = 400_000
KEYS = [fingerprint(number) for number in range(12)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def save(store: Store, number: int, kind: str = "features") -> None:
    store.save(kind, KEYS[number], {"a": np.full(SIZE, number, np.uint8)})


def there(store: Store, kind: str = "features") -> list[int]:
    return [number for number, key in enumerate(KEYS) if (store.root / kind / key / "meta.json").exists()]


def limit(monkeypatch: pytest.MonkeyPatch, n_entries: float) -> None:
    monkeypatch.setenv("USL_CACHE_MAX_GB", str((n_entries + 0.1) * SIZE / 1e9))


def _python(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# ---------------------------------------------------------------- the variable


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        *[("", 20e9), ("20", 20e9), ("0.5", 5e8), (" 3 ", 3e9), ("1e-9", 1), ("1e-30", 1)],
        *[("0", None), ("none", None), ("None", None), ("UNLIMITED", None)],
    ],
)
def test_limits(monkeypatch, text, n_bytes):
    monkeypatch.setenv("USL_CACHE_MAX_GB", text)
    assert upkeep.limit_bytes() == n_bytes


def test_the_usual_limit(monkeypatch):
    monkeypatch.delenv("USL_CACHE_MAX_GB", raising=False)
    assert upkeep.limit_bytes() == 20e9


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "-inf", "many", "20GB", "1,5", "1e999", "0x10", "[]"])
def test_what_is_no_limit(monkeypatch, tmp_path, text):
    monkeypatch.setenv("USL_CACHE_MAX_GB", text)
    with pytest.raises(UslError, match=r"USL_CACHE_MAX_GB must be a number of gigabytes, such as 20 or 0.5, or 0, none or unl"):
        Store(tmp_path)


# ---------------------------------------------------------------- eviction


def test_what_was_not_used_for_longest_goes(store, monkeypatch):
    limit(monkeypatch, 3)
    for number in range(3):
        save(store, number)
    assert there(store) == [0, 1, 2]
    assert store.load("features", KEYS[0]) is not None
    save(store, 3)
    assert there(store) == [0, 2, 3], "0 was used after 1 and 2 were saved"
    save(store, 4)
    assert there(store) == [0, 3, 4]
    assert look_through(store.root).size <= 3.1 * SIZE


def test_asking_when_it_was_written_is_a_use(store, monkeypatch):
    """That is how the app sees whether what it has in memory is still the latest."""
    limit(monkeypatch, 2)
    save(store, 0)
    save(store, 1)
    long_ago = time.time() - 1000
    for number in (0, 1):
        os.utime(store.root / "features" / KEYS[number], (long_ago + number, long_ago + number))
    version = store.written("features", KEYS[0])
    save(store, 2)
    assert there(store) == [0, 2]
    assert store.written("features", KEYS[0]) == version


@pytest.mark.parametrize("text", ["0", "none"])
def test_without_a_limit_nothing_goes(store, monkeypatch, text):
    monkeypatch.setenv("USL_CACHE_MAX_GB", text)
    for number in range(6):
        save(store, number)
    assert there(store) == list(range(6))


def test_what_is_saved_stays_however_large(store, monkeypatch):
    limit(monkeypatch, 0.5)
    save(store, 0)
    save(store, 1)
    assert there(store) == [1]


def test_all_kinds_count_and_what_can_be_gone_on_with_goes_last(store, monkeypatch):
    limit(monkeypatch, 3)
    store.shards("uslt-epochs", KEYS[9]).save(1, {"a": np.zeros(SIZE, np.uint8)})
    save(store, 0, "features")
    save(store, 1, "neighbors")
    save(store, 2, "maps")
    assert there(store, "features") == []
    save(store, 3, "scans")
    assert there(store, "neighbors") == []
    assert store.shards("uslt-epochs", KEYS[9]).load(1) is not None
    limit(monkeypatch, 0)
    save(store, 4)
    assert there(store, "maps") == there(store, "scans") == []
    assert not list((store.root / "uslt-epochs.partial").iterdir()), "when nothing else is left"


@pytest.mark.parametrize("n_bytes", [100, SIZE, 20_000_000], ids=["few bytes", "copied", "mapped"])
def test_arrays_that_live_keep_their_entry(store, monkeypatch, n_bytes):
    mine = store.save("features", KEYS[0], {"a": np.full(n_bytes, 7, np.uint8)}).arrays["a"][5:]
    monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-6")
    for number in (1, 2):
        save(store, number)
    assert there(store) == [0, 2]
    assert mine[0] == 7
    del mine
    save(store, 3)
    assert there(store) == [3]


_HOLDER = """
import sys
import numpy as np
from usl_core.cache.store import Store
store = Store(sys.argv[1])
if sys.argv[3] == "arrays":
    mine = store.load("features", sys.argv[2]).arrays["a"]
    print("ready", flush=True)
    sys.stdin.readline()
    del mine
    print("let go", flush=True)
    sys.stdin.readline()
with store.turn(sys.argv[2]):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["lets go", "killed"])
def test_what_another_process_uses_stays(store, monkeypatch, end):
    save(store, 0)
    with _python(_HOLDER, str(store.root), KEYS[0], "arrays") as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-6")
        save(store, 1)
        save(store, 2)
        assert there(store) == [0, 2]
        if end == "killed":
            holder.kill()
            holder.wait()
        else:
            holder.stdin.write("\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "let go\n"
        save(store, 3)
        assert there(store) == [3]
        holder.kill()


def test_what_another_process_is_at_work_on_stays(store, monkeypatch):
    store.shards("features", KEYS[0]).save(0, {"a": np.zeros(SIZE, np.uint8)})
    with _python(_HOLDER, str(store.root), KEYS[0], "turn") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-6")
        save(store, 1)
        assert store.shards("features", KEYS[0]).load(0) is not None
        holder.kill()
        holder.wait()
        save(store, 2)
        assert store.shards("features", KEYS[0]).load(0) is None


def test_without_locks_what_was_used_within_the_hour_stays(store, monkeypatch):
    monkeypatch.setattr(locks, "_open", lambda root: None)
    for number in range(3):
        save(store, number)
    before = time.time() - 2 * upkeep.GRACE_SECONDS
    os.utime(store.root / "features" / KEYS[1], (before, before))
    monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-6")
    save(store, 3)
    assert there(store) == [0, 2, 3]


def test_a_cache_is_not_looked_through_at_every_save(store, monkeypatch):
    looks = []
    real = upkeep.look_through
    monkeypatch.setattr(upkeep, "look_through", lambda root: (looks.append(root), real(root))[1])
    for number in range(200):
        store.save("features", fingerprint("few", number), {"a": np.zeros(1000, np.uint8)})
    assert len(looks) == 1


# ---------------------------------------------------------------- what killed writers left

_KILLED_WRITER = """
import os, signal, sys
import numpy as np
from usl_core.cache.store import Store
real = np.save
def save(file, array, **rest):
    real(file, array, **rest)
    print("writing", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.readline()
np.save = save
Store(sys.argv[1]).save("features", "0" * 32, {"a": np.arange(100)})
"""


def _scratch(store: Store) -> list[Path]:
    return [path for path in store.root.rglob(".*") if is_scratch(path.name)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@pytest.mark.parametrize("first_use", ["load", "save"])
def test_a_dead_writers_scratch_goes_at_the_start_of_the_next_process(store, first_use):
    assert _python(_KILLED_WRITER, str(store.root), "die").wait() == -signal.SIGKILL
    assert len(_scratch(store)) == 1
    use = "store.load('x', 'y')" if first_use == "load" else "store.save('x', 'y', {})"
    code = f"import sys; from usl_core.cache.store import Store; store = Store(sys.argv[1]); {use}"
    assert _python(code, str(store.root)).wait() == 0
    assert _scratch(store) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
def test_and_when_anything_of_its_kind_is_saved(store):
    save(store, 0)
    assert _python(_KILLED_WRITER, str(store.root), "die").wait() == -signal.SIGKILL
    save(store, 1)
    assert _scratch(store) == []


def test_a_living_writer_of_another_process_is_left_alone(store):
    with _python(_KILLED_WRITER, str(store.root), "live") as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        (scratch,) = _scratch(store)
        old = time.time() - 1e6
        for path in (*scratch.iterdir(), scratch):
            os.utime(path, (old, old))
        upkeep.sweep(store.root)
        save(store, 0)
        assert _scratch(store) == [scratch]
        writer.communicate("\n")
        assert writer.returncode == 0
    assert store.load("features", "0" * 32) is not None
    assert _scratch(store) == []


@pytest.mark.parametrize("age", [10, 7200])
@pytest.mark.parametrize("origin", ["another machine", "an earlier version", "no locks"])
def test_where_locks_do_not_tell_age_does(store, monkeypatch, age, origin):
    save(store, 0)
    scratch = new_scratch(store.root / "features", KEYS[1])
    if origin == "another machine":
        scratch = scratch.with_name(".0123abcd-ffffff0123456789")
    elif origin == "an earlier version":
        scratch = scratch.with_name(".0123abcd-k3_x9abc")
    else:
        monkeypatch.setattr(locks, "_open", lambda root: None)
    scratch.mkdir()
    (scratch / "a.npy").write_bytes(b"half")
    then = time.time() - age
    for path in (scratch / "a.npy", scratch):
        os.utime(path, (then, then))
    upkeep.sweep(store.root)
    assert scratch.exists() == (age < upkeep.GRACE_SECONDS)


def test_pieces_of_what_was_finished_go(store):
    store.shards("features", KEYS[0]).save(0, {"a": np.zeros(3)})
    store.shards("features", KEYS[1]).save(0, {"a": np.zeros(3)})
    save(store, 0)
    with store.turn(KEYS[0]):
        upkeep.sweep(store.root)
        assert store.shards("features", KEYS[0]).load(0) is not None, "somebody is at work on it"
    upkeep.sweep(store.root)
    assert store.shards("features", KEYS[0]).load(0) is None
    assert store.shards("features", KEYS[1]).load(0) is not None


# ---------------------------------------------------------------- what is not ours


def test_other_files_in_the_directory_are_counted_and_never_touched(store, monkeypatch, tmp_path):
    save(store, 0)
    theirs = [
        store.root / "notes.txt",
        store.root / "photos" / "holiday" / "a.npy",
        store.root / "features" / KEYS[5] / "picture.jpg",
        store.root / "features" / "readme.md",
        store.root / "opened" / "folder-0123456789abcdef.json",
        store.root / "Photos" / ("ab" * 16) / "meta.json",
        store.root / "features.partial" / KEYS[6] / "letter.txt",
        store.root / ".git" / ("ab" * 16) / "meta.json",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    outside = tmp_path / "outside"
    (outside / KEYS[7]).mkdir(parents=True)
    (outside / KEYS[7] / "meta.json").write_bytes(bytes(1000))
    (store.root / "linked").symlink_to(outside)
    (store.root / "features" / KEYS[8]).symlink_to(outside / KEYS[7])
    monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-9")
    save(store, 1)
    upkeep.sweep(store.root)
    assert there(store) == [1, 8], "8 is the link"
    assert all(path.stat().st_size == 1000 for path in theirs)
    assert (outside / KEYS[7] / "meta.json").exists()
    found = look_through(store.root)
    assert [item.key for item in found.items] == [KEYS[1]]
    assert found.other >= 8000


def test_other_files_push_no_entry_out(store, monkeypatch):
    (store.root / "photos").mkdir(parents=True)
    (store.root / "photos" / "film.mov").write_bytes(bytes(10 * SIZE))
    limit(monkeypatch, 4)
    for number in range(3):
        save(store, number)
    assert there(store) == [0, 1, 2]
    upkeep.keep_below(store.root, upkeep.limit_bytes())
    assert there(store) == [0, 1, 2]
    found = look_through(store.root)
    assert 3 * SIZE <= found.size < 4 * SIZE
    assert found.other == 10 * SIZE
