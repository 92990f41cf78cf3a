"""The cache: what is read is what was written, or nothing; many may write at once."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usl_core.cache import placing
from usl_core.cache import store as store_module
from usl_core.cache.contents import new_scratch
from usl_core.cache.entries import COPIED_BYTES, META, Damaged
from usl_core.cache.store import Store, default_cache_dir, fingerprint
from usl_core.errors import UslError

KEY = "0123456789abcdef"
ARRAYS: dict[str, np.ndarray] = {"a": np.arange(24, dtype=np.float32).reshape(4, 6), "b": np.array([1, 2, 3], dtype=np.int64)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def _folder(store: Store, kind: str = "kind", key: str = KEY) -> Path:
    return store.root / kind / key


def _leftovers(store: Store) -> list[str]:
    return [path.name for path in store.root.rglob(".*")]


def _n_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ---------------------------------------------------------------- reading what was written


def test_what_is_loaded_is_what_was_saved(store):
    meta = {"text": "é ☃", "numbers": [1, 2.5, None], "deep": {"x": True}}
    for entry in (store.save("kind", KEY, ARRAYS, meta), store.load("kind", KEY)):
        assert entry is not None
        assert entry.meta == meta
        assert set(entry.arrays) == {"a", "b"}
        for name, array in ARRAYS.items():
            assert entry.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(entry.arrays[name], array)
    assert _leftovers(store) == []


def test_metadata_alone_needs_no_array(store):
    assert store.meta("k", "a") is None
    store.save("k", "a", {"x": np.arange(3)}, {"n": [1, 2]})
    (store.root / "k" / "a" / "x.npy").unlink()
    assert store.meta("k", "a") == {"n": [1, 2]}
    assert store.load("k", "a") is None
    (store.root / "k" / "a" / "meta.json").write_text("[]")
    assert store.meta("k", "a") is None


LARGE = {"large": np.arange(COPIED_BYTES // 4, dtype=np.float32)}


@pytest.mark.parametrize(("arrays", "mapped"), [(ARRAYS, False), (LARGE, True)], ids=["small", "large"])
def test_arrays_are_read_only_for_good_and_only_large_ones_are_mapped(store, arrays, mapped):
    for array in store.save("kind", KEY, arrays).arrays.values():
        assert isinstance(array, np.memmap) == mapped
        with pytest.raises(ValueError, match="read-only"):
            array.ravel()[0] = 1
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.setflags(write=True)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists what a process has open")
def test_small_entries_keep_no_file_open(store):
    """But the one in which all that this process uses is locked."""
    before = _n_open_files()
    entries = [store.save("kind", f"{number:032x}", ARRAYS) for number in range(20)]
    assert _n_open_files() <= before + 1
    assert all(entry.arrays["a"][1, 1] == 7 for entry in entries)
    del entries
    assert _n_open_files() == before


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), dtype=np.float32),
        np.zeros((3, 0)),
        np.array(5.0),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::3],
        np.array(["a", "bcd", "é"]),
        np.array([True, False]),
        np.array([np.nan, np.inf, -0.0]),
        np.arange(3, dtype=">i4"),
        np.array([1 + 2j]),
    ],
    ids=["no rows", "no columns", "0-d", "fortran", "strided", "text", "bool", "nan", "big-endian", "complex"],
)
def test_any_array_without_objects(store, array):
    entry = store.save("kind", KEY, {"x": array})
    assert entry.arrays["x"].shape == array.shape
    assert entry.arrays["x"].dtype == array.dtype
    np.testing.assert_array_equal(entry.arrays["x"], array)


def test_an_entry_without_arrays(store):
    assert store.save("kind", KEY, {}, {"x": 1}).meta == {"x": 1}


def test_nothing_there_is_a_miss(store):
    assert store.load("kind", KEY) is None
    store.save("kind", KEY, ARRAYS)
    assert store.load("kind", "other") is None
    assert store.load("other", KEY) is None


def test_nothing_is_made_before_something_is_saved(store):
    store.load("kind", KEY)
    store.discard("kind", KEY)
    store.shards("kind", KEY).load(0)
    assert not store.root.exists()


def test_discard(store):
    store.save("kind", KEY, ARRAYS)
    store.save("kind", "other", ARRAYS)
    store.discard("kind", KEY)
    store.discard("kind", KEY)
    assert store.load("kind", KEY) is None
    assert store.load("kind", "other") is not None


def test_saving_again_replaces_the_contents(store):
    old = store.save("kind", KEY, ARRAYS, {"version": 1})
    new = store.save("kind", KEY, {"a": np.zeros(3)}, {"version": 2})
    assert new.meta == {"version": 2}
    assert set(new.arrays) == {"a"}
    np.testing.assert_array_equal(old.arrays["a"], ARRAYS["a"])
    assert _leftovers(store) == []


def test_saving_the_same_again_keeps_the_entry_in_place(store):
    store.save("kind", KEY, ARRAYS)
    before = _folder(store).stat().st_ino
    store.save("kind", KEY, ARRAYS)
    assert _folder(store).stat().st_ino == before
    assert _leftovers(store) == []


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("name", ["a.npy", "meta.json"])
@pytest.mark.parametrize("flip", [1, 32, 255])
def test_a_single_changed_byte_is_a_miss(store, name, flip):
    store.save("kind", KEY, ARRAYS, {"seconds": 12, "note": "hello"})
    path = _folder(store) / name
    intact = path.read_bytes()
    for at in range(len(intact)):
        path.write_bytes(intact[:at] + bytes([intact[at] ^ flip]) + intact[at + 1 :])
        assert store.load("kind", KEY) is None, f"byte {at} of {name}"
    path.write_bytes(intact)
    assert store.load("kind", KEY) is not None


@pytest.mark.parametrize("name", ["a.npy", "b.npy", "meta.json"])
def test_a_truncated_or_longer_file_is_a_miss(store, name):
    store.save("kind", KEY, ARRAYS)
    path = _folder(store) / name
    intact = path.read_bytes()
    for length in (0, 1, 10, len(intact) // 2, len(intact) - 1):
        path.write_bytes(intact[:length])
        assert store.load("kind", KEY) is None
    path.write_bytes(intact + b"x")
    assert store.load("kind", KEY) is None


@pytest.mark.parametrize("name", ["a.npy", "b.npy", "meta.json"])
def test_a_missing_file_is_a_miss(store, name):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / name).unlink()
    assert store.load("kind", KEY) is None


@pytest.mark.parametrize(
    "array", [ARRAYS["a"].astype(np.float64), ARRAYS["a"].view(np.int32), ARRAYS["a"].reshape(6, 4), ARRAYS["a"] + 1]
)
def test_another_type_shape_or_value_is_a_miss(store, array):
    store.save("kind", KEY, ARRAYS)
    np.save(_folder(store) / "a.npy", array)
    assert store.load("kind", KEY) is None


@pytest.mark.parametrize("garbage", [b"", b"PK\x03\x04zip?", b"\x80\x04.", b"x" * 500])
def test_garbage_for_an_array_is_a_miss(store, garbage):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / "a.npy").write_bytes(garbage)
    assert store.load("kind", KEY) is None


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"text"',
        "{}",
        '{"format": 1}',
        '{"format": 2, "arrays": [], "meta": {}, "crc": 0}',
        '{"format": 2, "arrays": null, "meta": {}, "crc": 0}',
        '{"format": 2, "arrays": {"a": 1}, "meta": {}, "crc": 0}',
        "[" * 100_000,
    ],
)
def test_garbage_for_meta_is_a_miss(store, garbage):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / "meta.json").write_text(garbage)
    assert store.load("kind", KEY) is None


def test_meta_that_is_no_text_is_a_miss(store):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / "meta.json").write_bytes(b"\xff\xfe\x00")
    assert store.load("kind", KEY) is None


def test_another_format_is_a_miss(store, monkeypatch):
    store.save("kind", KEY, ARRAYS)
    monkeypatch.setattr(store_module, "FORMAT_VERSION", store_module.FORMAT_VERSION + 1)
    assert store.load("kind", KEY) is None
    assert store.save("kind", KEY, ARRAYS).meta == {}
    assert store.load("kind", KEY) is not None


def test_meta_stays_plain_json(store):
    store.save("kind", KEY, ARRAYS, {"x": 1})
    document = json.loads((_folder(store) / "meta.json").read_text(encoding="utf-8"))
    assert document["meta"] == {"x": 1}
    assert set(document["arrays"]) == {"a", "b"}


def test_damage_heals_when_saved_again(store):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / "a.npy").write_bytes(b"damaged")
    assert store.load("kind", KEY) is None
    store.save("kind", KEY, ARRAYS)
    assert store.load("kind", KEY) is not None
    assert _leftovers(store) == []


def test_files_stay_plain_npy(store):
    store.save("kind", KEY, {"a": ARRAYS["a"].T})
    np.testing.assert_array_equal(np.load(_folder(store) / "a.npy"), ARRAYS["a"].T)


def test_damage_is_logged(store, caplog):
    store.save("kind", KEY, ARRAYS)
    (_folder(store) / "a.npy").write_bytes(b"damaged")
    store.load("kind", KEY)
    assert "damaged" in caplog.text
    caplog.clear()
    store.load("kind", "never written")
    assert caplog.text == ""


# ---------------------------------------------------------------- what is no damage

OF_THE_SYSTEM = [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOMEM, errno.ESTALE]


@pytest.mark.parametrize("number", OF_THE_SYSTEM, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["a.npy", "meta.json"])
def test_what_the_system_refuses_is_an_error_and_leaves_the_entry_alone(store, monkeypatch, number, name):
    store.save("kind", KEY, ARRAYS, {"version": 1})
    before = {path: path.read_bytes() for path in sorted(_folder(store).iterdir())}
    real = io.open

    def refuse(path, *args, **rest):
        if str(path).endswith(name):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *args, **rest)

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(UslError, match=rf"cache entry kind/{KEY} .* cannot be read \({re.escape(os.strerror(number))}\)"):
        store.load("kind", KEY)
    with pytest.raises(UslError, match=re.escape(os.strerror(number))):
        store.save("kind", KEY, ARRAYS, {"version": 1})
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in sorted(_folder(store).iterdir())} == before
    assert store.load("kind", KEY) is not None
    assert _leftovers(store) == []


_TOO_MANY_FILES = """
import os, resource, sys
import numpy as np
from usl_core.errors import UslError
from usl_core.cache.store import Store
store = Store(sys.argv[1])
store.load("kind", "0" * 32)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for free in range(4):
    try:
        entry = store.load("kind", sys.argv[2])
        print("miss" if entry is None else "there")
    except UslError as error:
        print("Too many open files" in str(error) or error)
    os.close(taken.pop())
