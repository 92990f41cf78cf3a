"""Encoders of the visitor's own files on the server: vectors that were made elsewhere, and weights of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from usl_core.cache.store import fingerprint
from usl_core.encoders import own_checkpoints, own_vectors
from usl_core.encoders.own_files import called
from usl_core.encoders.vector_files import SUFFIXES
from usl_core.errors import UslError

from .. import errors
from ..access import folders, looking
from ..jobs import work
from ..state import Key
from ..text import plain

_FILE, _NAME, _ORDER, _ARCHITECTURE, _PREFIX = "own-file", "own-name", "own-order", "own-architecture", "own-prefix"
_TAKEN = "own-chosen"
_ORDERS = {own_vectors.NATURAL: "img2 before img10", own_vectors.PLAIN: "as sorted or ImageFolder has them"}


def show() -> None:
    """The folded section; nothing in it is made before it is opened."""
    section = st.expander(
        "Vectors or weights of my own", icon=":material/upload_file:", key=Key.OWN, on_change="rerun", bind="query-params"
    )
    with section:
        if section.open:
            _inside()


def _inside() -> None:
    st.caption(
        f"Features that were computed elsewhere ({', '.join(SUFFIXES)}), each beside the path of its image or in the order of "
        "the images; or the weights of a network (.safetensors, .pth, .pt, .ckpt). The file stays where it is."
    )
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        text = st.text_input(
            "File on this server", key=_FILE, placeholder=f"{folders.roots()[0]}/features.npy" if folders.roots() else ""
        )
        name = st.text_input("Name of the encoder", key=_NAME, placeholder="as the file", max_chars=60).strip() or None
    if not text.strip():
        return
    with errors.shown(stop=False):
        path = folders.confined(text)
        if not path.is_file():
            raise UslError(f"there is no file {path}; give one of features or of weights")
        is_vectors = path.suffix.lower() in SUFFIXES
        task, arguments = _vectors(path, name) if is_vectors else _weights(path, name)
        _check_free(path, name, is_vectors)
        if task:
            _add(path, task, arguments)


def _vectors(path: Path, name: str | None) -> tuple[str, dict[str, Any]]:
    order = st.radio(
        "Order of the rows, where no paths stand beside them",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        key=_ORDER,
        horizontal=True,
    )
    return "add-vectors", {"path": str(path), "name": name, "order": None if order == own_vectors.NATURAL else order}


def _weights(path: Path, name: str | None) -> tuple[str, dict[str, Any]]:
    """The task is empty as long as nobody says what network it is."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        architecture = st.text_input(
            "Architecture",
            key=_ARCHITECTURE,
            placeholder="torchvision:resnet50, timm:NAME, cifar:resnet18",
            help="What the weights are of. Any network of timm will do; the search of the other encoders finds its name.",
            max_chars=120,
        ).strip()
        prefix = st.text_input(
            "Prefix",
            key=_PREFIX,
            placeholder="module.encoder_q.",
            help="What stands before the names of the encoder's tensors; empty if nothing does.",
            max_chars=120,
        ).strip()
    arguments = {"path": str(path), "architecture": architecture, "prefix": prefix, "name": name}
    return "add-weights" if architecture else "", arguments


def _check_free(path: Path, name: str | None, is_vectors: bool) -> None:
    """Raise a UslError if an encoder of another file has that name: other visitors may be using it."""
    prefix = own_vectors.PREFIX if is_vectors else own_checkpoints.PREFIX
    full = prefix + called(path, name)
    known = [(one.name, one.path) for one in own_vectors.own_vectors()]
    known += [(one.name, one.path) for one in own_checkpoints.own_checkpoints()]
    for taken, other in known:
        if taken == full and other != str(path):
            raise UslError(f"{full} is made of another file on this server; give this one another name")


def _add(path: Path, task: str, arguments: dict[str, Any]) -> None:
    facts = path.stat()
    key = f"{task} {fingerprint(arguments, facts.st_size, facts.st_mtime_ns)}"
    job = work.section(
        key,
        task,
        arguments,
        doing="Reading the file",
        label="Add it",
        help="Checks the file, remembers its contents and makes it an encoder of this server.",
        quiet=True,
        place="add-own",
    )
    if job is None:
        return
    encoder = job.result["encoder"]
    st.success(f"{plain(encoder)} is among the encoders: {plain(job.result['about'])}.", icon=":material/check:")
    if st.session_state.get(_TAKEN) != job.id:  # once: the visitor may choose another one afterwards
        st.session_state[_TAKEN] = job.id
        looking.use_now(encoder)
