"""``cnnviz atlas``: feature visualizations of whole layers."""

import argparse
from functools import reduce
from operator import add
from pathlib import Path

from cnnviz.cli.console import progress_bar
from cnnviz.cli.options import Commands, add_network_options, run_user_code
from cnnviz.errors import CnnvizError


def add_commands(commands: Commands) -> None:
    """Add ``atlas``."""
    atlas = commands.add_parser("atlas", help="visualize all filters of some layers")
    atlas.add_argument("network", help="a name from the list, or the path of a .keras file")
    atlas.add_argument("--layers", nargs="+", required=True, help="layers with feature maps")
    atlas.add_argument("--steps", type=int, help="of gradient ascent; default: suits the network")
    atlas.add_argument(
        "--size", type=int, help="side of an image, in pixels; default: one that suits the layers"
    )
    atlas.add_argument("--width", type=int, help="of images that are not square; default: --size")
    atlas.add_argument("--filters", type=int, help="only this many filters of each layer")
    atlas.add_argument("--seed", type=int, default=0, help="default: 0")
    atlas.add_argument("--folder", type=Path, default=Path("atlas"), help="default: atlas/")
    atlas.add_argument("--jobs", type=int, default=1, help="processes on this machine; default: 1")
    atlas.add_argument("--engine", default="local", help="local, dask or ray; default: local")
    atlas.add_argument("--scheduler", help="address of a Dask scheduler")
    add_network_options(atlas)
    atlas.set_defaults(run=_atlas)


def _atlas(options: argparse.Namespace) -> int:
    from cnnviz.feature_visualization import channel, suggested_recipe
    from cnnviz.feature_visualization.build_atlas import make_atlas
    from cnnviz.network.loading import load_model
    from cnnviz.zoo import ModelReference

    run_user_code(options.code)
    if options.code is not None and (options.jobs > 1 or options.engine != "local"):
        raise CnnvizError(
            "Layers of your own (--import) are known to this process only: use --jobs 1."
        )
    reference = ModelReference(
        options.network, options.preprocessing or "", options.output or "", options.grid or ""
    )
    model = load_model(str(reference))
    all_layers = reduce(add, [channel(model, name, 0) for name in options.layers])
    recipe = suggested_recipe(model, all_layers)
    recipe = recipe.changed(options.steps, options.size, options.width)

    command = f"python -m cnnviz atlas {options.network} --layers {' '.join(options.layers)}"
    command += f" --steps {recipe.steps} --size {recipe.size_px}"
    command += f" --width {recipe.width_px}" if recipe.width_px else ""
    command += f" --seed {options.seed}"
    command += f" --filters {options.filters}" if options.filters else ""
    for name in ("preprocessing", "output", "grid"):
        value = getattr(options, name)
        command += f" --{name} {value}" if value else ""
    with progress_bar("strips") as show:

        def report(done: int, total: int, left_s: float) -> None:
            show(done, total)

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
    print(f"Open {index.with_name('index.html')} in a browser.")
    return 0
