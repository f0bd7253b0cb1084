"""The command ``cnnviz``: open the app, list the networks."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cnnviz import paths
from cnnviz.errors import CnnvizError

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_OPEN_WHEN_READY = """
import sys, time, urllib.request, webbrowser
for _ in range(240):
    try:
        urllib.request.urlopen(sys.argv[1] + "/_stcore/health", timeout=1).close()
    except OSError:
        time.sleep(0.25)
    else:
        webbrowser.open(sys.argv[2])
        break
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; what a user can put right is one plain line."""
    parser = argparse.ArgumentParser(prog="cnnviz", description="See what a network sees.")
    commands = parser.add_subparsers(required=True)
    _add_app(commands)
    _add_lists(commands)
    _add_training(commands)
    _add_classifiers(commands)
    _add_evaluate(commands)
    _add_atlas(commands)
    _add_cam(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except CnnvizError as error:
        print(f"cnnviz: {error}", file=sys.stderr)
        return 1


def _add_app(commands: _Commands) -> None:
    app = commands.add_parser("app", help="open the app in the browser")
    app.add_argument("files", nargs="*", type=Path, help="networks of your own: .keras files")
    app.add_argument("--port", type=int, default=8501, help="default: 8501")
    app.add_argument(
        "--address", default="127.0.0.1", help="0.0.0.0 lets the class in; default: this computer"
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    app.set_defaults(run=_app)


def _add_lists(commands: _Commands) -> None:
    models = commands.add_parser("models", help="list the networks and whether they are here")
    models.set_defaults(run=_models)
    show = commands.add_parser("show", help="print the layers of a network")
    show.add_argument("network", help="a name from the list, or the path of a .keras file")
    _add_reading(show)
    show.set_defaults(run=_show)


def _add_reading(command: argparse.ArgumentParser) -> None:
    """Add the options that say how a network is to be looked at."""
    command.add_argument(
        "--preprocessing", help="what it expects: raw (0 to 255), unit (0 to 1), tf, caffe, torch …"
    )
    command.add_argument("--output", help="which of several outputs: its name or number")
    command.add_argument("--grid", help="rows x columns of token layers, such as 8x8")
    command.add_argument("--class-names", nargs="+", help="one for each class, in order")
    command.add_argument(
        "--import",
        dest="code",
        type=Path,
        help="a Python file of yours that registers the network's own layers with Keras; it is run",
    )


def _read_network(name: str, options: argparse.Namespace) -> "LoadedModel":
    from cnnviz.network.loading import load_model
    from cnnviz.zoo import ModelReference

    _run_own_code(options.code)
    return load_model(
        name,
        preprocessing=options.preprocessing,
        output=options.output,
        token_grid=ModelReference(name, grid=options.grid or "").grid_size,
        class_names=options.class_names,
    )


def _run_own_code(path: Path | None) -> None:
    """Run a Python file of the user's, so that layers it registers with Keras are known."""
    if path is None:
        return
    if not path.is_file():
        raise CnnvizError(f"There is no file {str(path)!r} to import. Check the path.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CnnvizError(f"{path.name!r} is no Python file, so it cannot be imported.")
    spec.loader.exec_module(module_from_spec(spec))


def _add_training(commands: _Commands) -> None:
    train = commands.add_parser("train", help="train a network by its recipe, or go on with it")
    train.add_argument("recipe", nargs="?", help="name of a recipe")
    train.add_argument("--list", action="store_true", help="list the recipes")
    _add_models_folder(train)
    train.set_defaults(run=_train)
    live = commands.add_parser("train-live", help="train the small network of a settings file")
    live.add_argument("settings", type=Path, help="the .json file that the page Train live offers")
    live.add_argument("--folder", type=Path, help="where to leave the network; default: nowhere")
    live.set_defaults(run=_train_live)


def _add_classifiers(commands: _Commands) -> None:
    bank = commands.add_parser("bank", help="train a classifier on a filter bank's answers")
    bank.add_argument("data", help="fashion-mnist or svhn")
    _add_models_folder(bank)
    bank.set_defaults(run=_bank)
    linear = commands.add_parser("linear", help="train a linear classifier: one template a class")
    linear.add_argument("data", help="fashion-mnist, cifar-10 or svhn")
    _add_models_folder(linear)
    linear.set_defaults(run=_linear)


def _add_evaluate(commands: _Commands) -> None:
    evaluate = commands.add_parser("evaluate", help="measure a trained network from its file")
    evaluate.add_argument("recipe", help="name of its recipe")
    _add_models_folder(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _add_models_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", type=Path, default=paths.MODELS, help="default: models/")


def _add_atlas(commands: _Commands) -> None:
    atlas = commands.add_parser("atlas", help="draw what all filters of some layers look for")
    atlas.add_argument("network", help="a name from the list, or the path of a .keras file")
    atlas.add_argument("--layers", nargs="+", required=True, help="layers with maps")
    atlas.add_argument("--steps", type=int, help="of the climb; default: what suits the network")
    atlas.add_argument(
        "--size", type=int, help="side of an image, in pixels; default: one that suits the layers"
    )
    atlas.add_argument("--width", type=int, help="of images that are not square; default: --size")
    atlas.add_argument("--filters", type=int, help="only the first so many of each layer")
    atlas.add_argument("--seed", type=int, default=0, help="default: 0")
    atlas.add_argument("--folder", type=Path, default=Path("atlas"), help="default: atlas/")
    atlas.add_argument("--jobs", type=int, default=1, help="processes on this machine")
    atlas.add_argument("--engine", default="local", help="local, dask or ray; default: local")
    atlas.add_argument("--scheduler", help="address of a Dask scheduler")
    _add_reading(atlas)
    atlas.set_defaults(run=_atlas)


def _add_cam(commands: _Commands) -> None:
    cam = commands.add_parser("cam", help="draw which pixels of pictures argue for a class")
    cam.add_argument("images", nargs="*", type=Path, help="pictures and folders of pictures")
    cam.add_argument("--model", default="efficientnet-lite0", help="default: efficientnet-lite0")
    cam.add_argument("--method", nargs="+", default=["grad-cam"], help="default: grad-cam")
    _add_reading(cam)
    cam.add_argument("--layer", help="default: the last one with maps")
    cam.add_argument("--class", dest="class_name", help="name or number; default: the top one")
    cam.add_argument("--set", nargs="+", default=[], help="settings, such as samples=16")
    cam.add_argument("--folder", type=Path, default=Path("cam"), help="default: cam/")
    cam.add_argument("--list", action="store_true", help="list the methods and their settings")
    cam.set_defaults(run=_cam)


def _app(options: argparse.Namespace) -> int:
    from cnnviz import app_server

    server = app_server.server_command(options.port, options.address)
    files = _checked_networks(options.files)
    if not options.no_browser and _has_screen():
        # Streamlit would ask for an e-mail address before it opens a browser by itself
        url = f"http://127.0.0.1:{options.port}"
        page = app_server.start_page(files[0].stem if files else "")
        subprocess.Popen([sys.executable, "-c", _OPEN_WHEN_READY, url, url + page])
    os.chdir(paths.ROOT)  # the folder holds .streamlit/config.toml
    environment = app_server.ENVIRONMENT | os.environ
    if files:
        environment["CNNVIZ_MODEL_FILES"] = os.pathsep.join(map(str, files))
    if os.name == "posix":
        os.execve(sys.executable, server, environment)  # this process becomes the server
    return subprocess.call(server, env=environment)


def _checked_networks(files: Sequence[Path]) -> list[Path]:
    """Refuse files that the app could not show, before it starts."""
    from cnnviz.zoo import card_for_file, file_version

    for path in files:
        card_for_file(path.resolve(), file_version(path))
    return [path.resolve() for path in files]


def _has_screen() -> bool:
    """Whether a browser window can be shown; a server without one stays quiet."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(name in os.environ for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _models(_: argparse.Namespace) -> int:
    from cnnviz import zoo

    for card in zoo.list_models():
        here = "ready" if zoo.is_ready(card) else "download"
        millions = f"{card.num_parameters / 1e6:6.1f} M" if card.num_parameters else " " * 8
        print(f"{card.name:30} {here:10} {millions}  {card.title}")
    for file in zoo.list_own_files():
        if file.problem:
            print(f"not usable: {file.problem}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from cnnviz.network.layer_table import layer_table, table_totals

    model = _read_network(options.network, options)
    rows = layer_table(model)
    print(
        f"{model.card.title}: input {model.input_scaling}; ends in {model.network_head.description}"
    )
    width = max(len(row.name) for row in rows)
    for row in rows:
        shape = "×".join(map(str, row.output_shape))
        is_counted = row.num_parameters or not row.shared_with
        parameters = f"{row.num_parameters:,}" if is_counted else "shared"
        is_known = row.num_multiplications is not None
        products = f"{row.num_multiplications:,}" if is_known else "not known"
        print(f"{row.name:{width}} {row.kind:22} {shape:14} {parameters:>12} {products:>15}")
    totals = table_totals(model, rows)
    print(
        f"{totals.num_parameters:,} parameters, {totals.num_multiplications:,} multiplications for "
        f"one image. {' '.join(totals.notes)}".rstrip()
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    from cnnviz.training import RECIPES, find_recipe, train

    if options.list or options.recipe is None:
        for recipe in RECIPES.values():
            print(f"{recipe.name:30} {recipe.data:15} {recipe.epochs:3} epochs  {recipe.summary}")
        return 0
    started, first = time.monotonic(), 0

    def report(done: int, total: int, figures: dict[str, float]) -> None:
        nonlocal first
        first = first or done - 1  # a resumed run begins later
        left_s = (time.monotonic() - started) / (done - first) * (total - done)
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        print(f"epoch {done} of {total}: {numbers}; about {left_s:.0f} s left", flush=True)

    print(f"written: {train(find_recipe(options.recipe), options.folder, on_epoch=report)}")
    return 0


def _train_live(options: argparse.Namespace) -> int:
    from cnnviz.training import LiveSettings, LiveTrained, live_files, train_live

    try:
        settings = LiveSettings.from_json(options.settings.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CnnvizError(f"The settings cannot be read: {error}.") from error

    def report(trained: LiveTrained) -> None:
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in trained.history[-1].items())
        print(f"epoch {len(trained.history)} of {settings.epochs}: {numbers}", flush=True)

    print(f"{settings.name}: {settings.network.num_parameters:,} parameters")
    trained = train_live(settings, on_epoch=report)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, content in live_files(trained).items():
            (options.folder / name).write_bytes(content)
            print(f"written: {options.folder / name}")
    return 0


def _bank(options: argparse.Namespace) -> int:
    from cnnviz.classifiers.filter_bank import save_classifier, train_classifier

    classifier = train_classifier(options.data)
    path = save_classifier(classifier, options.data, options.folder)
    print(f"{classifier.accuracy:.2%} of {classifier.num_held_out} held-out pictures are right")
    print(f"written: {path}")
    return 0


def _linear(options: argparse.Namespace) -> int:
    from cnnviz.classifiers.linear import save_linear, train_linear

    classifier = train_linear(options.data)
    path = save_linear(classifier, options.data, options.folder)
    print(f"{classifier.accuracy:.2%} of {classifier.num_held_out} held-out pictures are right")
    print(f"written: {path}")
    return 0


def _atlas(options: argparse.Namespace) -> int:
    from functools import reduce
    from operator import add

    from cnnviz.feature_visualization import channel, suggested_recipe
    from cnnviz.feature_visualization.build_atlas import make_atlas
    from cnnviz.network.loading import load_model
    from cnnviz.zoo import ModelReference

    _run_own_code(options.code)
    if options.code is not None and (options.jobs > 1 or options.engine != "local"):
        raise CnnvizError("Layers of your own (--import) are known to this process only: --jobs 1.")
    reference = ModelReference(
        options.network, options.preprocessing or "", options.output or "", options.grid or ""
    )
    model = load_model(str(reference))
    all_layers = reduce(add, [channel(model, name, 0) for name in options.layers])
    recipe = suggested_recipe(model, all_layers)
    recipe = recipe.changed(options.steps, options.size, options.width)

    def report(done: int, total: int, left_s: float) -> None:
        left = (
            f", about {left_s / 60:.0f} min left"
            if left_s >= 90
            else f", about {left_s:.0f} s left"
        )
        print(f"\r{done} of {total} strips{left if done < total else ''}   ", end="", flush=True)

    command = f"python -m cnnviz atlas {options.network} --layers {' '.join(options.layers)}"
    command += f" --steps {recipe.steps} --size {recipe.size_px}"
    command += f" --width {recipe.width_px}" if recipe.width_px else ""
    command += f" --seed {options.seed}"
    command += f" --filters {options.filters}" if options.filters else ""
    for name in ("preprocessing", "output", "grid"):
        value = getattr(options, name)
        command += f" --{name} {value}" if value else ""
    index = make_atlas(
        str(reference),
        options.layers,
        options.folder,
        recipe,
        max_filters=options.filters,
        seed=options.seed,
        jobs=options.jobs,
        engine=options.engine,
        scheduler=options.scheduler,
        command=command,
        on_progress=report,
    )
    print(f"\nOpen {index.with_name('index.html')} in a browser.")
    return 0


def _cam(options: argparse.Namespace) -> int:
    from cnnviz.attribution.registry import METHODS
    from cnnviz.cli.batch import explain_files, find_class, parse_settings, picture_files

    if options.list or not options.images:
        for method in METHODS.values():
            print(f"{method.name:24} {method.title}. {method.paper}")
            for setting in method.settings:
                allowed = ", ".join(setting.choices) or f"{setting.low:g} to {setting.high:g}"
                allowed = "true or false" if isinstance(setting.default, bool) else allowed
                print(f"    --set {setting.name}={setting.default}    {allowed}")
        return 0
    settings = parse_settings(options.method, options.set)
    files = picture_files(options.images)
    model = _read_network(options.model, options)
    if model.input_scaling.is_assumed:
        print(
            f"Input scaling is assumed: {model.input_scaling.description}. If that is wrong, give "
            "--preprocessing.",
            file=sys.stderr,
        )
    wanted = None if options.class_name is None else find_class(model, options.class_name)
    started = time.monotonic()

    def report(done: int, total: int, problem: str) -> None:
        left_s = (time.monotonic() - started) / done * (total - done)
        if problem:
            print(f"\r{problem}", file=sys.stderr)
        print(f"\r{done} of {total} pictures, about {left_s:.0f} s left   ", end="", flush=True)

    table, num_failed = explain_files(
        model, files, settings, options.folder, options.layer, wanted, on_progress=report
    )
    print(f"\nwritten: {table} and the overlays beside it")
    return 1 if num_failed == len(files) else 0


def _evaluate(options: argparse.Namespace) -> int:
    from cnnviz.training import evaluate, find_recipe

    recipe = find_recipe(options.recipe)
    result = evaluate(recipe, options.folder)
    num_pictures = int(result.confusion.sum())
    print(f"{recipe.name}: {result.accuracy:.2%} of {num_pictures} held-out pictures are right")
    return 0
