"""A seeded uniform sample of the files of a source: who is drawn, who is opened, and where it is said."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import usl_core as usl
from usl_core.cache.store import Store
from usl_core.demos.bundled import load_demo
from usl_core.errors import Cancelled, UslError
from usl_core.export.command_text import compare_command, select_command
from usl_core.images import listing as image_listing
from usl_core.images import scan_index
from usl_core.images.decode import verify
from usl_core.images.records import images_version, recall_images, remember_images
from usl_core.images.sampling import draw, sampled
from usl_core.images.scan import scan
from usl_core.images.subsets import in_split, source_parts, subset, with_sample, with_split
from usl_core.jobs.tasks import TASKS
from usl_core.pipeline.prepared import find_images, known_images, load_prepared, prepare, prepared_fingerprint
from usl_core.types import ImageSet, Sample

NAMES = tuple(f"{split}/{kind}/{number}.png" for split in ("train", "val") for kind in ("cat", "dog") for number in range(10))


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256, 7)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(params=["folder", "zip", "list"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "data"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(number))
    (folder / "train" / "cat" / "broken.png").write_bytes(b"no picture")
    names = [*NAMES, "train/cat/broken.png"]
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as packed:
            for name in names:
                packed.write(folder / name, name)
        return tmp_path.resolve() / "data.zip"
    if request.param == "list":
        rows = [f"{name},{name.split('/')[1]},{name.split('/')[0]}" for name in reversed(names)]
        (folder / "list.csv").write_text("\n".join(["path,label,split", *rows]))
        return folder / "list.csv"
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that scans decode from here on; files as young as a test's count as settled."""
    seen: list[bytes] = []
    monkeypatch.setattr(scan_index, "verify", lambda data, turn: (seen.append(data), verify(data, turn)))
    monkeypatch.setattr(image_listing, "_SETTLED_NS", -(10**18))
    return seen


# --- the draw --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(1, 70), st.integers(0, 2**40))
def test_a_draw_is_without_replacement_and_ascends(n_files: int, n: int, seed: int) -> None:
    rows = draw(n_files, n, seed)
    assert len(rows) == min(n, n_files)
    assert (np.diff(rows) > 0).all()
    assert ((rows >= 0) & (rows < n_files)).all()
    assert np.array_equal(rows, draw(n_files, n, seed))
    assert set(rows) <= set(draw(n_files, n + 1, seed)), "samples of one seed are nested"


def test_every_file_and_every_pair_is_drawn_as_often() -> None:
    """Chi-squared against the uniform draw: 4 of 8, over 7,000 seeds; the 99.99 % points of 7 and 27 degrees of freedom."""
    times, single, pair = 7000, np.zeros(8), np.zeros((8, 8))
    for seed in range(times):
        rows = draw(8, 4, seed)
        single[rows] += 1
        pair[np.ix_(rows, rows)] += 1
    expected, pairs = times / 2, pair[np.triu_indices(8, 1)]
    assert ((single - expected) ** 2 / expected).sum() < 29.9
    assert ((pairs - times * 3 / 14) ** 2 / (times * 3 / 14)).sum() < 62.0


def test_the_draw_that_all_versions_must_make() -> None:
    """A recorded run names n and seed alone."""
    assert draw(20, 5, 0).tolist() == [2, 3, 11, 13, 15]
    assert draw(1_000_000, 3, 7).tolist() == [700_859, 914_579, 967_133]


# --- scans -----------------------------------------------------------------------------------------------------------


