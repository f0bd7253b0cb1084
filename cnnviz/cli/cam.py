"""``cnnviz cam``: class activation maps and saliency maps of image files."""

import argparse
import sys
from pathlib import Path

from cnnviz.cli.console import print_table, progress_bar
from cnnviz.cli.options import Commands, add_network_options, read_network


def add_commands(commands: Commands) -> None:
    """Add ``cam``."""
    cam = commands.add_parser("cam", help="draw class activation maps and saliency maps of images")
    cam.add_argument("images", nargs="*", type=Path, help="images and folders of images")
    cam.add_argument("--model", default="efficientnet-lite0", help="default: efficientnet-lite0")
    cam.add_argument("--method", nargs="+", default=["grad-cam"], help="default: grad-cam")
    add_network_options(cam)
    cam.add_argument("--layer", help="default: the last layer with feature maps")
    cam.add_argument("--class", dest="class_name", help="name or number; default: the top class")
    cam.add_argument("--set", nargs="+", default=[], help="settings, such as samples=16")
    cam.add_argument("--folder", type=Path, default=Path("cam"), help="default: cam/")
    cam.add_argument("--list", action="store_true", help="list the methods and their settings")
    cam.set_defaults(run=_cam)


def _list_methods() -> None:
    from cnnviz.attribution.registry import METHODS

    rows = []
    for method in METHODS.values():
        rows.append((method.name, f"{method.title}. {method.paper}", ""))
        for setting in method.settings:
            allowed = ", ".join(setting.choices) or f"{setting.low:g} to {setting.high:g}"
            allowed = "true or false" if isinstance(setting.default, bool) else allowed
            rows.append(("", f"--set {setting.name}={setting.default}", allowed))
    print_table(("method", "title and source, or setting", "values"), rows)


def _cam(options: argparse.Namespace) -> int:
    from cnnviz.cli.batch import explain_files, find_class, image_files, parse_settings

    if options.list or not options.images:
        _list_methods()
        return 0
    settings = parse_settings(options.method, options.set)
    files = image_files(options.images)
    model = read_network(options.model, options)
    if model.input_scaling.is_assumed:
        print(
            f"Input scaling is assumed: {model.input_scaling.description}. If that is wrong, give "
            "--preprocessing.",
            file=sys.stderr,
        )
    wanted = None if options.class_name is None else find_class(model, options.class_name)
    with progress_bar("images") as show:

        def report(done: int, total: int, problem: str) -> None:
            show(done, total)
            if problem:
                print(problem, file=sys.stderr)

        table, num_failed = explain_files(
            model, files, settings, options.folder, options.layer, wanted, on_progress=report
        )
    print(f"Saved {table} and the overlays beside it")
    return 1 if num_failed == len(files) else 0