print("there" if store.load("kind", sys.argv[2]) else "lost")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to lower")
def test_too_many_open_files_are_never_a_miss(store):
    store.save("kind", KEY, ARRAYS)
    said = _python("-c", _TOO_MANY_FILES, str(store.root), KEY).communicate()[0].split()
    assert said[0] == "True"
    assert said[-1] == "there"
    assert set(said) <= {"True", "there"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
def test_an_entry_without_permission(store):
    store.save("kind", KEY, ARRAYS)
    _folder(store).chmod(0)
    with pytest.raises(UslError, match="Permission denied"):
        store.load("kind", KEY)
    _folder(store).chmod(0o700)
    assert store.load("kind", KEY) is not None


def test_an_entry_that_is_replaced_all_the_time_is_never_missed(store):
    arrays = {"a": np.zeros(50_000)}
    store.save("kind", KEY, arrays, {"version": -1})
    stop = threading.Event()

    def replace() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.save("kind", KEY, arrays, {"version": number})

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        assert None not in [Store(store.root).load("kind", KEY) for _ in range(200)]
    finally:
        stop.set()
        writer.join()


def test_an_entry_that_is_put_back_between_two_looks_is_not_missed(store, monkeypatch):
    store.save("kind", KEY, ARRAYS)
    away = _folder(store).with_name("away")
    looks: list[bool] = []
    _folder(store).rename(away)

    def put_back_first(folder: Path) -> bool:
        if not looks:
            away.rename(folder)
        looks.append(True)
        return False

    monkeypatch.setattr(placing, "_is_being_replaced", put_back_first)
    assert store.load("kind", KEY) is not None
    assert looks


def test_a_reader_does_not_give_up_while_others_get_on(store, monkeypatch):
    store.save("kind", KEY, ARRAYS)
    real, reads = store_module.read_entry, []

    def replaced_while_it_is_read(folder: Path, *args: Any, **kwargs: Any) -> Any:
        reads.append(folder)
        if len(reads) > 3 * placing.ATTEMPTS:
            return real(folder, *args, **kwargs)
        (folder / META).rename(folder / "old")
        (folder / META).write_bytes((folder / "old").read_bytes())
        raise Damaged("half of it is another one's")

    monkeypatch.setattr(store_module, "read_entry", replaced_while_it_is_read)
    assert store.load("kind", KEY) is not None
    assert len(reads) == 3 * placing.ATTEMPTS + 1


def test_what_a_writer_left_half_replaced_is_soon_given_up(store, monkeypatch):
    store.save("kind", KEY, ARRAYS)
    scratch = new_scratch(_folder(store).parent, KEY)
    _folder(store).rename(scratch.with_name(f"{scratch.name}-old"))
    pauses: list[float] = []
    monkeypatch.setattr(store_module.time, "sleep", pauses.append)
    assert store.load("kind", KEY) is None
    assert len(pauses) <= placing.ATTEMPTS


# ---------------------------------------------------------------- writing


def test_what_cannot_be_stored_leaves_nothing_behind(store):
    with pytest.raises(ValueError, match="Object arrays"):
        store.save("kind", KEY, {"a": np.array([object()])})
    with pytest.raises(TypeError, match="cannot store an array of records"):
        store.save("kind", KEY, {"a": np.zeros(1, dtype=[("x", "<i4"), ("y", "<f8")])})
    with pytest.raises(TypeError, match="JSON"):
        store.save("kind", KEY, ARRAYS, {"x": object()})
    assert store.load("kind", KEY) is None
    assert _leftovers(store) == []


def test_interrupted_writing_leaves_the_old_entry(store, monkeypatch):
    store.save("kind", KEY, ARRAYS, {"version": 1})

    def full_disk(*args: object, **rest: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.np, "save", full_disk)
    with pytest.raises(UslError, match=r"cannot be written \(No space left on device\); free some space, or set USL_CACHE_DIR"):
        store.save("kind", KEY, {"a": np.zeros(3)}, {"version": 2})
    entry = store.load("kind", KEY)
    assert entry is not None
    assert entry.meta == {"version": 1}
    assert _leftovers(store) == []


def test_a_root_that_cannot_be_written_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "cache")
    assert store.load("kind", KEY) is None
    with pytest.raises(UslError, match=r"cache directory .*file.cache cannot be written .*USL_CACHE_DIR"):
        store.save("kind", KEY, ARRAYS)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_root_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UslError, match="cannot be written"):
        Store(tmp_path / "cache").save("kind", KEY, ARRAYS)
    tmp_path.chmod(0o700)


