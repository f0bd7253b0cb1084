"""What keeps a server with many sessions fast."""

import gc
from typing import Any

from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

MAX_SESSION_BYTES = 100 << 20  # of all files that one visitor has uploaded and not removed
MAX_UPLOADED_BYTES = 1 << 30  # of all visitors
_MAX_NAME = 255  # letters of a file name, as on most file systems


def keep_server_fast() -> None:
    """Stop Streamlit from clearing Keras' state after every run of every session.

    Once Keras is imported, Streamlit calls ``keras.backend.clear_session()`` after each script and
    fragment run. That drops the kernels TensorFlow has cached and makes the next run of everybody
    slow (measured with 30 sessions: p95 from 17.9 s to 0.16 s without it). The function is replaced
    under that one name; ``keras.utils.clear_session`` still works. What is imported by now stays
    for good, so the garbage collector need not look at it again. This happens before any model is
    made: a model that is let go later is still collected.

    Called where models are loaded; calling it again does nothing. The other half of the cure is
    ``runner.postScriptGC = false`` in the configuration.
    """
    import keras
    import tensorflow  # noqa: F401 - loaded now, so that its objects are frozen too

    if keras.backend.clear_session is _leave_state_alone:
        return
    keras.backend.clear_session = _leave_state_alone
    gc.collect()
    gc.freeze()


def _leave_state_alone(free_memory: bool = True) -> Any:
    """Stand in for ``keras.backend.clear_session``."""


def bound_uploads() -> None:
    """Refuse files that would fill the memory; Streamlit bounds only the size of each."""
    MemoryUploadedFileManager.add_file = _add_file  # type: ignore[method-assign]


_add_without_bounds = MemoryUploadedFileManager.add_file


def _add_file(self: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec) -> None:
    """Take a file in, if there is room for it, under a name that can be shown.

    Streamlit breaks off with an error at a null byte in the name.

    Raises
    ------
    HTTPException
        With status 413, which the uploader shows.
    """
    sizes = {name: _num_bytes(self, name) for name in list(self.file_storage)}
    size = len(file.data)
    if sizes.get(session_id, 0) + size > MAX_SESSION_BYTES:
        raise HTTPException(413, "You have uploaded too much. Remove files that you do not need.")
    if sum(sizes.values()) + size > MAX_UPLOADED_BYTES:
        raise HTTPException(413, "The server has no room for more uploads. Try again later.")
    name = "".join(letter for letter in file.name if letter.isprintable())
    _add_without_bounds(self, session_id, file._replace(name=name[:_MAX_NAME]))


def _num_bytes(manager: MemoryUploadedFileManager, session_id: str) -> int:
    files = list(manager.file_storage.get(session_id, {}).values())
    return sum(len(file.data) for file in files)
