"""The parts of the view of convolution along a line: its numbers, the slide, one sum by hand."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.convolution import LINE_KERNELS, SIGNALS, LineSteps, slide_along
from cnnviz.errors import InvalidParameterError
from cnnviz.images import as_gray
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage, keep_within
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import added, exact, multiplied, number, show_chart, show_image

_ROW = "Row of the image"
_LONGEST_PX = 28  # of a row, so that single numbers can be seen
_MOST_NUMBERS = 64
_LARGEST_KERNEL = 7
_LARGEST = 999.0


def show(picked: PickedImage) -> None:
    """Let a kernel slide along a signal and write one of its sums out."""
    left, right = frame.columns()
    steps = None
    with left, frame.user_errors():
        rows = _gray_rows(picked)
        signal = _choose_signal(rows)
        kernel = _choose_numbers("Kernel", _as_givers(LINE_KERNELS), "line_kernel", _LARGEST_KERNEL)
        settings = _choose_settings()
        steps = slide_along(signal, kernel, **settings)
        _show_row(rows, picked.label)
    if steps is None:
        return
    with right:
        cell = _choose_cell(len(steps.output))
        middle = (steps.reach - 1) / 2
        show_chart(
            figures.sliding_line_figure(
                steps.padded,
                steps.padding,
                steps.kernel,
                steps.places(cell),
                steps.output,
                steps.stride * np.arange(len(steps.output)) + middle,
                cell,
            ),
            "Signal, kernel and output, one below the other",
            key="line_chart",
            has_tools=False,
        )
        _write_cell(steps, cell)
        _write_size(steps, len(signal))
        _explain(steps, signal, kernel, settings)


def _gray_rows(picked: PickedImage) -> np.ndarray:
    """Reduce the image to whole gray levels, int64 (h, w)."""
    small = shared.smaller(picked.image, _LONGEST_PX)
    return np.rint(as_gray(small) * 255).astype(np.int64)


def _choose_signal(rows: np.ndarray) -> np.ndarray:
    def row_of_the_image() -> np.ndarray:
        return rows[_choose_row(len(rows))]

    presets = _as_givers(SIGNALS) | {_ROW: row_of_the_image}
    return _choose_numbers("Signal", presets, "line_signal", _MOST_NUMBERS)


def _choose_row(height: int) -> int:
    keep_within("line_row", height)
    if height == 1:
        return 0
    return st.slider("Row", 0, height - 1, height // 2, key="line_row", bind="query-params")


def _as_givers(presets: Mapping[str, np.ndarray]) -> dict[str, Callable[[], np.ndarray]]:
    return {name: partial(np.array, numbers) for name, numbers in presets.items()}


def _choose_numbers(
    what: str, presets: Mapping[str, Callable[[], np.ndarray]], key: str, most: int
) -> np.ndarray:
    """Ask for a row of numbers: a preset, or numbers that are written, beginning with the last.

    A preset is a function, because it may have to ask for more.
    """
    written_key, latest_key = f"{key}_numbers", f"{key}_latest"

    def begin_with_latest() -> None:
        if st.session_state[key] == "own" and latest_key in st.session_state:
            st.session_state[written_key] = st.session_state[latest_key]

    titles = {address.slug(title): title for title in presets} | {"own": "Your own numbers"}
    choice = address.selectbox(what, titles, key=key, on_change=begin_with_latest)
    if choice == "own":
        first = next(iter(presets.values()))()
        numbers = numbers_of(
            st.text_input(
                f"Numbers of the {what.lower()}",
                _text(first),
                key=written_key,
                bind="query-params",
                help=f"1 to {most} numbers with blanks between them. Decimals with a point; "
                "1/3 is understood, too.",
            ),
            most,
        )
    else:
        numbers = presets[titles[choice]]()
        st.markdown(f":small[{' · '.join(exact(float(x)) for x in numbers)}]")
    st.session_state[latest_key] = _text(numbers)
    return numbers


def _text(numbers: np.ndarray) -> str:
    return " ".join(f"{float(value):.6g}" for value in numbers)


def numbers_of(text: str, most: int) -> np.ndarray:
    """Read numbers with blanks, commas or semicolons between them, float64.

    Raises
    ------
    InvalidParameterError
        If one is no number or too large, or there are none or too many.
    """
    words = text.replace(",", " ").replace(";", " ").replace("−", "-").split()
    if not 1 <= len(words) <= most:
        raise InvalidParameterError(
            f"Write 1 to {most} numbers with blanks between them; these are {len(words)}."
        )
    return np.array([_number(word) for word in words])


def _number(word: str) -> float:
    above, _, below = word.partition("/")
    try:
        value = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        value = np.nan
    if not abs(value) <= _LARGEST:
        raise InvalidParameterError(
            f"“{word[:20]}” is not a number from −{_LARGEST:g} to {_LARGEST:g}. Write numbers "
            "such as 2, −0.5 or 1/3."
        )
    return value


def _choose_settings() -> dict[str, Any]:
    operation = st.radio(
        "Operation",
        ["correlate", "convolve"],
        key="line_operation",
        bind="query-params",
        horizontal=True,
        help="Networks correlate. Convolving turns the kernel first.",
    )
    padding = st.slider(
        "Padding (zeros at each end)", 0, 6, 1, key="line_padding", bind="query-params"
    )
    stride = st.slider("Stride", 1, 4, key="line_stride", bind="query-params")
    with st.expander("More: dilation"):
        dilation = st.slider("Dilation", 1, 4, key="line_dilation", bind="query-params")
    return {"operation": operation, "padding": padding, "stride": stride, "dilation": dilation}


def _show_row(rows: np.ndarray, label: str) -> None:
    if st.session_state["line_signal"] != address.slug(_ROW):
        return
    place = int(st.session_state.get("line_row", 0))
    gray = np.repeat(rows.astype(np.uint8)[..., np.newaxis], 3, axis=2)
    width = rows.shape[1]
    show_image(
        figures.enlarged_with_frame(gray, range(place, place + 1), range(width)),
        f"Row {place} of {label}, reduced to {len(rows)} × {width}, gray levels 0 to 255",
        f"The image in gray with row {place} framed",
    )


def _choose_cell(count: int) -> int:
    keep_within("line_cell", count)
    if count == 1:
        return 0
    return st.slider(
        "Position of the output", 0, count - 1, count // 2, key="line_cell", bind="query-params"
    )


def _write_cell(steps: LineSteps, cell: int) -> None:
    """Write one sum of products out with today's numbers."""
    under = steps.padded[steps.places(cell)]
    products = under * steps.kernel
    st.markdown(
        f"**Position {cell}**: {multiplied(steps.kernel.tolist(), under.tolist())} "
        f"= {added(products.tolist())} = **{exact(float(steps.output[cell]))}**"
    )


