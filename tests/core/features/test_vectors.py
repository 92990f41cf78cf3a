"""The pool of vectors: what is encoded again and what is not, whatever happens to files, shards and index."""

from __future__ import annotations

import importlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import usl_core as usl
from usl_core.cache import index as index_module
from usl_core.cache import locks
from usl_core.cache.contents import INDEX, INDEX_ASIDE, keys_of, look_through
from usl_core.cache.pruning import prune
from usl_core.cache.store import Store
from usl_core.encoders.registry import get_encoder
from usl_core.errors import Cancelled, UslError
from usl_core.features.encode import encode, feature_key
from usl_core.features.ids import as_bytes, bytes_of_ids, ids_of_bytes, image_ids
from usl_core.features.vectors import KIND, Vectors, vector_key
from usl_core.fingerprints import fingerprint
from usl_core.images.scan import scan
from usl_core.types import ImageSet

from .test_encode import Tiny, make_folder

images_module = importlib.import_module("usl_core.images.scan")


class Seeing(Tiny):
    """Tells which pictures went into which batch."""

    def __init__(self, **rest):
        super().__init__(**rest)
        self.seen = []

    def __call__(self, pixels):
        self.seen.append([picture.tobytes() for picture in pixels])
        return super().__call__(pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("images") / "thirty")


@pytest.fixture(scope="module")
def images(folder):
    return scan(folder)


@pytest.fixture(scope="module")
def expected(images, tmp_path_factory):
    """By digest: what an encoding without any history gives."""
    values = encode(images, Tiny(), cache_dir=tmp_path_factory.mktemp("expected")).values
    return dict(zip(images.digests, values, strict=True))


def ordered(images, rows):
    """Some of them, in any order, as they are in a folder with other names."""
    paths, digests = (tuple(values[row] for row in rows) for values in (images.paths, images.digests))
    return ImageSet(root=images.root, paths=paths, digests=digests, fingerprint=fingerprint(digests))


def check(features, expected):
    np.testing.assert_array_equal(features.values, [expected[digest] for digest in features.images.digests])


def shards(cache):
    return [cache / KIND / key for key in keys_of(cache, KIND)]


def n_prepared(images, cache, expected=None, **settings):
    tiny = Tiny(**settings)
    features = encode(images, tiny, cache_dir=cache)
    if expected is not None:
        check(features, expected)
    return tiny.n_prepared


# ---------------------------------------------------------------- what is encoded


def test_ten_new_files_encode_ten(folder, images, tmp_path, expected):
    root = tmp_path / "grows"
    shutil.copytree(folder, root)
    for number in range(10):
        (root / f"{3 * number:03d}.png").rename(tmp_path / f"later-{number}.png")
    assert n_prepared(scan(root), tmp_path / "cache", expected) == 20
    for number in range(10):
        (tmp_path / f"later-{number}.png").rename(root / f"{3 * number:03d}.png")
    tiny = Tiny()
    check(encode(scan(root), tiny, cache_dir=tmp_path / "cache"), expected)
    assert tiny.n_prepared == 10
    assert tiny.batches == [4, 4, 4]


def test_renamed_files_encode_none_and_load_no_model(folder, images, tmp_path, expected):
    encode(images, Tiny(), cache_dir=tmp_path / "cache")
    root = tmp_path / "renamed"
    shutil.copytree(folder, root)
    for number in range(30):
        (root / f"{number:03d}.png").rename(root / f"other-{(7 * number) % 30:02d}.png")
    renamed = scan(root)
    assert renamed.digests != images.digests
    tiny = Tiny()
    check(encode(renamed, tiny, cache_dir=tmp_path / "cache"), expected)
    assert (tiny.n_prepared, tiny.n_loads) == (0, 0)


def test_folders_that_share_half_encode_the_other_half(images, tmp_path, expected):
    assert n_prepared(ordered(images, range(20)), tmp_path, expected) == 20
    assert n_prepared(ordered(images, range(10, 30)), tmp_path, expected) == 10
    assert n_prepared(images, tmp_path, expected) == 0


