"""Maps, ablation, exemplars and the trace: against Keras itself and against hand-made numbers."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz import datasets
from cnnviz.errors import InvalidParameterError, UnknownLayerError
from cnnviz.features.channel_ablation import ablated_logits, ablation_logits
from cnnviz.features.dataset_examples import find_dataset_examples
from cnnviz.features.feature_maps import ORDERS, embed, feature_maps, glance, map_statistics
from cnnviz.features.unit_trace import TraceStep, WindowStep, trace_unit
from cnnviz.images import ImageInput
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.network.receptive_field import receptive_fields
from cnnviz.zoo import card_for_model
from cnnviz.zoo.architectures import build_architecture
from tests.conftest import slow_unless

SHIPPED = ("mnist-cnn", "fashion-cnn-gap", "fashion-gabor", "svhn-gabor", "cats-dogs-150")
PUBLISHED = ("VGG16", "ResNet50", "InceptionV3", "MobileNet", "Xception", "DenseNet121")


@pytest.fixture(scope="module")
def chelsea() -> ImageInput:
    return datasets.sample_image("natural", "chelsea")


def wrapped(model: Any) -> LoadedModel:
    return wrap_model(model, card_for_model(model, "net"))


def assert_taps_equal_keras(
    model: LoadedModel, image: ImageInput, inner: Any, prefix: str = ""
) -> None:
    """Compare every layer with a sub-model that Keras makes."""
    found = feature_maps(model, image)
    flat = [layer for layer in inner.layers if f"{prefix}{layer.name}" in found]
    assert len(flat) >= 3
    whole = keras.Model(inner.inputs[0], [layer.output for layer in flat])
    expected = whole(model.preprocess(image), training=False)
    for layer, values in zip(flat, expected, strict=True):
        mine = found[f"{prefix}{layer.name}"].values
        reach = max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(mine / reach, np.asarray(values)[0] / reach, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    slow_unless(
        [*SHIPPED, "cats-dogs-features"], [*SHIPPED, "cats-dogs-features", "efficientnet-lite0"]
    ),
)
@pytest.mark.sample(1)
def test_every_layer_equals_kerass_own(name: str, chelsea: ImageInput) -> None:
    model = load_model(name)
    assert_taps_equal_keras(model, chelsea, model.keras_model)


@pytest.mark.parametrize("name", slow_unless(["MobileNet"], [*PUBLISHED, "EfficientNetB0"]))
def test_every_layer_of_a_published_architecture_equals_kerass_own(
    name: str, chelsea: ImageInput
) -> None:
    keras.utils.set_random_seed(0)
    build = getattr(keras.applications, name)
    inner = build(weights=None, input_shape=(80, 80, 3), classes=5)
    assert_taps_equal_keras(wrapped(inner), chelsea, inner)


def test_layers_of_a_nested_network_equal_kerass_own(chelsea: ImageInput) -> None:
    keras.utils.set_random_seed(0)
    inner = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3))
    outer = keras.Sequential([inner, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    assert_taps_equal_keras(wrapped(outer), chelsea, inner, f"{inner.name}/")


def test_statistics_are_those_of_a_map_counted_by_hand() -> None:
    values = np.zeros((2, 4, 3), np.float32)
    values[..., 1] = [[0, 0, 1, 1], [2, 2, 3, 3]]  # four values, two cells each: two bits
    values[..., 2] = 5
    found = map_statistics(values)
    assert found.mean.tolist() == [0, 1.5, 5]
    assert found.minimum.tolist() == [0, 0, 5]
    assert found.maximum.tolist() == [0, 3, 5]
    assert found.variance.tolist() == [0, 1.25, 0]
    assert found.entropy.tolist() == [0, 2, 0]
    assert found.is_dead.tolist() == [True, False, True]
    assert found.order("mean").tolist() == [2, 1, 0]
    assert found.order("number").tolist() == [0, 1, 2]
    assert found.order("entropy").tolist() == [1, 0, 2]


def test_an_unknown_order_is_refused() -> None:
    found = map_statistics(np.zeros((2, 2, 2), np.float32))
    with pytest.raises(InvalidParameterError, match=", ".join(ORDERS)):
        found.order("beauty")


def test_a_glance_keeps_the_strongest_maps_of_each_layer(chelsea: ImageInput) -> None:
    model = load_model("fashion-gabor")
    maps = feature_maps(model, chelsea)
    for name, short in glance(model, chelsea, count=3).items():
        values = maps[name].values
        assert (short.low, short.high) == (values.min(), values.max())
        assert len(short.channels) == min(3, values.shape[-1])
        highest = values.max(axis=(0, 1))[short.channels]
        assert (np.diff(highest) <= 0).all()
        assert highest[0] == values.max()
        np.testing.assert_array_equal(short.maps[0], values[..., short.channels[0]])
        assert short.num_dead == map_statistics(values).is_dead.sum()


def branching() -> Any:
    """A small network with two branches that are added and set side by side."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    left = layers.Conv2D(4, 3, padding="same", name="left")(first)
    added = layers.Add(name="added")([first, left])
    joined = layers.Concatenate(name="joined")([added, first])
    x = layers.GlobalAveragePooling2D()(joined)
    return keras.Model(inputs, layers.Dense(3, name="dense")(x))