def test_only_what_is_drawn_is_opened(root: Path, tmp_path: Path, opened: list[bytes]) -> None:
    found = scan(root, sample=12, sample_seed=3, cache_dir=tmp_path / "cache")
    assert len(opened) == 12
    assert found.sample == Sample(n=12, of=41, seed=3)
    assert len(found) + len(found.problems) == 12
    names = sorted([*NAMES, "train/cat/broken.png"], key=image_listing.natural_key)
    drawn = [names[row] for row in draw(41, 12, 3)]
    assert sorted([*found.paths, *(problem.path for problem in found.problems)]) == sorted(drawn)
    again = scan(root, sample=12, sample_seed=3, cache_dir=tmp_path / "cache")
    assert (again.paths, len(opened)) == (found.paths, 12), "a second scan opens nothing"
    assert scan(root, sample=12, sample_seed=4, cache_dir=tmp_path / "cache").paths != found.paths


def test_a_sample_and_the_whole_share_what_is_known(root: Path, tmp_path: Path, opened: list[bytes]) -> None:
    cache = tmp_path / "cache"
    scan(root, sample=12, cache_dir=cache)
    whole = scan(root, cache_dir=cache)
    assert len(opened) == 41
    assert (whole.sample, len(whole), len(whole.problems)) == (None, 40, 1)
    scan(root, sample=20, sample_seed=5, cache_dir=cache)
    scan(root, cache_dir=cache)
    assert len(opened) == 41, "a sample forgets nothing of the others"


@pytest.mark.parametrize("n", [41, 42, 10**9])
def test_a_sample_of_all_is_no_sample(root: Path, tmp_path: Path, n: int) -> None:
    found, whole = (scan(root, sample=sample, cache_dir=tmp_path / "cache") for sample in (n, None))
    assert found.sample is None
    assert (found.paths, found.problems, found.fingerprint) == (whole.paths, whole.problems, whole.fingerprint)


def test_unusable_files_of_the_sample_are_problems_and_those_of_the_others_are_not(root: Path, tmp_path: Path) -> None:
    scan(root, cache_dir=tmp_path / "cache")  # the verdict on the broken file is known already
    row = sorted([*NAMES, "train/cat/broken.png"], key=image_listing.natural_key).index("train/cat/broken.png")
    assert {row in draw(41, 5, seed) for seed in range(12)} == {True, False}
    for seed in range(12):
        found = scan(root, sample=5, sample_seed=seed, cache_dir=tmp_path / "cache")
        assert len(found.problems) == (row in draw(41, 5, seed))
        assert len(found) == 5 - len(found.problems)


def test_what_becomes_of_a_sample(root: Path, tmp_path: Path) -> None:
    found = scan(root, sample=30, sample_seed=1, cache_dir=tmp_path / "cache")
    assert found.split_names == ("train", "val")
    parts = [
        subset(found, [0, 1]),
        in_split(found, "val"),
        scan(root, split="val", sample=30, sample_seed=1, cache_dir=tmp_path / "cache"),
    ]
    assert [part.sample for part in parts] == [found.sample] * 3
    assert parts[1].paths == parts[2].paths
    store = Store(tmp_path / "cache")
    remember_images(found, store, (30, 1))
    again = recall_images(root, store, (30, 1))
    assert again is not None
    assert (again.sample, again.paths) == (found.sample, found.paths)
    assert recall_images(root, store) is None, "the whole was not scanned"
    assert images_version(with_sample(str(root), (30, 1)), tmp_path / "cache") is not None
    assert images_version(str(root), tmp_path / "cache") is None


@pytest.mark.parametrize(
    ("sample", "seed", "said"),
    [
        (0, 0, "sample must be"),
        (-1, 0, "sample must be"),
        (2.5, 0, "sample must be"),
        (True, 0, "sample must be"),
        (3, -1, "sample_seed must be"),
    ],
)
def test_mistakes(tmp_path: Path, sample: Any, seed: int, said: str) -> None:
    with pytest.raises(UslError, match=said):
        scan(tmp_path, sample=sample, sample_seed=seed)


def test_somebody_may_want_no_more_when_the_files_are_counted(root: Path, tmp_path: Path, opened: list[bytes]) -> None:
    counts: list[int] = []

    def stop(count: int) -> None:
        counts.append(count)
        raise Cancelled("too many")

    with pytest.raises(Cancelled):
        scan(root, cache_dir=tmp_path / "cache", on_listed=stop)
    assert (counts, opened) == ([41], [])


