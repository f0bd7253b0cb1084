"""Networks as people bring them: every number equals plain Keras and GradientTape."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import cnnviz
from cnnviz.cli import main
from cnnviz.feature_visualization import suggested_recipe, visualize
from cnnviz.feature_visualization.objectives import channel
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.inspected_model import LoadedModel
from tests.builders.networks import APPLICATIONS, NETWORKS, Sample, application, photograph
from tests.conftest import slow_unless

IMAGE = image_from_pixels(photograph())
QUICK_APPLICATIONS = ("VGG16",)  # others take long to save
ASCENDED = {  # an ascent of a middle layer depends on input, precision and body, not on the head
    *("plain", "preprocess_input of DenseNet", "without channel axis", "uint8 input", "any size"),
    *("not square", "gray", "fixed batch size", "backbone with two outputs", "shared layer"),
    *("names that TensorFlow dislikes", "mixed_float16", "float16", "bfloat16", "float64"),
    *("vision transformer with class token", "squeeze and excite", "transposed convolution"),
}
FILE_TOO_LARGE = ("ConvNeXtXLarge", "ConvNeXtLarge")  # above the 600 MB of a file


@pytest.fixture(autouse=True)
def _forget_names() -> Iterator[None]:
    yield
    keras.utils.clear_session()


def saved(model: Any, folder: Path, **options: Any) -> LoadedModel:
    """Save a network, vet the file, and open it."""
    path = folder / "mine.keras"
    model.save(path)
    return cnnviz.load_model(path, **options)


def batch_for(model: LoadedModel, image: ImageInput = IMAGE) -> Any:
    """The image as the network takes it, without an axis of channels where it has none."""
    batch = tf.constant(model.preprocess(image))
    return batch[..., 0] if len(model.keras_model.inputs[0].shape) == 3 else batch


def as_maps(tokens: Any) -> Any:
    """The tokens of a square grid as maps; a class token in front is left out."""
    if tokens.shape.rank == 4:
        return tokens
    side = int(tokens.shape[1] ** 0.5)
    return tf.reshape(tokens[:, tokens.shape[1] - side * side :], (-1, side, side, tokens.shape[2]))


def with_both_classes(logits: Any) -> Any:
    """A single unit z speaks for class 1 with z, for class 0 with -z."""
    logits = tf.cast(logits, tf.float32)
    return tf.concat([-logits, logits], axis=-1) if logits.shape[-1] == 1 else logits


def squashed(head: str, logits: np.ndarray, num_units: int) -> np.ndarray:
    if head == "scores":
        return logits
    if head == "sigmoid" or num_units == 1:
        return tf.sigmoid(logits).numpy()
    return tf.nn.softmax(logits).numpy()


def check(sample: Sample, model: LoadedModel) -> None:
    """Compare everything with the sample's own computation."""
    batch, rtol = batch_for(model), sample.precision
    class_index = len(model.class_names) - 1
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(batch)
        tokens, logits = sample.run(batch)
        logits = with_both_classes(logits)
        score = logits[0, class_index]
    maps = as_maps(tf.cast(tokens, tf.float32))[0].numpy()
    slopes = as_maps(tf.cast(tape.gradient(score, tokens), tf.float32))[0].numpy()
    pixels = tape.gradient(score, batch).numpy()[0]

    def close(ours: Any, theirs: Any) -> None:
        reach = float(np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=rtol * reach + 1e-7)

    close(model.logits(IMAGE), logits[0].numpy())
    close(cnnviz.feature_maps(model, IMAGE, [sample.layer])[sample.layer].values, maps)
    weighted = np.einsum("hwk,k->hw", maps, slopes.mean(axis=(0, 1)))
    for method, truth in {
        "grad-cam": np.maximum(weighted, 0),
        "hires-cam": np.maximum((maps * slopes).sum(axis=-1), 0),
        "layer-cam": np.maximum((maps * np.maximum(slopes, 0)).sum(axis=-1), 0),
    }.items():
        heatmap = cnnviz.class_activation_map(
            model, IMAGE, method, layer_name=sample.layer, class_index=class_index
        )
        reach = float(np.abs(weighted).max() + np.abs(truth).max())
        np.testing.assert_allclose(heatmap.values, truth, rtol=0, atol=rtol * reach + 1e-7)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    saliency = cnnviz.saliency_map(model, IMAGE, "gradient", class_index=class_index)
    close(saliency.values, np.abs(pixels).max(axis=-1))