def branching_by_hand(model: Any, batch: np.ndarray, keep: np.ndarray, after: str) -> np.ndarray:
    """Run the same with some channels of a layer multiplied by zero."""
    get = model.get_layer
    first = get("first")(batch) * (keep if after == "first" else 1)
    left = get("left")(first) * (keep if after == "left" else 1)
    added = (first + left) * (keep if after == "added" else 1)
    pooled = np.concatenate([added, first], axis=-1).mean(axis=(1, 2))
    return np.asarray(get("dense")(pooled))[0]


@pytest.mark.parametrize("layer_name", ["first", "left", "added"])
def test_switching_off_equals_zeroing_by_hand(layer_name: str, chelsea: ImageInput) -> None:
    keras_model = branching()
    model = wrapped(keras_model)
    batch = model.preprocess(chelsea)
    alone = ablation_logits(model, chelsea, layer_name)
    for channel in range(4):
        keep = np.ones(4, np.float32)
        keep[channel] = 0
        expected = branching_by_hand(keras_model, batch, keep, layer_name)
        np.testing.assert_allclose(alone[channel], expected, atol=1e-5)
    for channels in ((), (0, 1, 2, 3), (1, 3)):
        keep = np.ones(4, np.float32)
        keep[list(channels)] = 0
        found = ablated_logits(model, chelsea, layer_name, channels)
        expected = branching_by_hand(keras_model, batch, keep, layer_name)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_switching_everything_off_leaves_what_the_rest_makes_of_zeros(
    chelsea: ImageInput,
) -> None:
    model = load_model("fashion-gabor")
    *_, last = model.map_layer_names
    x = np.zeros((1, *model.layer_shapes[last]), np.float32)
    names = [layer.name for layer in model.keras_model.layers]
    for layer in model.keras_model.layers[names.index(last) + 1 :]:
        x = layer(x, training=False)
    off = ablated_logits(model, chelsea, last, range(model.layer_shapes[last][-1]))
    np.testing.assert_allclose(model.probabilities(off), np.asarray(x)[0], atol=1e-6)


@pytest.mark.slow
def test_ablation_reports_and_ends_when_it_is_told_to(chelsea: ImageInput) -> None:
    model = load_model("efficientnet-lite0")
    reported: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        reported.append((done, total))
        if len(reported) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ablation_logits(model, chelsea, "head_relu6", on_progress=stop)
    assert reported[0][1] == 1280
    assert 0 < reported[0][0] < reported[1][0] < 1280


@pytest.mark.parametrize("channels", [(-1,), (4,)])
def test_channels_that_do_not_exist_are_refused(
    channels: tuple[int, ...], chelsea: ImageInput
) -> None:
    with pytest.raises(InvalidParameterError, match="0 to 3"):
        ablated_logits(wrapped(branching()), chelsea, "first", channels)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, image, name: ablated_logits(model, image, name, ()),
        lambda model, image, name: ablation_logits(model, image, name),
        lambda model, image, name: trace_unit(model, image, name, 0, 0, 0),
        lambda model, image, name: feature_maps(model, image, [name]),
    ],
    ids=["ablated", "ablation", "trace", "maps"],
)
def test_layers_without_maps_are_refused(ask: Callable[..., Any], chelsea: ImageInput) -> None:
    model = wrapped(branching())
    with pytest.raises(InvalidParameterError, match="has no feature maps"):
        ask(model, chelsea, "dense")
    with pytest.raises(UnknownLayerError):
        ask(model, chelsea, "nothing")


