"""What a description may ask for: held against Keras itself, and what is said of the rest."""

import importlib
import inspect
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import check_image, load_model_file
from cnnviz.zoo.admission import rules as admission_rules
from cnnviz.zoo.admission.classes import ACTIVATIONS, APPLICATION_LAYERS, CLASSES, LAYERS
from cnnviz.zoo.admission.operations import OPERATIONS
from cnnviz.zoo.admission.rules import check_description, is_newer, parts_of, prepared
from cnnviz.zoo.user_models.refusals import Refused
from tests.builders.hostile_models import made, packed
from tests.builders.hostile_models import parts_of as archive_parts

NOT_ADMITTED = {  # classes of keras.layers, and why
    **dict.fromkeys(("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"), "code"),
    **dict.fromkeys(("StringLookup", "IntegerLookup", "TextVectorization", "Hashing"), "text"),
    **dict.fromkeys(("Layer", "Wrapper", "InputSpec"), "computes nothing"),
}


def description(model: keras.Model) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "net.keras")
        with zipfile.ZipFile(Path(folder) / "net.keras") as archive:
            return json.loads(archive.read("config.json"))


def network(*extra: Any, **dense: Any) -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    for layer in extra:
        x = layer(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="dense", **dense)(x))


def test_every_layer_of_keras_is_admitted_or_excluded_for_a_reason() -> None:
    classes = {name for name, each in vars(keras.layers).items() if inspect.isclass(each)}
    assert LAYERS | set(NOT_ADMITTED) == classes
    assert not LAYERS & set(NOT_ADMITTED)


@pytest.mark.parametrize("module", [*CLASSES, *OPERATIONS])
def test_every_admitted_class_is_real_and_of_a_harmless_kind(module: str) -> None:
    kinds = (
        *(keras.Layer, keras.Model, keras.Operation, keras.initializers.Initializer),
        *(keras.regularizers.Regularizer, keras.constraints.Constraint),
        *(keras.DTypePolicy, keras.dtype_policies.DTypePolicyMap, keras.random.SeedGenerator),
    )
    for name in CLASSES.get(module, frozenset()) | OPERATIONS.get(module, frozenset()):
        assert issubclass(getattr(importlib.import_module(module), name), kinds), name


def test_the_layers_of_the_applications_are_exactly_keras_own() -> None:
    folder = Path(inspect.getfile(keras.applications.vgg16.VGG16)).parent
    found = {
        name: each.__module__
        for path in folder.glob("*.py")
        if not path.stem.endswith("_test")
        for name, each in vars(
            importlib.import_module(f"keras.src.applications.{path.stem}")
        ).items()
        if inspect.isclass(each) and each.__module__.endswith(path.stem)
    }
    assert found == dict(APPLICATION_LAYERS)


def test_admitted_activations_are_functions_of_one_tensor() -> None:
    for name in ACTIVATIONS:
        function = getattr(keras.activations, name)
        needed = [
            each
            for each in inspect.signature(function).parameters.values()
            if each.default is inspect.Parameter.empty
        ]
        assert len(needed) == (3 if name == "threshold" else 1), name


def seeded_initializer() -> Any:
    return keras.initializers.HeNormal(seed=keras.random.SeedGenerator(3))


def test_nothing_else_that_keras_exports_is_admitted() -> None:
    from keras.src.api_export import REGISTERED_NAMES_TO_OBJS

    config = description(network())
    layer = config["config"]["layers"][1]
    admitted = set()
    for path in REGISTERED_NAMES_TO_OBJS:
        module, name = path.rsplit(".", 1)
        layer |= made(name, {"name": "conv"}, module=module, registered_name=None)
        try:
            check_description(config)
        except Refused:
            continue
        admitted.add((module, name))
    assert len(REGISTERED_NAMES_TO_OBJS) > 800
    assert {name for module, name in admitted if module == "keras.layers"} <= LAYERS
    assert all(name in CLASSES.get(module, ()) for module, name in admitted)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(2, 3, kernel_initializer=seeded_initializer()),
        keras.layers.Conv2D(2, 3, kernel_regularizer="l2", bias_constraint="non_neg"),
        keras.layers.Conv2D(2, 3, kernel_initializer=keras.initializers.Orthogonal(gain=2.0)),
        keras.layers.Activation(keras.layers.LeakyReLU(negative_slope=0.1)),
        keras.layers.TimeDistributed(keras.layers.Dense(2, activation="mish")),
        keras.layers.Conv2D(2, 3, dtype="mixed_float16"),
        keras.layers.SpectralNormalization(keras.layers.Conv2D(2, 3)),
        keras.layers.Pipeline([keras.layers.RandomFlip(), keras.layers.RandomZoom(0.1)]),
    ],
    ids=lambda layer: layer.name,
)
def test_what_belongs_to_layers_is_admitted(layer: Any) -> None:
    check_description(prepared(description(network(layer))))


