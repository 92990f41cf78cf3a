"""The loop over epochs."""

from __future__ import annotations

from collections.abc import Callable

from ..types import Progress
from .trainer import Diverged, Report, State, Trainer


def run_epochs(
    trainer: Trainer[Report],
    *,
    state: State | None = None,
    on_epoch: Callable[[Report, State], None],
    on_progress: Progress | None = None,
) -> tuple[State, tuple[str, ...]]:
    """Every epoch that is left.

    Args:
        trainer: as it was made.
        state: to go on from.
        on_epoch: told of every epoch and the state after it; may raise `Cancelled`, and the epoch counts as done.
        on_progress: see `types.Progress`.

    Returns:
        The state after the last epoch whose loss was finite, which is where the trainer stands; and a sentence if that was
        not the last one.

    Raises:
        Diverged: the loss is not finite in the first epoch.
        UslError: memory ran out.
        Cancelled: as raised by a callback.
    """
    report: Progress = on_progress or (lambda fraction, note: None)
    if state is not None:
        trainer.restore(state)
    last: State = trainer.state()
    notes: tuple[str, ...] = ()
    while (done := trainer.epoch) < trainer.n_epochs:
        try:
            latest = trainer.run_epoch(lambda share, note: report((done + share) / trainer.n_epochs, note))
        except Diverged as error:
            if done == 0:
                raise
            trainer.restore(last)
            notes = (f"{error}. The result is that of epoch {done}.",)
            break
        last = trainer.state()
        on_epoch(latest, last)
    report(1.0, f"{trainer.epoch} epochs")
    return last, notes
