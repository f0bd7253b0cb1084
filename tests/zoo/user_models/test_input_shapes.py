"""Which inputs are one image, and what is said of those that are not."""

from typing import Any

import pytest

from cnnviz.zoo.user_models.input_shapes import input_shape
from cnnviz.zoo.user_models.refusals import Refused


def described(*shapes: Any, dtype: Any = "float32") -> dict[str, Any]:
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": dtype}}
        for shape in shapes
    ]
    return {"config": {"layers": [*layers, {"class_name": "Flatten", "config": {}}]}}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([None, 32, 24, 3], (32, 24, 3)),
        ([None, 28, 28, 1], (28, 28, 1)),
        ([None, None, None, 3], (None, None, 3)),
        ([None, 28, 28], (28, 28, 1)),  # without an axis of channels
        ([None, None, 64], (None, 64, 1)),
        ([8, 32, 32, 3], (32, 32, 3)),  # a batch of fixed size
        ([1, 28, 28], (28, 28, 1)),
        ([None, 3, 32, 3], (3, 32, 3)),
        ([None, 1024, 1, 1], (1024, 1, 1)),
    ],
)
def test_one_image_is_read_from_the_description(shape: Any, expected: Any) -> None:
    assert input_shape(described(shape)) == expected


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "bfloat16", "float64", None])
def test_images_may_be_of_any_type_of_numbers(dtype: Any) -> None:
    assert input_shape(described([None, 8, 8, 3], dtype=dtype)) == (8, 8, 3)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([[None, 784]], r"a vector, \(None, 784\), instead of one image"),
        ([[None, 28, 3]], r"a table or a sequence, \(None, 28, 3\)"),
        ([[None, 3, 28, 28]], r"channels come first, \(None, 3, 28, 28\)\. .*Permute\(\(3, 1, 2\)"),
        ([[None, 28, 28, 2]], r"an image with 2 channels, .*1 \(gray\) or 3 channels \(RGB\)"),
        ([[None, 28, 28, 4]], "an image with 4 channels"),
        ([[None, 28, 28, 5]], "an image with 5 channels"),
        ([[None, 28, 28, None]], "an image with any number of channels"),
        ([[None, 28, 28, True]], "an image with True channels"),
        ([[None, 8, 28, 28, 3]], r"an input of shape \(None, 8, 28, 28, 3\)"),
        ([[None, 8, 8, 3], [None, 8, 8, 3]], "2 inputs instead of one image"),
        ([], "no Input layer"),
        (["text"], "an input of unknown shape"),
        ([[None, 2000, 8, 3]], "images of 2000 pixels a side; 1 to 1024 are possible"),
        ([[None, 0, 8, 3]], "images of 0 pixels"),
        ([[None, "16", 8, 3]], "images of '16' pixels"),
        ([[1_000_000, 8, 8, 3]], "batches of 1000000; 1 to 256 are possible"),
        ([["8", 8, 8, 3]], "batches of 8"),
    ],
)
def test_anything_else_is_named(shapes: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        input_shape(described(*shapes))


def test_text_is_no_image() -> None:
    with pytest.raises(Refused, match="inputs of the type 'string' instead of numbers"):
        input_shape(described([None, 8, 8, 3], dtype="string"))


@pytest.mark.parametrize("config", [{}, {"config": None}, {"config": {"layers": 3}}])
def test_a_description_without_layers_is_refused(config: Any) -> None:
    with pytest.raises(Refused, match="lists no layers"):
        input_shape(config)