def check_one_step(sample: Sample, model: LoadedModel) -> None:
    """The first value of an ascent is the mean of the map for the image it begins with."""
    recipe = replace(suggested_recipe(model), steps=1, jitter_px=0, scale=0, rotation_degrees=0)
    objective = channel(model, sample.layer, 0)
    made = visualize(model, [objective], recipe, begin_with=IMAGE)[0]
    first = image_from_pixels(made.frames[0][1])
    given = cnnviz.feature_maps(model, first, [sample.layer])[sample.layer].values
    reach = float(np.abs(given).max())
    mean = float(given[..., 0].mean())
    if mean > 0.02 * reach:  # a shut ReLU is climbed by what goes into it
        assert made.objective_history[0] == pytest.approx(mean, abs=0.02 * reach + 1e-6)
    assert np.isfinite(made.objective_history).all()
    assert np.isfinite(made.reached)


def check_table(model: Any, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(path)]) == 0
    assert f"{model.count_params():,} parameters" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:(?s).*softmax over axis:UserWarning")  # Keras, of one unit
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sample(24)
def test_a_network_gives_the_numbers_of_plain_keras(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = NETWORKS[name]()
    needs_code = "class token" in name
    options = dict(sample.options)
    model = (
        cnnviz.load_model(sample.model, **options)
        if needs_code
        else saved(sample.model, tmp_path, **options)
    )
    assert model.head == sample.head
    scaling = model.input_scaling
    assert (scaling.preprocessing.name, scaling.source) == sample.expects
    check(sample, model)
    num_units = model.network_head.num_units
    own = sample.model(batch_for(model), training=False)
    own = own[options["output"]] if options else own
    own = np.asarray(tf.cast(tf.reshape(own, (-1,)), tf.float32))
    told = model.probabilities(model.logits(IMAGE))
    if sample.head == "linear":
        own = squashed("linear", own, num_units)
    np.testing.assert_allclose(told[-len(own) :], own, atol=max(1e-5, sample.precision))
    if name in ASCENDED or os.environ.get("CNNVIZ_SLOW_TESTS"):
        check_one_step(sample, model)
    if not needs_code:
        check_table(sample.model, tmp_path / "mine.keras", capsys)


@pytest.mark.parametrize("name", slow_unless(QUICK_APPLICATIONS, list(APPLICATIONS)))
@pytest.mark.sample(1)
def test_an_architecture_of_keras_applications_gives_the_numbers_of_plain_keras(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = application(name)
    model = cnnviz.load_model(network) if name in FILE_TOO_LARGE else saved(network, tmp_path)
    last = network.layers[-1]
    own = {layer.name for layer in network.layers}  # ConvNeXt has some inside others
    layer = [name for name in model.map_shapes if name in own][-1]
    body = keras.Model(network.inputs, [network.get_layer(layer).output, last.input])

    def run(batch: Any) -> tuple[Any, Any]:
        maps, features = body(batch, training=False)
        if not hasattr(last, "kernel"):  # MobileNets: a 1 × 1 convolution, reshaped
            return maps, _before_softmax(network, batch)
        return maps, features @ last.kernel.value + last.bias

    sample = Sample(network, layer, run, precision=2e-3)
    if hasattr(last, "kernel"):
        check(sample, model)
    own = np.asarray(network(batch_for(model), training=False))[0]
    np.testing.assert_allclose(model.probabilities(model.logits(IMAGE)), own, atol=1e-4)
    if name not in FILE_TOO_LARGE:
        check_table(network, tmp_path / "mine.keras", capsys)


def _before_softmax(network: Any, batch: Any) -> Any:
    return tf.math.log(network(batch, training=False))


FAMILIES = {
    "VGG16": ("caffe", "application"),
    "ResNet50": ("caffe", "application"),
    "ResNet50V2": ("tf", "application"),
    "MobileNet": ("tf", "application"),
    "MobileNetV2": ("tf", "application"),
    "MobileNetV3Small": ("raw", "layers"),
    "EfficientNetB0": ("raw", "layers"),
    "EfficientNetV2B0": ("raw", "layers"),
    "ConvNeXtTiny": ("raw", "layers"),
    "DenseNet121": ("torch", "application"),
    "Xception": ("tf", "application"),
    "InceptionV3": ("tf", "application"),
    "InceptionResNetV2": ("tf", "application"),
    "NASNetMobile": ("tf", "application"),
}


@pytest.mark.parametrize("name", slow_unless(["MobileNet", "MobileNetV3Small"], list(FAMILIES)))
@pytest.mark.sample(1)
def test_the_scaling_of_every_family_is_known(name: str) -> None:
    scaling = cnnviz.load_model(application(name)).input_scaling
    assert (scaling.preprocessing.name, scaling.source) == FAMILIES[name]
