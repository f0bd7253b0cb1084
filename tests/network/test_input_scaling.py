"""What a network expects and where its logits are: known, said, chosen, or assumed and shown."""

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from cnnviz import zoo
from cnnviz.attribution.targets import probability
from cnnviz.cli import main
from cnnviz.errors import AnalysisError, InvalidParameterError, ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.network.input_scaling import expected_range, random_images
from cnnviz.network.loading import load_model
from cnnviz.zoo import ModelReference, find_preprocessing
from cnnviz.zoo.cards import CAFFE, TORCH
from tests.builders.networks import ClassToken, photograph, vision_transformer

IMAGE = image_from_pixels(photograph(32, 32))
OWN = (
    *("CNNVIZ_MODELS_DIR", "CNNVIZ_MODEL_FILES"),
    *("CNNVIZ_ALLOW_MODEL_UPLOAD",),
)


def network(
    before: Any = None, end: Any = "softmax", units: int = 3, shape: Any = (32, 32, 3)
) -> Any:
    inputs = keras.Input(shape)
    x = inputs if before is None else before(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    return keras.Model(inputs, layers.Dense(units, activation=end, name="dense")(x), name="mine")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, ("unit", "assumed")),
        (layers.Rescaling(1 / 255), ("raw", "layers")),
        (layers.Rescaling(1 / 128, -1), ("raw", "layers")),
        (layers.Rescaling(255.0), ("unit", "layers")),
        (layers.Rescaling(2.0, -1.0), ("unit", "layers")),
        (layers.Rescaling(0.5, 0.5), ("tf", "layers")),
        (layers.Rescaling([1 / 58.4, 1 / 57.1, 1 / 57.4], [-2.1, -2.0, -1.8]), ("raw", "layers")),
        (lambda x: layers.Rescaling(1 / 255)(layers.RandomFlip()(x)), ("raw", "layers")),
        (lambda x: layers.Rescaling(1 / 255)(layers.Resizing(16, 16)(x)), ("raw", "layers")),
        (lambda x: (ops.cast(x, "float32") - 127.5) / 127.5, ("raw", "layers")),
        (lambda x: ops.subtract(ops.multiply(x, 1 / 127.5), 1.0), ("raw", "layers")),
        (lambda x: layers.Rescaling(1 / 255)(layers.ZeroPadding2D(2)(x)), ("raw", "layers")),
        (lambda x: x - ops.array([103.939, 116.779, 123.68]), ("raw-bgr", "layers")),
        (lambda x: x[..., ::-1] - ops.array([103.939, 116.779, 123.68]), ("raw", "layers")),
        (layers.BatchNormalization(), ("unit", "assumed")),  # untrained: it changes nothing
        (lambda x: x[..., ::-1], ("unit", "assumed")),  # another order of colors is no scaling
    ],
)
def test_scaling_inside_a_network_tells_what_it_expects(before: Any, expected: Any) -> None:
    scaling = load_model(network(before)).input_scaling
    assert (scaling.preprocessing.name, scaling.source) == expected


def test_a_branch_without_scaling_leaves_it_open_and_says_so() -> None:
    inputs = keras.Input((32, 32, 3))
    scaled = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs))
    both = layers.Concatenate()([scaled, layers.Conv2D(4, 3)(inputs)])
    model = load_model(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(both))))
    assert model.input_scaling.is_assumed
    assert "another does not" in model.input_scaling.note


def test_the_range_of_a_known_mapping_is_found() -> None:
    levels = random_images(1, 1, 1)[:, 0, 0]
    for scale, offset, name in ((1 / 255, 0, "raw"), (1.0, 0, None), (1 / 64, -2, "raw")):
        found, _, _ = expected_range([levels * scale + offset], "float32")
        assert (found and found.name) == name
    assert expected_range([levels], "uint8")[:2] == (zoo.PREPROCESSINGS["raw"], "dtype")
    assert expected_range([levels * 1e-6], "float32")[2]  # no range: a note says so


