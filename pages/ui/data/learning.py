"""Learning features from the images on the page: how long it would take here, the training, and its encoder."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.encoders.small import METHODS
from usl_core.encoders.trained import check_name, name_for
from usl_core.errors import UslError
from usl_core.figures.curves import curves
from usl_core.names import duration_text
from usl_core.parameters import declared
from usl_core.pretrain.encoder import record_of
from usl_core.pretrain.params import PretrainParams
from usl_core.pretrain.records import PretrainRecord
from usl_core.types import ImageSet

from .. import errors, state
from ..access import looking, sources
from ..jobs import work
from ..parts import charts, tables
from ..state import Key
from ..text import plain

_FEW = 500
_COLLAPSED = 0.05


def show(name: str, images: ImageSet) -> None:
    """The folded section; nothing in it is made before it is opened."""
    section = st.expander(
        "Learn features from these images",
        icon=":material/school:",
        key=Key.LEARN,
        on_change="rerun",
        bind="query-params",
    )
    with section:
        if section.open:
            _inside(name, images)


def _inside(name: str, images: ImageSet) -> None:
    st.caption(
        "A small network learns, without labels, to tell the views of a picture from those of all others, at 32 × 32 pixels. "
        "It becomes an encoder of this server, for these and other images."
    )
    if len(images) < _FEW:
        st.caption(f":material/info: {len(images):,} images are few to learn from; expect little below some thousand.")
    title = sources.title_of(name)
    params, called = _settings(title)
    try:
        check_name(called)
    except UslError as error:
        errors.say(str(error))
        return
    source, record = sources.source_of(name), record_of(images, params)
    # An epoch takes as long however many there are, so that moving their number measures nothing again.
    timed = work.section(
        f"learning-time {fingerprint(images.fingerprint, params.method)}",
        "learning-time",
        {"source": source, "params": asdict(params)},
        doing="Measuring how long it would take here",
        label="How long would it take here?",
        help="Reads some images and tries some steps.",
        auto="background",
        quiet=True,
    )
    done = len(record.epochs())
    to_go = params.n_epochs - done
    if timed is not None and to_go > 0:
        whole = duration_text(timed.result["reading"] + timed.result["epoch"] * to_go)
        each = f"{duration_text(timed.result['epoch'])} for {f'each of {to_go} epochs' if to_go > 1 else 'the epoch'}"
        st.markdown(f"About **{whole}** on this machine: {each}.")
    key = f"learn {called} {record.key}"
    job = work.section(
        key,
        "learn",
        {"source": source, "name": called, "title": title, "params": asdict(params)},
        doing="Learning features",
        label=f"Go on after epoch {done}" if 0 < done < params.n_epochs else "Learn features",
        help="In the background; every epoch is kept on disk, and a training that was stopped goes on after the last one.",
        quiet=True,
    )
    running = work.find(key)
    st.fragment(_history, run_every=2.0 if running is not None and running.active else None)(record)
    if job is not None:
        encoder = job.result["encoder"]
        for note in job.result["notes"]:
            st.caption(f":material/info: {plain(note)}")
        st.success(f"{plain(encoder)} is among the encoders above.", icon=":material/check:")
        chosen = looking.encoder() == encoder
        st.button("Choose it", key="learn-choose", on_click=looking.use, args=(encoder,), disabled=chosen)


def _settings(title: str) -> tuple[PretrainParams, str]:
    """What is to be learned how, and the name of the encoder; all of it in the address, so that a reload finds the training."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        how = {name: known.how for name, known in declared(PretrainParams).items()}
        method = st.segmented_control(
            how["method"].label,
            list(METHODS),
            format_func=METHODS.__getitem__,
            default="simclr",
            required=True,
            key=how["method"].key,
            bind="query-params",
            help=how["method"].help,
        )
        known = how["n_epochs"]
        epochs = st.number_input(
            known.label,
            int(known.low),
            int(known.high),
            PretrainParams().n_epochs,
            key=known.key,
            bind="query-params",
            help=known.help,
            width=140,
        )
        called = st.text_input(
            "Name of the encoder",
            placeholder=name_for(title),
            max_chars=40,
            key=Key.LEARN_NAME,
            bind="query-params",
            help="Letters, digits, - and _.",
            width=260,
        )
    params = PretrainParams(method="moco" if method == "moco" else "simclr", n_epochs=int(epochs or 1))
    return params, called or name_for(title)


def _history(record: PretrainRecord) -> None:
    reports, params = record.epochs(), record.params
    if not reports:
        return
    last = reports[-1]
    if last.spread < _COLLAPSED:
        st.warning(
            f"**Collapse.** The features of all images are nearly the same (spread {last.spread:.2f} of 1). "
            "A larger batch or more different images prevent it.",
            icon=":material/warning:",
        )
    left, right = st.columns(2, gap="medium")
    theme = state.theme_name()
    with left:
        figure = curves(
            {"loss": [report.loss for report in reports]}, length=params.n_epochs, unit="loss", from_zero=False, theme=theme
        )
        st.plotly_chart(
            figure, theme=None, key="learn-loss", config=charts.CONFIG, alt=f"The loss by epoch, now {last.loss:.3f}."
        )
    with right:
        shares = {"spread": [report.spread for report in reports]}
        if last.knn_accuracy is not None:
            shares["k-NN accuracy"] = [report.knn_accuracy or 0.0 for report in reports]
        figure = curves(shares, length=params.n_epochs, unit="share", top=1.0, theme=theme)
        said = ", ".join(f"{key} {values[-1]:.2f}" for key, values in shares.items())
        st.plotly_chart(figure, theme=None, key="learn-shares", config=charts.CONFIG, alt=f"By epoch, now {said}.")
    with st.expander("As a table"):
        rows = [
            (
                report.epoch,
                f"{report.loss:.4f}",
                f"{report.spread:.3f}",
                _percent(report.knn_accuracy),
                f"{report.seconds:.1f} s",
            )
            for report in reports
        ]
        tables.rows(("Epoch", "loss", "spread", "k-NN accuracy", "time"), rows, label="Epochs of learning")


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
