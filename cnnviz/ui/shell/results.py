"""Downloads of a view: one menu with its images, the numbers behind them, and Python.

Whatever draws a result also notes it here; at the end of the view the menu offers all of them.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures

if TYPE_CHECKING:
    import plotly.graph_objects as go

_Value = TypeVar("_Value")
_PRINT_PX = 1600  # small images are enlarged to about this side
_thread = threading.local()  # a script runs in a thread of its own


@dataclass(slots=True)
class _Results:
    images: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    charts: dict[str, "go.Figure"] = field(default_factory=dict)
    files: list[tuple[str, str, Callable[[], bytes]]] = field(default_factory=list)
    code: str = ""


def begin() -> None:
    """Begin to note what the view draws."""
    _thread.results = _Results()


def end() -> None:
    """Stop noting: what follows is drawn again by itself, and would be out of date in the menu."""
    _thread.results = None


def _noted() -> _Results | None:
    return getattr(_thread, "results", None)


def note_image(title: str, pixels: np.ndarray) -> None:
    """Note an image that was drawn: uint8 (h, w) or (h, w, 3)."""
    if results := _noted():
        results.images[title] = pixels


def note_array(title: str, values: np.ndarray) -> None:
    """Note the numbers behind an image."""
    if results := _noted():
        results.arrays[title] = values


def note_chart(title: str, figure: "go.Figure") -> None:
    """Note a chart that was drawn; its numbers are offered."""
    if results := _noted():
        results.charts[title] = figure


def note_code(code: str) -> None:
    """Note the Python that makes the same."""
    if results := _noted():
        results.code = code


def note_file(label: str, file_name: str, make: Callable[[], bytes]) -> bool:
    """Note a file that is made when it is asked for; return whether there will be a menu."""
    if results := _noted():
        results.files.append((label, file_name, make))
        return True
    return False


def offer(view: str, place: DeltaGenerator) -> None:
    """Draw the menu with all that was noted; nothing if there is nothing.

    Parameters
    ----------
    view : str
        Name of the view; files are named after it.
    place : DeltaGenerator
        Where the menu goes.
    """
    results = _noted()
    end()
    if results is None or results == _Results():
        return
    with place.popover("Downloads and code", width="stretch"):
        for label, file_name, make in results.files:
            download_button(label, file_name, make)
        _offer_images(view, results.images)
        _offer_numbers(view, results)
        if results.code:
            st.markdown("In Python:")
            st.code(results.code, language="python")


def download_button(label: str, file_name: str, make: Callable[[], bytes]) -> None:
    """Draw the button of a file that is made when it is asked for."""
    st.download_button(label, make, file_name, on_click="ignore", width="stretch")


def _offer_images(view: str, images: Mapping[str, np.ndarray]) -> None:
    files = {
        f"{name}.png": partial(_printed, pixels) for name, pixels in _file_names(images).items()
    }
    if len(files) == 1:
        ((name, make),) = files.items()
        download_button("Image (PNG)", f"{view}-{name}", make)
    elif files:
        download_button(
            f"All images (ZIP, {len(files)} PNG)", f"{view}-images.zip", lambda: _zipped(files)
        )


def _offer_numbers(view: str, results: _Results) -> None:
    files: dict[str, Callable[[], bytes]] = {}
    for name, figure in _file_names(results.charts).items():
        files[f"{name}.csv"] = partial(figures.chart_csv, figure)
    for name, values in _file_names(results.arrays).items():
        files[f"{name}.npy"] = partial(figures.array_npy, values)
    if len(files) == 1:
        ((name, make),) = files.items()
        download_button(f"Numbers ({name[-3:].upper()})", f"{view}-{name}", make)
    elif files:
        kinds = " and ".join(sorted({name[-3:].upper() for name in files}))
        download_button(
            f"All numbers (ZIP, {len(files)} {kinds})",
            f"{view}-numbers.zip",
            lambda: _zipped(files),
        )


def _file_names(titled: Mapping[str, _Value]) -> dict[str, _Value]:
    return {
        f"{number}-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')[:60]}": value
        for number, (title, value) in enumerate(titled.items(), start=1)
    }


def _printed(pixels: np.ndarray) -> bytes:
    return figures.encode_png(figures.enlarge(pixels, _PRINT_PX))


def _zipped(files: Mapping[str, Callable[[], bytes]]) -> bytes:
    return figures.zipped({name: make() for name, make in files.items()})
