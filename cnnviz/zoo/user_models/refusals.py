"""Why a file of a network cannot be used, in words."""

from pathlib import Path

from cnnviz.errors import ModelLoadError


class Refused(Exception):  # noqa: N818 - not a mistake in the program: a verdict on a file
    """A reason that completes the sentence "'mine.keras' cannot be used: …"."""


def refusal(path: Path, reason: str | Refused) -> ModelLoadError:
    """Make the error that a user reads."""
    return ModelLoadError(f"{path.name!r} cannot be used: {reason}.", path=path)
