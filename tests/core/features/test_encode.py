"""Encoding: what comes out, the cache, interrupted work, images that cannot be used."""

import importlib
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from usl_core.encoders.pixels import PixelEncoder
from usl_core.encoders.registry import default_encoder, get_encoder
from usl_core.encoders.weights import NETWORKS, weights_dir
from usl_core.errors import Cancelled, UslError
from usl_core.features import batches as feature_batches
from usl_core.features.encode import encode, feature_key, load_features
from usl_core.images.scan import scan
from usl_core.images.subsets import subset
from usl_core.types import ImageSet

Image = pytest.importorskip("PIL.Image")
images_module = importlib.import_module("usl_core.images.scan")
SMALL = "torchvision:mobilenet_v3_small"


class Tiny:
    """Mean colour of each quarter; counts what it is asked to do."""

    name, shard_size, decode_side, zero_cause = "test:tiny", 8, 16, "it is black"
    batch_size, overlap = 4, False

    def __init__(self, version="1", fault=None):
        self.version, self.fault = version, fault or {}
        self.n_prepared, self.batches, self.n_loads, self.waiting, self.most_waiting = 0, [], 0, 0, 0
        self.lock = threading.Lock()

    def identity(self, precision):
        return (self.version, precision)

    def prepare(self, image):
        with self.lock:
            self.n_prepared += 1
            self.waiting += 1
            self.most_waiting = max(self.waiting, self.most_waiting)
        return np.asarray(image.resize((2, 2)))

    def load(self, device, precision, on_note):
        on_note("loading")
        self.n_loads += 1
        return self

    def __call__(self, pixels):
        self.batches.append(len(pixels))
        with self.lock:
            self.waiting -= len(pixels)
        return pixels.reshape(len(pixels), -1).astype(np.float32)

    def finish(self, raw, n):
        values = np.concatenate(list(raw()))
        assert len(values) == n
        for row, value in self.fault.items():
            values[row] = value
        return values


def make_folder(root, n=30, size=(40, 30)):
    root.mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        # Brighter and brighter in one corner, so that the images differ also when they are small.
        pixels[: size[1] // 2, : size[0] // 2] = 8 * i % 256
        Image.fromarray(pixels).save(root / f"{i:03d}.png")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("images") / "thirty")


@pytest.fixture(scope="module")
def images(folder):
    return scan(folder)


@pytest.fixture
def own_images(folder, tmp_path):
    """An image set whose files may be harmed."""
    return scan(shutil.copytree(folder, tmp_path / "own"))


# --- what comes out -------------------------------------------------------------------------------------------------


