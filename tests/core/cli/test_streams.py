"""Terminals, pipes and files of every kind: a line is written whole, or one error says why not; never a traceback."""

from __future__ import annotations

import csv
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.cli.parser import main
from usl_core.features.encode import encode
from usl_core.images.scan import scan
from usl_core.names import spelled_out, taken_back

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["\u202egnp.exe.png", "plain.png", "öl.png", "京都 😀.png", "line\nbreak.png", "\x1b[31mred\r.png", "back\\slash.png"]
DIGITS = "select demo:digits --budget 900 --method random --quiet"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("streams") / "bilder äß"
    root.mkdir()
    rng = np.random.default_rng(0)
    for name in NAMES:
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / name, format="png")
    return root


@pytest.fixture(scope="module")
def cache(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache that knows the folder already, so that a process that prints its names need not load what encodes."""
    mine = tmp_path_factory.mktemp("streams-cache")
    encode(scan(folder, cache_dir=mine), "pixels:pca", cache_dir=mine)
    return str(mine)


def shell(words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What a shell makes of `python -m usl_core` and these words."""
    command = f"{sys.executable} -m usl_core {words}"
    return subprocess.run(["bash", "-c", command], cwd=ROOT, env=os.environ | environment, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("command", "where", "cause"),
    [
        (DIGITS, ">/dev/full", "No space left"),
        (DIGITS, ">&-", "closed"),
        ("methods", ">/dev/full", "No space left"),
        ("methods", "1</dev/null", "Bad file"),
        ("select --help", ">/dev/full", "No space left"),
    ],
)
def test_an_output_that_takes_nothing_is_one_line_and_status_2(command, where, cause):
    done = shell(f"{command} {where}")
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: standard output")
    assert done.stderr.count(b"\n") == 1
    assert cause in done.stderr.decode()


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_nothing_is_lost_where_nobody_can_be_told(where, folder, tmp_path):
    wanted = ["select", str(folder), "--budget", "3", "--method", "random", "--encoder", "pixels:pca", "--out", str(tmp_path)]
    done = shell(f"{subprocess.list2cmdline(wanted)} {where}", USL_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert (tmp_path / "picks.csv").is_file()
    assert shell(f"select nowhere --budget 3 {where}").returncode == 2
    assert shell(f"sleect {where}").returncode == 2
    assert shell(f"methods {where} >/dev/full").returncode == 2
    assert shell(f"methods {where} >&-").returncode == 2


@pytest.mark.parametrize("command", [DIGITS, "methods", "--help"])
def test_a_reader_that_has_gone_ends_the_run_in_silence(command):
    done = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["cp1252", "cp866", "ascii:strict", "utf-8", "latin-1:ignore"])
def test_a_name_that_the_terminal_lacks_can_be_read_back(folder, cache, tmp_path, encoding):
    environment = {"USL_CACHE_DIR": cache, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    command = ["select", folder.name, "--budget", str(len(NAMES)), "--encoder", "pixels:pca", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "usl_core", *command, "--quiet"],
        cwd=folder.parent,
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    lines = done.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert sorted(map(taken_back, lines)) == sorted(NAMES)
    with (tmp_path / "out" / "picks.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == list(map(taken_back, lines)), "the file is exact"
    if encoding not in ("cp866", "utf-8"):
        return
    compared = shell("compare demo:digits -m 9 --methods random --seeds 2 -q", PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    assert compared.returncode == 0, compared.stderr
    assert ("±" if encoding == "utf-8" else "+/-") in compared.stdout.decode(encoding)


def test_names_are_read_where_the_locale_knows_only_ascii(folder, tmp_path):
    words = f"select '{folder}' --budget {len(NAMES)} --encoder pixels:pca -q"
    narrow = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "USL_CACHE_DIR": str(tmp_path)}
    done = shell(words, **narrow)
    assert done.returncode == 0, done.stderr
    assert b"could not be used" not in done.stderr
    assert sorted(map(taken_back, done.stdout.decode("ascii").splitlines())) == sorted(NAMES)


def test_a_name_is_one_line_and_comes_back():
    for name in [*NAMES, "\u2028", "\x85", "\x00", "\udce9", "a\\b"]:
        assert len(spelled_out(name).splitlines()) == 1
        assert taken_back(spelled_out(name)) == name
    assert taken_back("\\U0001f600 \\xe9 \\UFFFFFFFF") == "😀 é \\UFFFFFFFF"


def test_an_error_about_a_hostile_name_stays_on_its_line(tmp_path, capsys):
    assert main(["select", str(tmp_path / "a\nb\r\x1b[2J"), "--budget", "3"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.isprintable() or said.strip().isprintable()


@pytest.mark.parametrize(("columns", "encoding"), [(1, "ascii"), (1, "utf-8"), (20, "cp866")])
def test_narrow_terminals_of_any_encoding_show_progress_and_help(folder, tmp_path, columns, encoding):
    environment = os.environ | {"USL_CACHE_DIR": str(tmp_path), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    environment.pop("COLUMNS", None)
    for words in (["encode", str(folder), "--encoder", "pixels:pca"], ["select", "--help"]):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        process = subprocess.Popen(
            [sys.executable, "-m", "usl_core", *words], cwd=ROOT, env=environment, stdout=slave, stderr=slave
        )
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # Linux reports the end of a terminal as an error
                break
            if not piece:
                break
            seen += piece
        os.close(master)
        assert process.wait() == 0, seen
        assert b"Traceback" not in seen
