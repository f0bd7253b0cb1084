"""The command ``cnnviz``: its subcommands, and how their errors are shown."""

import argparse
import sys
from collections.abc import Sequence

import cnnviz
from cnnviz.cli import app, atlas, cam, classifiers, networks, training
from cnnviz.errors import CnnvizError

GROUPS = (app, networks, training, classifiers, atlas, cam)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; errors of use are printed as one line."""
    parser = argparse.ArgumentParser(
        prog="cnnviz", description="Explore the filters and activations of convolutional networks."
    )
    parser.add_argument("--version", action="version", version=f"cnnviz {cnnviz.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for group in GROUPS:
        group.add_commands(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except CnnvizError as error:
        print(f"cnnviz: {error}", file=sys.stderr)
        return 1