def test_an_argument_decides_and_a_contradiction_is_noted() -> None:
    inside = network(layers.Rescaling(1 / 255))
    model = load_model(inside, preprocessing="unit")
    assert model.input_scaling.source == "chosen"
    assert "expect 0 to 255" in model.input_scaling.note
    assert model.preprocess(IMAGE).max() <= 1
    assert load_model(inside).preprocess(IMAGE).max() > 1
    told = load_model(network(), preprocessing={"mean": [1, 2, 3], "std": 2.0, "order": "bgr"})
    expected = (IMAGE.pixels[..., ::-1].astype(np.float32) - [1, 2, 3]) / 2
    np.testing.assert_allclose(told.preprocess(IMAGE)[0], expected, atol=1e-5)


def test_an_assumption_is_shown_in_repr_and_a_known_scaling_with_its_source() -> None:
    assert "0 to 1, RGB (assumed)" in repr(load_model(network()))
    known = repr(load_model(network(layers.Rescaling(1 / 255))))
    assert "0 to 255, RGB (known from scaling layers inside the network)" in known
    assert "said by its model card" in repr(load_model("mnist-cnn"))


def test_predictions_under_every_scaling_are_those_of_keras() -> None:
    plain = network()
    model = load_model(plain)
    found = model.predict_by_scaling(IMAGE, top=3)
    assert list(found) == list(zoo.PREPROCESSINGS)
    pixels = IMAGE.pixels[None].astype(np.float32)
    inputs = {"raw": pixels, "unit": pixels / 255, "tf": pixels / 127.5 - 1}
    inputs["caffe"] = pixels[..., ::-1] - np.float32(CAFFE.mean)
    inputs["torch"] = (pixels - np.float32(TORCH.mean)) / np.float32(TORCH.std)
    for name, given in inputs.items():
        own = np.asarray(plain(given, training=False))[0]
        told = {one.class_index: one.probability for one in found[name]}
        np.testing.assert_allclose([told[i] for i in range(3)], own, atol=1e-5)


@pytest.mark.parametrize(
    ("told", "mean", "std"),
    [
        ("raw", (0.0,), (1.0,)),
        ("0..1", (0.0,), (255.0,)),
        ("-1..1", (127.5,), (127.5,)),
        ({"scale": 1 / 255}, (0.0,), (255.0,)),
        ({"scale": 2.0, "offset": -1.0}, (0.5,), (0.5,)),
        ({"mean": 33.3, "std": 78.6}, (33.3,), (78.6,)),
    ],
)
def test_a_preprocessing_is_written_in_several_ways(told: Any, mean: Any, std: Any) -> None:
    found = find_preprocessing(told)
    np.testing.assert_allclose([found.mean, found.std], [mean, std])


@pytest.mark.parametrize(
    "told",
    [
        *("nonsense", "", {}, 3, None, [1, 2], {"scale": 0}, {"scale": "x"}, {"mean": [1, 2]}),
        *({"std": 0}, {"std": float("nan")}, {"order": "rbg"}, {"scale": 1, "mean": 2}),
        *({"scale": 1e-400}, {"unknown": 1}, {"mean": [[1]]}, {"mean": None}),
    ],
)
def test_a_preprocessing_that_is_none_is_refused(told: Any) -> None:
    with pytest.raises(InvalidParameterError, match="preprocessing"):
        find_preprocessing(told)


# heads


def outputs_of(end: Any, units: int = 3) -> Any:
    plain = network(end=None, units=units)
    return keras.Model(plain.inputs[0], end(plain.outputs[0]))