@pytest.mark.parametrize(
    ("function", "same"),
    [
        (tf.nn.softmax, keras.activations.softmax),
        (tf.nn.log_softmax, keras.activations.log_softmax),
    ],
)
def test_the_softmax_of_tensorflow_opens_as_that_of_keras(
    function: Any, same: Any, tmp_path: Path
) -> None:
    model = network(activation=function)
    model.save(tmp_path / "net.keras")
    check_image(tmp_path / "net.keras")
    loaded = load_model_file(tmp_path / "net.keras")
    assert loaded.get_layer("dense").activation is same
    image = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "gelu", "softplus"]
)
def test_other_activations_of_tensorflow_open_as_keras_saves_them(
    name: str, tmp_path: Path
) -> None:
    model = network(activation=getattr(tf.nn, name))
    model.save(tmp_path / "net.keras")
    image = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    loaded = load_model_file(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)


def my_activation(x: Any) -> Any:
    return keras.ops.maximum(x, 0.1 * x)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (tf.nn.swish, r"uses the function 'swish' for activation of the layer 'dense'.*'silu'"),
        (tf.nn.crelu, "uses the function 'crelu_v2' for activation of the layer 'dense'"),
        (keras.ops.sin, "uses the function 'sin' for activation of the layer 'dense'"),
        (my_activation, r"'my_activation' for .*custom_objects=\{'my_activation': …\}"),
    ],
)
def test_a_function_that_keras_does_not_know_is_named(
    function: Any, reason: str, tmp_path: Path
) -> None:
    network(activation=function).save(tmp_path / "net.keras")
    for check in (check_image, load_model_file):
        with pytest.raises(ModelLoadError, match=reason):
            check(tmp_path / "net.keras")


def test_a_function_opens_with_the_custom_objects_that_are_shown(tmp_path: Path) -> None:
    model = network(activation=tf.nn.swish)
    model.save(tmp_path / "net.keras")
    own = {"swish": keras.activations.silu}
    loaded = load_model_file(tmp_path / "net.keras", custom_objects=own)
    image = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)


class Doubling(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


class Registered(Doubling):
    """Registered below, for as long as a test needs it."""


class Holding(keras.layers.Layer):
    """Holds another layer of its own."""

    def __init__(self, inner: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Holding":
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner, **config)


@pytest.fixture
def registered() -> Iterator[str]:
    """Register a class with Keras, and take it back."""
    keras.saving.register_keras_serializable("cnnviz_tests")(Registered)
    name = keras.saving.get_registered_name(Registered)
    yield name
    keras.saving.get_custom_objects().pop(name)
    from keras.src.saving.object_registration import GLOBAL_CUSTOM_NAMES

    GLOBAL_CUSTOM_NAMES.pop(Registered)


IMAGE = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)


def test_layers_of_ones_own_open_with_custom_objects(tmp_path: Path) -> None:
    model = network(Doubling(), activation=my_activation)
    model.save(tmp_path / "net.keras")
    own = {"Doubling": Doubling, "my_activation": my_activation}
    loaded = load_model_file(tmp_path / "net.keras", custom_objects=own)
    np.testing.assert_allclose(loaded(IMAGE), model(IMAGE), atol=1e-6)
    with pytest.raises(ModelLoadError, match=r"custom class 'Doubling'.*custom_objects=\{"):
        load_model_file(tmp_path / "net.keras")
    with pytest.raises(ModelLoadError, match="the function 'my_activation'"):
        load_model_file(tmp_path / "net.keras", custom_objects={"Doubling": Doubling})


