"""A run can be interrupted anywhere and ends the same; cards say what was measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cnnviz import zoo
from cnnviz.datasets import LabelledImages
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.training import RECIPES, evaluate, find_recipe, recipes, train
from cnnviz.training.recipes import Recipe
from cnnviz.zoo import trained
from cnnviz.zoo.architectures import ARCHITECTURES


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe for 60 pictures in which the bright quarter tells the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    images = rng.integers(0, 60, (60, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 150
    names = tuple(str(digit) for digit in range(10))
    pictures = LabelledImages(images, labels, names, "quarters", "Made by the tests.")
    monkeypatch.setitem(recipes.DATA, "quarters", lambda split: pictures)
    return replace(RECIPES["mnist-cnn"], name="quarters", data="quarters", epochs=3, batch_size=16)


class PowerCutError(Exception):
    """Stands for a power cut."""


def weights_of(path: Path) -> list[np.ndarray]:
    return keras.saving.load_model(path).get_weights()


def test_the_same_seed_gives_the_same_weights(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (weights_of(train(recipe, tmp_path / name)) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("stop_after", [1, 2])
def test_an_interrupted_run_goes_on_and_ends_the_same(
    recipe: Recipe, tmp_path: Path, stop_after: int
) -> None:
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
    histories = [
        json.loads((folder / "quarters.history.json").read_text()) for folder in (whole, torn)
    ]
    assert histories[0] == histories[1]
    assert sorted(file.name for file in torn.iterdir()) == [
        "quarters.history.json",
        "quarters.json",
        "quarters.keras",
    ]


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
    result = evaluate(path, "quarters")
    assert facts["held_out_accuracy"] == result.accuracy == np.trace(result.confusion) / 60
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
        assert one.data in recipes.DATA
    with pytest.raises(InvalidParameterError, match="no recipe 'lenet'"):
        find_recipe("lenet")


SHIPPED = trained.trained_cards(trained.MODELS_FOLDER)


@pytest.mark.parametrize("card", SHIPPED, ids=lambda card: card.name)
def test_what_is_shipped_is_what_its_recipe_makes(card: zoo.ModelCard) -> None:
    recipe = find_recipe(card.name)
    facts = json.loads((trained.MODELS_FOLDER / f"{card.name}.json").read_text())
    assert (facts["title"], facts["seed"]) == (recipe.title, recipe.seed)
    assert facts["epochs"] == recipe.epochs
    history = json.loads((trained.MODELS_FOLDER / f"{card.name}.history.json").read_text())
    assert len(history) == recipe.epochs
    assert history[-1]["val_accuracy"] == pytest.approx(facts["held_out_accuracy"], abs=1e-4)
    assert trained.build(card, trained.MODELS_FOLDER).count_params() == card.num_parameters
