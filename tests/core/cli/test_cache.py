"""`python -m usl_core cache`: list, verify, prune."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from usl_core.cache.store import Store
from usl_core.cli.parser import main
from usl_core.fingerprints import fingerprint

KEYS = [fingerprint(number) for number in range(4)]
DAY = 86400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three entries of 1 MB, used 3, 2 and 1 days ago, and an unfinished training that was used 4 days ago."""
    store = Store(tmp_path / "cache")
    for number, kind in enumerate(("features", "features", "maps")):
        store.save(kind, KEYS[number], {"a": np.full(1_000_000, number, np.uint8)})
        _age(store.root / kind / KEYS[number], 3 - number)
    store.shards("uslt-epochs", KEYS[3]).save(1, {"a": np.zeros(500_000, np.uint8)})
    for path in (store.root / "uslt-epochs.partial" / KEYS[3]).glob("**/"):
        _age(path, 4)
    return store


def _age(path: Path, days: float) -> None:
    then = time.time() - days * DAY - 60
    os.utime(path, (then, then))


def _there(store: Store) -> list[str]:
    return sorted(path.parent.name for path in store.root.glob("*/*/") if path.name in KEYS)


@pytest.fixture
def run(store, capsys):
    def call(*arguments: str) -> tuple[int, list[str], str]:
        status = main(["cache", *arguments, "--cache-dir", str(store.root)])
        out, errors = capsys.readouterr()
        return status, [" ".join(line.split()) for line in out.splitlines()], errors

    return call


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_list(store, run, arguments, monkeypatch):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "2.5")
    status, lines, errors = run(*arguments)
    assert (status, errors) == (0, "")
    assert lines == [
        "features 2 entries 2 MB used 2 days ago",
        "maps 1 entry 1 MB used 1 day ago",
        "uslt-epochs (unfinished) 1 entry 500 kB used 4 days ago",
        "",
        f"directory {store.root}",
        "size 3.5 MB of at most 2.5 GB (USL_CACHE_MAX_GB)",
        "entries 4",
    ]


def test_list_one_by_one_and_what_is_in_use(store, run, monkeypatch):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "none")
    mine = store.load("features", KEYS[0])
    lines = run("list", "--entries")[1]
    assert lines[0] == f"features/{KEYS[0]} 1 MB used just now in use"
    assert lines[3] == f"uslt-epochs.partial/{KEYS[3]} 500 kB used 4 days ago unfinished"
    assert lines[-2:] == ["size 3.5 MB without a limit", "entries 4, 1 of them in use"]
    del mine


def test_an_empty_cache(tmp_path, capsys):
    for action in ("list", "verify", "prune"):
        assert main(["cache", action, "--cache-dir", str(tmp_path / "none")]) == 0
    assert not (tmp_path / "none").exists()
    assert "nothing to remove" in capsys.readouterr().out


