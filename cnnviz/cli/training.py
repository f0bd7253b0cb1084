"""``cnnviz train``, ``train-live`` and ``evaluate``: train a network, and measure one."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from cnnviz.cli.console import print_table, progress_bar
from cnnviz.cli.options import Commands, add_models_folder
from cnnviz.errors import CnnvizError


def add_commands(commands: Commands) -> None:
    """Add ``train``, ``train-live`` and ``evaluate``."""
    train = commands.add_parser("train", help="train a network by its recipe, or resume training")
    train.add_argument("recipe", nargs="?", help="name of a recipe")
    train.add_argument("--list", action="store_true", help="list the recipes")
    add_models_folder(train)
    train.set_defaults(run=_train)
    live = commands.add_parser("train-live", help="train the small network of a settings file")
    live.add_argument("settings", type=Path, help="the .json file from the page Live training")
    live.add_argument("--folder", type=Path, help="where to save the network; default: not saved")
    live.set_defaults(run=_train_live)
    evaluate = commands.add_parser("evaluate", help="measure the accuracy of a trained network")
    evaluate.add_argument("recipe", help="name of its recipe")
    add_models_folder(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _figures(epoch: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in epoch.items())


def _train(options: argparse.Namespace) -> int:
    from cnnviz.training import RECIPES, find_recipe, train

    if options.list or options.recipe is None:
        rows = [
            (recipe.name, recipe.data, str(recipe.epochs), recipe.summary)
            for recipe in RECIPES.values()
        ]
        print_table(("recipe", "data", "epochs", "summary"), rows, ("epochs",))
        return 0
    recipe = find_recipe(options.recipe)
    with progress_bar("epochs") as show:

        def report(done: int, total: int, epoch: dict[str, float]) -> None:
            show(done, total, f"epoch {done} of {total}: {_figures(epoch)}")

        path = train(recipe, options.folder, on_epoch=report)
    print(f"Saved {path}. To show it: cnnviz app {path}")
    return 0


def _train_live(options: argparse.Namespace) -> int:
    from cnnviz.training import LiveSettings, LiveTrained, live_files, train_live

    try:
        settings = LiveSettings.from_json(options.settings.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CnnvizError(f"The settings cannot be read: {error}.") from error
    print(f"{settings.name}: {settings.network.num_parameters:,} parameters")
    with progress_bar("epochs") as show:

        def report(trained: LiveTrained) -> None:
            done, total = len(trained.history), settings.epochs
            show(done, total, f"epoch {done} of {total}: {_figures(trained.history[-1])}")

        trained = train_live(settings, on_epoch=report)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, content in live_files(trained).items():
            (options.folder / name).write_bytes(content)
            print(f"Saved {options.folder / name}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from cnnviz.training import evaluate, find_recipe

    recipe = find_recipe(options.recipe)
    result = evaluate(recipe, options.folder)
    num_images = int(result.confusion.sum())
    print(f"{recipe.name}: accuracy {result.accuracy:.2%} on {num_images} test images")
    return 0
