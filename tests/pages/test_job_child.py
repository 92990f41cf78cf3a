"""What a worker process can do wrong, and that it costs no more than its own job."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pages.ui.jobs import child as job_child
from pages.ui.jobs.child import Child, Outcome
from pages.ui.jobs.pool import JobPool
from usl_core.jobs import worker

from .job_helpers import command, ended, known, running, until

# It reads its task, does what the test says, and waits for the end of its input if it is still there.
SAYING = """
import json, os, signal, sys, time
request = sys.stdin.readline()
out, err = sys.stdout.buffer, sys.stderr.buffer
def say(data):
    out.write(data); out.flush()
"""
RESULT = 'say(b\'{"result": {"fine": 1}}\\n\')\n'


def outcome_of(what: str, seen: list | None = None) -> Outcome:
    child = Child(command(SAYING + what), lambda *progress: (seen if seen is not None else []).append(progress))
    return child.run({"task": "x", "arguments": {}})


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    "line",
    [
        b"7",
        b'"text"',
        b"null",
        b"[1, 2]",
        b"[" * 60_000,
        b"{",
        b"",
        b"\xff\xfe\x00 binary \x80\x81",
        b'{"progress": "much", "note": 5}',
        b'{"progress": [], "note": {}}',
        b'{"progress": 0.5}',
        b'{"note": "alone"}',
        b'{"result": 5}',
        b'{"error": null}',
        b"9" * 10_000,
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_line_that_is_no_protocol_costs_no_more_than_itself(line):
    outcome = outcome_of(f"say({line!r} + b'\\n')\n{RESULT}")
    assert outcome.answer == {"result": {"fine": 1}}
    assert not outcome.is_unreadable


@pytest.mark.parametrize(
    ("said", "fraction"),
    [
        ("NaN", None),
        ("-NaN", "no line"),
        ("Infinity", 1.0),
        ("-Infinity", 0.0),
        ("1e999", 1.0),
        ("1" * 400, 1.0),
        ("-3", 0.0),
        ("7", 1.0),
        ("0.25", 0.25),
        ("true", None),
        ("null", None),
    ],
)
def test_a_fraction_is_in_0_to_1_or_unknown(said, fraction):
    seen = []
    assert outcome_of(f'say(b\'{{"progress": {said}, "note": "n"}}\\n\')\n{RESULT}', seen).answer
    assert seen == ([] if fraction == "no line" else [(fraction, "n")])


def test_an_unknown_fraction_leaves_the_bar_where_it_was():
    lines = 'say(b\'{"progress": 0.5, "note": "a"}\\n{"progress": NaN, "note": "b"}\\n\'); sys.stdin.read()'
    pool = JobPool(command=command(SAYING + lines))
    pool.start("a", "x", {}, "me")
    until(lambda: known(pool, "a").note == "b")
    assert known(pool, "a").fraction == 0.5
    pool.close()


def test_text_that_is_no_utf8_is_text_all_the_same():
    seen = []
    outcome_of('say(b\'{"progress": 0, "note": "caf\\xe9"}\\n\')', seen)
    assert seen == [(0.0, "caf\ufffd")]


def test_a_note_is_only_so_long():
    seen = []
    outcome_of("say(json.dumps({'progress': 0, 'note': 'n' * 100_000}).encode() + b'\\n')", seen)
    assert len(seen[0][1]) == job_child.MAX_NOTE


def test_the_last_line_needs_no_end():
    assert outcome_of("say(b'{\"result\": {}}')").answer == {"result": {}}


def test_the_first_answer_counts():
    outcome = outcome_of(f'{RESULT}say(b\'{{"error": "late"}}\\n{{"progress": 0.1, "note": "late"}}\\nbye\')')
    assert outcome.answer == {"result": {"fine": 1}}


@pytest.mark.parametrize(
    "answer",
    ["b'{\"result\": 5}'", "b'{\"result\": null}'", "b'{\"crash\": {}}'", "b'{\"result\": \"' + b'x' * 200_000 + b'\"}'"],
)
def test_an_answer_that_cannot_be_read_is_a_failure(answer, monkeypatch):
    monkeypatch.setattr(job_child, "MAX_LINE", 100_000)
    outcome = outcome_of(f"say({answer} + b'\\n')")
    assert not outcome.answer
    assert outcome.is_unreadable
    assert outcome.cause() == "its answer cannot be read"


@pytest.mark.parametrize("end", ["b'\\n'", "b''"])
def test_a_line_that_never_ends_is_not_kept(end, monkeypatch):
    monkeypatch.setattr(job_child, "MAX_LINE", 1000)
    outcome = outcome_of(f"say(b'x' * 5_000_000 + {end})\n{RESULT}")
    assert outcome.answer == ({"result": {"fine": 1}} if end == "b'\\n'" else {})


def test_a_line_of_just_the_limit_is_whole(monkeypatch):
    line = b'{"result": {"x": "' + b"x" * 50 + b'"}}\n'
    monkeypatch.setattr(job_child, "MAX_LINE", len(line))
    assert outcome_of(f"say({line!r})").answer["result"]["x"] == "x" * 50


def test_of_what_it_complains_only_the_end_is_kept():
    outcome = outcome_of("err.write(b'a\\xff' * 1_000_000 + b'\\nthe end\\n'); sys.exit(9)")
    assert len(outcome.said) < 100_000
    assert outcome.cause() == "its process ended with exit status 9: the end"


def test_the_log_is_not_filled_with_nonsense(caplog):
    assert outcome_of(f"say(b'nonsense\\n' * 10_000)\n{RESULT}").answer
    assert caplog.text.count("nonsense") == job_child.MAX_WARNINGS
    assert f"{10_000 - job_child.MAX_WARNINGS} more" in caplog.text


def test_it_complains_without_end_while_it_works():
    outcome = outcome_of(f"err.write(b'x' * 3_000_000); err.flush()\n{RESULT}")
    assert outcome.answer == {"result": {"fine": 1}}


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize("code", [1, 2, 77, 127, 255])
def test_an_exit_status_is_named(code):
    assert outcome_of(f"os._exit({code})").cause() == f"its process ended with exit status {code}"


NAMED = {signal.SIGSEGV: "SIGSEGV", signal.SIGBUS: "SIGBUS", signal.SIGTERM: "SIGTERM"}
NAMELESS = {signal.SIGRTMIN + 3: f"signal {signal.SIGRTMIN + 3}"} if hasattr(signal, "SIGRTMIN") else {}


@pytest.mark.parametrize(("number", "name"), [*NAMED.items(), *NAMELESS.items()])
def test_a_signal_is_named_even_if_it_has_no_name(number, name):
    assert outcome_of(f"os.kill(os.getpid(), {int(number)})").cause() == f"its process was killed ({name})"


def test_a_result_counts_even_if_the_process_breaks_afterwards():
    pool = JobPool(command=command(f"{SAYING}{RESULT}os.kill(os.getpid(), signal.SIGSEGV)"))
    pool.start("a", "x", {}, "me")
    assert ended(pool, "a").status == "done"
    pool.close()


def test_one_that_closes_its_output_is_waited_for():
    outcome = outcome_of("out.close(); os.close(1); time.sleep(0.3); os._exit(4)")
    assert outcome.code == 4


def test_a_grandchild_that_holds_the_pipe_holds_up_nobody():
    child = Child(
        command(f"{SAYING}{RESULT}import subprocess; subprocess.Popen(['sleep', '30']); os._exit(0)"), lambda *progress: None
    )
    assert child.run({}).answer == {"result": {"fine": 1}}


# ---------------------------------------------------------------- how it is stopped


HARD_TO_STOP = {
    "deaf": 'say(b\'{"progress": 0, "note": "begun"}\\n\')\nwhile True: time.sleep(1)',
    "signals ignored": "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    'say(b\'{"progress": 0, "note": "begun"}\\n\')\nwhile True: time.sleep(1)',
    "stopped": 'say(b\'{"progress": 0, "note": "begun"}\\n\'); os.kill(os.getpid(), signal.SIGSTOP)',
    "never stops talking": 'while True: say(b\'{"progress": 0, "note": "begun"}\\n\')',
}


@pytest.mark.parametrize("how", HARD_TO_STOP)
def test_one_that_does_not_listen_is_killed(how, monkeypatch):
    monkeypatch.setattr(job_child, "KILL_AFTER_SECONDS", 0.1)
    pool = JobPool(command=command(SAYING + HARD_TO_STOP[how]))
    pool.start("a", "x", {}, "me")
    running(pool, "a")
    process = pool._entries["a"].process
    assert pool.let_go("a", "me")
    assert ended(pool, "a").status == "cancelled"
    assert process.returncode == -signal.SIGKILL
    pool.close()


def test_one_that_does_not_read_its_input_is_stopped_too(monkeypatch):
    """More than a pipe holds is on its way in while the pipe on the way out is full."""
    monkeypatch.setattr(job_child, "KILL_AFTER_SECONDS", 0.1)
    pool = JobPool(
        command=(sys.executable, "-c", "import sys\nwhile True: sys.stdout.write('{\"progress\": 0.5}\\n' * 10_000)")
    )
    pool.start("a", "x", {"long": "x" * 1_000_000}, "me")
    until(lambda: known(pool, "a").fraction == 0.5)
    within(20, lambda: pool.let_go("a", "me"))
    assert ended(pool, "a").status == "cancelled"
    pool.close()


def test_no_zombie_is_left():
    pool = JobPool(command=command(SAYING + RESULT))
    pids = []
    for key in "abc":
        pool.start(key, "x", {}, "me")
        until(lambda key=key: pool._entries[key].process is not None or not known(pool, key).active)
        process = pool._entries[key].process
        pids.append(process.pid if process else None)
        ended(pool, key)
    assert not [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]
    pool.close()


# ---------------------------------------------------------------- one that cannot start


def within(seconds: float, act: Callable[[], object]) -> None:
    """It has to come back."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it never comes back"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    def break_with(error: Exception) -> None:
        def raising(*given: object, **named: object) -> None:
            raise error

        monkeypatch.setattr(subprocess, "Popen", raising)

    yield break_with
    monkeypatch.undo()


