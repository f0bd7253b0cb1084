"""``cnnviz models`` and ``cnnviz show``: the networks, and the layers of one."""

import argparse

from cnnviz.cli.console import print_table
from cnnviz.cli.options import Commands, add_network_options, read_network


def add_commands(commands: Commands) -> None:
    """Add ``models`` and ``show``."""
    models = commands.add_parser("models", help="list the networks and which need a download")
    models.set_defaults(run=_models)
    show = commands.add_parser("show", help="print the layers of a network")
    show.add_argument("network", help="a name from the list, or the path of a .keras file")
    add_network_options(show)
    show.set_defaults(run=_show)


def _models(_: argparse.Namespace) -> int:
    from cnnviz import zoo

    rows = [
        (
            card.name,
            "ready" if zoo.is_ready(card) else "download",
            f"{card.num_parameters / 1e6:.1f} M" if card.num_parameters else "",
            card.title,
        )
        for card in zoo.list_models()
    ]
    print_table(("name", "status", "parameters", "title"), rows, ("parameters",))
    for file in zoo.list_own_files():
        if file.problem:
            print(f"not usable: {file.problem}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from cnnviz.network.layer_table import layer_table, table_totals

    model = read_network(options.network, options)
    layers = layer_table(model)
    print(
        f"{model.card.title}: input {model.input_scaling}; ends in {model.network_head.description}"
    )
    rows = []
    for layer in layers:
        is_counted = layer.num_parameters or not layer.shared_with
        macs = layer.num_multiplications
        rows.append(
            (
                layer.name,
                layer.kind,
                "×".join(map(str, layer.output_shape)),
                f"{layer.num_parameters:,}" if is_counted else "shared",
                "unknown" if macs is None else f"{macs:,}",
            )
        )
    columns = ("layer", "type", "output shape", "parameters", "MACs")
    print_table(columns, rows, ("parameters", "MACs"))
    totals = table_totals(model, layers)
    print(
        f"{totals.num_parameters:,} parameters, {totals.num_multiplications:,} multiplications for "
        f"one image. {' '.join(totals.notes)}".rstrip()
    )
    return 0