def test_a_file_where_the_entry_belongs(store):
    _folder(store).parent.mkdir(parents=True)
    _folder(store).write_text("in the way")
    assert store.load("kind", KEY) is None
    assert store.save("kind", KEY, ARRAYS).arrays["b"].tolist() == [1, 2, 3]
    assert _leftovers(store) == []


def test_threads_that_save_the_same_entry(store):
    def work(_: int) -> None:
        for _ in range(10):
            entry = store.save("kind", KEY, ARRAYS, {"x": 1})
            np.testing.assert_array_equal(entry.arrays["a"], ARRAYS["a"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.load("kind", KEY) is not None
    assert _leftovers(store) == []


def test_threads_that_read(store):
    """`numpy.load` fails now and then here on Python 3.11: SystemError, "AST constructor recursion depth mismatch"."""
    arrays = {f"array {i}": np.arange(i + 1) for i in range(8)}
    store.save("kind", KEY, arrays)
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda _: store.load("kind", KEY), range(200)))
    assert all(entry is not None and entry.arrays["array 7"][7] == 7 for entry in entries)


def test_threads_that_heal_a_damaged_entry(store):
    for _ in range(10):
        store.save("kind", KEY, ARRAYS)
        (_folder(store) / "b.npy").write_bytes(b"damaged")
        with ThreadPoolExecutor(6) as pool:
            entries = list(pool.map(lambda _: store.save("kind", KEY, ARRAYS), range(6)))
        assert all(entry.arrays["b"].tolist() == [1, 2, 3] for entry in entries)
    assert _leftovers(store) == []


