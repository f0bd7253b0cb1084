"""The parts of the view of a shared weight's gradient: forward, one weight by hand, all weights."""

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.convolution import GradientSteps, best_step, kernel_gradient, valid_correlation
from cnnviz.filter_banks import KERNELS
from cnnviz.images import as_gray
from cnnviz.ui import shared
from cnnviz.ui.basics import cached
from cnnviz.ui.controls import PickedImage, keep_within
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import added, exact, number, show_image

_INPUTS = {"image": "Part of the image", "random": "Random numbers"}
_LOSSES = {
    "squares": "Distance to a target",
    "sum": "Sum of the output",
    "middle": "Center of the output",
}
_FORMULAS = {
    "squares": r"L = \tfrac12 \sum_{ij} (y_{ij} - t_{ij})^2, \qquad g_{ij} = y_{ij} - t_{ij}",
    "sum": r"L = \sum_{ij} y_{ij}, \qquad g_{ij} = 1",
    "middle": r"L = y_\mathrm{center}, \qquad g_{ij} = 1 \text{ at the center, else } 0",
}
_PARTS = {"one-weight": "One weight", "all-weights": "All weights"}
_SIDE = 3  # of the kernels
_BY_NAME = {kernel.name: kernel for kernel in KERNELS if kernel.values.shape == (_SIDE, _SIDE)}
_BRIGHTEST = 9  # one digit a pixel
_REDUCED_PX = 28
_GRAY = figures.Scale(0, _BRIGHTEST, "gray")
_SHORT_CELL_PX, _LONG_CELL_PX = 36, 56  # for whole numbers, and for others
_MOST_SUMMANDS = 16


def show(picked: PickedImage) -> None:
    """Show how the loss of a small convolution changes with each weight of its kernel."""
    left, right = frame.columns()
    with left:
        image = _choose_image(picked)
        kernel = _choose_kernel("Kernel", "identity", "gradient_kernel")
        loss = address.selectbox("Loss", _LOSSES, key="gradient_loss")
        wanted = np.zeros((_SIDE, _SIDE))
        if loss == "squares":
            wanted = _choose_kernel("Target: the output of", "vertical", "gradient_target")
    target = valid_correlation(image, wanted)
    steps = kernel_gradient(image, kernel, target, loss)
    with left:
        row, column = _choose_weight()
    with right:
        if address.tabs(_PARTS, key="gradient_part") == "one-weight":
            _show_forward(steps, target, loss, row, column)
            _show_weight(steps, row, column)
            return
        compared = _show_all(steps, row, column)
        _explain(steps, target, loss)
    with compared:
        _show_automatic(steps, target, loss)


def _choose_kernel(label: str, first: str, key: str) -> np.ndarray:
    titles = {name: kernel.title for name, kernel in _BY_NAME.items()}
    return _BY_NAME[address.selectbox(label, titles, key=key, default=first)].values


def _choose_image(picked: PickedImage) -> np.ndarray:
    if address.radio("Input", _INPUTS, key="gradient_input") == "random":
        seed = int(st.number_input("Seed", 0, 9999, key="gradient_seed", bind="query-params"))
        with st.expander("More: size"):
            side = _choose_side()
        rng = np.random.default_rng(seed)
        return rng.integers(0, _BRIGHTEST + 1, (side, side)).astype(np.float64)
    gray = as_gray(shared.smaller(picked.image, _REDUCED_PX))
    with st.expander("More: size, place of the cut"):
        side = _choose_side()
        gray = np.pad(gray, [(0, max(0, side - length)) for length in gray.shape], mode="edge")
        top = _choose_edge("Upper edge", "gradient_top", gray.shape[0] - side)
        first = _choose_edge("Left edge", "gradient_left", gray.shape[1] - side)
    _show_cut(gray, top, first, side, picked.label)
    return np.rint(gray[top : top + side, first : first + side] * _BRIGHTEST).astype(np.float64)


def _choose_side() -> int:
    return st.slider("Side (pixels)", _SIDE, 7, 5, key="gradient_side", bind="query-params")