def test_copies_are_encoded_once(folder, tmp_path, expected):
    root = tmp_path / "copies"
    shutil.copytree(folder, root)
    for number in range(0, 30, 2):
        shutil.copy(root / f"{number:03d}.png", root / f"copy-{number}.png")
    tiny, notes = Tiny(), []
    features = encode(scan(root), tiny, cache_dir=tmp_path / "cache", on_progress=lambda _, note: notes.append(note))
    check(features, expected)
    assert (len(features), tiny.n_prepared) == (45, 30)
    assert any(note.startswith("45 of 45 images") for note in notes)


def test_another_encoder_weights_or_precision_encodes_all(images, tmp_path):
    assert n_prepared(images, tmp_path) == 30
    assert n_prepared(images, tmp_path, version="other weights or preprocessing") == 30
    rounded, named = Tiny(), Tiny()
    encode(images, rounded, cache_dir=tmp_path, precision="bfloat16")
    named.name = "test:another"
    encode(images, named, cache_dir=tmp_path)
    assert (rounded.n_prepared, named.n_prepared) == (30, 30)
    assert n_prepared(ordered(images, [3, 4]), tmp_path) == 0


def test_views_are_kept_per_image_too(images, tmp_path):
    def views(some, **settings):
        features = encode(some, "pixels:pca", cache_dir=tmp_path)
        opened = []
        real = images_module.open_image
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(images_module, "open_image", lambda s, i, **rest: (opened.append(i), real(s, i, **rest))[1])
            usl.encode_views(features, 2, cache_dir=tmp_path, **settings)
        return len(opened)

    assert views(ordered(images, range(20))) == 20
    assert views(images) == 10
    assert views(images, seed=1) == 30
    assert views(images, strength=0.2) == 30
    assert views(ordered(images, range(5, 25)), seed=1) == 0


@settings(max_examples=12)
@given(
    sets=st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=30, unique=True), min_size=1, max_size=4),
    index=st.sampled_from(["kept", "deleted", "garbage"]),
)
def test_any_history_ends_with_the_same_bits(images, tmp_path_factory, expected, sets, index):
    cache = tmp_path_factory.mktemp("cache")
    known = set()
    for rows in sets:
        done = encode(ordered(images, rows), tiny := Tiny(), cache_dir=cache)
        check(done, expected)
        assert tiny.n_prepared == len(set(rows) - known)
        known |= set(rows)
        if index == "deleted":
            (cache / INDEX).unlink(missing_ok=True)
        elif index == "garbage":
            (cache / INDEX).write_bytes(b"garbage " * 4000)


@pytest.mark.parametrize("name", ["bundled:mini", "torchvision:mobilenet_v3_small"])
def test_networks_give_an_image_the_same_bits_whatever_is_beside_it(name, tmp_path):
    """On this machine, which is what is known; with other kernels last bits may differ."""
    network = name.startswith("torchvision")
    images = scan(make_folder(tmp_path / "images", n=19 if network else 70))
    encoder = get_encoder(name, "random" if network else None)
    whole = encode(images, encoder, cache_dir=tmp_path / "whole").values
    order = np.random.default_rng(0).permutation(len(images)).tolist()
    for rows in (order[:3], order[2:11], order):
        parts = encode(ordered(images, rows), encoder, cache_dir=tmp_path / "parts").values
        assert parts.tobytes() == whole[rows].tobytes()


# ---------------------------------------------------------------- interrupted


