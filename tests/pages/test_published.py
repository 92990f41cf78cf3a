"""Well-known data sets on the page Data: listed, downloaded with progress, opened; and whose eyes they are for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pages.ui import addresses
from pages.ui.access import folders, sources
from pages.ui.jobs.pool import pool
from usl_core.demos.torchvision_archive import torchvision_archive
from usl_core.demos.torchvision_sets import archive_path, dataset_card, dataset_cards, datasets_dir
from usl_core.errors import UslError
from usl_core.pipeline.prepared import find_images

from ..core.demos.test_torchvision_sets import publish, web
from .test_routes import client

__all__ = ["client", "web"]  # fixtures


@pytest.fixture
def cifar(web, monkeypatch) -> Path:
    """CIFAR-10, tiny and here."""
    publish(web, "cifar10", monkeypatch)
    return torchvision_archive("cifar10")


def unfolded(app):
    app.test.session_state["well-known"] = True
    return app.open("data").fine()


def test_they_are_folded_into_a_line(app, root):
    app.open("data").fine()
    assert "Well-known data sets" in [section.label for section in app.test.expander]
    assert "CIFAR-100" not in app.plain


def test_each_says_what_it_is_and_what_it_takes(app, root):
    unfolded(app)
    for card in dataset_cards():
        assert card.title in app.plain
        assert card.citation in app.plain
        assert f"{card.n:,} images, {card.n_classes} classes" in app.plain
    labels = {button.key: button.label for button in app.test.button}
    assert labels["start dataset-cifar10"] == "Download 170 MB"
    assert labels["start dataset-stl10"] == "Download 2.6 GB"
    assert not datasets_dir().exists(), "nothing is downloaded without being asked for"


WORKER = """
import json, sys
from dataclasses import replace
from usl_core.demos import torchvision_sets as sets
from usl_core.jobs import worker
cards, url, md5 = sets.dataset_cards(), {url!r}, {md5!r}
sets._CARDS = tuple(replace(c, files=(replace(c.files[0], url=url, md5=md5),)) if c.name == "cifar10" else c for c in cards)
sys.exit(worker.main())
"""


def test_one_is_downloaded_opened_and_looked_at(app, root, web, monkeypatch):
    publish(web, "cifar10", monkeypatch)
    (file,) = dataset_card("cifar10").files
    pool()._command = (sys.executable, "-c", WORKER.format(url=file.url, md5=file.md5))
    unfolded(app).press("start dataset-cifar10").until_done().fine()
    assert archive_path(dataset_card("cifar10")).is_file()
    app.press("open-cifar10").fine()
    assert app.test.query_params["data"] == "cifar10"
    app.until_done().fine()  # the scan
    assert "Images 24" in app.text
    assert "CIFAR-10" in app.plain
    assert [option for box in app.test.selectbox if box.key == "choose-split" for option in box.options] == [
        *("All splits", "test", "train")
    ]
    assert str(datasets_dir()) not in app.text


def test_a_download_that_fails_says_which_file_to_put_where_and_can_be_tried_again(app, root, web, monkeypatch):
    publish(web, "cifar10", monkeypatch)
    (file,) = dataset_card("cifar10").files
    pool()._command = (sys.executable, "-c", WORKER.format(url=f"{web.url}/gone", md5=file.md5))
    unfolded(app).press("start dataset-cifar10").until_done()
    assert not app.test.exception
    assert "could not be downloaded" in app.plain
    assert str(datasets_dir()) in app.plain
    assert {button.key: button.label for button in app.test.button}["start dataset-cifar10"] == "Try again"


def test_a_closed_server_neither_lists_nor_opens_them(app, root, cifar, monkeypatch):
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    app.open("data", data="cifar10")
    assert "Well-known data sets" not in [section.label for section in app.test.expander]
    assert "this server knows no data set" in app.plain
    assert not sources.is_open(str(cifar))


def test_a_name_means_its_archive_once_that_is_there(root, cifar):
    assert sources.source_of("cifar10") == str(cifar.resolve())
    assert sources.source_of("cifar10~train") == f"{cifar.resolve()}::train"
    assert sources.title_of("cifar10~test") == "CIFAR-10, test"
    assert sources.told_of(f"{cifar}::train") == "torchvision:cifar10::train"
    assert sources.is_open(f"{cifar}::train")
    for name in ("cifar100", "cifar10~nonsense", "cifar10~", "CIFAR10"):
        with pytest.raises(UslError, match="knows no data set"):
            sources.source_of(name)


def test_its_images_are_read_from_its_archive_alone(root, cifar, client, tmp_path):
    images = find_images(str(cifar), within=sources.within_of(str(cifar)))
    assert client.get(f"/{addresses.image_url('cifar10', images.digests[3])}").status_code == 200
    assert not sources.is_open(str(datasets_dir())), "what else lies there is nobody's"
    cifar.unlink()
    with pytest.raises(UslError, match="knows no data set"):
        sources.source_of("cifar10")


@pytest.mark.skipif(os.name != "posix", reason="POSIX links")
def test_data_sets_may_lie_behind_a_link(root, cifar, monkeypatch, tmp_path):
    (tmp_path / "alias").symlink_to(datasets_dir())
    monkeypatch.setenv("USL_DATASETS_DIR", str(tmp_path / "alias"))
    source = sources.source_of("cifar10")
    assert sources.is_open(source)
    assert len(find_images(source, within=sources.within_of(source))) == 24