@pytest.mark.parametrize(
    ("end", "units", "kind"),
    [
        (lambda z: layers.Identity()(layers.Softmax()(z)), 3, "softmax"),
        (lambda z: ops.squeeze(layers.Reshape((1, 3))(layers.Softmax()(z)), 1), 3, "softmax"),
        (lambda z: ops.softmax(z / 2.0), 3, "softmax"),
        (lambda z: layers.Activation("log_softmax")(z), 3, "softmax"),
        (lambda z: layers.Activation("linear")(layers.Activation("sigmoid")(z)), 1, "sigmoid"),
        (
            lambda z: layers.Concatenate()(
                [layers.Activation("sigmoid")(z[:, :1]), layers.Activation("sigmoid")(z[:, 1:])]
            ),
            3,
            "sigmoid",
        ),
        (lambda z: layers.Average()([z, z * 2.0]), 3, "linear"),
        (lambda z: layers.Softmax()(z) * 100.0, 3, "scores"),
        (lambda z: ops.clip(layers.Softmax()(z), 0.01, 0.99), 3, "scores"),
        (lambda z: layers.Activation("hard_sigmoid")(z), 1, "scores"),
        (lambda z: layers.Softmax(axis=1)(layers.Reshape((3, 1))(z))[:, :, 0], 3, "scores"),
        (lambda z: layers.Activation("softplus")(z), 3, "scores"),
        (lambda z: z * z, 3, "scores"),
    ],
)
def test_the_head_is_found_behind_what_only_hands_values_on(
    end: Any, units: int, kind: str
) -> None:
    keras_model = outputs_of(end, units)
    model = load_model(keras_model)
    assert model.head == kind
    own = np.asarray(keras_model(model.preprocess(IMAGE), training=False))[0]
    told = model.probabilities(model.logits(IMAGE))
    if kind == "linear":
        own = np.exp(own) / np.exp(own).sum()
    if "log_softmax" in str(keras_model.layers[-1].get_config()):
        own = np.exp(own)
    np.testing.assert_allclose(told[-len(own) :], own, atol=1e-5)


def test_raw_scores_are_named_so_and_no_percentage_is_invented() -> None:
    model = load_model(network(end="tanh"))
    assert not model.has_probabilities
    assert "raw scores (it ends in tanh" in repr(model)
    first = model.predict(IMAGE, top=1)[0]
    assert first.probability is None
    assert first.logit == pytest.approx(float(model.logits(IMAGE).max()))
    target = probability(first.class_index)
    expected = np.eye(3)[[first.class_index]]
    np.testing.assert_array_equal(target.logit_gradient(model, model.logits(IMAGE)[None]), expected)


def test_labels_that_do_not_exclude_each_other_have_probabilities_of_their_own() -> None:
    keras_model = network(end="sigmoid", units=4)
    model = load_model(keras_model, class_names=["sky", "sea", "sand", "sun"])
    own = np.asarray(keras_model(model.preprocess(IMAGE), training=False))[0]
    assert model.has_independent_probabilities
    assert "independent" in repr(model)
    told = {one.label: one.probability for one in model.predict(IMAGE)}
    assert told == pytest.approx(dict(zip(model.class_names, own, strict=True)), abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "units", "kind"),
    [
        ("sparse_categorical_crossentropy", 3, "linear"),
        (keras.losses.BinaryCrossentropy(from_logits=True), 3, "sigmoid"),
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, "linear"),
        ("mse", 1, "scores"),
        (keras.losses.MeanAbsoluteError(), 3, "scores"),
        (None, 1, "linear"),
    ],
)
@pytest.mark.sample(2)
def test_linear_outputs_are_read_by_the_loss_of_the_training(
    loss: Any, units: int, kind: str, tmp_path: Path
) -> None:
    keras_model = network(end=None, units=units)
    if loss is not None:
        keras_model.compile("adam", loss)
    assert load_model(keras_model).head == kind
    keras_model.save(tmp_path / "mine.keras")
    model = load_model(tmp_path / "mine.keras")
    assert model.head == kind
    assert load_model(tmp_path / "mine.keras", preprocessing="raw").head == kind
    if kind == "scores":
        assert "mean_" in repr(model) or "mse" in repr(model)


