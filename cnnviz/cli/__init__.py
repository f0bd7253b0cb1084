"""The command line: one module for each group of commands; `parser` puts them together."""

from cnnviz.cli.parser import main

__all__ = ["main"]