def test_threads_that_save_different_contents_leave_one_of_them(store):
    def work(number: int) -> None:
        for _ in range(10):
            assert store.save("kind", KEY, {"a": np.full(5, number)}).arrays["a"].shape == (5,)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    entry = store.load("kind", KEY)
    assert entry is not None
    assert len(set(entry.arrays["a"].tolist())) == 1
    assert _leftovers(store) == []


_WRITER = """
import sys
import numpy as np
from usl_core.cache.store import Store
for _ in range(25):
    Store(sys.argv[1]).save("kind", sys.argv[2], {"a": np.arange(50_000)}, {"from": "a process"})
"""


def test_processes_that_save_the_same_entry(store):
    writers = [_python("-c", _WRITER, str(store.root), KEY) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        entry = store.load("kind", KEY)
        if entry is not None:
            seen += 1
            assert entry.arrays["a"][-1] == 49_999
    for writer in writers:
        assert writer.communicate()[1] == ""
        assert writer.returncode == 0
    assert seen
    assert store.load("kind", KEY) is not None
    assert _leftovers(store) == []


def _python(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# ---------------------------------------------------------------- shards


def test_shards_are_found_one_by_one_and_go_together(store):
    shards = store.shards("features", KEY)
    shards.save(0, {"x": np.zeros(2)})
    shards.save(12, {"x": np.ones(2)}, {"rows": 2})
    again = Store(store.root).shards("features", KEY)
    assert again.load(0) is not None
    assert again.load(1) is None
    last = again.load(12)
    assert last is not None
    assert last.meta == {"rows": 2}
    assert store.load("features", KEY) is None, "pieces are no finished entry"
    again.discard()
    assert shards.load(0) is shards.load(12) is None


# ---------------------------------------------------------------- where


def test_the_default_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "mine"))
    assert default_cache_dir() == Store().root == tmp_path / "mine"
    monkeypatch.setenv("USL_CACHE_DIR", "~/there")
    assert default_cache_dir() == Path.home() / "there"
    monkeypatch.delenv("USL_CACHE_DIR")
    assert default_cache_dir().name == "usl-explorer"
    assert Store("~/x").root == Path.home() / "x"