def test_small_gradients_survive_half_precision() -> None:
    inputs = keras.Input((96, 96, 3))
    conv = layers.Conv2D(4, 3, activation="softplus", name="conv", dtype="mixed_float16")
    dense = layers.Dense(3)
    keras_model = keras.Model(
        inputs, dense(layers.GlobalAveragePooling2D(dtype="mixed_float16")(conv(inputs)))
    )
    kernel = 1e-3 * np.random.default_rng(0).choice([-2, -1, 1, 2], (4, 3))
    dense.set_weights([kernel, np.zeros(3)])
    model = load_model(keras_model)
    image = image_from_pixels(photograph(96, 96))
    _, gradients, _ = model.activations_and_gradients(image, "conv", 1)
    expected = np.broadcast_to(kernel[:, 1] / 94**2, gradients.shape)  # about 1e-7
    np.testing.assert_allclose(gradients, expected, rtol=0.02)


# outputs and inputs


def several() -> Any:
    inputs = keras.Input((32, 32, 3))
    maps = layers.Conv2D(4, 3, name="conv")(inputs)
    pooled = layers.GlobalAveragePooling2D()(maps)
    ends = {
        "mask": layers.Conv2D(2, 1, name="masks")(maps),
        "animal": layers.Dense(3, activation="softmax", name="animals")(pooled),
        "age": layers.Dense(1, name="ages")(pooled),
    }
    return keras.Model(inputs, ends)


def test_one_of_several_outputs_is_chosen_by_name_or_number() -> None:
    keras_model = several()
    assert zoo.card_for_model(keras_model, "x").channels == 3
    names = load_model(keras_model, output="animal").output_names
    assert set(names) == {"mask", "animal", "age"}
    model = load_model(keras_model, output="animal")
    own = np.asarray(keras_model(model.preprocess(IMAGE))["animal"])[0]
    np.testing.assert_allclose(model.probabilities(model.logits(IMAGE)), own, atol=1e-5)
    assert "output 'animal'" in repr(model)
    assert load_model(keras_model, output=str(names.index("age"))).output_name == "age"
    with pytest.raises(ModelLoadError, match=r"'mask' has the shape .* a map"):
        load_model(keras_model, output="mask")
    with pytest.raises(ModelLoadError, match=r"There is no output 'dog'\. Choose one of: "):
        load_model(keras_model, output="dog")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: several(), "a map with values for every position, as for segmentation"),
        (
            lambda: keras.Sequential(
                [keras.Input((32, 32, 3)), layers.Reshape((64, 48)), layers.Dense(3)]
            ),
            "one list of scores for each token",
        ),
        (lambda: keras.Sequential([keras.Input((3, 32, 32)), layers.Flatten()]), "channels"),
        (lambda: keras.Sequential([keras.Input((784,)), layers.Dense(3)]), "image is needed"),
        (lambda: _two_images(), "one image is needed"),
        (
            lambda: network(layers.TimeDistributed(layers.Dense(3))),
            "TimeDistributed",
        ),
        (lambda: _channels_first(), "channels_first"),
        (
            lambda: network(layers.Conv2DTranspose(3, 1, strides=2)),
            "TensorFlow 2.21 ends the whole program",
        ),
    ],
)
def test_what_is_no_classifier_of_an_image_is_refused_with_a_reason(make: Any, words: str) -> None:
    keras_model = make()
    options = {"output": "mask"} if "segmentation" in words else {}
    with pytest.raises(ModelLoadError, match=words) as caught:
        load_model(keras_model, **options)
    assert len(str(caught.value)) < 400


def _two_images() -> Any:
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Add()(inputs))))


def _channels_first() -> Any:
    inputs = keras.Input((32, 32, 3))
    x = layers.Permute((3, 1, 2))(inputs)
    x = layers.Conv2D(4, 3, data_format="channels_first", name="conv")(x)
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    return keras.Model(inputs, layers.Dense(2)(x))