def test_what_a_layer_of_ones_own_holds_is_checked_too(tmp_path: Path) -> None:
    network(Holding(Doubling())).save(tmp_path / "net.keras")
    with pytest.raises(ModelLoadError, match="custom class 'Doubling'"):
        load_model_file(tmp_path / "net.keras", custom_objects={"Holding": Holding})
    own = {"Holding": Holding, "Doubling": Doubling}
    assert load_model_file(tmp_path / "net.keras", custom_objects=own).count_params() == 122


def test_registered_layers_open_here_but_not_for_strangers(tmp_path: Path, registered: str) -> None:
    model = network(Registered())
    model.save(tmp_path / "net.keras")
    np.testing.assert_allclose(
        load_model_file(tmp_path / "net.keras")(IMAGE), model(IMAGE), atol=1e-6
    )
    with pytest.raises(ModelLoadError, match=f"custom class '{registered}'"):
        check_image(tmp_path / "net.keras")


def test_a_strangers_file_does_not_reach_what_has_the_name_of_a_layer_of_keras(
    tmp_path: Path,
) -> None:
    network().save(tmp_path / "net.keras")
    keras.saving.get_custom_objects()["Dense"] = Doubling  # Keras would build it for "Dense"
    try:
        with pytest.raises(ModelLoadError, match="'Dense', which this process registered"):
            check_image(tmp_path / "net.keras")
    finally:
        keras.saving.get_custom_objects().pop("Dense")
    assert check_image(tmp_path / "net.keras") == (8, 8, 3)


def test_ones_own_name_does_not_open_a_class_of_keras_that_holds_code() -> None:
    config = description(network())
    layer = made("TFSMLayer", {"name": "conv", "filepath": "/tmp"}, module="keras.layers")
    config["config"]["layers"][1] |= {**layer, "registered_name": None}
    with pytest.raises(Refused, match="holds a TFSMLayer layer, that is, code"):
        check_description(config, own_names={"TFSMLayer"})


def lambda_network(function: Any) -> keras.Model:
    return network(keras.layers.Lambda(function))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_lambda_is_never_opened_even_where_keras_is_told_to(tmp_path: Path) -> None:
    lambda_network(lambda x: 2 * x).save(tmp_path / "net.keras")
    keras.config.enable_unsafe_deserialization()
    try:
        for own in ({}, {"<lambda>": my_activation, "Lambda": Doubling, "__lambda__": Doubling}):
            with pytest.raises(ModelLoadError, match="holds a Lambda layer, that is, Python code"):
                load_model_file(tmp_path / "net.keras", custom_objects=own)
    finally:
        keras.src.backend.common.global_state.set_global_attribute("safe_mode_saving", None)


def test_a_lambda_layer_of_a_function_of_ones_own_opens_with_that_function(tmp_path: Path) -> None:
    model = lambda_network(my_activation)
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelLoadError, match=r"custom_objects=\{'my_activation': …\}"):
        load_model_file(tmp_path / "net.keras")
    own = {"my_activation": my_activation}
    loaded = load_model_file(tmp_path / "net.keras", custom_objects=own)
    np.testing.assert_allclose(loaded(IMAGE), model(IMAGE), atol=1e-6)


def test_settings_of_training_are_left_out_and_cost_nothing(tmp_path: Path) -> None:
    def my_loss(true: Any, predicted: Any) -> Any:
        return keras.ops.mean(true - predicted)

    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    inner.compile("adam", my_loss, metrics=["accuracy"])
    model = keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Flatten()])
    model.compile("sgd", my_loss)
    model.save(tmp_path / "net.keras")
    assert check_image(tmp_path / "net.keras") == (8, 8, 3)
    loaded = load_model_file(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(IMAGE), model(IMAGE), atol=1e-6)
    assert not loaded.compiled
    assert not loaded.layers[0].compiled


def test_code_among_settings_of_training_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    parts = archive_parts(network())
    config = json.loads(parts["config.json"])
    evil = made("__lambda__", {"value": "x"}) | {
        "os": made("system", {"x": str(trap)}, module="os")
    }
    config["compile_config"] = {"optimizer": evil, "loss": evil}
    config["config"]["layers"][1]["compile_config"] = {"optimizer": evil}
    path = tmp_path / "net.keras"
    path.write_bytes(packed(parts | {"config.json": json.dumps(config).encode()}))
    assert load_model_file(path).count_params() == 122
    assert not trap.exists()


