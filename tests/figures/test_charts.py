"""Curves, confusion matrices, histograms, the drawing of a network, and kernels as images."""

from typing import Any

import keras
import numpy as np
import pytest

from cnnviz import figures
from cnnviz.errors import InvalidParameterError
from cnnviz.figures import palette
from cnnviz.network.inspection import wrap_model
from cnnviz.network.layer_table import layer_table
from cnnviz.ui.networks.calculator import windows_drawing
from cnnviz.zoo import card_for_model
from cnnviz.zoo.architectures import build_architecture

HISTORY = {
    "loss": np.array([2.0, 1.0, 0.5]),
    "val_loss": np.array([2.5, 1.5, 1.6]),
}


def drawn(model: Any) -> tuple[tuple[figures.Block, ...], Any]:
    loaded = wrap_model(model, card_for_model(model, "net"))
    rows = layer_table(loaded)
    return figures.blocks(rows), figures.architecture_figure(rows, loaded.input_shape)


def test_smoothing_is_a_running_mean_that_starts_at_the_first_value() -> None:
    values = [4.0, 0.0, 2.0]
    np.testing.assert_array_equal(figures.smoothed(values, 0), values)
    weight = 0.6
    expected = [
        4,
        (0.6 * 4 + 0) / (0.6 + 1),
        (0.36 * 4 + 0.6 * 0 + 2) / (0.36 + 0.6 + 1),
    ]
    np.testing.assert_allclose(figures.smoothed(values, weight), expected)
    np.testing.assert_allclose(figures.smoothed([3.0] * 20, 0.9), 3.0)
    for weight in (-0.1, 1.0, float("nan")):
        with pytest.raises(InvalidParameterError, match="from 0 to below 1"):
            figures.smoothed(values, weight)


def test_raw_points_stay_visible_however_smooth_the_curve_is() -> None:
    figure = figures.learning_curves(HISTORY, "loss", "loss", 0.9)
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert [list(trace.y) for trace in points] == [list(HISTORY[key]) for key in HISTORY]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.name for line in lines] == ["training", "validation"]
    np.testing.assert_allclose(lines[0].y, figures.smoothed(HISTORY["loss"], 0.9))
    assert list(lines[0].x) == [1, 2, 3]


def test_a_confusion_matrix_has_shares_of_rows_and_numbers_of_images() -> None:
    confusion = np.array([[3, 1], [0, 0]])
    heatmap, numbers = figures.confusion_figure(confusion, ["cat", "dog"]).data
    np.testing.assert_array_equal(heatmap.z, [[0.75, 0.25], [0, 0]])
    shown = zip(numbers.x, numbers.y, numbers.text, numbers.textfont.color, strict=True)
    assert [*shown] == [("cat", "cat", 3, palette.WHITE), ("dog", "cat", 1, palette.INK)]


def test_a_histogram_counts_every_weight_about_zero() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 3, 2, 5))
    (bars,) = figures.weight_histogram(weights).data
    assert sum(bars.y) == weights.size
    np.testing.assert_allclose(np.asarray(bars.x), -np.asarray(bars.x)[::-1], atol=1e-12)
    (empty,) = figures.weight_histogram(np.zeros((3, 3))).data
    assert sum(empty.y) == 9


def test_quiet_layers_are_drawn_into_the_block_before_them() -> None:
    found, figure = drawn(build_architecture("svhn-gabor"))
    names = [block.name for block in found]
    assert names[:3] == ["conv1", "pool1", "conv2"]
    assert names[-2:] == ["avg_pool", "predictions"]
    assert found[2].follow == ("BatchNormalization", "ReLU")
    assert found[0].sources == (-1,)
    assert not figure.layout.shapes  # nothing skips
    labels = [annotation.text for annotation in figure.layout.annotations]
    assert labels[1] == "<b>conv1</b><br>224×224×24"


def test_each_connection_that_skips_is_an_arc() -> None:
    network = keras.applications.MobileNetV2(weights=None)
    found, figure = drawn(network)
    joins = [block for block in found if block.kind == "merging layer"]
    assert len(joins) == len(figure.layout.shapes) == 10  # of its 17 blocks, ten have a shortcut
    assert sum(len(trace.x) for trace in figure.data) == len(found) + 1
    assert all(found[place].sources for place in range(len(found)))


def test_higher_maps_and_more_channels_make_larger_blocks() -> None:
    _, figure = drawn(build_architecture("fashion-cnn"))
    convolutions = next(trace for trace in figure.data if trace.name == "convolution")
    assert list(convolutions.y) == sorted(convolutions.y, reverse=True)
    assert convolutions.width[0] < convolutions.width[1]


def test_kernels_of_colors_are_gray_at_zero() -> None:
    kernels = np.zeros((3, 3, 3, 2))
    kernels[0, 0, 0] = [2, -1]
    strong, weak = figures.kernel_images(kernels)
    assert strong[0, 0].tolist() == [255, 128, 128]
    assert weak[0, 0].tolist() == [64, 128, 128]
    _, weak = figures.kernel_images(kernels, shared=False)
    assert weak[0, 0].tolist() == [0, 128, 128]
    assert (figures.kernel_images(np.zeros((3, 3, 3, 1)))[0] == 128).all()
    with pytest.raises(InvalidParameterError, match=r"got \(3, 3, 1, 2\)"):
        figures.kernel_images(np.zeros((3, 3, 1, 2)))


