"""What keeps a server with many sessions fast."""

import gc
from typing import Any


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
