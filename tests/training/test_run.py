"""A run can be interrupted anywhere and ends the same; cards say what was measured."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cnnviz import paths, zoo
from cnnviz.datasets import DATA_SETS, LabeledImages
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.training import RECIPES, Augmentation, evaluate, find_recipe, train
from cnnviz.training.recipes import Base, Recipe
from cnnviz.training.run import checkpoint_steps
from cnnviz.zoo import trained
from cnnviz.zoo.architectures import ARCHITECTURES, build_architecture
from cnnviz.zoo.frozen_base import frozen_part, joined
from tests.builders.data_sets import add_data_set


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe for 60 labeled in which the bright quarter tells the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    images = rng.integers(0, 60, (60, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 150
    names = tuple(str(digit) for digit in range(10))
    labeled = LabeledImages(images, labels, names, "quarters", "Made by the tests.")
    add_data_set(monkeypatch, "quarters", lambda split: labeled)
    return replace(
        RECIPES["mnist-cnn"],
        name="quarters",
        data="quarters",
        augmentation=Augmentation(),
        epochs=3,
        batch_size=16,
    )


class PowerCutError(Exception):
    """Stands for a power cut."""


def weights_of(path: Path) -> list[np.ndarray]:
    return keras.saving.load_model(path).get_weights()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (weights_of(train(recipe, tmp_path / name)) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


AUGMENTED = {"augmentation": Augmentation(rotation_degrees=5, shear_degrees=5, zoom=0.1)}
DROPOUT = {"architecture": "fashion-gabor", "keeps_checkpoints": True}  # batch norm, too


@pytest.mark.parametrize(
    ("stop_after", "changed"),
    [
        pytest.param(1, {}, id="after one", marks=pytest.mark.slow),
        pytest.param(2, {}, id="after two", marks=pytest.mark.slow),
        pytest.param(1, AUGMENTED, id="augmented, after one", marks=pytest.mark.slow),
        pytest.param(2, AUGMENTED, id="augmented, after two", marks=pytest.mark.slow),
        pytest.param(1, DROPOUT, id="dropout, after one", marks=pytest.mark.slow),
        pytest.param(2, DROPOUT, id="dropout, after two"),
    ],
)
def test_an_interrupted_run_goes_on_and_ends_the_same(
    recipe: Recipe, tmp_path: Path, stop_after: int, changed: dict[str, Any]
) -> None:
    recipe = replace(recipe, **changed)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    expected = weights_of(train(recipe, whole))

    def stop(done: int, total: int, figures: dict[str, float]) -> None:
        if done == stop_after:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(recipe, torn, on_epoch=stop)
    epochs: list[int] = []
    path = train(recipe, torn, on_epoch=lambda done, total, figures: epochs.append(done))
    assert epochs == list(range(stop_after + 1, recipe.epochs + 1))
    for one, other in zip(weights_of(path), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [trained.training_record("quarters", folder).history for folder in (whole, torn)]
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_array_equal(histories[0][key], histories[1][key])
    assert sorted(file.name for file in torn.iterdir()) == sorted(
        file.name for file in whole.iterdir()
    )
    assert not list(torn.glob(".*"))


def test_a_power_cut_between_history_and_state_loses_no_more_than_that_epoch(
    recipe: Recipe, tmp_path: Path
) -> None:
    def stop(done: int, total: int, figures: dict[str, float]) -> None:
        if done == 2:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(recipe, tmp_path, on_epoch=stop)
    path = tmp_path / "quarters.history.json"
    history = json.loads(path.read_text())
    path.write_text(json.dumps([*history, history[-1]]))  # written, and then the power went
    epochs: list[int] = []
    train(recipe, tmp_path, on_epoch=lambda done, total, figures: epochs.append(done))
    assert epochs == [3]
    assert len(json.loads(path.read_text())) == 3


@pytest.mark.parametrize(
    ("changed", "name_in_keras", "rate"),
    [
        ({}, "Adam", 0.0),
        ({"optimizer": "rmsprop", "schedule": "constant"}, "RMSprop", 1e-3),
    ],
)
@pytest.mark.sample(1)
def test_optimizer_and_schedule_are_the_recipes(
    recipe: Recipe, tmp_path: Path, changed: dict[str, Any], name_in_keras: str, rate: float
) -> None:
    found: list[Any] = []

    def look(done: int, total: int, figures: dict[str, float]) -> None:
        optimizer = keras.saving.load_model(tmp_path / ".quarters.state.keras").optimizer
        found.append((type(optimizer).__name__, float(optimizer.learning_rate)))

    train(replace(recipe, epochs=1, learning_rate=1e-3, **changed), tmp_path, on_epoch=look)
    assert found == [(name_in_keras, pytest.approx(rate, abs=1e-7))]


def test_a_torn_state_begins_anew(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / ".quarters.state.keras").write_bytes(b"half a file")
    (tmp_path / "quarters.history.json").write_text("[{}]")
    epochs: list[int] = []
    train(recipe, tmp_path, on_epoch=lambda done, total, figures: epochs.append(done))
    assert epochs == [1, 2, 3]


def test_the_card_says_what_was_measured_and_opens_the_network(
    recipe: Recipe, tmp_path: Path
) -> None:
    path = train(recipe, tmp_path)
    (card,) = trained.trained_cards(tmp_path)
    facts: dict[str, Any] = json.loads((tmp_path / "quarters.json").read_text())
    result = evaluate(recipe, tmp_path)
    assert facts["test_accuracy"] == result.accuracy == np.trace(result.confusion) / 60
    assert facts["confusion"] == result.confusion.tolist()
    assert (card.name, card.num_parameters, card.channels) == ("quarters", 93_322, 1)
    assert zoo.class_names(card, 10) == tuple("0123456789")
    for one, other in zip(
        trained.build(card, tmp_path).get_weights(), weights_of(path), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_file_that_is_not_the_cards_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    path = train(recipe, tmp_path)
    (card,) = trained.trained_cards(tmp_path)
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(ModelLoadError, match="not the file that its card describes"):
        trained.build(card, tmp_path)


def test_a_card_that_lacks_something_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(ModelLoadError, match=r"mine\.json cannot be read"):
        trained.trained_cards(tmp_path)


def test_recipes_name_what_there_is() -> None:
    for name, one in RECIPES.items():
        assert one.name == name
        assert one.architecture in ARCHITECTURES
        assert one.data in DATA_SETS
    with pytest.raises(InvalidParameterError, match="no recipe 'lenet'"):
        find_recipe("lenet")


@pytest.mark.slow
def test_checkpoints_are_dense_at_first_and_end_with_the_network(
    recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(recipe, keeps_checkpoints=True, epochs=12)
    path = train(recipe, tmp_path)
    steps = trained.checkpoint_steps("quarters", tmp_path)
    assert steps == checkpoint_steps(48) == (0, 30, 33, 36, 39, 42, 45, 48)
    assert 8 <= len(checkpoint_steps(2500)) <= 12
    first, last = (trained.checkpoint("quarters", step, tmp_path) for step in (0, 48))
    assert [array.shape for array in first["conv1"]] == [(3, 3, 1, 32), (32,)]
    assert not first["conv1"][1].any()  # biases start at zero
    model = keras.saving.load_model(path)
    for name, arrays in last.items():
        for one, other in zip(arrays, model.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)  # both were rounded to half precision
    with pytest.raises(InvalidParameterError, match="no weights of step 7"):
        trained.checkpoint("quarters", 7, tmp_path)
    assert trained.checkpoint_steps("nobody", tmp_path) == ()


@pytest.mark.slow
def test_a_bright_shape_that_only_shifts_is_learned_with_one_sigmoid(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    images = rng.integers(0, 60, (80, 150, 150, 3), dtype=np.uint8)
    images[labels == 1] += 150
    labeled = LabeledImages(images, labels, ("dark", "bright"), "halves", "Made by the tests.")
    add_data_set(monkeypatch, "halves", lambda split: labeled)
    recipe = replace(recipe, data="halves", architecture="cats-dogs-150", epochs=2)
    train(recipe, tmp_path)
    record = trained.training_record("quarters", tmp_path)
    assert record.accuracy == 1.0
    assert record.confusion.tolist() == [[40, 0], [0, 40]]
    assert record.examples[0, 0] == (0, 2, 4, 6, 8, 10, 12, 14)


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    """Recipes for 8 labeled, dark or bright, on the real base."""
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 2
    images = rng.integers(0, 60, (8, 224, 224, 3), dtype=np.uint8)
    images[labels == 1] += 150
    labeled = LabeledImages(images, labels, ("cat", "dog"), "two", "Made by the tests.")
    add_data_set(monkeypatch, "cats-dogs-224", lambda split: labeled)
    names = ("cats-dogs-features", "cats-dogs-features-augmented", "cats-dogs-fine-tuned")
    return {
        name: replace(RECIPES[name], epochs=1, batch_size=4, learning_rate=0.01) for name in names
    }


@pytest.mark.slow
def test_frozen_means_frozen_to_the_bit(transfer: dict[str, Recipe], tmp_path: Path) -> None:
    lite = zoo.build_model(zoo.find_card("efficientnet-lite0"))
    before = {layer.name: layer.get_weights() for layer in lite.layers}
    heads = []
    for recipe in transfer.values():
        train(recipe, tmp_path)
        card = next(card for card in cards_anew(tmp_path) if card.name == recipe.name)
        whole = trained.build(card, tmp_path)
        assert whole.count_params() == card.num_parameters
        changed = {
            layer.name
            for layer in whole.layers
            if layer.name in before
            and any(
                not np.array_equal(one, other)
                for one, other in zip(before[layer.name], layer.get_weights(), strict=True)
            )
        }
        if recipe.name == "cats-dogs-fine-tuned":
            assert changed == {
                "block7a_expand_conv",
                "block7a_depthwise_conv",
                "block7a_project_conv",
            }
            assert not np.array_equal(whole.get_layer("dog").get_weights()[0], heads[-1])
        else:
            assert changed == set()
        heads.append(whole.get_layer("dog").get_weights()[0])


def cards_anew(folder: Path) -> tuple[zoo.ModelCard, ...]:
    trained.trained_cards.cache_clear()
    return trained.trained_cards(folder)


@pytest.mark.slow
def test_a_fine_tuning_without_its_first_stage_says_what_to_do(
    transfer: dict[str, Recipe], tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError, match="train cats-dogs-features-augmented"):
        train(transfer["cats-dogs-fine-tuned"], tmp_path)


@pytest.mark.slow
def test_the_lectures_transfer_on_vgg16_has_its_numbers_of_parameters() -> None:
    full = keras.applications.VGG16(weights=None)
    base = frozen_part(full, "block5_pool", 150)
    top = build_architecture("vgg16-head")
    assert (base.count_params(), top.count_params()) == (14_714_688, 2_097_665)
    assert joined(base, top).count_params() == 16_812_353
    assert not base.trainable_weights
    np.testing.assert_array_equal(base.get_weights()[0], full.get_weights()[0])


def test_mobilenet_without_its_top_has_its_number_of_parameters() -> None:
    base = frozen_part(keras.applications.MobileNet(weights=None), "conv_pw_13_relu")
    assert base.count_params() == 3_228_864
    assert joined(base, build_architecture("mobilenet-head")).output_shape == (None, 1)
    with pytest.raises(ModelLoadError, match="no layer 'conv_pw_14'"):
        frozen_part(base, "conv_pw_14")


def test_bases_of_recipes_fit_their_architectures() -> None:
    shapes = {"efficientnet-lite0": (7, 7), "mobilenet": (7, 7), "vgg16": (4, 4)}
    for one in RECIPES.values():
        if one.base:
            assert isinstance(one.base, Base)
            model = build_architecture(one.architecture)
            assert model.input_shape[1:3] == shapes[one.base.model]


SHIPPED = trained.trained_cards(paths.MODELS)


@pytest.mark.parametrize("card", SHIPPED, ids=lambda card: card.name)
@pytest.mark.sample(2)
def test_what_is_shipped_is_what_its_recipe_makes(card: zoo.ModelCard) -> None:
    recipe = find_recipe(card.name)
    record = trained.training_record(card.name)
    facts = dict(record.facts)
    told = json.loads(json.dumps(asdict(recipe)))
    assert {key: facts[key] for key in told} == told
    assert len(record.history["loss"]) == recipe.epochs
    assert record.confusion.sum() == facts["num_test_images"]
    assert np.trace(record.confusion) / record.confusion.sum() == pytest.approx(record.accuracy)
    if recipe.validation == "test":  # measured before the weights were rounded
        assert record.history["val_accuracy"][-1] == pytest.approx(record.accuracy, abs=2e-3)
    assert trained.build(card, paths.MODELS).count_params() == card.num_parameters
    steps = trained.checkpoint_steps(card.name)
    assert (8 <= len(steps) <= 12) if recipe.keeps_checkpoints else not steps


def test_the_shipped_networks_stay_small() -> None:
    files = [path for path in paths.MODELS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40_000_000