def test_images_without_a_scale_and_without_numbers_are_set_as_they_are() -> None:
    image = np.full((4, 4, 3), (10, 200, 30), np.uint8)
    sheet = figures.mosaic([image], [None], tile_px=8, first_number=None)
    assert (sheet[4:12, 4:12] == (10, 200, 30)).all()


@pytest.mark.parametrize(
    ("numbers", "cells"), [((7, 3, 0, 2), 7 + 3 * 3), ((6, 3, 1, 2), 8 + 3 * 3), ((5, 5, 0, 1), 10)]
)
def test_every_window_is_drawn_in_its_place(numbers: tuple[int, int, int, int], cells: int) -> None:
    drawing = windows_drawing(*numbers)
    assert drawing.count("grid-column:") == cells


def test_cells_that_no_window_covers_have_a_color_of_their_own() -> None:
    assert windows_drawing(7, 3, 0, 2).count("#d1601f") == 0
    assert windows_drawing(8, 3, 0, 3).count("#d1601f") == 2


def test_bars_of_classes_carry_their_numbers_and_hold_what_was_before() -> None:
    values, before = np.array([-1.5, 2.0]), np.array([-4.0, 0.5])
    figure = figures.class_bars_figure(["bag", "coat"], values, before, 1)
    assert list(figure.data[0].x) == [-1.5, 2.0]
    assert list(figure.data[1].x) == [-4.0, 0.5]
    low, high = figure.layout.xaxis.range
    assert low < -4
    assert high > 2
    assert [text.split()[0] for text in figure.layout.yaxis.ticktext] == ["bag", "coat"]
    assert "-1.50" in figure.layout.yaxis.ticktext[0]
    first, second = figure.data[0].marker.color
    assert first != second
    shares = figures.class_bars_figure(
        ["bag", "coat"], np.array([0.25, 0.75]), None, 0, is_share=True
    )
    assert len(shares.data) == 1
    assert "75.0%" in shares.layout.yaxis.ticktext[1]


def test_the_chart_of_shifts_marks_where_we_are() -> None:
    figure = figures.shift_figure(range(-1, 2), np.array([0.2, 0.9, 0.4]), 1, 0.1)
    assert list(figure.data[0].x) == [-1, 0, 1]
    assert list(figure.data[1].y) == [0.1, 0.1]
    assert (figure.data[2].x[0], figure.data[2].y[0]) == (1, 0.4)


def test_a_line_is_drawn_with_its_window_and_each_answer_below_its_middle() -> None:
    padded, kernel = np.array([0.0, 1, 2, 3, 0]), np.array([1.0, -1])
    figure = figures.sliding_line_figure(
        padded, 1, kernel, np.array([2, 3]), np.array([-1.0, -1, -1, 3]), np.arange(4) + 0.5, 2
    )
    signal, laid, answer = figure.data
    assert list(signal.x) == [-1, 0, 1, 2, 3]
    assert list(laid.x) == [1, 2]
    assert list(answer.x) == [-0.5, 0.5, 1.5, 2.5]
    assert signal.marker.color[2] == signal.marker.color[3] == answer.marker.color[2]
    assert len({*signal.marker.color}) == 2
    gray = [(shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert gray == [(-1.5, -0.5), (2.5, 3.5)]


def test_two_trainings_are_compared_by_the_gap_at_their_ends() -> None:
    longer = {"loss": np.array([2.0, 1.5, 1.2, 1.0]), "val_loss": np.array([2.0, 1.6, 1.3, 1.25])}
    figure = figures.compared_curves({"short": HISTORY, "long": longer}, "loss", "loss", 0.0)
    lines = [trace for trace in figure.data if trace.name and trace.mode == "lines"]
    assert [line.name for line in lines] == [
        *("short: training", "short: validation", "long: training", "long: validation")
    ]
    np.testing.assert_array_equal(lines[1].y, HISTORY["val_loss"])
    bars = [trace for trace in figure.data if trace.mode == "lines" and not trace.name]
    assert [list(bar.x) for bar in bars] == [[3, 3], [4, 4]]
    assert [list(bar.y) for bar in bars] == [[0.5, 1.6], [1.0, 1.25]]
    assert [note.text for note in figure.layout.annotations] == ["gap 1.1", "gap 0.25"]


def test_draws_have_a_bar_each_in_their_order_and_a_color_for_the_same_answer() -> None:
    stays = np.array([True, False, True])
    figure = figures.draws_figure(["cat", "dog", "cat"], np.array([0.9, 0.2, 0.7]), stays, 0.8)
    same, other = figure.data
    assert (list(same.y), list(same.x)) == (["1: cat", "3: cat"], [0.9, 0.7])
    assert (list(other.y), list(other.x)) == (["2: dog"], [0.2])
    assert same.marker.color != other.marker.color
    assert list(figure.layout.yaxis.categoryarray) == ["3: cat", "2: dog", "1: cat"]
    assert figure.layout.shapes[0].x0 == 0.8
