"""What a page needs of a source: made once, read back without looking at the source again."""

from __future__ import annotations

import os
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.demos.bundled import load_demo
from usl_core.errors import UslError
from usl_core.features import encode as features
from usl_core.images import scan as images_module
from usl_core.images import scan_index
from usl_core.images.records import images_version
from usl_core.images.scan import open_image, read_bytes
from usl_core.images.sources import open_source
from usl_core.jobs.tasks import TASKS
from usl_core.pipeline import prepared
from usl_core.pipeline.prepared import (
    DEMO_PREFIX,
    find_images,
    is_demo,
    known_images,
    load_prepared,
    prepare,
    prepared_fingerprint,
    prepared_images,
)

from ..features.test_encode import Tiny

HOSTILE = ["<img src=x onerror=alert(1)>.png", "![x](y).png", "line\nbreak.png", "‮evil.png", "😀.png", "n" * 200 + ".png"]


def fill(folder, count=20, names=None, seed=0):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(count):
        picture = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
        picture.save(folder / (names[at] if names else f"{at:03d}.png"))
    return folder


def same(one, other):
    assert one.root == other.root
    assert one.paths == other.paths
    assert one.digests == other.digests
    assert one.class_names == other.class_names
    assert one.problems == other.problems
    assert one.fingerprint == other.fingerprint
    if one.labels is None:
        assert other.labels is None
    else:
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.labels.dtype == other.labels.dtype


def test_nothing_is_known_before_anything_is_done(tmp_path):
    folder = fill(tmp_path / "images")
    assert known_images(str(folder)) is None
    assert load_prepared(str(folder)) is None
    assert images_version(folder) is None


def test_what_was_found_is_known_although_the_folder_is_gone(tmp_path):
    folder = tmp_path / "images"
    fill(folder / "a", 5, seed=1)
    fill(folder / "b", 4, seed=2)
    (folder / "broken.jpg").write_bytes(b"no picture")
    found = find_images(str(folder))
    assert len(found.problems) == 1
    shutil.rmtree(folder)
    same(known_images(str(folder)), found)


def test_hostile_names_come_back_as_they_were(tmp_path):
    folder = fill(tmp_path / "im\nages <b>", len(HOSTILE), HOSTILE)
    found = find_images(str(folder))
    assert set(found.paths) == set(HOSTILE)
    same(known_images(str(folder)), found)


@pytest.mark.skipif(os.name != "posix", reason="only here may a name be any bytes")
def test_names_that_are_no_text_are_a_problem_and_no_crash(tmp_path):
    folder = fill(tmp_path / "images", 3)
    (folder / "000.png").rename(folder / os.fsdecode(b"\xff\xfe.png"))
    found = find_images(str(folder))
    assert len(found) + len(found.problems) == 3
    same(known_images(str(folder)), found)


def test_a_later_scan_takes_the_place_of_an_earlier(tmp_path):
    folder = fill(tmp_path / "images", 5)
    first = find_images(str(folder))
    version = images_version(folder)
    fill(folder, 8, seed=3)
    second = find_images(str(folder))
    assert (len(first), len(second)) == (5, 8)
    same(known_images(str(folder)), second)
    assert images_version(folder) != version


def test_folders_are_kept_apart(tmp_path):
    one, other = fill(tmp_path / "one", 3), fill(tmp_path / "other", 4)
    find_images(str(one))
    find_images(str(other))
    assert (len(known_images(str(one))), len(known_images(str(other)))) == (3, 4)


def test_loading_computes_nothing_and_equals_what_was_made(tmp_path, monkeypatch):
    folder = fill(tmp_path / "images", 30)
    made = prepare(str(folder))
    shutil.rmtree(folder)
    for name in ("load_or_find_neighbors", "load_or_draw_map", "encode"):
        monkeypatch.setattr(prepared, name, lambda *a, **k: pytest.fail("computed"))
    loaded = load_prepared(str(folder))
    same(loaded.images, made.images)
    np.testing.assert_array_equal(loaded.features.values, made.features.values)
    np.testing.assert_array_equal(loaded.neighbors.indices, made.neighbors.indices)
    np.testing.assert_array_equal(loaded.pca.xy, made.pca.xy)
    assert loaded.umap is None
    assert loaded.source == str(folder)


def test_another_encoder_or_changed_images_are_not_ready(tmp_path):
    folder = fill(tmp_path / "images", 30)
    prepare(str(folder))
    assert load_prepared(str(folder), "torchvision:resnet18") is None
    fill(folder, 31, seed=5)
    find_images(str(folder))
    assert load_prepared(str(folder)) is None