def _choose_edge(label: str, key: str, last: int) -> int:
    keep_within(key, last + 1)
    if last == 0:
        return 0
    return st.slider(label, 0, last, last // 2, key=key, bind="query-params")


def _show_cut(gray: np.ndarray, top: int, left: int, side: int, label: str) -> None:
    pixels = np.repeat(np.rint(gray * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    show_image(
        figures.enlarged_with_frame(pixels, range(top, top + side), range(left, left + side)),
        f"{label} in gray, {gray.shape[0]} × {gray.shape[1]}: the frame is the input, in gray "
        f"levels from 0 to {_BRIGHTEST}",
        "The image with the input framed",
    )


def _choose_weight() -> tuple[int, int]:
    row = st.slider("Weight: row a", 0, _SIDE - 1, 0, key="weight_row", bind="query-params")
    column = st.slider(
        "Weight: column b", 0, _SIDE - 1, 2, key="weight_column", bind="query-params"
    )
    return row, column


def _grid(
    values: np.ndarray,
    caption: str,
    alt: str,
    cells: tuple[range, range] | None = None,
    scale: figures.Scale | None = None,
) -> None:
    """Show a table of numbers, signed ones if there is no scale; some of them framed."""
    is_short = bool((values == values.round()).all())
    cell_px = _SHORT_CELL_PX if is_short else _LONG_CELL_PX
    scale = scale or figures.signed_scale(values)
    sheet = figures.number_grid(values, scale, cell_px=cell_px, text="{:.3g}")
    if cells is not None:
        rows, columns = (range(c.start * cell_px, c.stop * cell_px) for c in cells)
        sheet = figures.framed(sheet, rows, columns, width_px=3)
    show_image(sheet, caption, alt)


def _show_input(steps: GradientSteps, row: int, column: int) -> None:
    height, width = steps.output.shape
    size = " × ".join(map(str, steps.image.shape))
    caption = f"Input x, {size}; framed: the pixels multiplied by w({row}, {column})"
    cells = range(row, row + height), range(column, column + width)
    _grid(
        steps.image,
        caption,
        "The input with the pixels that the weight is multiplied with",
        cells,
        _GRAY,
    )


def _show_forward(
    steps: GradientSteps, target: np.ndarray, loss: str, row: int, column: int
) -> None:
    st.markdown("**Forward pass**: the kernel slides over the input; the output gives a loss.")
    columns = st.columns(4 if loss == "squares" else 3)
    weight = range(row, row + 1), range(column, column + 1)
    with columns[0]:
        _show_input(steps, row, column)
    with columns[1]:
        caption = f"Kernel w; framed: w({row}, {column}) = {exact(steps.kernel[row, column])}"
        _grid(steps.kernel, caption, "The kernel", weight)
    with columns[2]:
        _grid(steps.output, "Output y", "The output")
    if loss == "squares":
        with columns[3]:
            _grid(target, "Target t", "The target")
    st.latex(rf"{_FORMULAS[loss]}, \qquad L = {steps.loss:.4g}")


def _show_weight(steps: GradientSteps, row: int, column: int) -> None:
    """Write out the gradient of one weight: a product for each position, and their sum."""
    products = steps.products(row, column)
    st.markdown(
        f"**Backward pass, one weight**: w({row}, {column}) is used at {products.size} positions, "
        f"so its gradient is a sum of {products.size} products."
    )
    upstream, met, product = st.columns(3)
    with upstream:
        _grid(
            steps.upstream, "g: gradient of the loss at each position of y", "The upstream gradient"
        )
    with met:
        caption = f"× the pixels multiplied by w({row}, {column})"
        _grid(steps.met(row, column), caption, "Pixels multiplied by the weight", scale=_GRAY)
    with product:
        _grid(products, f"= products, sum **{exact(float(products.sum()))}**", "Products")
    parts = products.ravel() if products.size <= _MOST_SUMMANDS else products.sum(axis=1)
    rows = "" if products.size <= _MOST_SUMMANDS else " (row by row)"
    index = f"{row},{column}"
    st.latex(
        rf"\frac{{\partial L}}{{\partial w_{{{index}}}}} = \sum_{{ij}} g_{{ij}}\,"
        rf"x_{{i+{row},\,j+{column}}} = {exact(float(products.sum())).replace('−', '-')}"
    )
    st.markdown(f":small[{added(parts.tolist())} = {exact(float(parts.sum()))}{rows}]")


def _show_all(steps: GradientSteps, row: int, column: int) -> "st.delta_generator.DeltaGenerator":
    """Show the gradient of all weights; gives the place for that of TensorFlow."""
    st.markdown(
        "**Backward pass, all weights**: the gradient of the kernel is the correlation of the "
        "input with g."
    )
    by_hand, automatic, _ = st.columns(3)
    with by_hand:
        cells = range(row, row + 1), range(column, column + 1)
        _grid(steps.gradient, "∂L/∂w: input correlated with g", "Gradient of the kernel", cells)
    return automatic


def _show_automatic(steps: GradientSteps, target: np.ndarray, loss: str) -> None:
    value, gradient = cached.taped_kernel_gradient(
        _rows(steps.image), _rows(steps.kernel), _rows(target), loss
    )
    difference = float(np.abs(gradient - steps.gradient).max())
    same = (
        "the same numbers" if difference < 1e-9 else f"largest difference {number(difference, 1)}"
    )
    _grid(
        gradient,
        f"TensorFlow's `GradientTape`: {same}, loss {number(value, 4)}",
        "Gradient of the kernel by automatic differentiation",
    )


def _rows(table: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def _explain(steps: GradientSteps, target: np.ndarray, loss: str) -> None:
    frame.explain(
        "**What you see.** A fully connected layer has separate weights for every position; here "
        f"{steps.kernel.size} weights are shared by {steps.output.size} positions. Each position "
        "contributes its g times the pixel there, and the gradient of a weight is the sum. "
        f"{_story(steps, target, loss)}\n\n"
        "**Try this.** Choose *Center of the output*: the gradient is the part of the input under "
        "the kernel. Choose *Sum of the output*: the gradient of a weight is the sum of its "
        "pixels. With a target, choose the same kernel twice: all gradients vanish.\n\n"
        ":small[Y. LeCun et al., “Backpropagation applied to handwritten zip code recognition”, "
        "Neural Computation 1, 1989.]"
    )


def _story(steps: GradientSteps, target: np.ndarray, loss: str) -> str:
    if loss != "squares":
        return ""
    step = best_step(steps)
    if not step:
        return "The output equals the target: the gradient is zero."
    after = kernel_gradient(steps.image, steps.kernel - step * steps.gradient, target).loss
    return (
        f"One step against the gradient, w − η·∂L/∂w with η = {number(step, 2)}, takes the loss "
        f"from {number(steps.loss)} to {number(after)}."
    )
