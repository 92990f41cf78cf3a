"""Images from the visitor's own computer: uploaded in the browser, kept on the server for as long as the page is open."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from usl_core.cache.store import Store
from usl_core.disk import size_text, told_if_unwritable
from usl_core.errors import UslError
from usl_core.images.records import forget_images
from usl_core.types import Progress

from .. import errors, state
from ..access import sources
from ..access.upload_files import UploadedFile, check_limits, write
from ..access.upload_meter import meter
from ..access.uploads import Upload, discard, is_on, max_bytes, max_files, session, uploads
from ..jobs.pool import pool
from ..text import plain

_ROUND = "upload-round"  # a number in the uploader's key: a new one forgets the files that the last one held
_REFUSED = "upload-refused"
_SAID = "upload-refusal-said"
_NOTES = "upload-notes"
_WHAT = "upload-what"
_FILES, _FOLDER = "Files", "Folder"
_SAID_SECONDS = 60.0
_SECONDS = 0.2
log = logging.getLogger(__name__)


def show() -> None:
    """The way to upload; nothing where it is turned off."""
    if not is_on():
        return
    with st.container(border=True, key="uploads"):
        st.markdown("**Images from my computer**")
        _say_refused()
        st.session_state[_SAID] = True
        _way_back()
        with errors.shown(stop=False):
            limits = f"At most {size_text(max_bytes())} and {max_files():,} files."
            chosen = st.segmented_control(
                "What to upload", [_FILES, _FOLDER], default=_FILES, required=True, key=_WHAT, label_visibility="collapsed"
            )
            many: Literal[True, "directory"] = "directory" if chosen == _FOLDER else True
            key = f"upload-{'folder' if many == 'directory' else 'files'}-{st.session_state.get(_ROUND, 0)}"
            st.file_uploader(
                "Upload a whole folder; its subfolders become classes" if many == "directory" else "Upload images or one .zip",
                accept_multiple_files=many,
                key=key,
                on_change=_take,
                args=(key,),
                max_upload_size=max(max_bytes() // 2**20, 1),
                help="A .zip archive is read as it is and never unpacked. Another upload takes the place of this one.",
            )
            st.caption(f"{limits} The copies are known to this page alone, and removed when it is closed or loaded anew.")


def _way_back() -> None:
    """To what was uploaded, if something else is looked at."""
    upload = uploads().of_session()
    if upload is not None and uploads().own(sources.whole_of(state.data())) != upload:
        title = plain(upload.path.name, 40)
        st.button(
            f"Open {title} again", key="open-upload", icon=":material/undo:", on_click=state.open_data, args=(upload.name,)
        )


def _say_refused() -> None:
    """Why the last upload was refused: for a while, since a job that ends runs the page anew at any time."""
    text, since = st.session_state.get(_REFUSED, ("", 0.0))
    if text and time.monotonic() - since < _SAID_SECONDS:
        errors.say(text)


def refusal() -> None:
    """Why the last upload was refused, where the uploader that would say it is folded away; what it was sending when that
    happened comes to nothing, and is let go."""
    if st.session_state.pop(_SAID, False):
        return
    context = get_script_run_ctx()
    if context is not None:
        try:
            meter().check(context.session_id)
        except UslError as error:
            st.session_state[_REFUSED] = (str(error), time.monotonic())
        meter().start_anew(context.session_id)
        context.uploaded_file_mgr.remove_session_files(context.session_id)
    _say_refused()


def about(name: str) -> None:
    """What is to be said of an upload that is looked at, and a way to remove it; nothing of any other data set.

    Args:
        name: of the data set that is open.
    """
    upload = uploads().own(sources.whole_of(name))
    if upload is None:
        return
    for note in st.session_state.get(_NOTES, {}).get(upload.name, ()):
        st.info(plain(note), icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Uploaded images: only this page knows them, and they are removed when it is closed or loaded anew.")
        st.button("Remove them now", key="remove-upload", icon=":material/delete:", on_click=_remove, args=(upload.name,))


def _take(key: str) -> None:
    """Put what has arrived on the disk and open it; or say why not, and keep nothing."""
    files: Sequence[UploadedFile] = st.session_state.get(key) or ()
    owner = session()
    if not files or owner is None or not is_on():
        return
    total = sum(file.size for file in files)
    st.session_state.pop(_REFUSED, None)
    try:
        check_limits(len(files), total)
        meter().check(owner)
        upload, notes = _kept(owner, files)
    except UslError as error:
        st.session_state[_REFUSED] = (str(error), time.monotonic())
    else:
        st.session_state[_NOTES] = {upload.name: notes}
        state.open_data(upload.name)
        log.info("%d uploaded files, %s", len(files), size_text(total))
    finally:
        for file in files:
            file.close()
            _let_go(file)
        meter().start_anew(owner)
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _kept(owner: str, files: Sequence[UploadedFile]) -> tuple[Upload, tuple[str, ...]]:
    with told_if_unwritable("the upload", Path("uploads"), "the server's cache directory must be one that it may write"):
        folder = uploads().new_folder()
    bar = st.progress(0.0, text="Copying")

    def show_progress(fraction: float, note: str) -> None:
        bar.progress(fraction, text=f"Copying · {note}")

    try:
        written = write(files, folder, let_go=_let_go, on_progress=_now_and_then(show_progress))
    except BaseException:  # also where the visitor leaves meanwhile
        discard(folder)
        raise
    finally:
        bar.empty()
    return uploads().add(owner, folder, written.path, _forget), written.notes


def _now_and_then(show: Progress) -> Progress:
    """Some times a second: there may be a file of a few bytes a thousand times a second."""
    last = 0.0

    def told(fraction: float, note: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS:
            last = time.monotonic()
            show(fraction, note)

    return told


def _let_go(file: UploadedFile) -> None:
    """Streamlit keeps every uploaded file in memory until its session ends."""
    context, file_id = get_script_run_ctx(), getattr(file, "file_id", None)
    manager = context.uploaded_file_mgr if context is not None else None
    if context is not None and isinstance(manager, MemoryUploadedFileManager) and isinstance(file_id, str):
        manager.remove_file(context.session_id, file_id)


def _forget(path: Path) -> None:
    """Before the files go: whatever works on them ends, and the list of their names goes too."""
    pool().end_all_of(str(path))
    forget_images(path, Store())


def _remove(name: str) -> None:
    uploads().remove(name)
    state.open_data(state.DEFAULT_DATA)
