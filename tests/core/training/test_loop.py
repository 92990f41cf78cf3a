"""The loop that every training shares, driven by a trainer whose arithmetic can be done by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from usl_core.cache.store import Store
from usl_core.errors import Cancelled, UslError
from usl_core.training.checkpoints import Checkpoints
from usl_core.training.loop import run_epochs
from usl_core.training.trainer import Diverged, Trainer


@dataclass(frozen=True)
class Report:
    epoch: int
    terms: tuple[float, ...]
    seconds: float = 0.0


class Counting(Trainer[Report]):
    """Adds the rows that it sees, weighted by draws, to one number."""

    steps_share = 0.5

    def __init__(self, n=10, n_epochs=3, batch_size=4, seed=0, broken_in=None):
        super().__init__(n, n_epochs, batch_size, seed, torch.device("cpu"), 1)
        self.total, self.broken_in, self.seen, self.events = torch.zeros(1, dtype=torch.float64), broken_in, [], []

    def _named(self):
        return {"total": self.total}

    def _batches(self, order, rng):
        return [(order[start : start + self.batch_size],) for start in range(0, self._n, self.batch_size)]

    def _load(self, batch):
        self.events.append("load")
        return batch[0].copy()

    def _step(self, batch, loaded, rng, done):
        self.events.append("step")
        assert np.array_equal(batch[0], loaded)
        self.seen.extend(batch[0].tolist())
        self.total += float(batch[0].sum() * rng.random())
        self._check(self.total * (float("nan") if self.epoch + 1 == self.broken_in and done > 0.5 else 1))
        return float(batch[0].mean()), 2.0

    def _report(self, terms, on_progress):
        on_progress(0.0)
        return Report(self.epoch + 1, tuple(terms))

    def _likely_cause(self):
        return "greed = 9; try 1"


def told(trainer, **options):
    """What `run_epochs` says: reports, states, progress, and what it returns."""
    reports, states, progress = [], [], []

    def on_epoch(report, state):
        reports.append(report)
        states.append(state)

    result = run_epochs(trainer, on_epoch=on_epoch, on_progress=lambda *what: progress.append(what), **options)
    return reports, states, progress, result


def test_every_row_is_seen_once_an_epoch_and_terms_are_means_over_rows():
    trainer = Counting()
    reports, _, _, (state, notes) = told(trainer)
    assert [sorted(trainer.seen[start : start + 10]) for start in (0, 10, 20)] == [list(range(10))] * 3
    assert trainer.seen[:10] != trainer.seen[10:20]
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert all(report.terms == pytest.approx((4.5, 2.0)) for report in reports), "batches of 4, 4 and 2 count by their size"
    assert all(report.seconds > 0 for report in reports)
    assert (int(state["epoch"]), notes) == (3, ())


def test_what_a_step_needs_is_fetched_one_step_ahead():
    trainer = Counting(n_epochs=1)
    trainer.run_epoch(lambda *_: None)
    assert trainer.events == ["load", "load", "step", "load", "step", "step"]


def test_progress_rises_to_one_and_says_where_it_is():
    _, _, progress, _ = told(Counting(n_epochs=2))
    shares = [share for share, _ in progress]
    assert shares == sorted(shares)
    assert shares == pytest.approx([0, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 7 / 12, 2 / 3, 3 / 4, 1])
    assert [note for _, note in progress][:4] == ["epoch 1 of 2"] * 3 + ["epoch 1 of 2: judging"]
    assert progress[-1] == (1.0, "2 epochs")


@pytest.mark.parametrize("stop", [1, 2])
def test_what_is_gone_on_with_ends_with_the_same_bits(stop):
    _, _, _, (whole, _) = told(Counting(n_epochs=4))
    kept = {}

    def cancel(report, state):
        kept.update(state=state)
        if report.epoch == stop:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_epochs(Counting(n_epochs=4), on_epoch=cancel)
    reports, _, _, (state, _) = told(Counting(n_epochs=4), state=kept["state"])
    assert [report.epoch for report in reports] == list(range(stop + 1, 5))
    assert state["total"].tobytes() == whole["total"].tobytes()


def test_states_are_copies_that_later_epochs_do_not_change():
    _, states, _, _ = told(Counting())
    totals = [float(state["total"][0]) for state in states]
    assert totals == sorted(set(totals))


def test_a_training_that_is_done_does_nothing():
    _, states, _, _ = told(Counting())
    reports, _, progress, (state, notes) = told(Counting(), state=states[-1])
    assert (reports, progress, notes) == ([], [(1.0, "3 epochs")], ())
    assert state["total"] == states[-1]["total"]


def test_a_loss_that_is_not_finite_in_the_first_epoch_is_an_error_with_its_likely_cause():
    with pytest.raises(Diverged, match="no longer finite in epoch 1; the likely cause is greed = 9; try 1"):
        told(Counting(broken_in=1))


def test_a_loss_that_is_not_finite_later_leaves_the_epoch_before():
    trainer = Counting(broken_in=3)
    reports, states, progress, (state, notes) = told(trainer)
    assert [report.epoch for report in reports] == [1, 2]
    assert notes[0].endswith("greed = 9; try 1. The result is that of epoch 2.")
    assert state is states[-1]
    assert trainer.state()["total"] == state["total"], "the trainer stands where the state was taken"
    assert progress[-1] == (1.0, "2 epochs")


@pytest.mark.parametrize(
    ("error", "batch_size", "least", "said"),
    [
        (MemoryError(), 16, 1, "memory ran out with batch_size = 16; try 8"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 3, 1, "batch_size = 3; try 1"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 3, 2, "batch_size = 3; try 2"),
    ],
)
def test_memory_that_runs_out_names_the_batch_size(monkeypatch, error, batch_size, least, said):
    def burst(self, *_):
        raise error

    monkeypatch.setattr(Counting, "_step", burst)
    monkeypatch.setattr(Counting, "least_batch", least)
    with pytest.raises(UslError, match=said):
        told(Counting(batch_size=batch_size))


def test_any_other_error_keeps_its_traceback(monkeypatch):
    def burst(self, *_):
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(Counting, "_step", burst)
    with pytest.raises(RuntimeError, match="size mismatch"):
        told(Counting())


def test_threads_are_part_of_the_state_and_held_while_an_epoch_runs(monkeypatch):
    threads = []
    real = Counting._step

    def spy(self, *rest):
        threads.append(torch.get_num_threads())
        return real(self, *rest)

    monkeypatch.setattr(Counting, "_step", spy)
    trainer = Counting(n_epochs=1)
    trainer.restore({**trainer.state(), "threads": np.array(3)})
    before = torch.get_num_threads()
    trainer.run_epoch(lambda *_: None)
    assert set(threads) == {3}
    assert torch.get_num_threads() == before
    trainer.restore({name: value for name, value in trainer.state().items() if name != "threads"})
    assert int(trainer.state()["threads"]) == 3, "states of before threads were kept leave them as they are"


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(Store(tmp_path), "tests", "key")


def keep(checkpoints, *epochs):
    for epoch in epochs:
        checkpoints.save(epoch, {"epoch": np.array(epoch)}, {"loss": -epoch}, {"picks": np.array([epoch])})


def test_checkpoints_come_back_in_order_with_the_newest_state(checkpoints):
    assert (list(checkpoints.epochs()), checkpoints.state(9)) == ([], None)
    keep(checkpoints, 1, 2, 3)
    assert [known["loss"] for known in checkpoints.epochs()] == [-1, -2, -3]
    assert [known["loss"] for known in checkpoints.epochs(after=2)] == [-3]
    assert checkpoints.epoch(2).arrays["picks"].tolist() == [2]
    assert int(checkpoints.state(3)["epoch"]) == 3
    assert int(checkpoints.state(2)["epoch"]) == 2, "no state without its report"
    assert checkpoints.state(1) is None, "of the states only two are kept"
    checkpoints.discard()
    assert (list(checkpoints.epochs()), checkpoints.state(9), checkpoints.epoch(1)) == ([], None, None)


def test_epochs_end_at_the_first_that_is_missing(checkpoints):
    keep(checkpoints, 1, 3)
    assert [known["loss"] for known in checkpoints.epochs()] == [-1]


def test_a_state_is_never_there_before_its_report(checkpoints, monkeypatch):
    keep(checkpoints, 1)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints._epochs, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        keep(checkpoints, 2)
    assert int(checkpoints.state(9)["epoch"]) == 1
