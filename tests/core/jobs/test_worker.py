"""The worker process: what it says, how it ends, and that nothing of it is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usl_core as usl
from usl_core.pipeline.prepared import load_prepared, prepare

ROOT = Path(__file__).resolve().parents[3]

# A worker with tasks of the test's own.
STAND_IN = """
import sys, time, os
from usl_core.jobs import worker
from usl_core.errors import UslError

def noisy(*, on_progress):
    print("a library prints"); os.write(1, b"and C code too\\n")
    on_progress(0.5, "half")
    return {"said": 1}

def endless(*, on_progress):
    while True:
        on_progress(0.1, "on and on"); time.sleep(0.02)

def deaf(*, on_progress):
    on_progress(1.0, "from now on deaf")
    while True: time.sleep(0.02)

def broken(*, on_progress):
    raise RuntimeError("the disk is on fire")

def mistaken(*, on_progress):
    raise UslError("say it otherwise")

VALUES = (-1, float("-inf"), 0.25, float("nan"), 7, float("inf"))

def impolite(*, on_progress):
    for value in VALUES: on_progress(value, "x"); time.sleep(0.15)
    return {"nan": float("nan")}

worker.TASKS = {f.__name__: f for f in (noisy, endless, deaf, broken, mistaken, impolite)}
sys.exit(worker.main())
"""


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(process: subprocess.Popen[str], task: str, **arguments: object) -> None:
    process.stdin.write(json.dumps({"task": task, "arguments": arguments}) + "\n")
    process.stdin.flush()


def stand_in(task: str) -> subprocess.Popen[str]:
    process = start("-c", STAND_IN)
    ask(process, task)
    return process


def lines(process: subprocess.Popen[str]) -> list[dict]:
    """What it says until it ends; its input stays open."""
    said = [json.loads(line) for line in process.stdout]
    process.wait(timeout=20)
    return said


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for at in range(60):
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{at:03d}.png")
    return folder


def test_it_reports_and_ends_with_the_result(images):
    process = start("-m", "usl_core.jobs.worker")
    ask(process, "prepare", source=str(images), encoder="bundled:mini")
    said = lines(process)
    assert process.returncode == 0
    assert said[-1]["result"]["images"] == 60
    progress = [line["progress"] for line in said[:-1]]
    assert progress
    assert progress == sorted(progress)
    assert all(0 <= value <= 1 for value in progress)
    made = load_prepared(str(images))
    assert made is not None
    assert len(made.features) == 60


def test_a_mistake_of_the_user_is_an_error_and_no_crash(tmp_path):
    process = start("-m", "usl_core.jobs.worker")
    ask(process, "prepare", source=str(tmp_path / "nothing"), encoder="bundled:mini")
    (last,) = [line for line in lines(process) if "progress" not in line]
    assert "does not exist" in last["error"]
    assert process.returncode == 0
    assert process.stderr.read() == ""


def test_a_crash_says_what_and_leaves_a_traceback():
    process = stand_in("broken")
    assert lines(process) == [{"crash": "RuntimeError: the disk is on fire"}]
    assert process.returncode == 1
    assert "Traceback" in process.stderr.read()


def test_what_libraries_print_does_not_disturb():
    process = stand_in("noisy")
    assert lines(process) == [{"progress": 0.5, "note": "half"}, {"result": {"said": 1}}]
    said = process.stderr.read()
    assert "a library prints" in said
    assert "and C code too" in said


def test_progress_stays_within_bounds_and_a_result_that_is_no_json_is_a_crash():
    process = stand_in("impolite")
    said = lines(process)
    assert [line["progress"] for line in said[:-1]] == [0.0, 0.0, 0.25, 0.25, 1.0, 1.0]
    assert "result" not in said[-1]
    assert "crash" in said[-1]
    assert process.returncode == 1


@pytest.mark.parametrize("how", ["a line", "the end"])
@pytest.mark.parametrize(("task", "code"), [("endless", 0), ("deaf", 3)])
def test_cancel(task, code, how):
    process = stand_in(task)
    assert "progress" in json.loads(process.stdout.readline())
    if how == "a line":
        process.stdin.write("cancel\n")
        process.stdin.flush()
    else:
        process.stdin.close()
    said = lines(process)
    assert process.returncode == code
    if task == "endless":
        assert said[-1] == {"cancelled": True}


@pytest.mark.parametrize("told", [True, False])
def test_it_ends_when_its_parent_is_killed(told):
    """The parent's end of the pipe closes with it, however it dies, be it before it has said what to do."""
    code = f"import subprocess, sys, time\nsys.path.insert(0, {str(ROOT)!r})\n"
    code += (
        "command, pipe = [sys.executable, '-c', sys.argv[1]], subprocess.PIPE\n"
        "child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)\n"
        f"if {told}:\n"
        '    child.stdin.write(\'{"task": "deaf", "arguments": {}}\\n\'); child.stdin.flush()\n'
        "    child.stdout.readline()\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, STAND_IN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and _lives(child):
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # in a container nobody may collect an orphan that has ended
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    "line", ["", "no json\n", "[]\n", '{"task": "fly"}\n', '{"task": "scan", "arguments": {"nonsense": 1}}\n', "null\n"]
)
def test_nonsense_is_a_crash_and_not_silence(line):
    process = start("-m", "usl_core.jobs.worker")
    process.stdin.write(line)
    process.stdin.flush()
    if not line:
        process.stdin.close()
    said = lines(process)
    assert process.returncode == 1
    assert "crash" in said[-1]


def test_cancelled_half_way_and_resumed_is_the_same_to_the_last_bit(images, tmp_path, monkeypatch):
    whole = prepare(str(images), cache_dir=tmp_path / "other")
    done = []

    def stop_after(fraction, note):
        done.append(fraction)
        if fraction > 0.3:
            raise usl.Cancelled("enough")

    with pytest.raises(usl.Cancelled):
        prepare(str(images), on_progress=stop_after)
    assert load_prepared(str(images)) is None
    process = start("-m", "usl_core.jobs.worker")
    ask(process, "prepare", source=str(images), encoder="bundled:mini")
    assert "result" in lines(process)[-1]
    resumed = load_prepared(str(images))
    assert resumed.features.fingerprint == whole.features.fingerprint
    assert resumed.features.values.tobytes() == whole.features.values.tobytes()
    assert resumed.neighbors.indices.tobytes() == whole.neighbors.indices.tobytes()
    assert resumed.pca.xy.tobytes() == whole.pca.xy.tobytes()
