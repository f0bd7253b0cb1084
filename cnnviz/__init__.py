"""cnnviz shows what a convolutional network sees.

Everything that ``__init__.pyi`` names is loaded when it is first used: ``import cnnviz`` loads
neither TensorFlow nor Streamlit.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lazy_loader

from cnnviz.deprecated import warn_renamed

try:
    __version__ = version("cnnviz")
except PackageNotFoundError:  # a folder on the path, not installed
    __version__ = "unknown"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
# Old public names, for one version
_RENAMED = {"ablated_scores": "ablated_logits"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        warn_renamed(f"cnnviz.{name}", f"cnnviz.{_RENAMED[name]}")
        return _load(_RENAMED[name])
    return _load(name)
