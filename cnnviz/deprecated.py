"""Old names that lead to new ones for one version, with a warning."""

import warnings
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