def test_an_interrupted_run_goes_on_with_the_same_batches(folder, tmp_path):
    """Also where images cannot be read: those that were tried come last, and shift no others."""
    images = scan(shutil.copytree(folder, tmp_path / "own"))
    for row in (1, 2, 12, 29):
        (images.root / images.paths[row]).unlink()
    undisturbed = Seeing()
    whole = encode(images, undisturbed, cache_dir=tmp_path / "whole")

    def cancel(fraction, note):
        if note.startswith("20 of 30 images"):
            raise Cancelled

    first, second = Seeing(), Seeing()
    with pytest.raises(Cancelled):
        encode(images, first, cache_dir=tmp_path / "cache", on_progress=cancel)
    n_saved = len(shards(tmp_path / "cache"))
    assert n_saved == 2
    resumed = encode(images, second, cache_dir=tmp_path / "cache")
    assert first.seen[: 2 * n_saved] + second.seen == undisturbed.seen
    assert resumed.values.tobytes() == whole.values.tobytes()
    assert resumed.images.problems == whole.images.problems


# ---------------------------------------------------------------- damage to shards

HARM = {
    "gone": lambda file: file.unlink(),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "garbage": lambda file: file.write_bytes(b"garbage"),
    "one bit": lambda file: file.write_bytes(
        file.read_bytes()[:-3] + bytes([file.read_bytes()[-3] ^ 1]) + file.read_bytes()[-2:]
    ),
}


@pytest.mark.parametrize("name", ["raw.npy", "digests.npy", "meta.json"])
@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("index", ["index", "no index"])
def test_a_damaged_shard_is_removed_and_its_images_are_encoded_again(images, tmp_path, expected, name, harm, index, caplog):
    encode(images, Tiny(), cache_dir=tmp_path)
    HARM[harm](shards(tmp_path)[1] / name)
    if index == "no index":
        (tmp_path / INDEX).unlink()
    again = n_prepared(ordered(images, range(29, -1, -1)), tmp_path, expected)
    assert again in (8, 6)
    assert "are removed; their images are encoded again" in caplog.text
    assert n_prepared(ordered(images, [*range(15, 30), *range(15)]), tmp_path, expected) == 0
    assert all(Store(tmp_path).load(KIND, path.name) is not None for path in shards(tmp_path))


