"""What visitors may open: nothing outside the roots, by whatever path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pages.ui.access import folders
from usl_core.errors import UslError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """root/ with album/ and a few links; beside it secret/ and root-too/, whose name begins like the root's."""
    tmp_path = tmp_path.resolve()
    for name in ("root/album/deep", "root/ünï 😀", "secret/inner", "root-too/album"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secret" / "key.zip").write_bytes(b"")
    (tmp_path / "root" / "pack.zip").write_bytes(b"")
    links = {
        "out": tmp_path / "secret",
        "relative": Path("../secret"),
        "chain": tmp_path / "root" / "out",
        "itself": Path("itself"),
        "archive.zip": tmp_path / "secret" / "key.zip",
        "dangling": tmp_path / "secret" / "nothing",
        "album/up": tmp_path,
        "fine": tmp_path / "root" / "album",
        "slash": Path("/"),
    }
    for name, target in links.items():
        (tmp_path / "root" / name).symlink_to(target)
    monkeypatch.setenv(folders.ENV_ROOTS, str(tmp_path / "root"))
    monkeypatch.delenv(folders.ENV_READ_ONLY, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


ESCAPES = [
    *("..", "../", "../secret", "../secret/inner", "./../secret", "album/../../secret", "album/./.././../secret/inner"),
    *(
        "../../../../../../../../etc",
        "../../../../../../etc/passwd",
        "album/deep/../../../secret",
        "/",
        "//",
        "/etc",
        "/etc/passwd",
    ),
    *("//etc", "///etc/passwd", "/proc/self/root", "/proc/self/cwd", "/proc/self/environ", "/dev/stdin", "/tmp", "/root"),
    *("{place}", "{place}/", "{place}/secret", "{place}/root/../secret", "{place}/root/album/../../secret", "{place}/root-too"),
    *("{place}/root-too/album", "{place}/roo", "{place}/root/..", "{place}/root/.", "{place}/./secret"),
    *("out", "out/", "out/inner", "relative", "relative/inner", "chain", "chain/inner", "chain/../secret", "album/up/secret"),
    *("album/up", "album/up/etc", "archive.zip", "out/key.zip", "dangling", "itself", "slash", "slash/etc", "slash/etc/passwd"),
    *("~", "~/", "~/..", "~root", "~/secret", "..\\secret", "..%2fsecret", "%2e%2e/secret", "file:///etc/passwd"),
    *("\0", "album\0", "album/\0/../../secret", "", "   ", "a" * 5000, "../" * 2000 + "etc", "$HOME", "`id`", "root/../..\n"),
]
HARMLESS = {
    "{place}/root/.",
    "chain/../secret",
    "~root",
    "..\\secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "$HOME",
    "`id`",
    "file:///etc/passwd",
}
"""These are no escapes: here they are plain names inside the root, or the root itself."""


@pytest.mark.skipif(os.name != "posix", reason="POSIX paths and links")
@pytest.mark.parametrize("path", [path for path in ESCAPES if path not in HARMLESS], ids=lambda path: repr(path)[:40])
def test_escapes_are_refused(place: Path, path: str) -> None:
    with pytest.raises(UslError) as refused:
        folders.confined(path.format(place=place))
    said = str(refused.value)
    assert len(said) < 4000
    assert "key.zip" not in said or "key.zip" in path
    assert "inner" not in said or "inner" in path


def test_there_are_at_least_forty_of_them() -> None:
    assert len(set(ESCAPES) - HARMLESS) >= 40


@pytest.mark.skipif(os.name != "posix", reason="POSIX paths and links")
@pytest.mark.parametrize("path", sorted(HARMLESS))
def test_odd_names_are_names(place: Path, path: str) -> None:
    found = folders.confined(path.format(place=place))
    assert found.is_relative_to(place / "root")


def test_what_is_outside_looks_the_same_whether_it_is_there_or_not(place: Path) -> None:
    said = []
    for name in ("secret", "secreT"):
        with pytest.raises(UslError) as refused:
            folders.confined(place / name)
        said.append(str(refused.value).replace(name, "X"))
    assert said[0] == said[1]


def test_what_lies_inside_can_be_opened(place: Path) -> None:
    root = place / "root"
    assert folders.confined(root) == root
    assert folders.confined("album/deep") == root / "album" / "deep"
    assert folders.confined(f"  {root}/album/../album  ") == root / "album"
    assert folders.confined("fine") == root / "album"
    assert folders.confined("ünï 😀") == root / "ünï 😀"
    assert folders.confined("pack.zip") == root / "pack.zip"
    assert folders.confined("not there yet") == root / "not there yet"


def test_links_that_lead_out_are_not_listed(place: Path) -> None:
    (place / "root" / ".hidden").mkdir()
    (place / "root" / "photo.JPG").write_bytes(b"")
    (place / "root" / "out.png").symlink_to(place / "secret" / "key.zip")
    listed = folders.contents(place / "root")
    assert listed.folders == ("album", "fine", "ünï 😀")
    assert listed.archives == ("pack.zip",)
    assert listed.n_images == 2  # counted by name, not opened
    assert listed.n_left_out == 0


def test_long_lists_say_what_is_left_out(place: Path) -> None:
    for number in range(folders.MAX_LISTED + 7):
        (place / "root" / "album" / f"n{number}").mkdir()
    listed = folders.contents(place / "root" / "album")
    assert len(listed.folders) == folders.MAX_LISTED
    assert listed.n_left_out == 8  # deep/ too
    assert listed.folders[:3] == ("deep", "n0", "n1")
    assert listed.folders[12] == "n11", "natural order"


def test_a_folder_that_cannot_be_read_is_named(place: Path) -> None:
    with pytest.raises(UslError, match="nothing here"):
        folders.contents(place / "root" / "nothing here")


def test_several_roots(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.pathsep.join([str(place / "root"), str(place / "missing"), "", str(place / "root-too"), str(place / "root")])
    monkeypatch.setenv(folders.ENV_ROOTS, listed)
    assert folders.roots() == [place / "root", place / "root-too"]
    assert folders.confined(place / "root-too" / "album") == place / "root-too" / "album"
    with pytest.raises(UslError):
        folders.confined(place / "secret")


def test_a_root_that_is_a_link_opens_what_it_points_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "alias").symlink_to(place / "root")
    monkeypatch.setenv(folders.ENV_ROOTS, str(place / "alias"))
    assert folders.roots() == [place / "root"]
    assert folders.confined(place / "alias" / "album") == place / "root" / "album"


def test_the_home_directory_is_the_default(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "home").mkdir()
    monkeypatch.delenv(folders.ENV_ROOTS)
    assert folders.roots() == [place / "home"]
    assert folders.confined("~/") == place / "home"


@pytest.mark.parametrize("value", ["1", "true", "YES", " 1 "])
def test_read_only_opens_nothing(place: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(folders.ENV_READ_ONLY, value)
    assert folders.is_read_only()
    assert folders.roots() == []
    with pytest.raises(UslError, match="opens no folders"):
        folders.confined(place / "root")


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_read_only_can_be_off(place: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(folders.ENV_READ_ONLY, value)
    assert not folders.is_read_only()


def _looks(monkeypatch: pytest.MonkeyPatch, of: Path) -> list[str]:
    """Every look that Python takes at something below a folder."""
    seen: list[str] = []
    for module, name in (
        (os, "stat"),
        (os, "lstat"),
        (os, "scandir"),
        (os, "readlink"),
        (os.path, "isdir"),
        (os.path, "realpath"),
    ):
        original = getattr(module, name)

        def counted(path, *given, original=original, name=name, **more):
            if str(path).startswith(str(of)):
                seen.append(name)
            return original(path, *given, **more)

        monkeypatch.setattr(module, name, counted)
    return seen


def test_a_folder_is_listed_without_a_look_at_every_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album = place / "root" / "album"
    for number in range(400):
        (album / f"{number}.png").write_bytes(b"")
        (album / f"{number}.zip").write_bytes(b"")
        (album / f"folder {number}").mkdir()
    seen = _looks(monkeypatch, album)
    assert folders.contents(album).n_images == 400
    assert len(seen) < 20, "a folder of files costs one listing"
    os.utime(album, (1e9, 1e9))
    folders.contents(album)
    del seen[:]
    for _ in range(5):
        folders.contents(album)
    assert seen.count("scandir") <= 1, "and that only once in a while"
    (album / "new.png").write_bytes(b"")
    assert folders.contents(album).n_images == 401, "but what is new is seen at once"


def test_links_are_followed_up_to_a_number(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_LINKS", 3)
    for number in range(9):
        (place / "root" / "album" / f"link {number}").symlink_to(place / "root" / "album" / "deep")
    listed = folders.contents(place / "root" / "album")
    assert len(listed.folders) <= 4
    assert not listed.complete
    assert folders.contents(place / "root" / "album" / "deep").complete


def test_a_folder_without_end_is_listed_in_part(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_LOOKED_AT", 10)
    for number in range(30):
        (place / "root" / "album" / f"{number}.jpg").write_bytes(b"")
    listed = folders.contents(place / "root" / "album")
    assert not listed.complete
    assert listed.n_images <= 10


def test_a_root_that_becomes_a_link_opens_nothing(place: Path) -> None:
    root = place / "root"
    assert folders.roots() == [root]
    root.rename(place / "was root")
    root.symlink_to(place / "secret")
    assert folders.roots() == []
    with pytest.raises(UslError, match="opens no folders"):
        folders.confined("inner")
    root.unlink()
    (place / "was root").rename(root)
    assert folders.roots() == [root], "it is back"


def test_a_root_whose_link_is_turned_stays_where_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alias = place / "alias"
    alias.symlink_to(place / "root")
    monkeypatch.setenv(folders.ENV_ROOTS, str(alias))
    assert folders.roots() == [place / "root"]
    alias.unlink()
    alias.symlink_to(place / "secret")
    assert folders.roots() == [place / "root"]
    assert folders.confined(place / "root" / "album") == place / "root" / "album"
    for path in (place / "secret", alias / "inner"):
        with pytest.raises(UslError, match="not inside"):
            folders.confined(path)


def test_a_root_that_is_made_later_is_opened(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.ENV_ROOTS, str(place / "later"))
    assert folders.roots() == []
    (place / "later").mkdir()
    assert folders.roots() == [place / "later"]


def test_a_root_that_leads_to_itself_is_left_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.ENV_ROOTS, os.pathsep.join([str(place / "root" / "itself"), str(place / "root")]))
    assert folders.roots() == [place / "root"]


def test_names_may_begin_and_end_with_blanks(place: Path) -> None:
    odd = place / "root" / " odd "
    odd.mkdir()
    assert folders.confined(odd) == odd
    assert folders.allows(str(odd))
    assert not folders.allows(place / "secret")