# ---------------------------------------------------------------- fingerprints

DIFFERENT: list[tuple[Any, ...]] = [
    (),
    (None,),
    ("",),
    ("None",),
    ("a",),
    (b"a",),
    ("ab",),
    ("a", "b"),
    (["a", "b"],),
    (["a"], "b"),
    ([["a"], "b"],),
    ([],),
    ([[]],),
    (0,),
    (False,),
    (0.0,),
    (-0.0,),
    ("0",),
    (1,),
    (True,),
    (1.0,),
    (float("nan"),),
    ({"a": 1},),
    ({"a": 2},),
    ({"b": 1},),
    (np.zeros(4, dtype=np.float32),),
    (np.zeros(4, dtype=np.int32),),
    (np.zeros(4, dtype=">i4"),),
    (np.zeros(2, dtype=np.float64),),
    (np.zeros(16, dtype=np.uint8),),
    (np.zeros((2, 2), dtype=np.float32),),
    (np.zeros((4, 1), dtype=np.float32),),
    (np.zeros((0, 4), dtype=np.float32),),
    (np.zeros((4, 0), dtype=np.float32),),
    (np.array(0.0),),
    (np.array([0.0]),),
    (np.arange(4, dtype=np.float32),),
    (np.arange(4, dtype=np.float32)[::-1],),
    (np.array(["a", "b"]),),
    (np.array(["ab"]),),
    (np.arange(6).reshape(2, 3),),
    (np.arange(6).reshape(2, 3).T,),
]


def test_different_things_differ():
    digests = [fingerprint(*parts) for parts in DIFFERENT]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in digests)


def test_equal_things_agree():
    x = np.arange(12.0).reshape(3, 4)
    assert fingerprint(x) == fingerprint(x.copy()) == fingerprint(np.asfortranarray(x)) == fingerprint(np.tile(x, 2)[:, :4])
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint((1, 2)) == fingerprint([1, 2])
    assert fingerprint(np.int64(3), np.float64(0.5), np.bool_(True)) == fingerprint(3, 0.5, True)


@pytest.mark.parametrize("thing", [object(), {1, 2}, 1j, np.datetime64("2020-01-01")])
def test_what_has_no_fingerprint(thing):
    with pytest.raises(TypeError, match="cannot fingerprint a"):
        fingerprint(thing)


def test_fingerprints_outlive_the_process():
    call = "fingerprint('a', {'x': 1, 'y': [2.5]}, np.arange(5))"
    code = f"import numpy as np; from usl_core.cache.store import fingerprint; print({call})"
    here = fingerprint("a", {"x": 1, "y": [2.5]}, np.arange(5))
    for seed in ("0", "1"):
        assert _python("-c", code, PYTHONHASHSEED=seed).communicate()[0].strip() == here
