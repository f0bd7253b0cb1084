"""Networks with layers and functions of somebody's own, held to what Keras computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import cnnviz
from cnnviz.attribution.cam import gap_head
from cnnviz.cli import main
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.layers.kinds import kind_of

IMAGE = image_from_pixels(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
Build = Callable[[Any], Any]


def network(end: Any = None, before: Build | None = None, head: Build | None = None) -> Any:
    inputs = keras.Input((16, 16, 3))
    x = inputs if before is None else before(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    x = layers.Dense(3, activation=end)(x) if head is None else head(x)
    return keras.Model(inputs, x, name="foreign")


class OwnDense(layers.Layer):
    """Applies its activation last, as that of Keras does."""

    factor = 1.0

    def __init__(self, units: int, activation: Any = None) -> None:
        super().__init__()
        self.inner = layers.Dense(units)
        self.activation = keras.activations.get(activation)

    def call(self, x: Any) -> Any:
        return self.factor * self.activation(self.inner(x))


class TwiceDense(OwnDense):
    factor = 2.0


class Softmax(layers.Layer):
    """Is no softmax."""

    def call(self, x: Any) -> Any:
        return ops.tanh(x)


class ReLU(layers.Layer):
    """Is no ReLU."""

    def call(self, x: Any) -> Any:
        return -x


class PlainDense(layers.Dense):
    """Computes as Keras does."""


def probabilities(model: LoadedModel) -> np.ndarray:
    return model.probabilities(model.logits(IMAGE))


def outputs(keras_model: Any, model: LoadedModel) -> np.ndarray:
    return np.asarray(keras_model(model.preprocess(IMAGE), training=False))[0]


@pytest.mark.parametrize(
    ("end", "head", "kind"),
    [
        (tf.nn.softmax, None, "softmax"),
        (tf.nn.sigmoid, None, "sigmoid"),
        (lambda z: ops.softmax(z), None, "scores"),
        (None, lambda x: OwnDense(3, "softmax")(x), "softmax"),
        (None, lambda x: TwiceDense(3, "softmax")(x), "scores"),
        (None, lambda x: Softmax()(layers.Dense(3)(x)), "scores"),
        (None, lambda x: OwnDense(3)(x), "scores"),
        (None, lambda x: PlainDense(3, activation="softmax")(x), "softmax"),
        (None, lambda x: layers.Lambda(tf.nn.softmax)(layers.Dense(3)(x)), "scores"),
    ],
)
def test_what_a_network_ends_in_is_what_it_computes_and_not_what_it_is_called(
    end: Any, head: Build | None, kind: str
) -> None:
    keras_model = network(end, head=head)
    model = cnnviz.load_model(keras_model)
    assert model.head == kind
    assert model.has_probabilities == (kind != "scores")
    np.testing.assert_allclose(probabilities(model), outputs(keras_model, model), atol=1e-6)


def test_what_is_called_softmax_and_is_none_is_named() -> None:
    model = cnnviz.load_model(network(head=lambda x: TwiceDense(3, "softmax")(x)))
    assert "calls itself softmax and computes something else" in repr(model)


def test_a_class_counts_as_what_it_computes() -> None:
    assert kind_of(PlainDense(1)) == "Dense"
    assert [kind_of(layer) for layer in (Softmax(), ReLU(), OwnDense(1))] == ["", "", ""]


class Turned(ReLU):
    """Computes the same under another name."""


def test_a_layer_called_relu_is_not_taken_for_one() -> None:
    by_name = {}
    for layer in (ReLU(), Turned()):
        keras.utils.set_random_seed(0)
        model = cnnviz.load_model(network("softmax", before=layer))
        heatmap = cnnviz.saliency_map(model, IMAGE, method="guided-backpropagation")
        by_name[type(layer).__name__] = heatmap.values
    np.testing.assert_array_equal(by_name["ReLU"], by_name["Turned"])
    assert by_name["ReLU"].any()


class Augment(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.parts = [layers.RandomFlip(), layers.Dropout(0.5), layers.BatchNormalization()]

    def call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x


@pytest.mark.parametrize("is_nested", [False, True])
def test_augmentation_inside_a_layer_of_ones_own_rests_in_prediction(is_nested: bool) -> None:
    def before(x: Any) -> Any:
        if not is_nested:
            return Augment()(x)
        inner = keras.Input((16, 16, 3))
        return keras.Model(inner, Augment()(inner))(x)

    keras_model = network("softmax", before=before)
    model = cnnviz.load_model(keras_model)
    for _ in range(3):
        np.testing.assert_allclose(probabilities(model), outputs(keras_model, model), atol=1e-6)


class Over255(layers.Layer):
    def call(self, x: Any) -> Any:
        return x / 255.0


class Vgg(layers.Layer):
    def call(self, x: Any) -> Any:
        return keras.applications.vgg16.preprocess_input(x)


class Edges(layers.Layer):
    def call(self, x: Any) -> Any:
        return x - ops.roll(x, 1, axis=1)


class Squared(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * x


def normalized(mean: float, variance: float) -> Build:
    return lambda x: layers.Normalization(mean=[mean] * 3, variance=[variance] * 3)(x)


@pytest.mark.parametrize(
    ("before", "name", "source"),
    [
        (lambda x: Over255()(x), "raw", "layers"),
        (lambda x: layers.Lambda(lambda y: y / 127.5 - 1.0)(x), "raw", "layers"),
        (lambda x: Vgg()(x), "raw", "layers"),
        (lambda x: Edges()(x), "unit", "assumed"),
        (lambda x: Squared()(x), "unit", "assumed"),
        (lambda x: layers.Concatenate()([layers.Rescaling(1 / 255)(x), x]), "unit", "assumed"),
        (normalized(0.0, 0.25), "tf", "layers"),  # such as adapted to values of -1 to 1
        (normalized(0.08, 0.3), "tf", "layers"),
        (normalized(0.4465, 0.0682), "unit", "layers"),  # CIFAR-10, blue
        (normalized(0.1307, 0.0949), "unit", "layers"),  # MNIST
        (normalized(0.2860, 0.1246), "unit", "layers"),  # Fashion-MNIST
        (normalized(120.0, 4000.0), "raw", "layers"),
    ],
)
def test_scaling_is_followed_through_code_of_ones_own_or_not_claimed(
    before: Build, name: str, source: str
) -> None:
    scaling = cnnviz.load_model(network("softmax", before=before)).input_scaling
    assert (scaling.preprocessing.name, scaling.source) == (name, source)
    assert bool(scaling.note) == (source == "assumed")


@pytest.mark.parametrize("layer", [layers.CenterCrop(12, 12), layers.Cropping2D(2)])
def test_a_network_that_crops_the_image_says_where_heat_maps_lie(layer: Any) -> None:
    model = cnnviz.load_model(network("softmax", before=layer))
    assert f"{layer.name!r} cuts off the border of the image" in model.input_scaling.note


def test_a_published_backbone_behind_ones_own_code_is_not_scaled_twice() -> None:
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    inputs = keras.Input((32, 32, 3))
    for layer, name, source in ((Vgg(), "raw", "layers"), (Squared(), "unit", "assumed")):
        x = layers.GlobalAveragePooling2D()(base(layer(inputs)))
        scaling = cnnviz.load_model(keras.Model(inputs, layers.Dense(2)(x))).input_scaling
        assert (scaling.preprocessing.name, scaling.source) == (name, source)


@pytest.mark.parametrize(
    "given",
    [
        ("cat", "dog", "7"),
        np.array(["cat", "dog", "7"]),
        {"cat": 0, "7": 2, "dog": 1},  # class_indices of Keras' generators
        {1: "dog", 0: "cat", 2: "7"},
        {"1": "dog", "0": "cat", "2": 7},  # read from JSON
        [b"cat", b"dog", 7],
    ],
)
def test_class_names_in_any_usual_form(given: Any) -> None:
    assert cnnviz.load_model(network(), class_names=given).class_names == ("cat", "dog", "7")


@pytest.mark.parametrize("given", ["abc", b"abc", {"cat": 0, "dog": 5, "cow": 1}])
def test_class_names_that_are_no_list_are_refused(given: Any) -> None:
    with pytest.raises(InvalidParameterError, match="class_names must"):
        cnnviz.load_model(network(), class_names=given)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(4, 3)
        self.pool = layers.GlobalAveragePooling2D()
        self.drop = layers.Dropout(0.5)
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.dense(self.pool(self.drop(self.conv(x), training=training)))


class Demanding(Subclassed):
    """Wants to be told whether it is trained."""

    def call(self, x: Any, training: bool) -> Any:
        return super().call(x, training)


def test_a_subclassed_model_opens_live_of_any_size_and_from_its_file(tmp_path: Path) -> None:
    live = Subclassed(name="own")
    live(np.zeros((1, 16, 16, 3), np.float32), training=False)
    model = cnnviz.load_model(live)
    np.testing.assert_allclose(probabilities(model), outputs(live, model), atol=1e-6)
    live.save(tmp_path / "own.keras")
    (tmp_path / "own.json").write_text('{"class_names": ["a", "b", "c"]}')
    opened = cnnviz.load_model(
        tmp_path / "own.keras", custom_objects={"tests>Subclassed": Subclassed}
    )
    assert opened.class_names == ("a", "b", "c")
    np.testing.assert_allclose(probabilities(opened), probabilities(model), atol=1e-6)
    demanding = Demanding(name="demanding")
    demanding(np.zeros((1, 16, 16, 3), np.float32), training=False)
    model = cnnviz.load_model(demanding)
    expected = np.asarray(demanding(model.preprocess(IMAGE), training=False))[0]
    np.testing.assert_allclose(probabilities(model), expected, atol=1e-6)
    of_any_size = Subclassed(name="any")
    with pytest.warns(UserWarning, match="does not have a `build"):
        of_any_size.build((None, None, None, 3))
    assert cnnviz.load_model(of_any_size).input_shape == (224, 224, 3)


def test_a_loss_saved_as_a_function_is_read(tmp_path: Path) -> None:
    keras_model = network()
    keras_model.compile(loss=keras.losses.mean_squared_error)
    keras_model.save(tmp_path / "regression.keras")
    assert cnnviz.load_model(tmp_path / "regression.keras").head == "scores"


class Patches(layers.Layer):
    def call(self, x: Any) -> Any:
        window = [1, 4, 4, 1]
        parts = tf.image.extract_patches(x, window, window, [1, 1, 1, 1], "VALID")
        return tf.reshape(parts, (-1, parts.shape[1] * parts.shape[2], parts.shape[3]))


def mixer() -> Any:
    inputs = keras.Input((16, 32, 3))
    x = layers.Dense(8, name="embedded")(Patches(name="patches")(inputs))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def test_a_grid_that_is_given_counts_where_none_is_known() -> None:
    keras_model = mixer()
    assert not cnnviz.load_model(keras_model).grids
    model = cnnviz.load_model(keras_model, token_grid=(4, 8))
    maps = cnnviz.feature_maps(model, IMAGE, ["patches"])["patches"].values
    seen = model.preprocess(IMAGE)[0]
    np.testing.assert_allclose(maps[2, 5], seen[8:12, 20:24].reshape(-1), atol=1e-6)
    with pytest.raises(ModelLoadError, match=r"5 × 9 does not fit: the layers have 32 tokens"):
        cnnviz.load_model(keras_model, token_grid=(5, 9))


class ClassToken(layers.Layer):
    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]))

    def call(self, x: Any) -> Any:
        return ops.concatenate([ops.repeat(self.token, ops.shape(x)[0], axis=0), x], axis=1)


class Forgotten(layers.Layer):
    """Hands tokens on in a way that nobody can follow."""

    def call(self, x: Any) -> Any:
        return ops.take(ops.reshape(x, (-1, x.shape[1] * x.shape[2])), range(16 * 8), axis=1)


def test_a_grid_that_a_layer_knows_wins_over_a_square_guess() -> None:
    inputs = keras.Input((16, 64, 3))
    x = layers.Conv2D(8, 8, 8, name="patch")(inputs)
    x = layers.Reshape((16, 8))(x)
    x = ClassToken(name="token")(layers.Reshape((16, 8), name="again")(Forgotten()(x)))
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    model = cnnviz.load_model(keras.Model(inputs, layers.Dense(3)(x[:, 0])))
    grid = model.grids["attention"]
    assert (grid.rows, grid.columns, grid.first, grid.is_assumed) == (2, 8, 1, True)
    assert (model.grids["again"].rows, model.grids["again"].is_assumed) == (2, True)


class Windows(layers.Layer):
    """Cuts maps of 8 × 8 into four windows that stand in the batch."""

    def call(self, x: Any) -> Any:
        parts = ops.reshape(x, (-1, 2, 4, 2, 4, x.shape[-1]))
        return ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, 16, x.shape[-1]))


class Joined(layers.Layer):
    def call(self, x: Any) -> Any:
        parts = ops.reshape(x, (-1, 2, 2, 4, 4, x.shape[-1]))
        return ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, 8, 8, x.shape[-1]))


def test_windows_in_the_batch_are_no_maps() -> None:
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 4, 4, name="patch")(inputs)
    y = Windows(name="windows")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    x = layers.Add(name="sum")([x, Joined(name="joined")(y)])
    keras_model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    model = cnnviz.load_model(keras_model)
    assert set(model.grids) == {"patch", "sum"}
    np.testing.assert_allclose(model.logits(IMAGE), outputs(keras_model, model), atol=1e-5)


@pytest.mark.parametrize("change", ["quantize", "lora"])
def test_cam_weighs_by_the_kernel_that_is_used(change: str) -> None:
    keras_model = network("softmax")
    dense = keras_model.layers[-1]
    if change == "quantize":
        dense.quantize("int8")
    else:
        dense.enable_lora(2)
        dense.lora_kernel_b.assign(np.random.default_rng(1).normal(size=(2, 3)))
    model = cnnviz.load_model(keras_model)
    head = gap_head(model)
    assert head is not None
    (names, kernel, bias) = head
    maps = cnnviz.feature_maps(model, IMAGE, [names[0]])[names[0]].values
    rounding = 0.02 if change == "quantize" else 1e-6  # int8: the averages are rounded, too
    np.testing.assert_allclose(
        maps.mean(axis=(0, 1)) @ kernel + bias, model.logits(IMAGE), atol=rounding
    )


def test_a_network_without_maps_is_explained_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dense = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    dense.save(tmp_path / "dense.keras")
    how = ["--model", str(tmp_path / "dense.keras"), "--folder", str(tmp_path / "maps")]
    assert main(["cam", "docs/espresso.jpg", "--method", "gradient", *how]) == 0
    written = np.load(tmp_path / "maps" / "espresso.gradient.npz")["values"]
    assert written.shape == (8, 8)
    capsys.readouterr()
    assert main(["cam", "docs/espresso.jpg", "--method", "grad-cam", *how]) == 1
    assert "has no layer with maps" in capsys.readouterr().err


def test_an_atlas_of_a_file_takes_the_same_options_and_stays_in_its_folder(tmp_path: Path) -> None:
    network("softmax").save(tmp_path / "mine.keras")
    how = ["--steps", "2", "--size", "16", "--filters", "2", "--folder", str(tmp_path / "atlas")]
    command = ["atlas", str(tmp_path / "mine.keras"), "--layers", "conv", "--preprocessing", "raw"]
    assert main([*command, *how]) == 0
    assert [path.name for path in (tmp_path / "atlas").iterdir()] == ["mine"]
    index = (tmp_path / "atlas" / "mine" / "index.json").read_text()
    assert "--preprocessing raw" in index
