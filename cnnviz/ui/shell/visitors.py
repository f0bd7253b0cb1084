"""Who is here: sessions with a connected browser, and when each drew its page last."""

import os
import time

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

_USUAL_MAX = 300
_runs: dict[str, float] = {}  # session → when its latest run began


def session() -> str:
    """Name the session that this script runs for."""
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def is_connected(name: str) -> bool:
    """Tell whether the browser of a session is there; outside a server it always is."""
    return not runtime.exists() or bool(runtime.get_instance().is_active_session(name))


def begin_run() -> None:
    """Note that this session draws anew, and forget those that have left."""
    name = session()
    _runs[name] = time.monotonic()
    for other in [other for other in list(_runs) if other != name and not is_connected(other)]:
        _runs.pop(other, None)


def latest_run(name: str) -> float:
    """Return when the latest run of a session began, by the monotonic clock; 0 if never."""
    return _runs.get(name, 0.0)


def max_visitors() -> int:
    """Return how many visitors are let in: `CNNVIZ_MAX_VISITORS`, or 300."""
    written = os.environ.get("CNNVIZ_MAX_VISITORS", "")
    return int(written) if written.isdecimal() else _USUAL_MAX


def is_full() -> bool:
    """Tell whether there is no room for this session; who is here already stays."""
    name = session()
    if name in _runs:
        return False
    return sum(is_connected(other) for other in list(_runs)) >= max_visitors()
