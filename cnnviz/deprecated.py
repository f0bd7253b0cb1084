"""Old names that lead to new ones for one version, with a warning."""

import sys
import warnings
from collections.abc import Mapping
from typing import Any


def warn_renamed(old: str, new: str) -> None:
    """Warn the caller's caller that `old` is called `new` now."""
    warnings.warn(f"{old} is now called {new}.", DeprecationWarning, stacklevel=3)


def renamed_attribute(old: str, new: str) -> Any:
    """Make a property of a record that leads to the attribute `new`, with a warning.

    Examples
    --------
    >>> class Heatmap:
    ...     diagnostics = (("gap", 0.1),)
    ...     facts = renamed_attribute("facts", "diagnostics")
    >>> with warnings.catch_warnings(record=True, action="always") as warned:
    ...     print(Heatmap().facts, len(warned))
    (('gap', 0.1),) 1
    """

    def read(record: object) -> Any:
        warn_renamed(f"{type(record).__name__}.{old}", new)
        return getattr(record, new)

    return property(read, doc=f"Deprecated name of `{new}`.")


def moved_attribute(module: str, name: str, renamed: Mapping[str, str]) -> Any:
    """Look up an old name in a module's ``__getattr__``: what is called otherwise now.

    Parameters
    ----------
    module : str
        The module's ``__name__``.
    name : str
        The name that the module lacks.
    renamed : mapping
        Old names and what they are called now in the same module.

    Raises
    ------
    AttributeError
        If it never had that name.
    """
    if name not in renamed:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warn_renamed(f"{module}.{name}", f"{module}.{renamed[name]}")
    return getattr(sys.modules[module], renamed[name])
