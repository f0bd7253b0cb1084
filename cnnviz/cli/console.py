"""Tables, progress and messages in the terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_PIPED_WIDTH = 400  # a table that another program reads is neither wrapped nor cut


def console() -> Console:
    """Return a console on the current standard output."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()
) -> None:
    """Print a table; the columns named in `numbers` are aligned on the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[..., None]]:
    """Yield a function that shows progress; nothing is printed before it is called.

    It takes how many are done, how many there are, and a line to print above the bar.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    progress = Progress(*columns, console=console())
    task = progress.add_task("")

    def show(done: int, total: int, line: str = "") -> None:
        progress.start()
        progress.update(task, completed=done, total=total)
        if line:
            progress.print(line)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()