def test_examples_are_what_each_image_gives_by_itself() -> None:
    model = load_model("fashion-gabor")
    clothing = datasets.collection("clothing")
    images = clothing.images[::7]
    reported: list[tuple[int, int]] = []
    found = find_dataset_examples(model, images, on_progress=lambda *done: reported.append(done))
    assert reported[-1] == (len(images), len(images))
    for name in model.map_layer_names[::4]:
        maps = np.stack([feature_maps(model, image, [name])[name].values for image in images])
        cells = maps.reshape(len(images), -1, maps.shape[-1])
        layer = found[name]
        np.testing.assert_allclose(layer.mean, cells.mean(axis=1), atol=1e-5)
        np.testing.assert_allclose(layer.maximum, cells.max(axis=1), atol=1e-5)
        np.testing.assert_allclose(layer.minimum, cells.min(axis=1), atol=1e-5)
        for channel in range(0, maps.shape[-1], 5):
            best = layer.strongest(channel, 3)
            expected = np.sort(cells.max(axis=1)[:, channel])[::-1]
            for (place, row, column), value in zip(best, expected, strict=False):
                assert maps[place, row, column, channel] == pytest.approx(value, abs=1e-5)


def test_dead_channels_have_no_examples_and_are_counted() -> None:
    keras_model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(2, 1, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    kernel = np.array([1.0, -1.0], np.float32).reshape(1, 1, 1, 2)
    keras_model.get_layer("conv").set_weights([kernel, np.zeros(2, np.float32)])
    layer = find_dataset_examples(wrapped(keras_model), datasets.collection("clothing").images[:5])[
        "conv"
    ]
    assert layer.is_dead.tolist() == [False, True]
    assert layer.silent_share.tolist() == [0, 1]
    assert layer.strongest(1, 3) == []
    assert len(layer.strongest(0, 3)) == 3


def test_too_few_or_too_many_images_are_refused(chelsea: ImageInput) -> None:
    model = wrapped(branching())
    for images in ([], [chelsea] * 2001):
        with pytest.raises(InvalidParameterError, match="1 to 2,000"):
            find_dataset_examples(model, images)


@pytest.mark.parametrize("name", ["clothing", "digits", "photographs"])
def test_collections_have_a_label_for_every_image(name: str) -> None:
    images = datasets.collection(name)
    assert len(images.images) == len(images.labels) >= 80
    assert len({image.digest for image in images.images}) == len(images.images)
    assert len(set(images.labels)) >= 8


def test_a_thinned_collection_is_taken_evenly() -> None:
    whole = datasets.collection("clothing")
    few = whole.thinned(20)
    assert len(few.images) == len(few.labels) == 20
    assert len(set(few.labels)) == 10
    assert (few.images[0], few.images[-1]) == (whole.images[0], whole.images[-1])
    assert few.title.endswith("(20 of 200)")
    assert whole.thinned(200) is whole


def test_an_unknown_collection_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="clothing, digits, photographs"):
        datasets.collection("cars")


def test_the_plane_is_that_of_the_two_widest_directions() -> None:
    rng = np.random.default_rng(0)
    two = rng.normal(size=(60, 2))
    features = two @ rng.normal(size=(2, 6))  # six features, but only two directions
    places, shares = embed(np.hstack([features, np.full((60, 1), 3.0)]))
    assert shares.sum() == pytest.approx(1)
    standardized = (features - features.mean(axis=0)) / features.std(axis=0)
    np.testing.assert_allclose(places @ places.T, standardized @ standardized.T, atol=1e-6)


@pytest.mark.parametrize("features", [np.ones((2, 4)), np.ones((9, 4))])
def test_a_plane_needs_images_and_filters_that_differ(features: np.ndarray) -> None:
    with pytest.raises(InvalidParameterError, match="at least three"):
        embed(features)