# networks in memory


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.conv = layers.Conv2D(4, 3, activation="relu", name="conv")
        self.pool = layers.GlobalAveragePooling2D()
        self.dense = layers.Dense(3, activation="softmax", name="dense")

    def call(self, x: Any) -> Any:
        return self.dense(self.pool(self.conv(x / 255.0)))


def test_a_model_that_was_just_trained_is_taken_as_it_is() -> None:
    keras_model = network()
    keras_model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    keras_model.fit(rng.random((8, 32, 32, 3)), rng.integers(0, 3, 8), verbose=0)
    model = load_model(keras_model, class_names=["a", "b", "c"])
    assert model.class_names == ("a", "b", "c")
    assert model.card.title == "mine"
    before = model.logits(IMAGE)
    own = np.asarray(keras_model(model.preprocess(IMAGE), training=False))[0]
    np.testing.assert_allclose(model.probabilities(before), own, atol=1e-5)
    keras_model.fit(rng.random((8, 32, 32, 3)), rng.integers(0, 3, 8), verbose=0)
    assert not np.array_equal(model.logits(IMAGE), before)  # it looks at the same weights


def test_a_subclassed_model_is_reached_through_its_layers() -> None:
    keras_model = Subclassed()
    with pytest.raises(ModelLoadError, match="it has not been built"):
        load_model(keras_model)
    pixels = IMAGE.pixels[None].astype(np.float32)
    own = np.asarray(keras_model(pixels))[0]
    model = load_model(keras_model)
    assert model.input_scaling.source == "layers"
    assert "conv" in model.map_shapes
    np.testing.assert_allclose(model.probabilities(model.logits(IMAGE)), own, atol=1e-5)


def test_a_model_whose_layers_cannot_be_reached_is_refused_with_a_sentence() -> None:
    class Hidden(Subclassed):
        def call(self, x: Any) -> Any:
            if float(ops.max(x)) > 0:  # Python needs a number here
                x = x / 2
            return super().call(x)

    keras_model = Hidden()
    keras_model(np.ones((1, 32, 32, 3), np.float32))
    with pytest.raises(ModelLoadError, match="cannot be reached"):
        load_model(keras_model)


def test_layers_of_ones_own_work_in_memory() -> None:
    model = load_model(vision_transformer(class_token=True))
    assert isinstance(model.operations["class_token"], ClassToken)
    assert np.isfinite(model.logits(IMAGE)).all()


# files and what stands beside them


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    network().save(tmp_path / "mine.keras")
    return tmp_path


def test_the_json_beside_a_file_counts_by_name_and_by_path(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"title": "My animals", "class_names": ["cat", "dog", "bird"], "preprocessing": "raw"}
    (folder / "mine.json").write_text(json.dumps(told))
    for model in (load_model("mine"), load_model(folder / "mine.keras")):
        assert model.class_names == ("cat", "dog", "bird")
        assert (model.card.title, model.input_scaling.source) == ("My animals", "file")
        assert model.preprocess(IMAGE).max() > 1
    source = folder / "image.png"
    from PIL import Image

    Image.fromarray(IMAGE.pixels).save(source)
    assert main(["cam", str(source), "--model", "mine", "--folder", str(folder / "out")]) == 0
    assert "assumed" not in capsys.readouterr().err
    (folder / "mine.json").unlink()
    assert main(["cam", str(source), "--model", "mine", "--folder", str(folder / "out")]) == 0
    assert "Input scaling is assumed: 0 to 1, RGB" in capsys.readouterr().err
    arguments = ["cam", str(source), "--model", "mine", "--preprocessing", "raw"]
    assert main([*arguments, "--folder", str(folder / "out")]) == 0
    assert "assumed" not in capsys.readouterr().err


