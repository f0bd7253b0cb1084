"""The table of recipes: what is trained on what, how long, and with which seed."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnviz import datasets
from cnnviz.datasets import LabelledImages
from cnnviz.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides how a network comes out.

    Attributes
    ----------
    name, title, summary : str
        Name of the network and of its files; what people call it; what is special about it.
    architecture : str
        One of `cnnviz.zoo.architectures.ARCHITECTURES`.
    data : str
        One of `DATA`.
    epochs, batch_size : int
    learning_rate : float
        Of Adam at the start; it falls to zero along a cosine.
    seed : int
        Of the first weights, the order of the pictures and dropout.
    """

    name: str
    title: str
    summary: str
    architecture: str
    data: str
    epochs: int
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 1


DATA: dict[str, Callable[[str], LabelledImages]] = {
    "mnist": datasets.mnist,
    "fashion-mnist": datasets.fashion_mnist,
    "svhn": datasets.svhn,
}

RECIPES = {
    recipe.name: recipe
    for recipe in [
        Recipe(
            name="mnist-cnn",
            title="Digits CNN",
            summary="The lecture's first network: three convolutions read handwritten digits.",
            architecture="mnist-cnn",
            data="mnist",
            epochs=8,
        ),
        Recipe(
            name="fashion-cnn",
            title="Fashion CNN",
            summary="The same three convolutions tell ten kinds of clothing apart.",
            architecture="fashion-cnn",
            data="fashion-mnist",
            epochs=10,
        ),
        Recipe(
            name="fashion-cnn-gap",
            title="Fashion CNN (GAP)",
            summary=(
                "The mean of each map replaces the dense layers, so that its class activation map "
                "is exact."
            ),
            architecture="fashion-cnn-gap",
            data="fashion-mnist",
            epochs=12,
        ),
    ]
}


def find_recipe(name: str) -> Recipe:
    """Find a recipe by its name.

    Raises
    ------
    InvalidParameterError
        If there is none; the message lists those there are.
    """
    if name not in RECIPES:
        raise InvalidParameterError(
            f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}."
        )
    return RECIPES[name]