def rounding_of(steps: tuple[Any, ...]) -> float:
    """How far 32-bit sums may lie beside exact ones; normalization magnifies it."""
    window = next((step for step in steps if isinstance(step, WindowStep)), None)
    reach = 1.0 if window is None else float(np.nansum(np.abs(window.products))) + 1e-3
    return 1e-6 * reach * 100


@pytest.mark.parametrize(
    "name",
    [
        *("mnist-cnn", "fashion-gabor", "svhn-gabor", "cats-dogs-150"),
        pytest.param("efficientnet-lite0", marks=pytest.mark.slow),
    ],
)
@pytest.mark.sample(2)
def test_every_layer_is_rebuilt_by_hand(name: str, chelsea: ImageInput) -> None:
    model = load_model(name)
    rng = np.random.default_rng(4)
    every = 1 if len(model.map_shapes) < 40 else 19
    for layer_name, shape in list(model.map_shapes.items())[::every]:
        places = [(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)]
        for row, column in places:
            channel = int(rng.integers(shape[2]))
            trace = trace_unit(model, chelsea, layer_name, channel, row, column)
            assert trace.rebuilt == pytest.approx(trace.value, abs=rounding_of(trace.steps))
            if trace.seen_rows and trace.seen_columns:
                outside = trace.gradient.copy()
                rows, columns = trace.seen_rows, trace.seen_columns
                outside[rows.start : rows.stop, columns.start : columns.stop] = 0
                assert not outside.any()


RARE_LAYERS: dict[str, Callable[[], Any]] = {
    "groups": lambda: layers.Conv2D(6, 3, groups=3, name="x"),
    "dilated": lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same", name="x"),
    "strided": lambda: layers.Conv2D(4, (3, 2), strides=2, padding="same", name="x"),
    "no bias": lambda: layers.Conv2D(4, 2, use_bias=False, activation="tanh", name="x"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="x"),
    "separable": lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, name="x"),
    "max pooling": lambda: layers.MaxPooling2D(3, 2, padding="same", name="x"),
    "mean pooling": lambda: layers.AveragePooling2D(3, 2, padding="same", name="x"),
    "padding": lambda: layers.ZeroPadding2D(((1, 2), (0, 3)), name="x"),
    "cropping": lambda: layers.Cropping2D(((1, 2), (0, 3)), name="x"),
    "rescaling": lambda: layers.Rescaling(2.0, -1.0, name="x"),
    "leaky": lambda: layers.LeakyReLU(0.2, name="x"),
    "capped": lambda: layers.ReLU(max_value=0.5, name="x"),
    "swish": lambda: layers.Activation("swish", name="x"),
    "softmax": lambda: layers.Softmax(name="x"),
    "normalized": lambda: layers.BatchNormalization(scale=False, name="x"),
    "dropout": lambda: layers.SpatialDropout2D(0.5, name="x"),
    "mean of all": lambda: layers.GlobalAveragePooling2D(keepdims=True, name="x"),
    "maximum of all": lambda: layers.GlobalMaxPooling2D(keepdims=True, name="x"),
}


@pytest.mark.parametrize("kind", RARE_LAYERS)
def test_rare_layers_are_rebuilt_too(kind: str, chelsea: ImageInput) -> None:
    keras.utils.set_random_seed(1)
    head = [layers.Flatten(), layers.Dense(2)]
    first = layers.Conv2D(6, 3, padding="same", bias_initializer="normal", name="first")
    model = wrapped(keras.Sequential([keras.Input((9, 9, 3)), first, RARE_LAYERS[kind](), *head]))
    rows, columns, channels = model.map_shapes["x"]
    for channel in range(channels):
        for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2)):
            trace = trace_unit(model, chelsea, "x", channel, row, column)
            assert trace.rebuilt == pytest.approx(trace.value, abs=2e-6)


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Subtract", "Average", "Maximum", "Minimum"])
def test_joints_are_rebuilt_from_their_branches(kind: str, chelsea: ImageInput) -> None:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 6, 3))
    first = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(first)  # one cell meets all
    joined = getattr(layers, kind)(name="x")([first, weights])
    side = layers.Concatenate(name="side")([first, joined])
    out = layers.Dense(2)(layers.Flatten()(side))
    model = wrapped(keras.Model(inputs, out))
    for name, channel in (("x", 2), ("side", 1), ("side", 6)):
        trace = trace_unit(model, chelsea, name, channel, 4, 1)
        assert trace.rebuilt == pytest.approx(trace.value, abs=1e-6)
    assert isinstance(trace_unit(model, chelsea, "x", 2, 4, 1).steps[-1], TraceStep)


