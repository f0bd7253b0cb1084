"""A visitor's own network: vetted, tried in a process of its own, and gone with the session."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import zoo
from cnnviz.ui.controls import NETWORK, USER_MODEL
from cnnviz.ui.shell import address
from cnnviz.ui.shell.jobs import Job, Report
from cnnviz.ui.shell.server import keep_server_fast
from cnnviz.zoo.vetting.checking import TRIAL_SECONDS

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

_TRIAL = "own_model_trial"  # session key: the trial that runs


@dataclass(slots=True, eq=False)
class Trial:
    """An uploaded file while it is tried outside the script."""

    file_id: str
    job: Job
    is_watched: bool = False


def _opened(content: bytes, title: str, report: Report) -> "LoadedModel":
    """Try a file in a process of its own, then open it here."""
    name = f"upload-{blake2b(content, digest_size=6).hexdigest()}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{title}.keras"
        path.write_bytes(content)
        keep_server_fast()
        from cnnviz.network.loading import load_user_model

        return load_user_model(path, name, on_wait=lambda seconds: report(seconds, TRIAL_SECONDS))


def is_upload_allowed() -> bool:
    """Whether this visitor may bring a network.

    ``CNNVIZ_ALLOW_MODEL_UPLOAD`` decides with 1 or 0. Otherwise only whoever sits at the computer
    that runs the server may.
    """
    told = os.environ.get("CNNVIZ_ALLOW_MODEL_UPLOAD", "")
    if told:
        return told == "1"
    return is_local(st.get_option("server.address"), st.context.headers)


def is_local(bound_to: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a visitor sits at the computer that runs the server.

    The server must listen on a loopback address, the visitor must have come by a loopback name, and
    no proxy may stand in between: one on this computer would bring in the whole world.

    Parameters
    ----------
    bound_to : str or None
        Address that the server listens on; None for all addresses.
    headers : mapping
        Of the visitor's request.
    """
    names = {name.lower(): value for name, value in headers.items()}
    if any(name in _FORWARDING or name.startswith("x-forwarded") for name in names):
        return False
    return _is_loopback(bound_to or "") and _is_loopback(_host_name(names.get("host", "")))


_FORWARDING = {
    *("forwarded", "via", "x-real-ip", "x-client-ip", "x-original-host", "x-cluster-client-ip"),
    *("true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-envoy-external-address"),
}


def _host_name(host: str) -> str:
    """Take the port off a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def show() -> None:
    """Say how to bring a network, list those in the folder, and take an upload if allowed."""
    st.subheader("Your own network")
    st.markdown(
        "Save it in Keras 3 with `model.save('mine.keras')`. It must be a Sequential or functional "
        "model of Keras' own layers that takes one image (1 or 3 channels) and gives class "
        "scores. Then\n\n"
        "- open the app on it with `cnnviz app mine.keras`, or from Python with "
        "`cnnviz.launch(model)`,\n"
        "- or put it into a folder and start the server with that folder's name in "
        "`CNNVIZ_MODELS_DIR`: it appears under **Network** on every page,\n"
        '- or open it in a notebook with `cnnviz.load_model("mine.keras")`.\n\n'
        "A file `mine.json` beside it may give `title`, `class_names`, `preprocessing` "
        f"({', '.join(f'`{name}`' for name in zoo.PREPROCESSINGS)}, or `mean` and `std`), `output` "
        "and `token_grid`."
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
            "Uploading networks is off: it is open to the person at the computer that runs this "
            "server, by the name localhost. Whoever runs the server can allow it for everybody "
            "with `CNNVIZ_ALLOW_MODEL_UPLOAD=1`."
        )


def _upload() -> None:
    user_model = st.session_state.get(USER_MODEL)
    if user_model is not None:
        st.success(
            f"**{user_model.card.title}** is open under **Network**, on every page. "
            f"Input: {user_model.input_scaling}."
        )
        if user_model.input_scaling.is_assumed:
            st.warning(
                "The input scaling is assumed. Check it in the network menu under **Input "
                "scaling**, which "
                "lists the predictions under each scaling."
            )
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
    trial: Trial | None = st.session_state.get(_TRIAL)
    if brought is None:
        _close()
        return
    if trial is None or trial.file_id != brought.file_id:
        _close()
        work = partial(_opened, brought.getvalue(), _plain(Path(brought.name).stem))
        trial = st.session_state[_TRIAL] = Trial(brought.file_id, Job(work))
    st.fragment(_watch, run_every=0.5 if trial.job.is_running else None)()


def _plain(name: str) -> str:
    """Keep of a file's name what is safe in a path and in a sentence."""
    return re.sub(r"[^\w .-]", "_", name)[:60] or "upload"


def _close() -> None:
    """Let go of the network, or of the trial that runs."""
    trial: Trial | None = st.session_state.pop(_TRIAL, None)
    if trial is not None:
        trial.job.stop()
    st.session_state.pop(USER_MODEL, None)


def _watch() -> None:
    trial: Trial | None = st.session_state.get(_TRIAL)
    if trial is None:
        return
    job = trial.job
    if job.is_running:
        trial.is_watched = True
        share, _ = job.progress
        st.progress(
            share,
            f"Trying the file in a process of its own: {share * TRIAL_SECONDS:.0f} s, at most "
            f"{TRIAL_SECONDS} s.",
        )
        st.button("Stop", on_click=job.stop, key="stop trial")
        return
    if trial.is_watched:  # the fragment that looked twice a second ends with a run of the page
        trial.is_watched = False
        st.rerun()
    if job.is_stopped:
        st.error("Stopped. The file was not opened.")
    elif job.value is None:
        st.error(
            job.error or "The file could not be opened; the server log says why. Try another file."
        )
    else:
        st.session_state[USER_MODEL] = job.value
        st.session_state[address.wanted(NETWORK)] = job.value.name
        st.rerun()
