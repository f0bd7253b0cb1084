"""Grad-CAM against the class activation map written out by hand."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from cnnviz.cam import METHODS, class_activation_map, weighted_evidence
from cnnviz.errors import InvalidParameterError, UnknownLayerError
from cnnviz.images import image_from_pixels
from cnnviz.results import ClassHeatmap, ImageInput
from tests.conftest import ALL_KINDS, DENSE_KERNEL, SIGMOID_KINDS

Tiny = Callable[..., Any]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_grad_cam_of_a_gap_network_is_the_class_activation_map(
    tiny: Tiny, picture: ImageInput, kind: str
) -> None:
    model = tiny(kind)
    columns = {0: -DENSE_KERNEL[:, 0], 1: DENSE_KERNEL[:, 0]}
    if kind not in SIGMOID_KINDS:
        columns = {index: DENSE_KERNEL[:, index] for index in range(3)}
    activations, _ = model.activations(picture, [model.default_cam_layer])
    for class_index, weights in columns.items():
        heatmap = class_activation_map(model, picture, class_index=class_index)
        expected = np.maximum(activations[model.default_cam_layer] @ weights, 0) / 36
        np.testing.assert_allclose(heatmap.values, expected, atol=1e-6)
        assert heatmap.logit == pytest.approx(model.scores(picture)[class_index], abs=1e-5)
        assert (heatmap.method, heatmap.class_index) == ("grad-cam", class_index)


def test_left_out_choices_are_the_last_map_layer_and_the_top_class(
    tiny: Tiny, picture: ImageInput
) -> None:
    model = tiny("nested")
    heatmap = class_activation_map(model, picture)
    assert heatmap.layer_name == "backbone/conv"
    assert heatmap.class_index == model.predict(picture)[0].class_index


def test_no_positive_evidence_is_an_empty_map() -> None:
    activations = np.ones((3, 3, 2), np.float32)
    values = weighted_evidence(activations, -activations)
    np.testing.assert_array_equal(values, 0)
    heatmap = ClassHeatmap(values, "conv", 0, -1.0, "grad-cam")
    assert not heatmap.has_evidence
    assert heatmap.maximum == 0


def test_a_black_picture_gives_a_finite_map(tiny: Tiny) -> None:
    black = image_from_pixels(np.zeros((8, 8, 3), np.uint8))
    assert np.isfinite(class_activation_map(tiny("functional"), black).values).all()


@pytest.mark.parametrize(("height", "width"), [(224, 224), (31, 50), (7, 7), (3, 9)])
def test_enlarging_puts_cells_where_they_belong(height: int, width: int) -> None:
    values = np.random.default_rng(2).random((7, 7)).astype(np.float32)
    heatmap = ClassHeatmap(values, "conv", 0, 1.0, "grad-cam")
    enlarged = heatmap.upsampled(height, width)
    expected = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


def test_a_hot_border_cell_peaks_in_the_middle_of_its_own_part() -> None:
    values = np.zeros((7, 7))
    values[3, 6] = 1
    enlarged = ClassHeatmap(values, "conv", 0, 1.0, "grad-cam").upsampled(224, 224)
    peak = np.flatnonzero(enlarged[112] == enlarged.max())
    assert peak[0] in (207, 208)  # its part of the picture is 192 to 224


def test_the_map_cannot_be_written_to(tiny: Tiny, picture: ImageInput) -> None:
    heatmap = class_activation_map(tiny("functional"), picture)
    with pytest.raises(ValueError, match="read-only"):
        heatmap.values[0, 0] = 1


def test_unusable_choices_are_explained(tiny: Tiny, picture: ImageInput) -> None:
    model = tiny("functional")
    with pytest.raises(InvalidParameterError, match="Choose one of: grad-cam"):
        class_activation_map(model, picture, "guess")
    with pytest.raises(InvalidParameterError, match="has no maps"):
        class_activation_map(model, picture, layer_name="dense")
    with pytest.raises(UnknownLayerError, match="Choose one of: conv"):
        class_activation_map(model, picture, layer_name="nowhere")
    with pytest.raises(InvalidParameterError, match="0 to 2"):
        class_activation_map(model, picture, class_index=3)
    with pytest.raises(InvalidParameterError, match="shapes must match"):
        weighted_evidence(np.ones((2, 2, 1)), np.ones((2, 2, 2)))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_title_and_a_paper(name: str) -> None:
    method = METHODS[name]
    assert method.name == name
    assert method.title
    assert "arXiv" in method.paper
