"""What stands for a thing when something is kept: its digest, or how it is written."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput

BY_DIGEST: dict[str | type[Any], Callable[[Any], Any]] = {
    ImageInput: attrgetter("digest"),
    ClassHeatmap: attrgetter("digest"),
    Target: repr,
}
