"""A kernel that slides over its input in the browser, without asking the server for a step."""

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent

slide = st.components.v2.component(
    "cnnviz.sliding",
    html="""
<div class="slide">
  <div class="bar">
    <button class="play" type="button">Play</button>
    <button class="back" type="button">Step back</button>
    <button class="step" type="button">Step</button>
    <label>Speed <input class="speed" type="range" min="1" max="40" value="6"></label>
  </div>
  <div class="maps">
    <figure>
      <canvas class="input" role="img" aria-label="The input with the kernel's window"></canvas>
      <figcaption>Input; green: where the kernel lies</figcaption>
    </figure>
    <figure>
      <canvas class="output" role="img" aria-label="The output so far"></canvas>
      <figcaption>Result so far; click a position to go there</figcaption>
    </figure>
  </div>
  <div class="sum"></div>
  <div class="tables"></div>
</div>""",
    css=(_FOLDER / "sliding.css").read_text(),
    js=(_FOLDER / "sliding.js").read_text(),
)