def test_a_demo_has_samples_too() -> None:
    images = load_demo("digits").images
    found = sampled(images, (50, 2))
    assert str(found.sample) == "a uniform sample of 50 of 1,797 files, seed 2"
    assert [images.paths[row] for row in draw(len(images), 50, 2)] == list(found.paths)
    assert sampled(images, (1797, 0)) is images


# --- sources, jobs, commands -----------------------------------------------------------------------------------------

SAMPLES = [None, (20_000, 0), (1, 123456)]


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    ("path", "splits"),
    [
        *(
            (path, (None, "train", "val2017"))
            for path in ("/data/x", "/data/x.zip", "C:\\x", "/data/a::b", "/d/sample-1-2", "")
        ),
        *(
            (path, (None, "train", "0", "a b", "x::train", "=", "sample-5-0", "::sample-5-0", "50%", "é\n/..", "\udce9"))
            for path in ("/data/list.csv", "/data/a::b.PARQUET", "list.tsv", "/x.txt")
        ),
    ],
)
def test_sources_are_taken_apart_as_they_were_put_together(
    path: str, splits: tuple[str | None, ...], sample: tuple[int, int] | None
) -> None:
    for split in splits:
        source = with_split(with_sample(path, sample), split)
        assert source_parts(source) == (path, sample, split)


@given(st.text(), st.sampled_from(SAMPLES), st.none() | st.text(min_size=1))
def test_lists_have_splits_of_any_name(name: str, sample: tuple[int, int] | None, split: str | None) -> None:
    path = f"/{name.replace('::', '')}.csv"
    assert source_parts(with_split(with_sample(path, sample), split)) == (path, sample, split)


def test_a_sample_is_prepared_and_read_back_on_its_own(root: Path) -> None:
    source = with_sample(str(root), (15, 2))
    assert (known_images(source), load_prepared(source, "pixels:pca")) == (None, None)
    made = prepare(source, "pixels:pca")
    assert made.images.sample == Sample(n=15, of=41, seed=2)
    again = load_prepared(source, "pixels:pca")
    assert again is not None
    assert again.images.paths == made.images.paths
    assert again.images.sample == made.images.sample
    part = prepare(with_split(source, "train"), "pixels:pca")
    assert part.images.sample == made.images.sample
    assert all(path.startswith("train/") for path in part.images.paths)
    assert prepared_fingerprint(with_split(source, "train"), "pixels:pca") == part.features.fingerprint
    assert known_images(str(root)) is None
    everything = with_sample(str(root), (41, 0))
    assert find_images(everything).sample is None
    known = known_images(everything)
    assert known is not None
    assert len(known) == 40


def test_a_job_that_finds_too_many_files_says_how_many(root: Path) -> None:
    def report(fraction: float, note: str) -> None:
        assert not note.startswith("checked")

    assert TASKS["scan"](source=str(root), ask_beyond=40, on_progress=report) == {"files": 41}
    assert known_images(str(root)) is None
    done = TASKS["scan"](source=str(root), ask_beyond=41, on_progress=lambda fraction, note: None)
    assert done == {"images": 40, "problems": 1}
    assert TASKS["scan"](source=str(root), on_progress=lambda fraction, note: None) == done


def test_commands_name_the_sample() -> None:
    source = with_split(with_sample("/data/my photos", (20_000, 3)), "train")
    said = "'/data/my photos' --split train --sample 20000 --sample-seed 3 "
    assert said in select_command(source, "usl", 4, 0, "pixels:pca", None)
    assert said in compare_command(source, ["usl"], 4, 0, "pixels:pca", {}, "pca")


def test_sample_is_a_public_name() -> None:
    assert usl.Sample is Sample
    assert ImageSet.__dataclass_fields__["sample"].default is None