CANNOT = [OSError(code, os.strerror(code)) for code in (errno.ENOMEM, errno.EAGAIN, errno.ENOENT, errno.EMFILE, errno.E2BIG)]


@pytest.mark.parametrize("error", [*CANNOT, ValueError("embedded null byte"), MemoryError()], ids=repr)
def test_a_process_that_cannot_be_started_fails_its_job_and_no_other(error, broken, monkeypatch):
    pool = JobPool(max_running=1, command=command())
    broken(error)
    for key in "abc":
        pool.start(key, "quick", {}, "me")
    for key in "abc":
        job = ended(pool, key)
        assert (job.status, job.crashed) == ("failed", True)
        assert job.error == f"its process could not be started ({str(error) or 'MemoryError'})"
    monkeypatch.undo()
    pool.start("a", "quick", {}, "me")
    pool.start("d", "quick", {}, "me")
    assert ended(pool, "a").status == "done"
    assert ended(pool, "d").status == "done"
    pool.close()


def test_a_program_that_is_not_there_fails_its_job(tmp_path):
    pool = JobPool(command=(str(tmp_path / "python"), "-m", "usl_core.jobs.worker"))
    pool.start("a", "quick", {}, "me")
    assert "No such file" in ended(pool, "a").error
    pool.close()


def test_no_thread_for_the_job_is_a_failure_too_however_many_wait(monkeypatch, tmp_path):
    pool = JobPool(max_running=1, command=command())
    pool.start("first", "gate", {"gate": str(tmp_path / "gate")}, "me")
    running(pool, "first")
    for at in range(1100):  # more than Python's stack is deep
        pool.start(str(at), "quick", {}, "me")
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "job":
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    (tmp_path / "gate").touch()
    assert ended(pool, "first").status == "done"
    assert "can't start new thread" in ended(pool, "1099").error
    monkeypatch.undo()
    pool.start("a", "quick", {}, "me")
    assert ended(pool, "a").status == "done"
    pool.close()


