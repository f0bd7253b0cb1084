"""How the networks in ``models/`` come about: recipes, and the run that follows one."""

from cnnviz.training.recipes import RECIPES, Recipe, find_recipe
from cnnviz.training.run import Evaluation, evaluate, train

__all__ = ["RECIPES", "Evaluation", "Recipe", "evaluate", "find_recipe", "train"]
