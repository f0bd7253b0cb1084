"""A visitor's own network: vetted, tried in a process of its own, and gone with the session."""

import os
import re
import tempfile
import threading
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz import zoo
from cnnviz.errors import CnnvizError
from cnnviz.ui.controls import GUEST, WANTED_MODEL
from cnnviz.ui.server import keep_server_fast
from cnnviz.zoo.vetting import TRIAL_SECONDS

_JOB = "own_model_job"  # session key: the trial that runs


class _StopError(Exception):
    """Somebody pressed stop."""


@dataclass(slots=True, eq=False)
class Trial:
    """An uploaded file while it is tried outside the script."""

    file_id: str
    title: str
    seconds: float = 0.0
    error: str = ""
    model: Any = None
    is_watched: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self, content: bytes) -> None:
        """Begin, outside the script."""
        self.thread = threading.Thread(target=self._run, args=(content,), daemon=True)
        self.thread.start()

    def _run(self, content: bytes) -> None:
        name = f"upload-{blake2b(content, digest_size=6).hexdigest()}"
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{self.title}.keras"
                path.write_bytes(content)
                keep_server_fast()
                from cnnviz.probe import load_guest

                self.model = load_guest(path, name, on_wait=self._wait)
        except CnnvizError as error:
            self.error = str(error)
        except _StopError:
            self.error = "Stopped. The file was not opened."

    def _wait(self, seconds: float) -> None:
        self.seconds = seconds
        if self.stop.is_set():
            raise _StopError

    @property
    def is_running(self) -> bool:
        """Whether the file is still being tried."""
        return self.thread is not None and self.thread.is_alive()


def is_upload_allowed() -> bool:
    """Whether whoever runs this server lets visitors bring networks."""
    return os.environ.get("CNNVIZ_ALLOW_MODEL_UPLOAD") == "1"


def show() -> None:
    """Say how to bring a network, list those in the folder, and take an upload if allowed."""
    st.subheader("A network of your own")
    st.markdown(
        "Save it in Keras 3 with `model.save('mine.keras')`. It must be a Sequential or functional "
        "model of Keras' own layers that takes one picture (1 or 3 channels) and gives class "
        "scores. Then either\n\n"
        "- put it into a folder and start the server with that folder's name in "
        "`CNNVIZ_MODELS_DIR`: it appears under **Network** on every page. A file `mine.json` "
        "beside it may give `title`, `class_names` and `preprocessing` "
        "(`unit`, `raw`, `tf`, `lite`, `caffe` or `torch`),\n"
        '- or open it in Python with `cnnviz.load_model("mine.keras")`, or print its layers with '
        "`cnnviz show mine.keras`."
    )
    for file in zoo.list_own_files():
        if file.problem:
            st.warning(file.problem)
        elif file.card is not None:
            st.markdown(f"In the folder: **{file.card.title}** ({file.path.name})")
    if is_upload_allowed():
        _upload()
    else:
        st.info(
            "Uploading networks is switched off on this server. Whoever runs it can allow it with "
            "`CNNVIZ_ALLOW_MODEL_UPLOAD=1`."
        )


def _upload() -> None:
    guest = st.session_state.get(GUEST)
    if guest is not None:
        st.success(f"«{guest.card.title}» is open under **Network**, on every page.")
        if st.button("Close this network"):
            _close()
            st.rerun()
        return
    brought = st.file_uploader(
        "Upload a .keras file",
        type=["keras"],
        help="Up to 20 MB. It is checked, then tried in a process of its own, before it is opened.",
    )
    st.markdown(
        ":small[Your network is for this session only: nobody else sees it, and it is gone when "
        "you close the page.]"
    )
    job: Trial | None = st.session_state.get(_JOB)
    if brought is None:
        _close()
        return
    if job is None or job.file_id != brought.file_id:
        _close()
        job = st.session_state[_JOB] = Trial(brought.file_id, _plain(Path(brought.name).stem))
        job.start(brought.getvalue())
    st.fragment(_watch, run_every=0.5 if job.is_running else None)()


def _plain(name: str) -> str:
    """Keep of a file's name what is safe in a path and in a sentence."""
    return re.sub(r"[^\w .-]", "_", name)[:60] or "upload"


def _close() -> None:
    """Let go of the network, or of the trial that runs."""
    job: Trial | None = st.session_state.pop(_JOB, None)
    if job is not None:
        job.stop.set()
    st.session_state.pop(GUEST, None)


def _watch() -> None:
    job: Trial | None = st.session_state.get(_JOB)
    if job is None:
        return
    if job.is_running:
        job.is_watched = True
        st.progress(
            min(job.seconds / TRIAL_SECONDS, 1.0),
            f"Trying the file in a process of its own: {job.seconds:.0f} s, at most "
            f"{TRIAL_SECONDS} s.",
        )
        st.button("Stop", on_click=job.stop.set, key="stop trial")
        return
    if job.is_watched:  # the fragment that looked twice a second ends with a run of the page
        job.is_watched = False
        st.rerun()
    if job.error:
        st.error(job.error)
    elif job.model is not None:
        st.session_state[GUEST] = job.model
        st.session_state[WANTED_MODEL] = job.model.name
        st.rerun()
    else:
        st.error(
            "The file could not be opened: this server has not enough memory. Try again later."
        )