def test_the_slope_is_the_quotient_of_small_differences(chelsea: ImageInput) -> None:
    model = load_model("fashion-cnn-gap")
    name, channel, row, column = model.map_layer_names[2], 3, 5, 6
    trace = trace_unit(model, chelsea, name, channel, row, column)
    tap = keras.Model(model.keras_model.inputs[0], model.keras_model.get_layer(name).output)
    batch = model.preprocess(chelsea).astype(np.float64)
    step = 1e-2
    for place in np.argwhere(trace.gradient > 0.2 * trace.gradient.max())[:5]:
        sides = []
        for sign in (1, -1):
            moved = batch.copy()
            moved[0, place[0], place[1], 0] += sign * step
            sides.append(float(tap(moved.astype(np.float32))[0, row, column, channel]))
        slope = abs(sides[0] - sides[1]) / (2 * step)
        assert trace.gradient[tuple(place)] == pytest.approx(slope, rel=0.05, abs=1e-3)


@pytest.mark.parametrize("place", [(0, 99, 0), (0, 0, 99), (99, 0, 0), (0, -1, 0)])
def test_cells_that_do_not_exist_are_refused(
    place: tuple[int, int, int], chelsea: ImageInput
) -> None:
    model = load_model("fashion-gabor")
    with pytest.raises(InvalidParameterError, match=r"There is no (row|column|channel)"):
        trace_unit(model, chelsea, model.map_layer_names[1], *place)


def let_through(model: Any) -> Any:
    """Make a network in which nothing hides: a lit pixel makes every cell positive that sees it."""
    for layer in model._flatten_layers(include_self=False):
        weights = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            ones = [np.ones_like(one) for one in weights]
            ones[1] = ones[2] = np.zeros_like(weights[0])
            layer.set_weights(ones)
        elif isinstance(layer, layers.Rescaling):
            layer.scale, layer.offset = 1.0, 0.0
        elif weights:
            filled = [np.ones_like(one) if one.ndim > 1 else one * 0 for one in weights]
            layer.set_weights(filled)
    return model


@pytest.mark.parametrize(
    "name",
    slow_unless(
        ["mnist-cnn", "svhn-gabor", "cats-dogs-150"],
        ["mnist-cnn", "fashion-gabor", "svhn-gabor", "cats-dogs-150", "efficientnet-lite0"],
    ),
)
def test_fields_are_what_lighting_single_pixels_finds(name: str) -> None:
    shipped = load_model(name)
    keras_model = keras.models.clone_model(shipped.keras_model)
    model = wrapped(let_through(keras_model))
    height, width, channels = model.input_shape
    fields = receptive_fields(model)
    taps = keras.Model(
        model.keras_model.inputs[0],
        [model.keras_model.get_layer(one).output for one in model.map_layer_names],
    )
    for row, column in ((0, 0), (height - 1, width // 2), (height // 2, width // 2 + 1)):
        batch = np.zeros((1, height, width, channels), np.float32)
        batch[0, row, column] = 1
        for one, maps in zip(model.map_layer_names, taps(batch, training=False), strict=True):
            field = fields[one]
            assert field is not None
            sees_row = (field.rows.first <= row) & (row <= field.rows.last)
            sees_column = (field.columns.first <= column) & (column <= field.columns.last)
            expected = sees_row[:, None] & sees_column
            lit = np.asarray(maps)[0].max(axis=-1) > 0
            np.testing.assert_array_equal(lit, np.broadcast_to(expected, lit.shape), err_msg=one)


def test_architectures_are_all_of_known_geometry() -> None:
    for name in ("mnist-cnn", "fashion-cnn", "svhn-gabor"):
        assert all(receptive_fields(wrapped(build_architecture(name))).values())