def test_rows_are_unit_vectors_in_the_order_of_the_images(images, tmp_path):
    features = encode(images, Tiny(), cache_dir=tmp_path)
    raw = np.stack([np.asarray(Image.open(images.root / p).resize((2, 2)), dtype=float).ravel() for p in images.paths])
    np.testing.assert_allclose(features.values, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    assert features.values.dtype == np.float32
    assert features.values.flags.c_contiguous
    assert not features.values.flags.writeable
    assert features.images is images
    assert features.encoder == "test:tiny"


def test_the_encoder_that_comes_along_is_the_default_until_better_weights_are_here(images, tmp_path, monkeypatch):
    monkeypatch.delenv("USL_ENCODER")
    features = encode(images, cache_dir=tmp_path)
    assert features.encoder == "efficientnet:lite0-160", "small images in colour"
    assert features.fingerprint == feature_key(images) == feature_key(images, "efficientnet:lite0-160")
    assert default_encoder() == "efficientnet:lite0"
    weights_dir().mkdir(parents=True)
    (weights_dir() / NETWORKS["torchvision:resnet18"].file).touch()
    assert default_encoder() == "efficientnet:lite0", "which is better, and quicker"
    better = "torchvision:resnet50"
    (weights_dir() / NETWORKS[better].file).touch()
    assert default_encoder() == better
    assert feature_key(images) == feature_key(images, better)
    assert load_features(images, cache_dir=tmp_path) is None


def test_pixels_have_as_many_axes_as_the_images_span(images, tmp_path):
    features = encode(images, "pixels:pca", cache_dir=tmp_path)
    assert features.encoder == "pixels:pca"
    assert features.values.shape == (30, 29)
    np.testing.assert_allclose(np.linalg.norm(features.values, axis=1), 1, atol=1e-6)


def test_a_folder_is_scanned_first(folder, images, tmp_path):
    notes = []
    features = encode(str(folder), Tiny(), cache_dir=tmp_path, on_progress=lambda fraction, note: notes.append(note))
    assert features.fingerprint == encode(images, Tiny(), cache_dir=tmp_path).fingerprint
    assert notes[-1] == "30 images, 12 dimensions"


def test_batches_have_the_size_asked_for(images, tmp_path):
    tiny = Tiny()
    encode(images, tiny, cache_dir=tmp_path, batch_size=5)
    assert tiny.batches == [5] * 6


@pytest.mark.parametrize(("asked", "batches"), [(4, [4] * 8), (7, [7] * 5), (8, [8] * 4), (100, [8] * 4)])
def test_every_batch_has_the_same_size_and_none_is_larger_than_a_shard(images, tmp_path, asked, batches):
    tiny = Tiny()
    features = encode(images, tiny, cache_dir=tmp_path, batch_size=asked)
    assert tiny.batches == batches
    np.testing.assert_array_equal(features.values, encode(images, Tiny(), cache_dir=tmp_path / "other").values)


def test_one_image_is_enough(tmp_path):
    features = encode(make_folder(tmp_path / "one", n=1), "pixels:pca", cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(features.values, [[1.0]])


def test_a_jpeg_may_be_decoded_small_but_twice_as_large_as_needed(images, tmp_path, monkeypatch):
    sides, real = set(), images_module.open_image
    monkeypatch.setattr(
        images_module, "open_image", lambda *args, min_side=None: (sides.add(min_side), real(*args, min_side=min_side))[1]
    )
    encode(images, PixelEncoder(), cache_dir=tmp_path)
    assert sides == {64}
    assert get_encoder("torchvision:resnet50").decode_side == 2 * 232


@pytest.mark.parametrize("overlap", [False, True])
def test_few_decoded_images_wait_in_memory(images, tmp_path, monkeypatch, overlap):
    monkeypatch.setattr(feature_batches, "_n_cores", lambda: 2)
    tiny = Tiny()
    tiny.shard_size, tiny.overlap, tiny.batch_size = 2, overlap, 2
    encode(images, tiny, cache_dir=tmp_path)
    assert tiny.most_waiting <= (6 if overlap else 2)
    assert tiny.batches == [2] * 15


# --- the cache ------------------------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing(images, tmp_path):
    first, again = Tiny(), Tiny()
    values = encode(images, first, cache_dir=tmp_path)
    same = encode(images, again, cache_dir=tmp_path)
    assert (first.n_prepared, again.n_prepared, again.n_loads) == (30, 0, 0)
    np.testing.assert_array_equal(values.values, same.values)
    assert not same.values.flags.writeable
    assert values.fingerprint == same.fingerprint
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("encoder", ["pixels:pca", SMALL])
def test_a_second_run_imports_no_library_of_the_first(encoder, folder, tmp_path):
    weights = "random" if encoder == SMALL else None
    first = encode(scan(folder), encoder, cache_dir=tmp_path, weights=weights)
    code = f"""
import sys
from usl_core.images.subsets import subset
from usl_core.images.scan import scan
from usl_core.features.encode import encode
features = encode(scan({str(folder)!r}), {encoder!r}, cache_dir={str(tmp_path)!r}, weights={weights!r})
print(features.fingerprint, [m for m in ("torch", "torchvision", "sklearn") if m in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == f"{first.fingerprint} []\n"


def test_the_fingerprint_covers_contents_encoder_weights_and_precision(images, folder, tmp_path):
    def prints(some, *args, **kwargs):
        return encode(some, *args, cache_dir=tmp_path / "cache", **kwargs).fingerprint

    renamed = tmp_path / "renamed"
    shutil.copytree(folder, renamed)
    other = make_folder(tmp_path / "other", n=5)
    assert prints(scan(renamed), Tiny()) == prints(images, Tiny())
    different = [
        prints(images, Tiny()),
        prints(images, Tiny("2")),
        prints(images, Tiny(), precision="bfloat16"),
        prints(images),
        prints(scan(other), Tiny()),
    ]
    assert len(set(different)) == 5
    random, published = get_encoder(SMALL, "random"), get_encoder(SMALL)
    assert random.identity("float32") != published.identity("float32")
    assert "mobilenet_v3_small-047dcff4.pth" in str(published.identity("float32"))


def test_precision_does_not_matter_to_pixels(images, tmp_path):
    exact, rounded = (feature_key(images, "pixels:pca", precision) for precision in ("float32", "bfloat16"))
    assert exact == rounded
    assert encode(images, "pixels:pca", cache_dir=tmp_path, precision="bfloat16").fingerprint == exact


# --- interrupted work -----------------------------------------------------------------------------------------------


def shards_in(cache):
    """In the order in which they were written."""
    shards = [path for path in cache.glob("vectors/*") if not path.name.startswith(".")]
    return sorted(shards, key=lambda path: (path / "meta.json").stat().st_mtime_ns)


def small_shards(monkeypatch):
    monkeypatch.setattr(PixelEncoder, "shard_size", 4)
    monkeypatch.setattr(PixelEncoder, "batch_size", 2)


def test_a_killed_run_goes_on_where_it_stopped(images, folder, tmp_path, monkeypatch):
    small_shards(monkeypatch)
    cache = tmp_path / "cache"
    code = f"""
import time
from usl_core.encoders.pixels import PixelEncoder
from usl_core.features.encode import encode
PixelEncoder.shard_size, PixelEncoder.batch_size = 4, 2
def slowly(fraction, note):
    print(note, flush=True)
    time.sleep(0.02)
encode({str(folder)!r}, "pixels:pca", cache_dir={str(cache)!r}, on_progress=slowly)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("14 of 30 images"):
                process.kill()
                break
    assert process.returncode != 0
    saved = len(shards_in(cache))
    assert 3 <= saved < 8

    opened, real = [], images_module.open_image
    monkeypatch.setattr(images_module, "open_image", lambda some, i, **kwargs: (opened.append(i), real(some, i, **kwargs))[1])
    notes = []
    resumed = encode(images, "pixels:pca", cache_dir=cache, on_progress=lambda fraction, note: notes.append((fraction, note)))
    assert sorted(opened) == list(range(4 * saved, 30))
    assert notes[0][0] == pytest.approx(0.95 * (4 * saved + 2) / 30)
    whole = encode(images, "pixels:pca", cache_dir=tmp_path / "fresh")
    assert whole.fingerprint == resumed.fingerprint
    np.testing.assert_array_equal(whole.values, resumed.values)


def test_a_cancelled_run_keeps_finished_shards_and_stops_its_threads(images, tmp_path):
    def cancel(fraction, note):
        if note.startswith("6 of 10 images"):
            raise Cancelled

    def network():
        encoder = get_encoder(SMALL, "random")
        encoder.shard_size = 4
        return encoder

    some = subset(images, list(range(10)))
    with pytest.raises(Cancelled):
        encode(some, network(), cache_dir=tmp_path / "a", on_progress=cancel, batch_size=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
    assert len(shards_in(tmp_path / "a")) == 1

    notes = []
    resumed = encode(some, network(), cache_dir=tmp_path / "a", on_progress=lambda _, n: notes.append(n), batch_size=2)
    assert notes[1].startswith("6 of 10 images")
    whole = encode(some, network(), cache_dir=tmp_path / "b", batch_size=2)
    np.testing.assert_array_equal(whole.values, resumed.values)


def test_a_damaged_shard_is_computed_again(images, tmp_path):
    def cancel(fraction, note):
        if note.startswith("28 of 30 images"):
            raise Cancelled

    with pytest.raises(Cancelled):
        encode(images, Tiny(), cache_dir=tmp_path, on_progress=cancel)
    shards = shards_in(tmp_path)
    assert len(shards) == 3
    (shards[1] / "raw.npy").write_bytes(b"damaged")
    tiny = Tiny()
    resumed = encode(images, tiny, cache_dir=tmp_path)
    assert tiny.n_prepared == 8 + 6
    np.testing.assert_array_equal(resumed.values, encode(images, Tiny(), cache_dir=tmp_path / "fresh").values)


# --- images that cannot be used -------------------------------------------------------------------------------------


def test_images_that_can_no_longer_be_read_become_problems(own_images, images, tmp_path):
    (own_images.root / own_images.paths[3]).unlink()
    (own_images.root / own_images.paths[9]).write_bytes(b"no image")
    intact = encode(images, Tiny(), cache_dir=tmp_path / "intact")
    first = encode(own_images, Tiny(), cache_dir=tmp_path / "cache")
    tiny = Tiny()
    again = encode(own_images, tiny, cache_dir=tmp_path / "cache")
    assert tiny.n_prepared == 0
    keep = [i for i in range(30) if i not in (3, 9)]
    for features in (first, again):
        np.testing.assert_array_equal(features.values, intact.values[keep])
        assert features.images.paths == tuple(own_images.paths[i] for i in keep)
        assert [problem.path for problem in features.images.problems] == [own_images.paths[3], own_images.paths[9]]
        assert [problem.cause for problem in features.images.problems] == [
            "cannot be read: the file is no longer there",
            "is not the file that was scanned; scan again",
        ]
    assert first.fingerprint == again.fingerprint != intact.fingerprint


def test_an_image_that_comes_back_is_used_again(own_images, images, tmp_path):
    away = own_images.root / own_images.paths[3]
    data = away.read_bytes()
    away.unlink()
    assert len(encode(own_images, Tiny(), cache_dir=tmp_path)) == 29
    away.write_bytes(data)
    features = encode(own_images, Tiny(), cache_dir=tmp_path)
    assert features.images.problems == ()
    np.testing.assert_array_equal(features.values, encode(images, Tiny(), cache_dir=tmp_path / "intact").values)


@pytest.mark.parametrize(
    ("fault", "cause"), [(np.nan, "not finite"), (np.inf, "not finite"), (-np.inf, "not finite"), (0, "it is black")]
)
def test_a_vector_without_direction_is_a_problem(fault, cause, images, tmp_path):
    for _ in range(2):
        features = encode(images, Tiny(fault={4: fault, 29: [*[1] * 11, fault or 1]}), cache_dir=tmp_path)
        bad = [4, 29] if fault else [4]
        assert features.images.paths == tuple(path for i, path in enumerate(images.paths) if i not in bad)
        assert [(p.path, cause in p.cause) for p in features.images.problems] == [(images.paths[i], True) for i in bad]
        np.testing.assert_allclose(np.linalg.norm(features.values, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("huge", [3e38, 1e-40])
def test_extreme_vectors_still_have_a_direction(huge, images, tmp_path):
    features = encode(images, Tiny(fault={0: huge}), cache_dir=tmp_path)
    np.testing.assert_allclose(features.values[0], 12**-0.5, rtol=1e-6)


def test_the_mean_image_is_reported(tmp_path):
    root = tmp_path / "grey"
    root.mkdir()
    for name, grey in (("a", 0), ("b", 127), ("c", 254)):
        Image.new("RGB", (20, 20), (grey,) * 3).save(root / f"{name}.png")
    features = encode(root, "pixels:pca", cache_dir=tmp_path / "cache")
    np.testing.assert_allclose(features.values, [[-1], [1]], atol=1e-6)
    assert features.images.paths == ("a.png", "c.png")
    assert "equals the mean image" in features.images.problems[0].cause


def test_equal_pictures_get_equal_unit_vectors(tmp_path):
    root = tmp_path / "equal"
    root.mkdir()
    for i in range(3):
        Image.new("RGB", (20 + i, 20), "red").save(root / f"{i}.png")
    np.testing.assert_array_equal(encode(root, "pixels:pca", cache_dir=tmp_path / "cache").values, np.ones((3, 1)))


def test_no_usable_image_is_an_error_that_does_not_stick(own_images, tmp_path):
    saved = {path: (own_images.root / path).read_bytes() for path in own_images.paths}
    for path in saved:
        (own_images.root / path).write_bytes(b"")
    with pytest.raises(UslError, match=r"none of the 30 images in .* the first is '000.png'"):
        encode(own_images, Tiny(), cache_dir=tmp_path / "cache")
    for path, data in saved.items():
        (own_images.root / path).write_bytes(data)
    assert len(encode(own_images, Tiny(), cache_dir=tmp_path / "cache")) == 30


def test_no_image_at_all(tmp_path):
    empty = ImageSet(root=tmp_path, paths=(), digests=(), fingerprint="0")
    with pytest.raises(UslError, match="there is no usable image in"):
        encode(empty, cache_dir=tmp_path)


# --- bad arguments and progress -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "gpu"}, "device must be 'auto', 'cpu', .* but is 'gpu'"),
        ({"device": None}, "device must be"),
        ({"precision": "float16"}, "precision must be 'float32' or 'bfloat16' but is 'float16'"),
        ({"batch_size": 0}, "batch_size must be at least 1 but is 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"encoder": "pixels"}, "there is no encoder 'pixels'"),
        ({"encoder": "pixels:pca", "weights": "random"}, "weights of pixels:pca must be None"),
    ],
)
def test_bad_arguments(arguments, message, images, tmp_path):
    with pytest.raises(UslError, match=message):
        encode(images, cache_dir=tmp_path, **arguments)


def test_something_else_than_images(tmp_path):
    with pytest.raises(
        UslError, match=r"images must be an ImageSet, a folder, a \.zip archive or a list of paths but is a list"
    ):
        encode([1, 2], cache_dir=tmp_path)


def test_progress_rises_to_one_and_names_the_speed(images, tmp_path):
    calls = []
    encode(images, Tiny(), cache_dir=tmp_path, on_progress=lambda *call: calls.append(call))
    fractions = [fraction for fraction, _ in calls]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert re.fullmatch(r"4 of 30 images, [\d,.]+ images/s, \d+ (s|min|h) left", calls[1][1])


@pytest.mark.parametrize(
    ("already", "new", "seconds", "note"),
    [
        (0, 1024, 1.261, "1,024 of 50,000 images, 812 images/s, 60 s left"),
        (48_000, 1000, 2, "49,000 of 50,000 images, 500 images/s, 2 s left"),
        (0, 1000, 10, "1,000 of 50,000 images, 100 images/s, 8 min left"),
        (0, 16, 5, "16 of 50,000 images, 3.2 images/s, 4 h left"),
    ],
)
def test_the_note_counts_only_new_images_in_the_speed(already, new, seconds, note, monkeypatch):
    clock = iter([100.0, 100.0 + seconds])
    monkeypatch.setattr(feature_batches.time, "monotonic", lambda: next(clock))
    calls = []
    feature_batches._Meter(lambda *call: calls.append(call), already, 50_000).advance(new)
    assert calls == [(0.95 * (already + new) / 50_000, note)]


def test_copies_of_a_file_have_the_very_same_vector(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / "copies"
    root.mkdir()
    for number in range(150):
        picture = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(picture).save(root / f"{number}.png")
    for number in range(0, 150, 3):
        (root / f"copy{number}.png").write_bytes((root / f"{number}.png").read_bytes())
    features = encode(root, cache_dir=tmp_path / "cache")
    groups = features.images.duplicates
    assert len(groups) == 50
    for group in groups:
        assert all(features.values[row].tobytes() == features.values[group[0]].tobytes() for row in group)
