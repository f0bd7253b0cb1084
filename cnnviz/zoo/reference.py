"""A network by its name, and the choices that go with it, in one text: ``mine?output=digits``."""

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from cnnviz.errors import ModelLoadError


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What a network is called and how it is to be looked at. Its text is the key of every cache.

    Attributes
    ----------
    name : str
        A name from `list_models`, of an uploaded network, or the path of a file.
    preprocessing : str
        A name of `PREPROCESSINGS`; empty for what is known or assumed.
    output : str
        Name or number of the output to explain; empty for the first.
    grid : str
        Rows × columns of token layers, such as ``8x8``; empty for what the layers tell.
    version : str
        Fingerprint of the file, so that a file saved again is a new network.

    Examples
    --------
    >>> str(ModelReference("mine", preprocessing="raw"))
    'mine?preprocessing=raw'
    >>> ModelReference.parse("mine?output=1").output
    '1'
    """

    name: str
    preprocessing: str = ""
    output: str = ""
    grid: str = ""
    version: str = ""

    def __str__(self) -> str:
        chosen = {key: value for key, value in self._choices().items() if value}
        return f"{self.name}?{urlencode(chosen, quote_via=quote)}" if chosen else self.name

    def _choices(self) -> dict[str, str]:
        return {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"
        }

    @classmethod
    def parse(cls, text: str) -> "ModelReference":
        """Read a reference.

        Raises
        ------
        ModelLoadError
            If there is a choice that does not exist.
        """
        name, _, told = text.partition("?")
        choices = dict(parse_qsl(told))
        known = [field.name for field in fields(cls) if field.name != "name"]
        wrong = [key for key in choices if key not in known]
        if wrong:
            raise ModelLoadError(
                f"{wrong[0]!r} cannot be chosen for a network. Possible: {', '.join(known)}."
            )
        return cls(name, **choices)

    def with_choices(self, **choices: Any) -> "ModelReference":
        """Return the same network with other choices; None leaves one as it is."""
        told = {key: str(value) for key, value in choices.items() if value is not None}
        return replace(self, **told)

    @property
    def grid_size(self) -> tuple[int, int] | None:
        """Rows and columns of token layers; None if nothing is chosen.

        Raises
        ------
        ModelLoadError
            If the text is no such size.
        """
        if not self.grid:
            return None
        rows, _, columns = self.grid.partition("x")
        if not (rows.isdigit() and columns.isdigit() and int(rows) and int(columns)):
            raise ModelLoadError(f"A grid of tokens is written as 8x8, not as {self.grid!r}.")
        return int(rows), int(columns)


def plain_name(text: str) -> str:
    """Return the name of a network without what was chosen for it."""
    return text.partition("?")[0]
