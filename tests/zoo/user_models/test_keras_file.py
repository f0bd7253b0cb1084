"""Sound files open with the same numbers: all admitted operations, all architectures of Keras."""

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import check_image, load_model_file, try_in_child
from cnnviz.zoo.admission.operations import OPERATIONS
from tests.builders.operation_cases import SHAPES, called, tensors
from tests.conftest import slow_unless

RNG = np.random.default_rng(4)
APPLICATIONS = [name for name, each in vars(keras.applications).items() if inspect.isfunction(each)]
QUICK_APPLICATIONS = ("MobileNetV3Small", "VGG16")
SIDES = (32, 71, 75)  # the smallest images that the architectures take


@pytest.mark.parametrize("module", OPERATIONS)
def test_every_admitted_operation_opens_with_the_same_numbers(module: str, tmp_path: Path) -> None:
    inputs = {name: keras.Input(shape, batch_size=2) for name, shape in SHAPES.items()}
    given = tensors(**inputs)
    names = sorted(OPERATIONS[module])
    model = keras.Model(list(inputs.values()), [called(module, name, given) for name in names])
    model.save(tmp_path / "net.keras")
    values = [RNG.uniform(0.1, 0.9, (2, *shape)).astype("float32") for shape in SHAPES.values()]
    loaded = load_model_file(tmp_path / "net.keras")
    assert {type(each).__name__ for each in loaded.operations} >= set(names)
    plain, again = (keras.tree.flatten(each(values)) for each in (model, loaded))
    for wanted, got in zip(plain, again, strict=True):
        np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))


def preprocessed(name: str) -> keras.Model:
    """Build a network that scales its input by a function of Keras."""
    inputs = keras.Input((16, 16, 3))
    x = getattr(keras.applications, name).preprocess_input(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(2, 3)(x))


@pytest.mark.parametrize(
    "name", ["vgg16", "resnet_v2", "densenet", "mobilenet_v2", "efficientnet", "convnext"]
)
def test_preprocessing_within_the_network_opens(name: str, tmp_path: Path) -> None:
    model = preprocessed(name)
    model.save(tmp_path / "net.keras")
    assert check_image(tmp_path / "net.keras") == (16, 16, 3)
    image = RNG.uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    loaded = load_model_file(tmp_path / "net.keras")
    np.testing.assert_array_equal(loaded(image), model(image))


def test_the_layers_that_only_the_architectures_of_keras_use_open(tmp_path: Path) -> None:
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    inputs = keras.Input((16, 16, 3))
    x = StochasticDepth(0.1)(LayerScale(0.5, 3)(inputs))
    model = keras.Model(inputs, CustomScaleLayer(0.2)([inputs, x]))
    model.save(tmp_path / "net.keras")
    assert check_image(tmp_path / "net.keras") == (16, 16, 3)
    image = RNG.uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    result = load_model_file(tmp_path / "net.keras")(image, training=False)
    np.testing.assert_array_equal(result, model(image, training=False))
    np.testing.assert_allclose(result, 1.1 * image, rtol=1e-6)  # x + 0.2 (0.5 x)


def application(name: str) -> keras.Model:
    """Build an architecture of Keras for the smallest images that it takes."""
    for side in SIDES:
        try:
            build = getattr(keras.applications, name)
            return build(weights=None, classes=10, input_shape=(side, side, 3))
        except ValueError as error:
            if "Input size must be at least" not in str(error):
                raise
    raise AssertionError(name)


@pytest.mark.parametrize("name", slow_unless(QUICK_APPLICATIONS, APPLICATIONS))
def test_every_architecture_of_keras_opens_with_the_same_numbers(name: str, tmp_path: Path) -> None:
    model = application(name)
    model.save(tmp_path / f"{name}.keras")
    assert check_image(tmp_path / f"{name}.keras") == model.input_shape[1:]
    loaded = load_model_file(tmp_path / f"{name}.keras")
    image = RNG.uniform(0, 255, (1, *model.input_shape[1:])).astype("float32")
    np.testing.assert_array_equal(loaded(image, training=False), model(image, training=False))
    (tmp_path / f"{name}.keras").unlink()  # up to 1.3 GB
    keras.backend.clear_session()


def odd_inputs(kind: str) -> keras.Model:
    """Build a network with an input or an output that is out of the ordinary."""
    x = inputs = {
        "bytes": lambda: keras.Input((16, 16, 3), dtype="uint8"),
        "no channels": lambda: keras.Input((16, 16)),
        "fixed batch": lambda: keras.Input(batch_shape=(4, 16, 16, 1)),
        "free size": lambda: keras.Input((None, None, 3)),
        "two outputs": lambda: keras.Input((16, 16, 3)),
        "named outputs": lambda: keras.Input((16, 16, 3)),
    }[kind]()
    if kind == "bytes":
        x = keras.ops.cast(x, "float32") / 255.0
    if kind == "no channels":
        x = keras.ops.expand_dims(x, -1)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    outputs: Any = keras.layers.Dense(3)(x)
    if kind == "two outputs":
        outputs = [outputs, keras.ops.argmax(outputs, axis=-1)]
    if kind == "named outputs":
        outputs = {"scores": outputs, "features": x}
    return keras.Model(inputs, outputs)


SIZES = {"fixed batch": (16, 16, 1), "free size": (None, None, 3), "no channels": (16, 16, 1)}
ODD = ("bytes", "no channels", "fixed batch", "free size", "two outputs", "named outputs")


@pytest.mark.parametrize("kind", ODD)
def test_networks_of_odd_inputs_pass_the_check(kind: str, tmp_path: Path) -> None:
    odd_inputs(kind).save(tmp_path / "net.keras")
    assert check_image(tmp_path / "net.keras") == SIZES.get(kind, (16, 16, 3))
    load_model_file(tmp_path / "net.keras")


# each starts a process and TensorFlow in it
@pytest.mark.parametrize("kind", slow_unless(("bytes", "fixed batch"), ODD))
@pytest.mark.sample(1)
def test_networks_of_odd_inputs_pass_the_trial(kind: str, tmp_path: Path) -> None:
    odd_inputs(kind).save(tmp_path / "net.keras")
    try_in_child(tmp_path / "net.keras")


@pytest.mark.slow  # a process and TensorFlow in it
def test_a_file_that_is_changed_before_it_opens_passes_the_trial(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten()])
    inner.compile("adam", "mse")
    model = keras.Sequential([keras.Input((16, 16, 3)), inner, keras.layers.Dense(2)])
    model.save(tmp_path / "net.keras")
    try_in_child(tmp_path / "net.keras")


def test_no_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"There is no file 'none\.keras' in that folder"):
        load_model_file(tmp_path / "none.keras")
    with pytest.raises(ModelLoadError, match="it is a folder"):
        load_model_file(tmp_path)
