"""Opaque names of data sets: they stand in addresses and tell nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pages.ui.access import folders, sources
from usl_core.cache.store import default_cache_dir
from usl_core.errors import UslError


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path.resolve() / "root" / "my <b>album"
    folder.mkdir(parents=True)
    monkeypatch.setenv(folders.ENV_ROOTS, str(folder.parent))
    monkeypatch.delenv(folders.ENV_READ_ONLY, raising=False)
    return folder


def test_a_folder_gets_one_name_that_says_nothing(album: Path) -> None:
    name = sources.name_of(album)
    assert re.fullmatch(r"folder-[0-9a-f]{16}", name)
    assert sources.name_of(album) == name
    assert sources.source_of(name) == str(album)
    assert sources.title_of(name) == "my <b>album"


def test_names_are_drawn_and_not_computed(album: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Otherwise a guess at a path could be checked against a link."""
    first = sources.name_of(album)
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "another cache"))
    assert sources.name_of(album) != first


def test_demos_go_by_their_own_names() -> None:
    assert sources.source_of("digits") == "demo:digits"
    assert sources.title_of("shapes").startswith("Shapes")


@pytest.mark.parametrize(
    "name",
    [
        *("", "nothing", "folder-", "folder-0000000000000000", "folder-000000000000000G", "demo:digits", "Digits"),
        *("/etc", "folder-0000000000000000\n"),
        *(
            "../../etc/passwd",
            "folder-../../../x",
            "folder-0000000000000000/../x",
            "\0",
            "folder-0000000000000000\n",
            "x" * 10_000,
        ),
    ],
    ids=lambda name: repr(name)[:30],
)
def test_unknown_names_say_so(album: Path, name: str) -> None:
    with pytest.raises(UslError, match="knows no data set") as refused:
        sources.source_of(name)
    assert "page Data" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_name_is_worthless_once_the_roots_are_others(album: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = sources.name_of(album)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv(folders.ENV_ROOTS, str(tmp_path / "elsewhere"))
    with pytest.raises(UslError, match="not inside a folder"):
        sources.source_of(name)
    monkeypatch.setenv(folders.ENV_READ_ONLY, "1")
    with pytest.raises(UslError, match="knows no data set"):
        sources.source_of(name)


def test_a_name_is_worthless_once_the_folder_is_a_link_that_leads_out(album: Path, tmp_path: Path) -> None:
    name = sources.name_of(album)
    (tmp_path / "secret").mkdir()
    album.rmdir()
    album.symlink_to(tmp_path / "secret")
    with pytest.raises(UslError, match="not inside a folder"):
        sources.source_of(name)


@pytest.mark.parametrize("content", ["", "no json", "[]", "{}", '{"path": null}', '{"path": "/etc"}'])
def test_a_damaged_record_opens_nothing(album: Path, content: str) -> None:
    name = sources.name_of(album)
    (default_cache_dir() / "opened" / f"{name}.json").write_text(content)
    with pytest.raises(UslError):
        sources.source_of(name)
    assert sources.source_of(sources.name_of(album)) == str(album), "it can be opened again"


def test_names_that_are_no_utf8_are_kept(album: Path) -> None:
    odd = album / "caf\udce9"
    name = sources.name_of(odd)
    assert sources.source_of(name) == str(odd)
    assert json.loads((default_cache_dir() / "opened" / f"{name}.json").read_text())["path"] == str(odd)


def test_a_name_is_worthless_once_the_folder_is_a_link_to_another_folder(album: Path) -> None:
    name = sources.name_of(album)
    (album.parent / "other").mkdir()
    album.rmdir()
    album.symlink_to(album.parent / "other")
    with pytest.raises(UslError, match="link to another place"):
        sources.source_of(name)
    with pytest.raises(UslError, match="link to another place"):
        sources.title_of(name)


def test_a_name_is_worthless_once_the_root_is_a_link(album: Path, tmp_path: Path) -> None:
    name = sources.name_of(album)
    root = album.parent
    assert sources.source_of(name) == str(album)
    root.rename(tmp_path / "moved")
    root.symlink_to(tmp_path / "moved")
    with pytest.raises(UslError):
        sources.source_of(name)


def test_names_may_end_with_a_blank(album: Path) -> None:
    odd = album / "summer "
    odd.mkdir()
    assert sources.source_of(sources.name_of(odd)) == str(odd)


def test_a_cache_that_takes_no_names_is_said_with_what_the_server_can_do(
    album: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("USL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(UslError, match="USL_CACHE_DIR") as told:
        sources.name_of(album)
    assert "--out" not in str(told.value)
