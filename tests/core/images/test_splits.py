"""Splits (train, val, test) are no classes where the same class folders lie below them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from usl_core.cache.store import Store
from usl_core.errors import UslError
from usl_core.export.command_text import compare_command, select_command
from usl_core.export.files import load_run_record, run_record, write_run_record
from usl_core.features.encode import encode
from usl_core.images.class_folders import folder_names, is_split_name
from usl_core.images.records import recall_images, remember_images
from usl_core.images.scan import scan
from usl_core.images.subsets import in_split, subset, with_split, without_split
from usl_core.selection.registry import select
from usl_core.types import ImageSet

CAT_AND_DOG = (("cat", "dog"), [0, 1, 0, 1])


def picture(number: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256, 7)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(params=["folder", "zip"])
def look(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ImageSet]:
    """The scan of a folder, or of an archive, with pictures of these names; `bad` ones are damaged."""

    def scanned(*names: str, bad: tuple[str, ...] = (), split: str | None = None) -> ImageSet:
        files = {name: picture(number) for number, name in enumerate(names)} | dict.fromkeys(bad, b"text")
        root = tmp_path / "x.zip"
        if request.param == "zip":
            with zipfile.ZipFile(root, "w") as packed:
                for name, data in files.items():
                    packed.writestr(name, data)
        else:
            root = tmp_path / "data"
            for name, data in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
        return scan(root, cache_dir=tmp_path / "cache", split=split)

    return scanned


FORMS = {
    "plain": ("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png"),
    "wrapped": ("w/v/train/cat/1.png", "w/v/train/dog/1.png", "w/v/val/cat/1.png", "w/v/val/dog/1.png"),
    "wrapped inside": ("train/img/cat/1.png", "train/img/dog/1.png", "val/cat/1.png", "val/dog/1.png"),
    "deeper": ("train/cat/a/1.png", "train/dog/b/c/1.png", "val/cat/1.png", "val/dog/x/1.png"),
    "other words": ("Training/cat/1.png", "Training/dog/1.png", "VALIDATION/cat/1.png", "VALIDATION/dog/1.png"),
    "with suffix": ("training_set/cat/1.png", "training_set/dog/1.png", "val2017/cat/1.png", "val2017/dog/1.png"),
}


@pytest.mark.parametrize("form", FORMS)
def test_splits_above_the_same_classes(look: Callable[..., ImageSet], form: str) -> None:
    found = look(*FORMS[form])
    assert found.class_names == ("cat", "dog")
    assert len(found.split_names) == 2
    assert found.labels is not None
    assert found.splits is not None
    assert found.labels.dtype == found.splits.dtype == np.int32
    assert [found.class_names[label] in path for label, path in zip(found.labels, found.paths, strict=True)] == [True] * 4
    assert [found.split_names[split] in path for split, path in zip(found.splits, found.paths, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("names", "classes", "splits", "labelled"),
    [
        # three splits, one of which has a single class
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "test/b/1.png"], ("a", "b"), ("test", "train", "val"), True),
        # only one split forks; the images of the other have no class
        (["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"], (), ("test", "train"), False),
        (["train/a/1.png", "train/b/1.png", "test/images/1.png"], (), ("test", "train"), False),
        (["train/a/1.png", "train/b/1.png", "test/w/b/1.png"], ("a", "b"), ("test", "train"), True),
        # classes that one split lacks
        (["train/a/1.png", "train/b/1.png", "val/b/1.png", "val/c/1.png"], ("a", "b", "c"), ("train", "val"), True),
        # no split forks: the folders may be wrappers
        (["train/images/1.png", "val/images/1.png"], (), ("train", "val"), False),
        # images beside class folders
        (["train/a/1.png", "train/b/1.png", "train/1.png", "val/a/1.png", "val/b/1.png"], (), ("train", "val"), False),
        # classes that are called so
        (["train/1.png", "test/1.png"], ("test", "train"), (), True),
        (["train/steam/1.png", "train/diesel/1.png", "test/crash/1.png", "test/road/1.png"], ("test", "train"), (), True),
        (["train/1.png", "bus/1.png"], ("bus", "train"), (), True),
        (["train/a/1.png", "val/a/1.png", "extra/a/1.png"], ("extra", "train", "val"), (), True),
        # a split alone is a wrapper
        (["train/a/1.png", "train/b/1.png"], ("a", "b"), (), True),
        # classes above splits
        (["a/train/1.png", "a/val/1.png", "b/train/1.png"], ("a", "b"), (), True),
        # images above
        (["train/a/1.png", "val/a/1.png", "1.png"], (), (), False),
    ],
)
def test_the_rule(
    look: Callable[..., ImageSet], names: list[str], classes: tuple[str, ...], splits: tuple[str, ...], labelled: bool
) -> None:
    found = look(*names)
    assert (found.class_names, found.split_names) == (classes, splits)
    assert (found.labels is not None, found.splits is not None) == (labelled, bool(splits))


@given(st.lists(st.lists(st.sampled_from(["train", "val", "test", "a", "b"]), max_size=4).map(tuple), min_size=1, max_size=8))
def test_ids_and_names_always_fit(folders: list[tuple[str, ...]]) -> None:
    paths = ["/".join((*parts, f"{number}.png")) for number, parts in enumerate(folders)]
    found = folder_names(paths)
    for ids, names in ((found.labels, found.class_names), (found.splits, found.split_names)):
        assert (ids is None) == (names == ())
        if ids is not None:
            assert ids.shape == (len(paths),)
            assert np.array_equal(np.unique(ids), np.arange(len(names)))
            assert all(names[number] in path.split("/")[:-1] for number, path in zip(ids.tolist(), paths, strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("train", "Val", "TESTING", "test_images", "train2017", "training set")),
        *((name, False) for name in ("trains", "trainer", "attest", "", "val/", "contest")),
    ],
)
def test_split_names(name: str, expected: bool) -> None:
    assert is_split_name(name) == expected


# --- one split -------------------------------------------------------------------------------------------------------


def test_one_split_of_a_scan(look: Callable[..., ImageSet]) -> None:
    bad = ("train/cat/bad.png", "val/cat/bad.png", "bad.png")
    part = look(*FORMS["plain"], bad=bad, split="val")
    assert part.paths == ("val/cat/1.png", "val/dog/1.png")
    assert part.class_names == ("cat", "dog")
    assert part.labels is not None
    assert part.labels.tolist() == [0, 1]
    assert part.split_names == ("val",)
    assert [problem.path for problem in part.problems] == ["bad.png", "val/cat/bad.png"]
    whole = look(*FORMS["plain"], bad=bad)
    assert len(whole) == 4
    assert part.fingerprint == in_split(whole, "val").fingerprint != whole.fingerprint
    assert in_split(part, "val") is part


def test_a_split_has_the_classes_that_it_would_have_alone(look: Callable[..., ImageSet]) -> None:
    whole = look("train/a/1.png", "train/b/1.png", "test/1.png")
    assert whole.labels is None
    train, test = in_split(whole, "train"), in_split(whole, "test")
    assert train.class_names == ("a", "b")
    assert train.labels is not None
    assert test.labels is None


def test_no_such_split(look: Callable[..., ImageSet]) -> None:
    with pytest.raises(UslError, match=r"no split 'training' in .*choose one of train, val"):
        look(*FORMS["plain"], split="training")


def test_no_splits_at_all(look: Callable[..., ImageSet]) -> None:
    with pytest.raises(UslError, match="not named train, val, test"):
        look("cat/1.png", "dog/1.png", split="train")


def test_splits_are_kept(look: Callable[..., ImageSet], tmp_path: Path) -> None:
    found, store = look(*FORMS["plain"]), Store(tmp_path / "cache")
    remember_images(found, store)
    recalled = recall_images(found.root, store)
    assert recalled is not None
    assert recalled.splits is not None
    assert found.splits is not None
    assert (recalled.splits.tolist(), recalled.split_names) == (found.splits.tolist(), found.split_names)
    part = subset(found, [0, 1])
    assert part.splits is not None
    assert (part.splits.tolist(), part.split_names) == ([0, 0], ("train",))


def test_image_sets_that_earlier_versions_pickled(look: Callable[..., ImageSet]) -> None:
    found = look("cat/1.png", "dog/1.png")
    old = ImageSet.__new__(ImageSet)
    old.__dict__.update({key: value for key, value in vars(found).items() if key not in ("splits", "split_names", "skipped")})
    again = pickle.loads(pickle.dumps(old))
    assert (again.paths, again.splits, again.split_names, again.skipped) == (found.paths, None, (), ())
    assert subset(again, [0]).splits is None


# --- sources and commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "path", "split"),
    [
        ("/data/x::train", "/data/x", "train"),
        ("/data/x.zip::val2017", "/data/x.zip", "val2017"),
        ("/data/x", "/data/x", None),
        ("/data/a::b", "/data/a::b", None),
        ("/data/a::b::test", "/data/a::b", "test"),
        ("demo:digits", "demo:digits", None),
        ("C:\\train", "C:\\train", None),
        ("::train", "", "train"),
    ],
)
def test_sources_with_a_split(source: str, path: str, split: str | None) -> None:
    assert without_split(source) == (path, split)
    assert with_split(path, split) == source


def test_commands_name_the_split() -> None:
    source = with_split("/data/my photos", "train")
    command = select_command(source, "usl", 4, 0, "pixels:pca", None)
    assert command.startswith("python -m usl_core select '/data/my photos' --split train --budget 4")
    assert "'/data/my photos' --split train" in compare_command(source, ["usl"], 4, 0, "pixels:pca", {}, "pca")


def test_a_run_of_a_split_says_so(look: Callable[..., ImageSet], tmp_path: Path) -> None:
    part = look(*FORMS["plain"], split="train")
    features = encode(part, "pixels:pca", cache_dir=tmp_path / "cache")
    selection = select(features, 1, "random")
    document = run_record(selection, features, folder="x", split="train")
    for split, expected in (("train", "train"), (None, None)):
        write_run_record(tmp_path / "run.json", {**document, "split": split})
        assert load_run_record(tmp_path / "run.json").split == expected
    write_run_record(tmp_path / "run.json", {key: value for key, value in document.items() if key != "split"})
    assert load_run_record(tmp_path / "run.json").split is None, "as earlier versions wrote it"
    write_run_record(tmp_path / "run.json", {**document, "split": 3})
    with pytest.raises(UslError, match="split must be of type str"):
        load_run_record(tmp_path / "run.json")
