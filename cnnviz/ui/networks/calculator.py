"""The calculator of the networks page: sizes of outputs, and what convolution saves."""

import streamlit as st

from cnnviz.convolution import convolution_parameters, dense_parameters, output_size
from cnnviz.figures import palette
from cnnviz.ui.shared import code
from cnnviz.ui.shell import frame, results

_INPUT, _PADDING, _LEFT_OVER, _WINDOW = palette.BLUE, palette.GRAY, palette.ORANGE, palette.GREEN
_MOST_WINDOWS, _MOST_CELLS = 24, 48  # that can be drawn and still be seen


def show() -> None:
    """Compute the size, parameters and cost of a layer."""
    show_output_size()
    show_comparison()


def show_output_size() -> None:
    """Ask for W, F, P and S, and show where the windows lie."""
    st.subheader("What is the output size?")
    columns = st.columns(4)
    length = columns[0].number_input("Input W", 1, 512, 7, key="calc_w", bind="query-params")
    window = columns[1].number_input("Filter F", 1, 64, 3, key="calc_f", bind="query-params")
    padding = columns[2].number_input("Padding P", 0, 32, 0, key="calc_p", bind="query-params")
    stride = columns[3].number_input("Stride S", 1, 64, 2, key="calc_s", bind="query-params")
    size, left_over = output_size(length, window, padding, stride)
    results.note_code(
        code.program(
            f"print(output_size({length}, {window}, {padding}, {stride}))  # positions, left over",
            imports="from cnnviz.convolution import output_size",
        )
    )
    exact = (length - window + 2 * padding) / stride + 1
    st.latex(
        r"\frac{W - F + 2P}{S} + 1 = "
        rf"\frac{{{length} - {window} + 2\cdot{padding}}}{{{stride}}} + 1 = {exact:g}"
    )
    if left_over:
        st.warning(
            f"{exact:g} is not an integer: the window fits {size} times, and the last {left_over} "
            f"position{'s' if left_over > 1 else ''} "
            f"{'are' if left_over > 1 else 'is'} never covered. Libraries round down silently. "
            "Change the padding or the stride until it fits."
        )
    else:
        st.success(f"It fits: the output has {size} positions along this axis.")
    if size <= _MOST_WINDOWS and length + 2 * padding <= _MOST_CELLS:
        st.html(windows_drawing(length, window, padding, stride))
        st.markdown(
            ":small[One axis. Top: input blue, padding gray, positions never covered orange. "
            "Below: every window; each gives one position of the output.]"
        )
    same = (window - 1) / 2
    keeps = f"P = (F − 1)/2 = {same:g}" if window % 2 else "no symmetric padding (F is even)"
    frame.explain(
        f"**Try this.** With stride 1, {keeps} keeps the size: Keras calls this `same`; "
        "`valid` means no padding. The formula holds for pooling, too."
    )


def windows_drawing(length: int, window: int, padding: int, stride: int) -> str:
    """Draw the cells of one axis and below them every window in its place, as HTML."""
    size, left_over = output_size(length, window, padding, stride)
    cells = length + 2 * padding
    colors = [_PADDING] * padding + [_INPUT] * length + [_PADDING] * padding
    if left_over:
        colors[-left_over:] = [_LEFT_OVER] * left_over
    rows = [(0, colors)] + [(place * stride, [_WINDOW] * window) for place in range(size)]
    drawn = "".join(
        f'<div style="grid-row:{row};grid-column:{start + i + 1};background:{color};'
        'border-radius:2px"></div>'
        for row, (start, run) in enumerate(rows, start=1)
        for i, color in enumerate(run)
    )
    return (
        f'<div role="img" aria-label="{size} windows of size {window} over {cells} positions" '
        f'style="display:grid;grid-template-columns:repeat({cells},minmax(0,1.5rem));'
        f'grid-auto-rows:1.1rem;gap:3px">{drawn}</div>'
    )


def show_comparison() -> None:
    """Compare a convolution with a fully connected layer on the same input."""
    st.subheader("How many parameters does convolution save?")
    columns = st.columns(4)
    side = columns[0].number_input("Input side", 4, 512, 32, key="cmp_side", bind="query-params")
    depth = columns[1].number_input("Channels D", 1, 512, 3, key="cmp_depth", bind="query-params")
    num_filters = columns[2].number_input(
        "Filters or units K", 1, 4096, 20, key="cmp_k", bind="query-params"
    )
    window = columns[3].number_input("Filter F", 1, 64, 5, key="cmp_f", bind="query-params")
    if window > side:
        st.error(
            f"A filter of size {window} does not fit an input of size {side}. Make it smaller."
        )
        return
    shared = convolution_parameters(window, depth, num_filters)
    dense = dense_parameters(side * side * depth, num_filters)
    left, right = st.columns(2)
    left.metric("Convolution", f"{shared:,} parameters")
    left.latex(rf"({window}\cdot{window}\cdot{depth} + 1)\cdot{num_filters} = {shared:,}")
    right.metric("Fully connected", f"{dense:,} parameters")
    right.latex(rf"({side}\cdot{side}\cdot{depth} + 1)\cdot{num_filters} = {dense:,}")
    frame.explain(
        f"**What you see.** On the same {side} × {side} × {depth} input the convolution needs "
        f"{dense / shared:,.1f} times fewer parameters: its {num_filters} filters are shared by "
        "all positions. A fully connected layer learns "
        f"{side * side * depth:,} weights for each of its units.\n\n"
        "**Try this.** Double the input side: which of the two numbers does not change?"
    )
