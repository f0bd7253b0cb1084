"""The editable kernel: a preset to begin with, a grid to write into, and what can be done to it."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from cnnviz.filter_banks import KERNELS, NamedKernel, normalized, resized, zero_mean
from cnnviz.ui.shell import address

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}
_BASE, _VERSION = "kernel_base", "kernel_version"  # session keys: numbers before editing, its count
_ADDRESS, _LARGEST = "cells", 999.0  # name in the address; bound of the numbers
_EDITOR_PX = 246  # in the column of controls, all entries of a 7 × 7 kernel in sight
_SIDES = (1, 3, 5, 7, 9, 11)


def edited_kernel() -> tuple[np.ndarray, NamedKernel, bool]:
    """Ask for a kernel; gives its numbers, the preset it began with, and whether it was changed."""
    titles = {name: kernel.title for name, kernel in _BY_NAME.items()}
    preset = _BY_NAME[address.selectbox("Kernel", titles, key="kernel", on_change=begin_anew)]
    if _BASE not in st.session_state:
        st.session_state[_BASE] = _from_address()
    base = st.session_state[_BASE]
    if base is None:
        base = preset.values
    with st.expander("Edit the kernel"):
        kernel = _grid(base)
        _changes(kernel)
    is_changed = kernel.shape != preset.values.shape or not np.array_equal(kernel, preset.values)
    _keep_in_address(kernel if is_changed else None)
    return kernel, preset, is_changed


def _from_address() -> np.ndarray | None:
    """Read a kernel of one's own from the page's address; None if there is none, or nonsense."""
    written = st.query_params.get(_ADDRESS, "")
    try:
        rows = [[float(number) for number in row.split(",")] for row in written.split(";")]
        kernel = np.array(rows, np.float64)
    except ValueError:
        return None
    is_kernel = kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1] in _SIDES
    return kernel if is_kernel and (np.abs(kernel) <= _LARGEST).all() else None


def _keep_in_address(kernel: np.ndarray | None) -> None:
    """Write the numbers of an edited kernel into the page's address, so that a link holds them."""
    if kernel is None:
        st.query_params.pop(_ADDRESS, None)
        return
    st.query_params[_ADDRESS] = ";".join(",".join(f"{x:.6g}" for x in row) for row in kernel)


def begin_anew() -> None:
    """Forget what was written into the grid: the preset counts again."""
    _set_base(None)
    st.session_state.pop("kernel_side", None)


def _set_base(values: np.ndarray | None) -> None:
    """Lay other numbers into the grid; a new version forgets what was written into the old."""
    st.session_state[_BASE] = values
    st.session_state[_VERSION] = st.session_state.get(_VERSION, 0) + 1


def _grid(base: np.ndarray) -> np.ndarray:
    version = st.session_state.get(_VERSION, 0)
    width_px = min(64, max(30, _EDITOR_PX // base.shape[1]))
    columns = {
        str(column): st.column_config.NumberColumn(
            width=width_px, required=True, min_value=-_LARGEST, max_value=_LARGEST, format="%.4g"
        )
        for column in range(base.shape[1])
    }
    written = st.data_editor(
        base,
        hide_index=True,
        key=f"kernel_grid_{version}",
        column_config=columns,
        alt="Entries of the kernel",
    )
    return np.nan_to_num(np.asarray(written, np.float64))


def _changes(kernel: np.ndarray) -> None:
    """Offer what can be done to the kernel as it stands in the grid."""

    def button(label: str, change: Callable[[np.ndarray], np.ndarray], help: str) -> None:
        st.button(
            label, on_click=lambda: _set_base(change(kernel)), help=help, width="stretch", key=label
        )

    def resize() -> None:
        _set_base(resized(kernel, st.session_state["kernel_side"]))

    places = _SIDES.index(len(kernel))
    st.selectbox("Size", _SIDES, index=places, key="kernel_side", on_change=resize)
    button("Normalize", normalized, "Divide by the sum: the mean brightness is preserved.")
    button("Zero mean", zero_mean, "Subtract the mean: a constant image gives zero.")
    button("Rotate", lambda values: np.rot90(values, -1).copy(), "Rotate by 90° clockwise.")
    button("Flip", lambda values: values[:, ::-1].copy(), "Mirror left and right.")