@pytest.mark.parametrize("name", ["job-input", "job-output", "job-errors"])
def test_no_thread_to_talk_to_the_process_ends_it(name, monkeypatch):
    pool = JobPool(max_running=1, command=command())
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    pool.start("a", "stubborn", {}, "me")
    assert "can't start new thread" in ended(pool, "a").error
    monkeypatch.undo()
    pool.start("a", "quick", {}, "me")
    assert ended(pool, "a").status == "done"
    pool.close()


def test_arguments_that_are_no_json_fail_their_job():
    pool = JobPool(command=command())
    pool.start("a", "quick", {"x": {1, 2}}, "me")
    assert "could not be started" in ended(pool, "a").error
    pool.close()


def test_no_room_for_files_fails_the_job(monkeypatch, tmp_path):
    pool = JobPool(command=command())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    pool.start("a", "file", {"out": "{out}"}, "me")
    assert "could not be started" in ended(pool, "a").error
    pool.close()


@pytest.fixture
def slow_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """A process that takes its time to start: (it has begun to, it may)."""
    begun, may, real = threading.Event(), threading.Event(), subprocess.Popen

    def start(*given: object, **named: object) -> subprocess.Popen:
        begun.set()
        assert may.wait(60)
        return real(*given, **named)

    monkeypatch.setattr(subprocess, "Popen", start)
    yield begun, may
    may.set()