def _write_size(steps: LineSteps, length: int) -> None:
    width = len(steps.kernel)
    if steps.dilation > 1:
        st.markdown(
            f"With dilation {steps.dilation} the {width} weights span "
            f"F = {steps.dilation}·({width} − 1) + 1 = {steps.reach} positions."
        )
    rest = rf",\ \text{{{steps.left_over} left over}}" if steps.left_over else ""
    st.latex(
        rf"\frac{{N - F + 2P}}{{S}} + 1 = \frac{{{length} - {steps.reach} + 2\cdot{steps.padding}}}"
        rf"{{{steps.stride}}} + 1 \;\Rightarrow\; {len(steps.output)}{rest}"
    )


def _explain(
    steps: LineSteps, signal: np.ndarray, kernel: np.ndarray, settings: dict[str, Any]
) -> None:
    total = number(float(kernel.sum().round(9)))
    flat = {"0": "0: only changes matter", "1": "the signal itself"}
    brightness = (
        f"Its weights add up to {total}: where the signal is constant, the output is "
        f"{flat.get(total, f'{total} times the signal')}."
    )
    frame.explain(
        "**What you see.** The kernel is multiplied with the orange part of the signal, and the "
        "products add up to one position of the output. Then the window moves by the stride. "
        f"{brightness} The signal ranges from {number(float(signal.min()))} to "
        f"{number(float(signal.max()))}, the output from {number(float(steps.output.min()))} to "
        f"{number(float(steps.output.max()))}.\n\n{_turning(steps, signal, kernel, settings)}\n\n"
        "**Try this.** Move the position across the step. Take the noisy signal with the "
        "difference kernel, then with smoothing: one amplifies noise, the other reduces it. Take "
        "the pulse: the output is the kernel itself, flipped or not.\n\n"
        ":small[In 2D, rows and columns work the same way: see *Convolution*. After V. Dumoulin "
        "and F. Visin, “A guide to convolution arithmetic”, 2016, arXiv:1603.07285.]"
    )


def _turning(
    steps: LineSteps, signal: np.ndarray, kernel: np.ndarray, settings: dict[str, Any]
) -> str:
    """Say how much flipping the kernel matters here."""
    if np.array_equal(kernel, kernel[::-1]):
        return "This kernel is symmetric: correlation and convolution agree."
    is_turned = settings["operation"] == "convolve"
    other = "correlate" if is_turned else "convolve"
    output = slide_along(signal, kernel, **(settings | {"operation": other})).output
    difference = float(np.abs(steps.output - output).max())
    now = "flipped (convolution)" if is_turned else "not flipped (correlation, as in networks)"
    verb = "Correlation" if is_turned else "Convolution"
    return (
        f"The kernel is {now}. {verb} would give another output: the largest difference is "
        f"{number(difference)}."
        + (" It is the negative." if np.allclose(steps.output, -output) else "")
    )
