"""What is opened is a regular file, and it is never read beyond a limit."""

from __future__ import annotations

import importlib
import os
import socket
import threading
import warnings
from pathlib import Path

import pytest

from usl_core.errors import UslError
from usl_core.images import regular_files
from usl_core.images.regular_files import open_regular, read_regular

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX pipes, devices and links")


def within_ten_seconds(work: object) -> None:
    """Run `work` in a thread that may hang without hanging the tests."""
    thread = threading.Thread(target=work, daemon=True)  # type: ignore[arg-type]
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it hangs"


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_files_come_as_they_are(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * 4
    (tmp_path / "x").write_bytes(data[:size])
    assert read_regular(tmp_path / "x", 1000) == data[:size]


def test_text_is_not_translated(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\r\nb\n\x1a\0")
    assert read_regular(str(tmp_path / "x"), 100) == b"a\r\nb\n\x1a\0"


def test_the_limit_is_exact(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(1001))
    with pytest.raises(UslError, match="the file has 1,001 bytes, more than the limit of 1,000"):
        read_regular(tmp_path / "x", 1000)
    assert len(read_regular(tmp_path / "x", 1001)) == 1001


@pytest.mark.parametrize("more", [1, 500, 10**7])
def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    path, asked, read = tmp_path / "x", [], os.read
    path.write_bytes(bytes(1000))

    def grow(descriptor: int, n_bytes: int) -> bytes:
        asked.append(n_bytes)
        if len(asked) == 1:
            with path.open("ab") as file:
                file.write(bytes(more))
        return read(descriptor, n_bytes)

    monkeypatch.setattr(regular_files.os, "read", grow)
    if more == 1:
        assert len(read_regular(path, 1001)) == 1001
    else:
        with pytest.raises(UslError, match="more than the limit of 1,000"):
            read_regular(path, 1000)
        assert max(asked) <= 1001


def test_a_file_that_shrinks_ends_where_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "x", os.read
    path.write_bytes(bytes(1000))

    def cut(descriptor: int, n_bytes: int) -> bytes:
        os.truncate(path, 10)
        return read(descriptor, n_bytes)

    monkeypatch.setattr(regular_files.os, "read", cut)
    assert read_regular(path, 2000) == bytes(10)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UslError, match="a folder, not a file"):
        read_regular(tmp_path, 10)


def test_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "nothing", 10)
    with pytest.raises(OSError, match="too long"):
        read_regular(tmp_path / ("x" * 5000), 10)


@posix
def test_pipes_sockets_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    outcomes: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))  # a socket's path is short

        def look() -> None:
            for name in ("pipe", "link", "zero", "socket"):
                try:
                    read_regular(tmp_path / name, 10)
                except UslError as error:
                    outcomes.append(str(error))

        within_ten_seconds(look)
    assert outcomes == [regular_files.NOT_REGULAR] * 4


@posix
def test_a_pipe_that_takes_the_place_of_a_file_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, outcomes, stat = tmp_path / "x", [], os.stat
    path.write_bytes(b"x")

    def swap(*given: object, **options: object) -> os.stat_result:
        facts = stat(*given, **options)  # type: ignore[call-overload]
        path.unlink()
        os.mkfifo(path)
        return facts

    monkeypatch.setattr(regular_files.os, "stat", swap)

    def look() -> None:
        try:
            open_regular(path)
        except UslError as error:
            outcomes.append(str(error))

    within_ten_seconds(look)
    assert outcomes == [regular_files.NOT_REGULAR]


@posix
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_files_of_proc_claim_to_be_empty_and_are_read() -> None:
    assert b"Pid:" in read_regular("/proc/self/status", 10**6)
    with pytest.raises(UslError, match="more than the limit of 16"):
        read_regular("/proc/self/status", 16)


@posix
def test_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(100))
    os.mkfifo(tmp_path / "pipe")
    lowest = os.open(tmp_path / "x", os.O_RDONLY)
    os.close(lowest)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        read_regular(tmp_path / "x", 100)
        for name, limit in (("x", 5), ("pipe", 5), ("none", 5)):
            with pytest.raises((UslError, OSError)):
                read_regular(tmp_path / name, limit)
    again = os.open(tmp_path / "x", os.O_RDONLY)
    os.close(again)
    assert again == lowest


def test_systems_without_these_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which has one of its own that keeps line ends as they are."""
    for flag in ("O_NONBLOCK", "O_NOCTTY"):
        monkeypatch.delattr(os, flag, raising=False)
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    with monkeypatch.context() as patch:
        importlib.reload(regular_files)
        assert regular_files._FLAGS == os.O_RDONLY | 0x8000
        patch.setattr(regular_files, "_FLAGS", os.O_RDONLY)
        (tmp_path / "x").write_bytes(b"a\r\n")
        assert regular_files.read_regular(tmp_path / "x", 10) == b"a\r\n"
    monkeypatch.undo()
    importlib.reload(regular_files)