def test_what_is_no_cache_directory(tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    for action in ("list", "verify", "prune"):
        assert main(["cache", action, "--cache-dir", str(tmp_path / "file")]) == 2
        assert f"the cache directory {tmp_path / 'file'} cannot be opened" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "no folder"


def test_verify(store, run):
    status, lines, errors = run("verify")
    assert (status, lines) == (0, [])
    assert errors.startswith("4 of 4 entries are intact, 3.5 MB in ")


def test_what_is_damaged_is_named_and_pruned_alone(store, run):
    (store.root / "maps" / KEYS[2] / "a.npy").write_bytes(b"damaged")
    (store.root / "features" / KEYS[0] / "meta.json").unlink()
    (store.root / "uslt-epochs.partial" / KEYS[3] / "000001" / "a.npy").unlink()
    status, lines, errors = run("verify")
    assert status == 2
    assert lines == [
        f"features/{KEYS[0]}: meta.json is missing",
        f"maps/{KEYS[2]}: a.npy was changed",
        f"uslt-epochs.partial/{KEYS[3]}: piece 000001: a.npy is missing",
    ]
    assert "1 of 4 entries are intact" in errors
    assert errors.splitlines()[-1].startswith("error: 3 entries damaged: ")
    assert run("prune", "--damaged", "--dry-run")[1][0].startswith("would remove features 1 entry")
    assert len(_there(store)) == 4
    assert run("prune", "--damaged")[0] == 0
    assert _there(store) == ["features"]
    assert run("verify")[0] == 0


def test_verifying_uses_nothing_up(store, run):
    """What is read to be verified has not been used."""
    run("verify")
    assert run("list")[1][0] == "features 2 entries 2 MB used 2 days ago"


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("--to", "0.0036"), ["features", "features", "maps", "uslt-epochs.partial"]),
        (("--to", "0.0026"), ["features", "maps", "uslt-epochs.partial"]),
        (("--to", "0.0016"), ["maps", "uslt-epochs.partial"]),
        (("--to", "0.0006"), ["uslt-epochs.partial"]),
        (("--to", "0"), []),
        (("--older-than", "2.5"), ["features", "maps"]),
        (("--older-than", "1.5"), ["maps"]),
        (("--older-than", "0"), []),
        (("--all",), []),
        ((), ["features", "maps", "uslt-epochs.partial"]),
    ],
)
def test_prune(store, run, monkeypatch, arguments, left):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "0.0026")
    before = _there(store)
    would = run("prune", *arguments, "--dry-run")
    assert _there(store) == before
    did = run("prune", *arguments)
    assert _there(store) == left
    assert [line.replace("would remove", "removed") for line in would[1]] == did[1]
    assert would[2].replace("would free", "freed") == did[2]
    assert (did[0], did[1] == ["nothing to remove"]) == (0, left == before)


def test_pruning_without_a_limit_removes_nothing(store, run, monkeypatch):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "0")
    assert run("prune")[1] == ["nothing to remove"]
    assert len(_there(store)) == 4


def test_what_is_in_use_stays_and_is_told(store, run):
    mine = store.load("features", KEYS[0])
    with store.turn(KEYS[3]):
        status, lines, errors = run("prune", "--all")
    assert status == 0
    assert _there(store) == ["features", "uslt-epochs.partial"]
    assert lines == ["removed features 1 entry 1 MB", "removed maps 1 entry 1 MB"]
    assert "note: 2 entries, 1.5 MB, stay, since a running process uses them" in errors
    assert "freed 2 MB; 1.5 MB of at most 20 GB" in errors
    assert mine is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--all"), "--all belongs to `cache prune`, not to `cache list`"),
        (("verify", "--older-than", "3"), "--older-than belongs to `cache prune`"),
        (("--dry-run",), "--dry-run belongs to `cache prune`"),
        (("prune", "--entries"), "--entries belongs to `cache list`"),
        (("prune", "--to", "-1"), "--to must be at least 0 but is -1"),
        (("prune", "--older-than", "nan"), "--older-than must be a finite number"),
        (("prune", "--to", "inf"), "--to must be a finite number"),
    ],
)
def test_mistakes(store, run, arguments, said):
    status, lines, errors = run(*arguments)
    assert (status, lines) == (2, [])
    assert errors.startswith(f"error: {said}")
    assert len(_there(store)) == 4


def test_a_limit_that_is_none_stops_every_command(store, run, monkeypatch):
    monkeypatch.setenv("USL_CACHE_MAX_GB", "20 GB")
    status, _, errors = run("list")
    assert status == 2
    assert errors.startswith("error: USL_CACHE_MAX_GB must be a number of gigabytes, such as 20 or 0.5")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
def test_what_cannot_be_read_is_not_called_damaged(store, run):
    path = store.root / "maps" / KEYS[2] / "a.npy"
    path.chmod(0)
    status, lines, errors = run("verify")
    path.chmod(0o600)
    assert (status, lines) == (2, [f"maps/{KEYS[2]}: Permission denied"])
    assert "1 entry cannot be read, which says nothing about them" in errors


def test_the_whole_directory_may_be_moved(store, run, tmp_path):
    shutil.move(store.root, tmp_path / "moved")
    assert main(["cache", "verify", "--cache-dir", str(tmp_path / "moved")]) == 0
