"""The training of USL-T on a page: which one is looked at, where it stands, and the buttons that move it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import streamlit as st

from usl_core.encoders.own_vectors import is_vectors
from usl_core.evaluation.metrics import Scorecard
from usl_core.pipeline.prepared import Prepared
from usl_core.types import Selection
from usl_core.uslt.history import History
from usl_core.uslt.params import UsltParams
from usl_core.uslt.records import TrainingRecord
from usl_core.uslt.reports import EpochReport, most_confident
from usl_core.uslt.train import UsltTraining

from .. import cached, errors, trained
from ..access import folders
from ..jobs import pressed, work
from ..jobs.pool import pool
from ..jobs.state import Job
from ..state import Choices
from ..text import plain

_CURRENT = "uslt-run"
_ASKED = "uslt-asked"
_DROPPED = "uslt-dropped"
_SEEN = "uslt-seen"
_START = "uslt-start"


@dataclass(frozen=True, eq=False)
class Run:
    """A training, begun or not.

    Args:
        made: what it trains on.
        budget: m.
        params: its settings.
        seed: its seed.
    """

    made: Prepared
    budget: int
    params: UsltParams
    seed: int

    @cached_property
    def record(self) -> TrainingRecord:
        """Where it is kept."""
        return cached.training_record(self.made, self.budget, self.params, self.seed)

    @property
    def key(self) -> str:
        """Of its job."""
        return f"uslt {self.record.key}"

    @property
    def job(self) -> Job | None:
        """Its job, unless this session has let go of it."""
        return work.find(self.key)

    @property
    def is_active(self) -> bool:
        job = self.job
        return job is not None and job.active

    @cached_property
    def finished(self) -> UsltTraining | None:
        """The training, if it is done."""
        return cached.training(self.record)

    def obeying(self, report: EpochReport, near_duplicates: float | None) -> EpochReport:
        """One of its epochs, with the picks that it would give where near-duplicates count as one."""
        choice = cached.may_be_picked(self.made, self.record, near_duplicates)
        if choice is None:
            return report
        picks = most_confident(report.clusters, report.confidence, self.budget, choice.rows, self.record.labelled)
        return replace(report, picks=picks)

    def arguments(self) -> dict[str, Any]:
        """Of the task."""
        return {
            "source": self.made.source,
            "encoder": self.made.features.encoder,
            "budget": self.budget,
            "params": asdict(self.params),
            "seed": self.seed,
        }


def asked_for(choices: Choices, made: Prepared) -> Run:
    """The training with the settings of the sidebar."""
    return Run(made, choices.budget, trained.params_of(choices, made), choices.seed)


def say_without_views(made: Prepared) -> None:
    """Why vectors that were made elsewhere are trained on otherwise."""
    if is_vectors(made.features.encoder):
        st.caption(
            ":material/info: These vectors were made elsewhere, so there are no augmented views of the images: noise on the "
            "vectors takes their place (A = 0)."
        )


def current(made: Prepared) -> Run | None:
    """The training that this session started last, if it is of this data set."""
    known = st.session_state.get(_CURRENT)
    if known is None or (known["source"], known["encoder"]) != (made.source, made.features.encoder):
        return None
    return Run(made, known["budget"], UsltParams(**known["params"]), known["seed"])


def latest_finished(choices: Choices, made: Prepared) -> Run | None:
    """What Compare shows: the training with the settings of the sidebar if it is done, else this session's last of as many
    labels and the same seed."""
    asked = asked_for(choices, made)
    if asked.finished is not None:
        return asked
    last = current(made)
    if last is None or (last.budget, last.seed) != (choices.budget, choices.seed) or last.finished is None:
        return None
    return last


def for_compare(choices: Choices, made: Prepared) -> tuple[Selection, Scorecard] | None:
    """Picks and numbers of USL-T beside the other methods, or the way to them: a training of one click."""
    asked, found = asked_for(choices, made), latest_finished(choices, made)
    if found is None or found.key != asked.key:
        quick(asked, found)
    if found is None or found.finished is None:
        return None
    return cached.trained(made, found.record, found.finished, choices.params.n_neighbors, choices.near_duplicates)


def quick(asked: Run, found: Run | None) -> None:
    """A button that trains on another page than USL-T; `found` is what is shown there meanwhile."""
    if found is not None:
        st.caption(":material/info: USL-T is shown as it was trained last; the settings of the sidebar are others.")
    if folders.is_read_only():
        return
    done = work.section(
        asked.key,
        "uslt",
        asked.arguments(),
        doing="Training USL-T",
        label="Train USL-T with these settings",
        help="In the background, from seconds on the demos to minutes on large folders. The page USL-T shows it while it runs.",
        quiet=found is not None,
    )
    if done is not None and cached.training(asked.record) is not None:
        st.session_state[_CURRENT] = asked.arguments()
        st.rerun()
    elif done is not None:
        errors.say("The training that was finished is no longer in the cache; train again on the page USL-T.")


def obey(asked: Run) -> None:
    """Start or go on if the button was pressed, with what the sidebar says by now."""
    if pressed.take(_START) and not asked.is_active:
        start(asked)


def start(run: Run) -> None:
    """Start or go on; for callbacks."""
    st.session_state[_CURRENT] = run.arguments()
    st.session_state.pop(_ASKED, None)
    work.start(run.key, "uslt", run.arguments(), purpose="asked", afresh=True)


def _ask(key: str) -> None:
    st.session_state[_ASKED] = key


def _replace(running: Run, run: Run) -> None:
    work.let_go(running.key)
    start(run)


def _drop(run: Run) -> None:
    """Cancel: what it left goes once its process has gone."""
    st.session_state[_DROPPED] = run.key
    work.let_go(run.key)


def _begin_anew(run: Run) -> None:
    run.record.forget_epochs()
    start(run)


def buttons(asked: Run, shown: Run) -> None:
    """What can be done now, when `asked` is what the sidebar says and `shown` is what is looked at."""
    _clear_dropped(shown)
    if shown.is_active and asked.key != shown.key:
        _offer_to_replace(asked, shown)
        return
    if shown.is_active or asked.finished is not None:
        return
    job = asked.job
    if job is not None and job.status == "failed":
        errors.say(job.error)
    done = len(asked.record.epochs())
    with st.container(horizontal=True):
        label = f"Go on after epoch {done}" if done else "Start the training"
        st.button(
            label,
            key=_START,
            type="primary",
            icon=":material/play_arrow:",
            on_click=pressed.press,
            args=(_START,),
            help="In the background: look at other pages meanwhile, reload or close this one. Every epoch is kept on disk.",
        )
        if done:
            st.button(
                "Begin anew",
                key="uslt-anew",
                icon=":material/restart_alt:",
                on_click=_begin_anew,
                args=(asked,),
                help="Throws the finished epochs away.",
            )


def _clear_dropped(run: Run) -> None:
    """Throw the epochs of a cancelled training away once its process has gone; not if another session trains the same."""
    if st.session_state.get(_DROPPED) != run.key:
        return
    job = pool().find(run.key)
    if job is None or not job.active:
        run.record.forget_epochs()
    if job is None or job.status != "stopping":
        del st.session_state[_DROPPED]


def _offer_to_replace(asked: Run, running: Run) -> None:
    st.info("A training with other settings is running; this page shows that one.", icon=":material/info:")
    if st.session_state.get(_ASKED) != asked.key:
        st.button(
            "Train with the settings of the sidebar",
            key="uslt-other",
            icon=":material/play_arrow:",
            on_click=_ask,
            args=(asked.key,),
        )
        return
    st.warning("Replace the running training? Its finished epochs are kept, and it can be gone on with.")
    with st.container(horizontal=True):
        st.button("Replace it", key="uslt-replace", type="primary", on_click=_replace, args=(running, asked))
        st.button("Keep it running", key="uslt-keep", on_click=_ask, args=("",))


def progress(run: Run, job: Job) -> None:
    """Bar, pause, cancel."""
    work.want(run.key)
    where = {"waiting": "waits for its turn", "stopping": "stopping"}.get(job.status, job.note)
    bar, pause, cancel = st.columns([0.68, 0.16, 0.16], vertical_alignment="bottom")
    with bar:
        st.progress(job.fraction, text=f"Training · {plain(where)} · {job.seconds:.0f} s so far")
    stopping = job.status == "stopping"
    with pause:
        st.button(
            "Pause",
            key="uslt-pause",
            icon=":material/pause:",
            on_click=work.let_go,
            args=(run.key,),
            disabled=stopping,
            width="stretch",
            help="Stops after the last finished epoch; it can be gone on with, also tomorrow.",
        )
    with cancel:
        st.button(
            "Cancel",
            key="uslt-cancel",
            icon=":material/close:",
            on_click=_drop,
            args=(run,),
            disabled=stopping,
            width="stretch",
            help="Stops and throws the epochs away.",
        )


def history(run: Run) -> History:
    """The epochs that are there; of one that is running only the new ones are read, and a session keeps their numbers alone."""
    if run.finished is not None:
        return run.finished.history
    key, seen = st.session_state.get(_SEEN, ("", History()))
    if key != run.key or not run.is_active:
        seen = History()
    # The last one once more: somebody may have begun anew, and what was thrown away cannot be drawn.
    latest = run.record.epochs(after=max(len(seen) - 1, 0))
    seen = seen[:-1] + latest if latest else run.record.epochs()
    st.session_state[_SEEN] = (run.key, seen)
    return seen
