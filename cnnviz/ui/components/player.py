"""A timeline of a training run that plays in the browser, without asking the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent

_player = st.components.v2.component(
    "cnnviz.player",
    html="""
<div class="timeline">
  <div class="bar">
    <button class="play" type="button">Play</button>
    <input class="time" type="range" min="0" step="1" aria-label="Training step">
    <span class="now"></span>
    <label>Speed <input class="speed" type="range" min="1" max="10" step="1"></label>
  </div>
  <div class="screen" role="group" tabindex="0"
       aria-label="The timeline. Space plays and pauses, arrow keys go one step."></div>
  <div class="said" aria-live="polite"></div>
</div>""",
    css=(_FOLDER / "player.css").read_text(),
    js=(_FOLDER / "player.js").read_text(),
)


def play(frames: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show one timeline, or two side by side at the same step.

    Parameters
    ----------
    reels : sequence of dict
        From `cnnviz.ui.timeline.reel.make_frames`. Where their steps differ, each shows the last of
        its own that is not later than the common one.
    key : str
    """
    _player(key=key, data={"reels": list(frames)})