def test_nobody_waits_for_a_process_that_starts(slow_start):
    begun, may = slow_start
    pool = JobPool(max_running=1, command=command())
    within(20, lambda: pool.start("a", "quick", {}, "me"))
    assert begun.wait(20)
    within(20, lambda: pool.start("b", "quick", {}, "you"))
    within(20, lambda: pool.find("a"))
    within(20, lambda: pool.want("a", "you"))
    within(20, lambda: pool.let_go("b", "you"))
    within(20, lambda: pool.file_of("x"))
    assert (known(pool, "a").status, known(pool, "b").status) == ("running", "cancelled")
    may.set()
    assert ended(pool, "a").status == "done"
    pool.close()


def test_cancelled_while_it_starts(slow_start):
    begun, may = slow_start
    pool = JobPool(command=command())
    pool.start("a", "stubborn", {}, "me")
    assert begun.wait(20)
    within(20, lambda: pool.let_go("a", "me"))
    assert known(pool, "a").status == "stopping"
    may.set()
    assert ended(pool, "a").status == "cancelled"
    pool.close()


def test_closed_while_it_starts(slow_start):
    begun, may = slow_start
    pool = JobPool(command=command())
    pool.start("a", "stubborn", {}, "me")
    assert begun.wait(20)
    threading.Timer(0.2, may.set).start()
    within(20, pool.close)
    assert known(pool, "a").status == "cancelled"


def test_the_users_own_setting_of_openmp_reaches_the_workers(monkeypatch):
    for own, seen in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        if own is None:
            monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        else:
            monkeypatch.setenv("OMP_WAIT_POLICY", own)
        told = "say(json.dumps({'result': {'seen': os.environ['OMP_WAIT_POLICY']}}).encode())"
        assert outcome_of(told).answer == {"result": {"seen": seen}}


def test_the_request_is_one_line():
    seen = outcome_of("say(json.dumps({'result': {'request': json.loads(request)}}).encode())").answer
    assert json.dumps(seen) == json.dumps({"result": {"request": {"task": "x", "arguments": {}}}})


def test_the_workers_own_grace_comes_before_its_end_by_force():
    assert job_child.KILL_AFTER_SECONDS > worker.GRACE_SECONDS
