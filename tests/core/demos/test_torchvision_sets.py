"""Data sets of torchvision: the table, the formats against torchvision itself, downloads that break, nothing left half."""

from __future__ import annotations

import inspect
import io
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import usl_core as usl
from usl_core.demos import torchvision_archive as archives
from usl_core.demos import torchvision_readers as readers
from usl_core.demos import torchvision_sets as sets
from usl_core.demos.torchvision_archive import torchvision_archive
from usl_core.demos.torchvision_sets import archive_path, dataset_card, dataset_cards, datasets_dir
from usl_core.encoders import download
from usl_core.errors import Cancelled, UslError

from ..encoders.web import Web, serving
from .torchvision_files import FILES, md5, pickled, read_by_torchvision

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as served:
        yield served


def publish(web: Web, name: str, patch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Put tiny files of a data set on the server, and their addresses and checksums into the table."""
    files = FILES[name]()
    known = dataset_card(name)
    assert [file.name for file in known.files] == list(files)
    web.files |= {f"/{name}/{file}": data for file, data in files.items()}
    served = tuple(
        replace(file, url=f"{web.url}/{name}/{file.name}", md5=md5(files[file.name]), size_mb=len(files[file.name]) / 1e6)
        for file in known.files
    )
    patch.setattr(sets, "_CARDS", tuple(replace(card, files=served) if card == known else card for card in sets._CARDS))
    return files


def left(folder: Path) -> list[str]:
    """All that lies in the folder of data sets but the locks."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != "locks")


# ---------------------------------------------------------------- the table


def test_the_table_is_torchvisions():
    from torchvision import datasets as theirs

    mine = {card.name: {file.url: file.md5 for file in card.files} for card in dataset_cards()}
    for name, kind in (("cifar10", theirs.CIFAR10), ("cifar100", theirs.CIFAR100), ("stl10", theirs.STL10)):
        assert mine[name] == {kind.url: kind.tgz_md5}
    flowers, pets, fashion = theirs.Flowers102, theirs.OxfordIIITPet, theirs.FashionMNIST
    assert mine["flowers102"] == {flowers._download_url_prefix + file: known for file, known in flowers._file_dict.values()}
    assert mine["oxford-iiit-pet"] == dict(pets._RESOURCES)
    assert mine["fashion-mnist"] == {fashion.mirrors[0] + file: known for file, known in fashion.resources}
    source = inspect.getsource(theirs.EuroSAT)
    assert all(f'"{url}"' in source and f'"{known}"' in source for url, known in mine["eurosat"].items())
    assert list(readers.FASHION_CLASSES) == fashion.classes
    assert len(set(flowers.classes)) == dataset_card("flowers102").n_classes
    assert all(hasattr(theirs, card.torchvision) for card in dataset_cards())


def test_every_data_set_can_be_read_and_says_what_it_is():
    assert {card.name for card in dataset_cards()} == set(readers.READERS) == set(FILES)
    for card in dataset_cards():
        assert card.terms
        assert card.citation
        assert card.size_mb > 10
        assert card.source == f"torchvision:{card.name}"


@pytest.mark.parametrize("name", ["fashion-mnist", "torchvision:fashion-mnist", "FashionMNIST", "torchvision:Fashion_MNIST"])
def test_names_are_understood_as_torchvision_spells_them(name):
    assert dataset_card(name).title == "Fashion-MNIST"


@pytest.mark.parametrize("name", ["", "mnist", "torchvision:", "torchvision:../x", "cifar10::train"])
def test_an_unknown_name_is_told_with_those_there_are(name):
    with pytest.raises(UslError, match=r"torchvision:cifar10, torchvision:cifar100, .*torchvision:fashion-mnist"):
        dataset_card(name)


def test_where_data_sets_are_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USL_DATASETS_DIR", "here")
    assert datasets_dir() == tmp_path / "here", "the same from every working directory of a child"
    monkeypatch.delenv("USL_DATASETS_DIR")
    assert datasets_dir().parts[-2:] == ("usl-explorer", "datasets")


# ---------------------------------------------------------------- the formats


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_comes_out_is_what_torchvision_reads(web, monkeypatch, tmp_path, name):
    files = publish(web, name, monkeypatch)
    path = torchvision_archive(name)
    assert path == archive_path(dataset_card(name))
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            found[entry.filename] = np.asarray(Image.open(io.BytesIO(archive.read(entry))))
            assert entry.compress_type == (zipfile.ZIP_STORED if entry.filename.endswith(".jpg") else zipfile.ZIP_DEFLATED)
    wanted, counts = {}, dict[str, int]()
    for split, class_name, number, pixels in read_by_torchvision(name, files, tmp_path / "theirs", monkeypatch):
        folder = class_name.replace("/", "-")
        at = number if split else counts.setdefault(folder, 0)
        counts[folder] = counts.get(folder, 0) + 1
        wanted["/".join(filter(None, (split, folder, f"{at:05d}")))] = pixels
    assert {key.rpartition(".")[0] for key in found} == set(wanted)
    for key, pixels in found.items():
        np.testing.assert_array_equal(pixels, wanted[key.rpartition(".")[0]])
    images = usl.scan(path)
    assert len(images) == len(wanted)
    assert images.problems == ()
    assert set(images.split_names) == set(dataset_card(name).splits)
    assert set(images.class_names) == {key.split("/")[-2] for key in wanted}
    assert left(datasets_dir()) == [path.name], "the downloads are gone, and so is what was unpacked"


def test_the_same_archive_comes_out_again(web, monkeypatch, tmp_path):
    publish(web, "fashion-mnist", monkeypatch)
    first = torchvision_archive("fashion-mnist", folder=tmp_path / "a").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert torchvision_archive("fashion-mnist", folder=tmp_path / "b").read_bytes() == first


@given(st.integers(1, 40), st.integers(1, 900), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_png_holds_what_it_is_given(height, width, is_grey, seed):
    shape = (height, width) if is_grey else (height, width, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(readers.png(pixels))) as opened:
        assert opened.mode == ("L" if is_grey else "RGB")
        np.testing.assert_array_equal(np.asarray(opened), pixels)


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("data", [pickle.dumps(_Evil()), pickle.dumps({"labels": [_Evil()]}), pickled(_Evil())])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "batch").write_bytes(data)
    with pytest.raises(pickle.UnpicklingError, match="has no place in a data set"):
        readers._unpickled(tmp_path / "batch")
    assert not (tmp_path / "evil").exists()


def test_an_image_that_is_missing_in_the_archive_is_no_data_set(web, monkeypatch, tmp_path):
    members = iter([("a.jpg", lambda: b"x")])
    with pytest.raises(ValueError, match=r"1 images are not in the archive, b\.jpg among them"):
        list(readers._placed(members, {"a.jpg": ("train", "c", 0), "b.jpg": ("train", "c", 1)}))


# ---------------------------------------------------------------- downloads that break


def test_a_second_request_finds_it_at_once(web, monkeypatch):
    publish(web, "cifar10", monkeypatch)
    told: list[tuple[float, str]] = []
    path = torchvision_archive("cifar10", on_progress=lambda fraction, note: told.append((fraction, note)))
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[-1] == (1.0, "CIFAR-10 is ready")
    assert any("downloading" in note for _, note in told)
    asked, before = len(web.asked), path.stat()
    assert torchvision_archive("CIFAR10") == path
    assert len(web.asked) == asked
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_download_that_is_cancelled_goes_on_where_it_stopped(web, monkeypatch):
    monkeypatch.setattr(download, "_BLOCK", 1 << 12)
    monkeypatch.setattr(download, "_NOTE_SECONDS", 0.0)
    data = publish(web, "stl10", monkeypatch)["stl10_binary.tar.gz"]

    def cancel(fraction: float, note: str) -> None:
        if fraction > 0.2:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        torchvision_archive("stl10", on_progress=cancel)
    assert left(datasets_dir()) == ["downloads/stl10-stl10_binary.tar.gz.part"]
    assert 0 < (datasets_dir() / left(datasets_dir())[0]).stat().st_size < len(data)
    assert not archive_path(dataset_card("stl10")).exists()
    torchvision_archive("stl10")
    assert web.ranges[-1].startswith("bytes=")
    assert left(datasets_dir()) == ["stl10.zip"]


def test_a_conversion_that_is_cancelled_leaves_nothing_half_and_downloads_nothing_again(web, monkeypatch):
    publish(web, "cifar10", monkeypatch)
    monkeypatch.setattr(archives, "_TOLD_EVERY", 1)

    def cancel(fraction: float, note: str) -> None:
        if "writing images: 7" in note:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        torchvision_archive("cifar10", on_progress=cancel)
    assert left(datasets_dir()) == ["downloads/cifar10-cifar-10-python.tar.gz"]
    asked = len(web.asked)
    assert len(usl.scan(torchvision_archive("cifar10"))) == 24
    assert len(web.asked) == asked


def test_a_process_that_was_killed_in_the_middle_leaves_nothing_for_good(web, monkeypatch, tmp_path):
    publish(web, "cifar10", monkeypatch)
    home, data = tmp_path / "home", FILES["cifar10"]()["cifar-10-python.tar.gz"]
    code = f"""
import os, signal
from dataclasses import replace
from pathlib import Path
from usl_core.demos import torchvision_archive, torchvision_sets
card = torchvision_sets.dataset_card("cifar10")
file = replace(card.files[0], url="{web.url}/cifar10/x", md5="{md5(data)}")
torchvision_sets._CARDS = (replace(card, files=(file,)),)
torchvision_archive._TOLD_EVERY = 1
def die(fraction, note):
    if "images: 7" in note:
        os.kill(os.getpid(), signal.SIGKILL)
torchvision_archive.torchvision_archive("cifar10", folder=Path({str(home)!r}), on_progress=die)
"""
    web.files["/cifar10/x"] = data
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (home / "cifar10.zip").exists()
    (scratch,) = home.glob(".cifar10-*")
    os.utime(scratch, (1e9, 1e9))
    torchvision_archive("cifar10", folder=home)
    assert not scratch.exists()
    assert "cifar10.zip" in left(home)


def test_without_network_it_says_what_to_put_where_and_takes_it_from_there(web, monkeypatch):
    files = publish(web, "fashion-mnist", monkeypatch)
    web.files.clear()
    with pytest.raises(UslError) as told:
        torchvision_archive("fashion-mnist")
    first = dataset_card("fashion-mnist").files[0]
    for part in (first.url, first.name, str(datasets_dir()), "network access"):
        assert part in str(told.value)
    for name, data in files.items():
        (datasets_dir() / name).write_bytes(data)
    asked = len(web.asked)
    torchvision_archive("fashion-mnist")
    assert len(web.asked) == asked
    assert set(left(datasets_dir())) == {*files, "fashion-mnist.zip"}, "what somebody has put there stays"


def test_a_file_put_there_by_hand_that_is_another_is_told(web, monkeypatch):
    publish(web, "eurosat", monkeypatch)
    datasets_dir().mkdir(parents=True)
    (datasets_dir() / "EuroSAT.zip").write_bytes(b"something else")
    with pytest.raises(UslError, match=r"EuroSAT\.zip is not the file .* its MD5 is [0-9a-f]{32} and not"):
        torchvision_archive("eurosat")


def test_a_download_that_is_another_file_is_refused_and_not_kept(web, monkeypatch):
    publish(web, "eurosat", monkeypatch)
    web.files["/eurosat/EuroSAT.zip"] = b"an error page"
    with pytest.raises(UslError, match="invalid hash value"):
        torchvision_archive("eurosat")
    assert left(datasets_dir()) == []


def test_a_folder_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UslError, match=r"the folder of data sets .* USL_DATASETS_DIR"):
        torchvision_archive("eurosat", folder=tmp_path / "file" / "x")


def test_who_comes_second_waits_and_downloads_nothing(web, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    publish(web, "stl10", monkeypatch)
    web.seconds_per_block = 0.02
    with ThreadPoolExecutor(3) as several:
        paths = set(several.map(torchvision_archive, ["stl10"] * 3))
    assert len(paths) == 1
    assert web.asked == ["/stl10/stl10_binary.tar.gz"]
    assert left(datasets_dir()) == ["stl10.zip"]
