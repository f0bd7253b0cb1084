"""How the networks in ``models/`` come about: recipes, and the run that follows one."""

from cnnviz.training.augmentation import Augmentation, augmentation_layers
from cnnviz.training.recipes import RECIPES, Recipe, find_recipe
from cnnviz.training.run import Evaluation, evaluate, train

__all__ = [
    "RECIPES",
    "Augmentation",
    "Evaluation",
    "Recipe",
    "augmentation_layers",
    "evaluate",
    "find_recipe",
    "train",
]