@pytest.mark.parametrize("kind", ["features", "neighbors", "maps", "image-sets"])
def test_if_any_part_is_gone_it_is_not_ready_and_made_again(tmp_path, monkeypatch, kind):
    cache = tmp_path / "cache"
    folder = fill(tmp_path / "images", 12)
    before = prepare(str(folder), cache_dir=cache)
    parts = [path for path in cache.rglob("*") if path.is_dir() and path.name == kind]
    assert parts, sorted(path.name for path in cache.iterdir())
    shutil.rmtree(parts[0])
    assert load_prepared(str(folder), cache_dir=cache) is None
    after = prepare(str(folder), cache_dir=cache)
    np.testing.assert_array_equal(after.features.values, before.features.values)
    assert load_prepared(str(folder), cache_dir=cache) is not None


def test_progress_only_goes_forward_to_one(tmp_path):
    folder = fill(tmp_path / "images", 30)
    seen = []
    prepare(str(folder), on_progress=lambda fraction, note: seen.append((fraction, note)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(note for _, note in seen)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_demos_are_ready_at_once(name, tmp_path):
    source = DEMO_PREFIX + name
    assert is_demo(source)
    assert not is_demo(str(tmp_path))
    made = load_prepared(source, cache_dir=tmp_path / "cache")
    demo = usl.load_demo(name)
    assert made.features.fingerprint == demo.features.fingerprint
    assert made.neighbors.k_max == 200
    np.testing.assert_array_equal(made.umap.xy, demo.maps["umap"])
    assert made.umap.trustworthiness > made.pca.trustworthiness
    assert known_images(source).fingerprint == find_images(source).fingerprint == demo.images.fingerprint
    assert not (tmp_path / "cache").exists()


def test_a_demo_under_another_encoder_goes_through_the_cache(monkeypatch):
    monkeypatch.setattr(features, "get_encoder", lambda name, weights=None: Tiny())
    assert load_prepared("demo:shapes", "tiny") is None
    made = prepare("demo:shapes", "tiny")
    loaded = load_prepared("demo:shapes", "tiny")
    assert loaded.features.encoder == made.features.encoder == Tiny.name
    np.testing.assert_array_equal(loaded.features.values, made.features.values)


def test_unknown_demos_and_encoders_are_refused(tmp_path):
    with pytest.raises(usl.UslError, match="no demo named 'cifar'"):
        load_prepared("demo:cifar")
    folder = fill(tmp_path / "images", 3)
    find_images(str(folder))
    with pytest.raises(usl.UslError, match="encoder"):
        load_prepared(str(folder), "nonsense")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_images_is_enough(tmp_path, count):
    folder = fill(tmp_path / "images", count)
    made = prepare(str(folder))
    assert made.neighbors.k_max == count - 1
    assert made.pca.xy.shape == (count, 2)
    assert load_prepared(str(folder)) is not None


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_that_lead_out_are_left_out(tmp_path):
    secret = fill(tmp_path / "secret", 1)
    folder = fill(tmp_path / "root" / "images", 3)
    (folder / "zlink.png").symlink_to(secret / "000.png")
    root = (tmp_path / "root").resolve()
    found = find_images(str(folder), within=[root])
    assert "zlink.png" not in found.paths
    assert [problem.path for problem in found.problems] == ["zlink.png"]
    assert str(secret) not in found.problems[0].cause
    assert "zlink.png" in find_images(str(folder)).paths


def test_the_fingerprint_is_known_without_reading_an_array(tmp_path, monkeypatch):
    folder = fill(tmp_path / "images")
    assert prepared_fingerprint(str(folder), "pixels:pca") is None
    made = prepare(str(folder), "pixels:pca")
    with monkeypatch.context() as blind:
        blind.setattr(np, "memmap", None)
        blind.setattr("usl_core.demos.bundled.file_digest", None)
        assert prepared_fingerprint(str(folder), "pixels:pca") == made.features.fingerprint
        assert prepared_fingerprint(str(folder), "bundled:mini") is None
        assert prepared_fingerprint("demo:digits", "pixels:pca") is None
        for source, encoder in ((str(folder), "bundled:mini"), ("demo:digits", "pixels:pca")):
            assert load_prepared(source, encoder) is None, "what is not there is known without reading what is"
        bundled = prepared_fingerprint("demo:digits", "bundled:mini")
    assert bundled == load_demo("digits").features.fingerprint
    for source, encoder in ((str(folder), "pixels:x"), ("demo:digits", "x"), ("demo:nothing", "bundled:mini")):
        with pytest.raises(UslError, match="there is no"):
            prepared_fingerprint(source, encoder)


def test_the_images_of_the_rows_are_known_without_features(tmp_path):
    folder = fill(tmp_path / "images")
    assert prepared_images(str(folder), "pixels:pca") is None
    same(prepared_images(str(folder), "pixels:pca") or prepare(str(folder), "pixels:pca").images, known_images(str(folder)))
    same(prepared_images(str(folder), "pixels:pca"), load_prepared(str(folder), "pixels:pca").images)
    same(prepared_images("demo:digits", "bundled:mini"), load_demo("digits").images)


def test_images_without_a_vector_count_in_the_fingerprint(tmp_path):
    images = find_images(str(fill(tmp_path / "images")))
    (tmp_path / "images" / images.paths[3]).unlink()
    encoded = usl.encode(images, "pixels:pca")
    assert len(encoded) == 19
    assert prepared_fingerprint(str(images.root), "pixels:pca") == encoded.fingerprint
    same(prepared_images(str(images.root), "pixels:pca"), encoded.images)


def linked(tmp_path):
    """A folder of ten pictures of which one is a link to a place beside it, and that place."""
    inside, beside = fill(tmp_path / "inside", 9), fill(tmp_path / "beside", 1, ["far.png"], seed=9)
    (inside / "link.png").symlink_to(beside / "far.png")
    return inside, beside


def test_what_was_scanned_through_a_link_is_not_read_once_its_place_is_closed(tmp_path):
    inside, beside = linked(tmp_path)
    both, one = [inside, beside], [inside]
    images = find_images(str(inside), within=both)
    row = images.paths.index("link.png")
    assert read_bytes(images, row)
    narrowed = known_images(str(inside), within=one)
    for reads in (read_bytes, open_image):
        with pytest.raises(UslError, match="leads out"):
            reads(narrowed, row)
    assert read_bytes(narrowed, 0)
    assert read_bytes(known_images(str(inside), within=both), row)
    made = prepare(str(inside), "pixels:pca", within=both)
    assert made.images.within == tuple(both)
    loaded = load_prepared(str(inside), "pixels:pca", within=one)
    with pytest.raises(UslError, match="leads out"):
        read_bytes(loaded.images, row)
    assert "link.png" not in prepare(str(inside), "pixels:pca", within=one).images.paths


READING = {
    "scan": {},
    "prepare": {"encoder": "pixels:pca"},
    "report": {
        **{"encoder": "pixels:pca", "methods": ["random"], "budget": 5, "params": {}, "seed": 0, "map_method": "pca"},
        **{"title": "", "command": "", "out": "{out}"},
    },
    "archive": {"encoder": "pixels:pca", "indices": [0, 1], "out": "{out}"},
    "export": {
        **{
            "encoder": "pixels:pca",
            "picked": {"indices": [1], "clusters": [-1], "scores": [None], "method": "random", "seed": 0, "params": None},
        },
        **{"guesses": [], "notes": [], "formats": ["zip"], "classes": [], "record": {}, "n_neighbors": 3, "out": "{out}"},
    },
    "flags": {
        "encoder": "pixels:pca",
        "picks": [0, 1],
        "labelled": [],
        "call": {
            **{"method": "random", "params": None, "seed": 0, "budget": 2, "near_duplicates": None},
            **{"kept": [], "labelled": [], "classes": {}, "vetoed": []},
        },
    },
    "learning-time": {"params": {}},
    "learn": {"name": "mine", "title": "", "params": {"n_epochs": 1}},
    "uslt": {"encoder": "pixels:pca", "budget": 2, "params": {"n_epochs": 1}, "seed": 0},
}


@pytest.mark.parametrize("task", READING)
def test_every_task_reads_images_within_the_folders_that_it_was_given(tmp_path, monkeypatch, task):
    inside, _ = linked(tmp_path)
    if task != "scan":
        prepare(str(inside), "pixels:pca", within=[inside])
    if task == "prepare":
        Image.new("RGB", (20, 20), "red").save(inside / "new.png")
    opened = []
    for module in (images_module, scan_index):

        def seen(root, within=(), *rest, original=open_source):
            opened.append(tuple(within))
            return original(root, within, *rest)

        if hasattr(module, "open_source"):
            monkeypatch.setattr(module, "open_source", seen)
    arguments = {key: str(tmp_path / "out") if value == "{out}" else value for key, value in READING[task].items()}
    TASKS[task](source=str(inside), within=[str(inside)], **arguments, on_progress=lambda fraction, note: None)
    assert set(opened) == {(inside,)}


def test_a_source_that_moved_out_is_not_looked_at(tmp_path):
    inside, beside = linked(tmp_path)
    archive = tmp_path / "inside" / "pack.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(inside / "000.png", "a.png")
    images = find_images(str(archive), within=[inside])
    assert read_bytes(images, 0)
    archive.rename(beside / "pack.zip")
    archive.symlink_to(beside / "pack.zip")
    for look in (lambda: read_bytes(images, 0), lambda: find_images(str(archive), within=[inside])):
        with pytest.raises(UslError, match="no longer, inside the folders"):
            look()
    for source in (str(beside), str(tmp_path / "inside.zip")):
        with pytest.raises(UslError, match="inside the folders") as refused:
            find_images(source, within=[inside])
        assert "far" not in str(refused.value)
