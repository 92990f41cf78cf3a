"""Weights files from a server that behaves, and from one that does not."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from usl_core.encoders import download, hub
from usl_core.encoders.download import fetch
from usl_core.encoders.weights import weights_dir
from usl_core.errors import Cancelled, UslError

from .web import Web, serving

CONTENT = np.random.default_rng(0).bytes(1_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        web.files["/w.pth"] = CONTENT
        yield web


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr(download, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(download, "_NOTE_SECONDS", 0.0)


def get(web: Web, path: Path, notes: list[str] | None = None, prefix: str = DIGEST) -> None:
    fetch(f"{web.url}/w.pth", path, (notes if notes is not None else []).append, sha256_prefix=prefix)


def test_it_is_there_whole_and_told_of(web: Web, tmp_path: Path) -> None:
    notes: list[str] = []
    get(web, tmp_path / "w.pth", notes)
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.glob("w*")] == ["w.pth"]
    assert notes[0] == "downloading w.pth"
    assert any("1.5 MB, " in note and note.endswith("/s") for note in notes[1:])


@pytest.mark.parametrize("cuts", [[700_000], [1], [100, 200, 300], [CONTENT.__len__() - 1]])
def test_a_connection_that_is_cut_is_gone_on_with(cuts: list[int], web: Web, tmp_path: Path) -> None:
    web.cut_after = list(cuts)
    get(web, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    starts = np.cumsum([0, *cuts]).tolist()
    assert web.ranges == ["", *(f"bytes={start}-" for start in starts[1:])]


def test_after_a_few_tries_it_gives_up_and_the_next_call_goes_on(web: Web, tmp_path: Path) -> None:
    web.cut_after = [10_000] * 4
    with pytest.raises(OSError, match="it ended after 40,000 of 1,500,000 bytes"):
        get(web, tmp_path / "w.pth")
    assert not (tmp_path / "w.pth").exists()
    assert (tmp_path / "w.pth.part").stat().st_size == 40_000
    get(web, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    assert web.ranges[-1] == "bytes=40000-"


def test_who_cancels_keeps_what_there_is(web: Web, tmp_path: Path) -> None:
    def cancel(note: str) -> None:
        if "1.0 MB of" in note or "1 MB of" in note:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(f"{web.url}/w.pth", tmp_path / "w.pth", cancel, sha256_prefix=DIGEST)
    there = (tmp_path / "w.pth.part").stat().st_size
    assert 0 < there < len(CONTENT)
    get(web, tmp_path / "w.pth")
    assert web.ranges[-1] == f"bytes={there}-"
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_everything_again(web: Web, tmp_path: Path) -> None:
    (tmp_path / "w.pth.part").write_bytes(CONTENT[:1000])
    web.knows_ranges = False
    get(web, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_enough(web: Web, tmp_path: Path) -> None:
    (tmp_path / "w.pth.part").write_bytes(CONTENT)
    get(web, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"x" * 5000, CONTENT + b"x"])
def test_the_part_of_another_file_is_thrown_away(part: bytes, web: Web, tmp_path: Path) -> None:
    (tmp_path / "w.pth.part").write_bytes(part)
    with pytest.raises(OSError, match=r"invalid hash|416"):
        get(web, tmp_path / "w.pth")
    assert not (tmp_path / "w.pth.part").exists()
    get(web, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").read_bytes() == CONTENT


def test_another_file_than_the_expected_is_refused(web: Web, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f'invalid hash value \\(expected "{"0" * 8}", got "{DIGEST}"'):
        get(web, tmp_path / "w.pth", prefix="0" * 8)
    assert list(tmp_path.glob("w*")) == []


def test_a_server_that_is_busy_is_asked_again_and_one_that_has_it_not_is_not(web: Web, tmp_path: Path) -> None:
    web.statuses = [503, 429]
    get(web, tmp_path / "w.pth")
    assert len(web.asked) == 3
    web.statuses = [403]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(web, tmp_path / "other.pth")
    assert len(web.asked) == 4


def test_a_server_that_falls_silent_is_given_up(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(download, "_ATTEMPTS", 2)
    web.seconds_per_block = 0.5
    with pytest.raises(OSError, match="timed out"):
        get(web, tmp_path / "w.pth")


def test_of_two_at_once_one_downloads_and_the_other_waits(web: Web, tmp_path: Path) -> None:
    web.seconds_per_block = 0.01
    notes: list[list[str]] = [[], []]
    threads = [threading.Thread(target=get, args=(web, tmp_path / "w.pth", notes[number])) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (tmp_path / "w.pth").read_bytes() == CONTENT
    assert web.asked == ["/w.pth"]
    assert sum(any("another process" in note for note in of) for of in notes) == 1


# --- the hub ---------------------------------------------------------------------------------------------------------


REPO, FILE = "timm/some_net.in1k", "model.safetensors"


@pytest.fixture
def at_hub(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    web.files[f"/{REPO}/resolve/main/{FILE}"] = CONTENT
    return web


def from_hub(notes: list[str]) -> Path:
    return hub.fetch_file("timm:some_net.in1k", "timm-some_net.in1k", REPO, FILE, 1.5, notes.append)


def test_the_hub_is_asked_once(at_hub: Web) -> None:
    notes: list[str] = []
    assert hub.find_file("timm-some_net.in1k", REPO, FILE) is None
    path = from_hub(notes)
    assert path.read_bytes() == CONTENT
    assert notes[0] == f"downloading {REPO}, 2 MB"
    assert any(f"downloading {REPO}: " in note and " of 1.5 MB" in note for note in notes)
    asked = len(at_hub.asked)
    assert from_hub([]) == path
    assert len(at_hub.asked) == asked


def test_a_download_from_the_hub_can_be_stopped_and_gone_on_with(at_hub: Web) -> None:
    at_hub.seconds_per_block = 0.05

    def stop(note: str) -> None:
        if " of 1.5 MB" in note and not note.startswith(f"downloading {REPO}: 0 bytes"):
            raise Cancelled

    with pytest.raises(Cancelled):
        hub.fetch_file("timm:some_net.in1k", "timm-some_net.in1k", REPO, FILE, 1.5, stop)
    assert hub.find_file("timm-some_net.in1k", REPO, FILE) is None
    at_hub.seconds_per_block = 0.0
    assert from_hub([]).read_bytes() == CONTENT


def test_a_file_put_there_by_hand_comes_first() -> None:
    weights_dir().mkdir(parents=True)
    placed = weights_dir() / "timm-some_net.in1k.safetensors"
    placed.write_bytes(b"mine")
    assert from_hub([]) == placed


@pytest.mark.parametrize("fault", ["refused", "404", "500"])
def test_without_the_hub_it_says_what_to_put_where(fault: str, at_hub: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "refused":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library of the hub tries for 23 seconds
    elif fault == "404":
        at_hub.files.clear()
    else:
        at_hub.statuses = [500] * 20
    with pytest.raises(UslError) as caught:
        from_hub([])
    message = str(caught.value)
    placed = f"{weights_dir()} as timm-some_net.in1k.safetensors"
    assert all(part in message for part in ("timm:some_net.in1k needs", f"/{REPO}/resolve/main/{FILE}", placed, "lite0"))