def test_a_damaged_shard_that_another_process_uses_is_encoded_again_too(images, tmp_path, expected):
    encode(images, Tiny(), cache_dir=tmp_path)
    victim = shards(tmp_path)[0]
    code = f"""
import sys
from pathlib import Path
from usl_core.cache.upkeep import pinned
with pinned(Path({str(tmp_path)!r}), "vectors", {victim.name!r}):
    print("pinned", flush=True)
    sys.stdin.readline()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "pinned\n"
        (victim / "raw.npy").write_bytes(b"damaged")
        assert n_prepared(ordered(images, range(29, -1, -1)), tmp_path, expected) in (6, 8)
        other.communicate("\n")


def test_an_evicted_shard_is_encoded_again(images, tmp_path, expected):
    encode(images, Tiny(), cache_dir=tmp_path)
    shutil.rmtree(shards(tmp_path)[0])
    assert n_prepared(ordered(images, range(29, -1, -1)), tmp_path, expected) in (6, 8)


@pytest.mark.parametrize("how", ["gone", "damaged", "another's"])
def test_a_shard_that_is_lost_while_the_features_are_put_together(images, tmp_path, expected, how):
    lost = []

    def lose(fraction, note):
        if note == "putting the features together" and not lost:
            path = shards(tmp_path)[2]
            lost.append(path)
            if how == "gone":
                shutil.rmtree(path)
            elif how == "damaged":
                (path / "raw.npy").write_bytes(b"damaged")
            else:
                entry = Store(tmp_path).load(KIND, shards(tmp_path)[0].name)
                Store(tmp_path).save(KIND, path.name, entry.arrays, entry.meta)

    tiny = Tiny()
    check(encode(images, tiny, cache_dir=tmp_path, on_progress=lose), expected)
    assert tiny.n_prepared > 30
    assert lost


def test_vectors_that_vanish_again_and_again_are_told(images, tmp_path):
    def lose(fraction, note):
        if note == "putting the features together":
            shutil.rmtree(tmp_path / KIND)

    with pytest.raises(UslError, match="vanished from the cache 5 times while they were computed; what removes them"):
        encode(images, Tiny(), cache_dir=tmp_path, on_progress=lose)
    assert n_prepared(images, tmp_path) == 30


def test_a_cache_that_is_full_all_the_time(images, tmp_path, expected, monkeypatch):
    """What a run needs stays for as long as it runs; what others left goes."""
    encode(ordered(images, range(10)), Tiny(), cache_dir=tmp_path)
    monkeypatch.setenv("USL_CACHE_MAX_GB", "1e-6")
    assert n_prepared(images, tmp_path, expected) in (20, 30)
    Store(tmp_path).save("other", "f" * 32, {"a": np.zeros(10)})
    assert shards(tmp_path) == [], "nobody uses them any more"
    assert n_prepared(ordered(images, [0, 1]), tmp_path, expected) == 2


# ---------------------------------------------------------------- trouble with the index


def _older_schema(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.commit()


TROUBLE = {
    "deleted": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:6000]),
    "garbage": lambda file: file.write_bytes(b"garbage " * 3000),
    "of another version": _older_schema,
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_whatever_happens_to_the_index_nothing_is_encoded_again(images, tmp_path, expected, trouble):
    encode(images, Tiny(), cache_dir=tmp_path)
    TROUBLE[trouble](tmp_path / INDEX)
    assert n_prepared(ordered(images, [5, 4, 9]), tmp_path, expected) == 0
    assert n_prepared(ordered(images, range(3, 30)), tmp_path, expected) == 0
    assert (tmp_path / INDEX_ASIDE).exists() == (trouble in ("cut", "garbage", "of another version"))
    found = look_through(tmp_path)
    assert found.other == 0
    if trouble != "a folder":
        assert found.index > 0


def test_without_sqlite(images, tmp_path, expected, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    assert n_prepared(ordered(images, range(20)), tmp_path, expected) == 20
    assert n_prepared(images, tmp_path, expected) == 10
    assert not (tmp_path / INDEX).exists()
    monkeypatch.undo()
    assert n_prepared(ordered(images, [1, 29]), tmp_path, expected) == 0


def test_while_another_process_locks_the_index(images, tmp_path, expected, monkeypatch):
    monkeypatch.setattr(index_module, "BUSY_SECONDS", 0.05)
    encode(ordered(images, range(20)), Tiny(), cache_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / INDEX, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert n_prepared(images, tmp_path, expected) == 10
        assert n_prepared(ordered(images, range(15, 30)), tmp_path, expected) == 0
        other.execute("ROLLBACK")
    assert n_prepared(ordered(images, [29, 0]), tmp_path, expected) == 0


def test_an_index_that_lies_leads_nobody_astray(images, tmp_path, expected):
    encode(images, Tiny(), cache_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / INDEX)) as connection:
        connection.execute("DELETE FROM digests WHERE entry = 1")
        connection.execute("UPDATE digests SET entry = 5 - entry")
        connection.commit()
    n_prepared(ordered(images, range(29, -1, -1)), tmp_path, expected)


def test_the_index_knows_all_that_a_run_has_kept(images, tmp_path):
    encode(images, Tiny(), cache_dir=tmp_path)
    ids = [bytes.fromhex(digest) for digest in images.digests]
    with index_module.opened(tmp_path) as index:
        assert sorted(index.holding(vector_key(Tiny(), "float32"), ids)) == sorted(path.name for path in shards(tmp_path))


def test_a_killed_writers_shards_are_found_without_having_been_indexed(images, tmp_path, expected, monkeypatch):
    def cancel(fraction, note):
        if note.startswith("24 of"):
            raise Cancelled

    with pytest.raises(Cancelled):
        encode(images, Tiny(), cache_dir=tmp_path, on_progress=cancel)
    assert n_prepared(images, tmp_path, expected) == 30 - 8 * 2


def test_vectors_of_another_encoder_that_cannot_be_read_stop_nobody(images, tmp_path, expected, monkeypatch):
    encode(images, Tiny("other"), cache_dir=tmp_path)
    (tmp_path / INDEX).unlink()
    others, real = {path.name for path in shards(tmp_path)}, Store.load

    def refuse(self, kind, key, names=None):
        if key in others:
            raise UslError("Permission denied")
        return real(self, kind, key, names)

    monkeypatch.setattr(Store, "load", refuse)
    assert n_prepared(images, tmp_path, expected) == 30


# ---------------------------------------------------------------- several at once


def test_threads_with_folders_that_overlap(images, tmp_path, expected):
    sets = [list(range(start, start + 20)) for start in (0, 3, 6, 10)] * 2
    start = threading.Barrier(len(sets))

    def work(rows):
        start.wait()
        return encode(ordered(images, rows), Tiny(), cache_dir=tmp_path)

    with ThreadPoolExecutor(len(sets)) as pool:
        for features in pool.map(work, sets):
            check(features, expected)
    assert n_prepared(images, tmp_path, expected) == 0


_OVERLAPPING = """
import sys, time
import numpy as np
from pathlib import Path
from tests.core.features.test_encode import Tiny
from usl_core.features.encode import encode
from usl_core.images.scan import scan
from usl_core.images.subsets import subset
images, start = scan({folder!r}), int(sys.argv[1])
np.save(sys.argv[2], encode(subset(images, list(range(start, start + 20))), Tiny(), cache_dir={cache!r},
    on_progress=lambda fraction, note: time.sleep(0.01)).values)