def test_preparing_leaves_an_ordinary_description_as_it_is() -> None:
    config = description(network())
    assert prepared(config) == config
    assert prepared(config) is not config


def test_parts_know_their_layer_and_setting() -> None:
    parts = {(part.owner, part.key) for part in parts_of(description(network()))}
    assert ("conv", "kernel_initializer") in parts
    assert ("dense", "dtype") in parts


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ("99.0.0", True),
        ("3.99.1", True),
        ("3.0.0", False),
        ("2.15.0", False),
        ("", False),
        ("x", False),
    ],
)
def test_versions_are_compared_as_numbers(saved: str, expected: bool) -> None:
    assert is_newer(saved) is expected
    assert not is_newer(keras.__version__)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"class_name": "Conv9D"},
            r"saved by Keras 99\.0\.0 and uses keras\.layers\.Conv9D, but Ker",
        ),
        (
            {"config": {"name": "conv", "filters": 4, "kernel_size": 3, "new": 1}},
            r"saved by Keras 99",
        ),
    ],
)
def test_a_file_of_a_newer_keras_names_both_versions(
    change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    parts = archive_parts(network())
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1] |= change
    metadata = json.loads(parts["metadata.json"]) | {"keras_version": "99.0.0"}
    path = tmp_path / "net.keras"
    more = {"config.json": config, "metadata.json": metadata}
    path.write_bytes(packed(parts | {key: json.dumps(each).encode() for key, each in more.items()}))
    with pytest.raises(ModelLoadError, match=reason) as caught:
        load_model_file(path)
    assert f"but Keras {keras.__version__} is installed" in str(caught.value)
    assert "Install Keras 99.0.0 or newer" in str(caught.value)


def test_a_network_of_a_class_of_ones_own_opens_with_custom_objects(tmp_path: Path) -> None:
    class Own(keras.Model):
        """Behaves as a functional model."""

    plain = network()
    model = Own(plain.input, plain.output)
    model.save(tmp_path / "net.keras")
    for check in (check_image, load_model_file):
        with pytest.raises(ModelLoadError, match="its network is of the custom class 'Own', and"):
            check(tmp_path / "net.keras")
    loaded = load_model_file(tmp_path / "net.keras", custom_objects={"Own": Own})
    np.testing.assert_allclose(loaded(IMAGE), model(IMAGE), atol=1e-6)


def test_a_layer_in_two_networks_is_named(tmp_path: Path) -> None:
    shared = keras.layers.Conv2D(3, 3, padding="same", name="shared")
    inner = [keras.Sequential([keras.Input((8, 8, 3)), shared], name=name) for name in ("a", "b")]
    keras.Sequential([keras.Input((8, 8, 3)), *inner]).save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match="could not be loaded"):  # Keras itself cannot, either
        keras.saving.load_model(tmp_path / "net.keras")
    with pytest.raises(ModelLoadError, match="no weights for its layer 'shared'; Keras does not"):
        load_model_file(tmp_path / "net.keras")


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras, before it gives up
def test_weights_that_do_not_fit_are_called_so(tmp_path: Path) -> None:
    parts, others = archive_parts(network()), archive_parts(network(keras.layers.Conv2D(2, 3)))
    path = tmp_path / "net.keras"
    path.write_bytes(packed(parts | {"model.weights.h5": others["model.weights.h5"]}))
    with pytest.raises(ModelLoadError, match="its weights do not fit its layers"):
        load_model_file(path)
    path.write_bytes(packed(parts | {"model.weights.h5": b"text"}))
    with pytest.raises(ModelLoadError, match="its weights are damaged"):
        load_model_file(path)


def test_an_activation_by_an_unknown_name_is_named(tmp_path: Path) -> None:
    parts = archive_parts(network())
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["activation"] = "snake"
    path = tmp_path / "net.keras"
    path.write_bytes(packed(parts | {"config.json": json.dumps(config).encode()}))
    with pytest.raises(
        ModelLoadError, match="it uses the activation 'snake', which Keras does not"
    ):
        load_model_file(path)


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_rules, "MAX_OBJECTS", 5)
    with pytest.raises(Refused, match="more than 5 parts"):
        check_description(description(network()))
