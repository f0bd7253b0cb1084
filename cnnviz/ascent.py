"""Deprecated name of `cnnviz.feature_visualization`."""

from typing import Any

from cnnviz import feature_visualization
from cnnviz.deprecated import warn_renamed


def __getattr__(name: str) -> Any:
    value = getattr(feature_visualization, name)
    warn_renamed(f"cnnviz.ascent.{name}", f"cnnviz.feature_visualization.{name}")
    return value