"""


@pytest.mark.parametrize("locked", [True, False], ids=["locks", "no locks"])
def test_processes_with_folders_that_overlap(folder, images, tmp_path, expected, locked):
    code = _OVERLAPPING.format(folder=str(folder), cache=str(tmp_path / "cache"))
    if not locked:
        code = f"from usl_core.cache import locks\nlocks._open = lambda root: None\n{code}"
    root = Path(__file__).resolve().parents[3]
    made = [tmp_path / f"{start}.npy" for start in (0, 5, 10)]
    running = [
        subprocess.Popen([sys.executable, "-c", code, path.stem, str(path)], cwd=root, stderr=subprocess.PIPE, text=True)
        for path in made
    ]
    for process in running:
        assert process.communicate(timeout=120)[1] == ""
    for path in made:
        rows = range(int(path.stem), int(path.stem) + 20)
        np.testing.assert_array_equal(np.load(path), [expected[images.digests[row]] for row in rows])
    assert n_prepared(images, tmp_path / "cache", expected) == 0
    assert not list((tmp_path / "cache").rglob(".*"))


def test_a_shard_in_use_is_not_pruned(images, tmp_path):
    def tidy(fraction, note):
        if note == "putting the features together":
            prune(tmp_path, [item for item in look_through(tmp_path).items if item.kind == KIND])

    tiny = Tiny()
    encode(images, tiny, cache_dir=tmp_path, on_progress=tidy)
    assert tiny.n_prepared == 30
    assert len(shards(tmp_path)) == 4
    assert locks.is_free(tmp_path, f"use {KIND}/{shards(tmp_path)[0].name}")
    prune(tmp_path, look_through(tmp_path).items)
    assert shards(tmp_path) == []


# ---------------------------------------------------------------- files that change


def test_files_that_change_or_vanish_while_they_are_encoded(folder, tmp_path, expected):
    images = scan(shutil.copytree(folder, tmp_path / "own"))
    before = (images.root / images.paths[20]).read_bytes()
    other = (images.root / images.paths[0]).read_bytes()

    def meddle(fraction, note):
        if note.startswith("8 of 30 images"):
            (images.root / images.paths[20]).write_bytes(other + b"\0")
            (images.root / images.paths[22]).unlink()

    features = encode(images, Tiny(), cache_dir=tmp_path / "cache", on_progress=meddle)
    check(features, expected)
    assert [(problem.path, problem.cause) for problem in features.images.problems] == [
        (images.paths[20], "is not the file that was scanned; scan again"),
        (images.paths[22], "cannot be read: the file is no longer there"),
    ]
    (images.root / images.paths[20]).write_bytes(before)
    shutil.copy(folder / images.paths[22], images.root / images.paths[22])
    tiny = Tiny()
    mended = encode(images, tiny, cache_dir=tmp_path / "cache")
    check(mended, expected)
    assert len(mended) == 30
    assert tiny.n_prepared == 4, "two, and one of them twice before to see whether it can be read again"


def test_a_file_that_vanished_has_the_vector_of_its_copy(folder, tmp_path, expected):
    root = tmp_path / "own"
    shutil.copytree(folder, root)
    shutil.copy(root / "004.png", root / "zz.png")
    images = scan(root)
    (root / "004.png").unlink()
    features = encode(images, Tiny(), cache_dir=tmp_path / "cache")
    check(features, expected)
    assert features.images.problems == ()
    (root / "zz.png").unlink()
    gone = encode(images, Tiny(), cache_dir=tmp_path / "fresh")
    assert [problem.path for problem in gone.images.problems] == ["004.png", "zz.png"]


def test_when_nothing_can_be_read_nothing_is_kept(folder, tmp_path):
    images = scan(shutil.copytree(folder, tmp_path / "own"))
    shutil.rmtree(images.root)
    with pytest.raises(UslError, match="none of the 30 images"):
        encode(images, Tiny(), cache_dir=tmp_path / "cache")
    assert shards(tmp_path / "cache") == []


# ---------------------------------------------------------------- caches of earlier versions


def test_pieces_of_an_earlier_version_are_swept_away(images, tmp_path, expected):
    pieces = Store(tmp_path).shards("features", feature_key(images, Tiny()))
    pieces.save(0, {"raw": np.zeros((8, 12), np.float32)}, {"unreadable": []})
    assert n_prepared(images, tmp_path, expected) == 30
    subprocess.run(
        [sys.executable, "-c", f"from usl_core.cache.store import Store; Store({str(tmp_path)!r}).load('x', 'y')"], check=True
    )
    assert pieces.load(0) is None


def test_features_of_an_earlier_version_are_read_without_the_pool(images, tmp_path):
    first = encode(images, Tiny(), cache_dir=tmp_path)
    shutil.rmtree(tmp_path / KIND)
    (tmp_path / INDEX).unlink()
    tiny = Tiny()
    assert encode(images, tiny, cache_dir=tmp_path).fingerprint == first.fingerprint
    assert tiny.n_prepared == 0
    assert not (tmp_path / INDEX).exists()


# ---------------------------------------------------------------- digests


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_digests_keep_every_byte(digests):
    ids = image_ids([digest.hex() for digest in digests])
    assert as_bytes(ids) == as_bytes(bytes_of_ids(ids)) == digests
    assert as_bytes(ids_of_bytes(bytes_of_ids(ids))) == digests
    assert len(np.unique(ids)) == len(set(digests))


def test_digests_of_an_image_set_that_was_made_by_hand():
    ids = image_ids(["a", "b", "a", "0" * 32, "ü"])
    assert len(np.unique(ids)) == 4


def test_a_digest_that_ends_in_zeros(tmp_path):
    digests = [f"{number:032x}"[::-1] for number in range(1, 200)] + ["0" * 32]
    with Vectors(Store(tmp_path), "f" * 32, digests) as vectors:
        (tmp_path).mkdir(exist_ok=True)
        vectors.find()
        fresh, tried = vectors.missing()
        assert vectors.copies(int(fresh[7])) == [7]
        assert len(tried) == 0
        vectors.save(fresh[:150].tolist(), np.arange(150, dtype=np.float32)[:, None], fresh[150:].tolist())
    with Vectors(Store(tmp_path), "f" * 32, digests[::-1]) as again:
        again.find()
        assert again.is_known().tolist() == [False] * 50 + [True] * 150
        assert [len(part) for part in again.missing()] == [0, 50]
        (block,) = again.raw(np.arange(50, 200), 200, lambda: None)()
        assert block[:, 0].tolist() == list(range(150))[::-1]
