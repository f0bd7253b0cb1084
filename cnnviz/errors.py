"""The errors a user can cause. A page may show ``str(error)`` of each as it stands."""

from collections.abc import Sequence
from pathlib import Path


class CnnvizError(Exception):
    """Something the user can put right: the message says what came and what to do."""


class InvalidImageError(CnnvizError, ValueError):
    """Bytes or pixels that cannot be used as an image."""


class InvalidParameterError(CnnvizError, ValueError):
    """A number or name outside its documented range."""


class DatasetError(CnnvizError):
    """A data set that is not there, could not be downloaded or is damaged."""


class DownloadError(CnnvizError):
    """A file that could not be fetched whole and right; `url` says which."""

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message)
        self.url = url


class DownloadCancelled(CnnvizError):  # noqa: N818 - nothing went wrong: the user said stop
    """A download that the user stopped."""


class ModelLoadError(CnnvizError):
    """A model file that is missing, unreadable or does not fit; `path` says which."""

    def __init__(self, message: str, *, path: str | Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class UnknownLayerError(CnnvizError, LookupError):
    """A layer name that the model does not have; `available` lists those it has."""

    def __init__(self, message: str, *, layer_name: str, available: Sequence[str]) -> None:
        super().__init__(message)
        self.layer_name = layer_name
        self.available = tuple(available)


class AnalysisError(CnnvizError, RuntimeError):
    """An analysis without an answer: no gradient path, or values that are not finite."""