def test_a_file_saved_again_is_read_again_at_once(folder: Path) -> None:
    path = folder / "mine.keras"
    first = load_model("mine").logits(IMAGE)
    stamp = path.stat().st_mtime_ns
    changed = network()
    changed.get_layer("dense").bias.assign([1.0, 2.0, 3.0])
    changed.save(path)
    os.utime(path, ns=(stamp, stamp))  # a clock too coarse to tell
    assert not np.array_equal(load_model("mine").logits(IMAGE), first)
    (folder / "mine.json").write_text('{"class_names": ["x", "y", "z"]}')
    assert load_model("mine").class_names == ("x", "y", "z")
    assert zoo.find_card("mine").labels == ("x", "y", "z")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[1]", b"3", b"null", b"\xff\xfe", b'{"preprocessing": {"scale": "x"}}'),
        *(b'{"preprocessing": 7}', b'{"class_names": "cat"}', b'{"class_names": [{}]}'),
        *(b'{"title": []}', b'{"token_grid": "8x8"}', b'{"output": {}}', b"[" * 100_000),
        *(b'{"preprocessing": {"std": 0}}', b'{"preprocessing": ["raw"]}', b'"sha256"'),
        *(b'{"sha256": 1}', b'{"preprocessing": {"mean": [1, 2]}}', b'{"preprocessing": null}'),
    ],
)
@pytest.mark.sample(3)
def test_one_bad_json_costs_one_network(
    folder: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    network().save(folder / "other.keras")
    (folder / "mine.json").write_bytes(content)
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "other" in listed
    names = [card.name for card in zoo.list_models()]
    assert "other" in names
    if "mine" not in names:
        assert "not usable: " in listed
        assert "mine.json" in listed
        with pytest.raises(ModelLoadError):
            load_model("mine")
    assert load_model("other").class_names == ("class 0", "class 1", "class 2")


def test_the_wrong_number_of_names_is_said(folder: Path) -> None:
    (folder / "mine.json").write_text('{"class_names": ["cat", "dog"]}')
    with pytest.raises(ModelLoadError, match=r"2 class names are given for 'mine', but .* 3"):
        load_model("mine")
    with pytest.raises(ModelLoadError, match="1 class names"):
        load_model("svhn-gabor", class_names=["zero"])


def test_the_app_opens_files_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "one.keras", tmp_path / "two.keras"]
    for path in paths:
        network().save(path)
    monkeypatch.delenv("CNNVIZ_MODELS_DIR", raising=False)
    monkeypatch.setenv("CNNVIZ_MODEL_FILES", os.pathsep.join(map(str, paths)))
    assert {"one", "two"} <= {card.name for card in zoo.list_models()}
    assert load_model("two").name == "two"


def test_choices_travel_in_one_text(folder: Path) -> None:
    reference = ModelReference("mine", preprocessing="raw", grid="4x4", output="a b&c")
    assert ModelReference.parse(str(reference)) == reference
    assert reference.grid_size == (4, 4)
    model = load_model("mine?preprocessing=raw")
    assert model.input_scaling.source == "chosen"
    assert model.name == "mine?preprocessing=raw"
    assert model.card.name == "mine"
    assert load_model("mine?preprocessing=raw") is model
    for text, words in (
        ("mine?color=red", "'color' cannot be chosen"),
        ("mine?grid=4", "written as 8x8"),
        ("mine?output=9", "There is no output '9'"),
    ):
        with pytest.raises(ModelLoadError, match=words):
            load_model(text)
    with pytest.raises(InvalidParameterError, match="no preprocessing 'loud'"):
        load_model("mine?preprocessing=loud")


def test_what_the_network_itself_raises_is_a_sentence() -> None:
    class Broken(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.reshape(x, (-1, 7))  # fits no batch of one image

    inputs = keras.Input((5, 5, 3))
    x = layers.Dense(3)(Broken()(layers.Flatten()(inputs)))
    broken = keras.Model(inputs, layers.Dense(2)(x), name="broken")
    with pytest.raises(ModelLoadError, match=r"'broken-\d+' cannot be .*reshape"):
        load_model(broken)
    model = load_model(network())
    with pytest.raises(AnalysisError, match="cannot be computed here"):
        model.logits_of(np.zeros((1, 32, 32), np.float32))  # no channel axis
