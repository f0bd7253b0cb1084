"""Results as files to take home."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.attribution.heatmap import ClassHeatmap

if TYPE_CHECKING:
    import plotly.graph_objects as go


def heatmap_npz(heatmap: ClassHeatmap, more: Mapping[str, Any] | None = None) -> bytes:
    """Pack a heat map and where it came from into an NPZ file; `np.load` reads it back.

    The array ``values`` is the map on the layer's own grid, in logits and not scaled. `more` is
    added, such as the name and probability of the class.
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        values=heatmap.values,
        layer_name=heatmap.layer_name,
        class_index=heatmap.class_index,
        logit=heatmap.logit,
        method=heatmap.method,
        **(more or {}),
    )
    return buffer.getvalue()


def heatmap_json(heatmap: ClassHeatmap, more: Mapping[str, Any]) -> bytes:
    """Write down how a map was made: everything that is needed to make it again.

    Parameters
    ----------
    heatmap : ClassHeatmap
    more : mapping
        What else is known, such as the network's name and fingerprint and the image's digest.
    """
    packages = ("cnnviz", "tensorflow", "keras", "numpy", "opencv-python-headless", "scikit-image")
    told = {
        **more,
        "method": heatmap.method,
        "settings": dict(heatmap.settings),
        "target": heatmap.target,
        "class_index": heatmap.class_index,
        "layer_name": heatmap.layer_name,
        "logit": heatmap.logit,
        "facts": dict(heatmap.diagnostics),
        "shape": list(heatmap.values.shape),
        "minimum": float(heatmap.values.min()),
        "maximum": heatmap.maximum,
        "versions": {name: _version(name) for name in packages},
    }
    return json.dumps(told, indent=2, ensure_ascii=False).encode()


def _version(package: str) -> str:
    for name in (package, f"{package}-cpu"):  # TensorFlow's build without graphics cards
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "not installed"


def array_npy(values: np.ndarray) -> bytes:
    """Pack an array into an NPY file; `np.load` reads it back."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def arrays_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Pack arrays into an NPZ file, none of them named ``file``; `np.load` reads them back."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # names are not options
    return buffer.getvalue()


def chart_csv(figure: "go.Figure") -> bytes:
    """Write the points of a chart: one row a point, with the name of its series.

    Parameters
    ----------
    figure : plotly figure

    Returns
    -------
    bytes
        CSV with the columns series, x, y (polar charts: series, angle, radius); the entries of a
        table of numbers have their column, row and value.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    is_polar = any(getattr(trace, "theta", None) is not None for trace in figure.data)
    has_values = any(getattr(trace, "z", None) is not None for trace in figure.data)
    names = ("angle", "radius") if is_polar else ("x", "y")
    writer.writerow(["series", *names, *(["value"] if has_values else [])])
    for number, trace in enumerate(figure.data, start=1):
        series = trace.name or f"series {number}"
        table = getattr(trace, "z", None)
        if table is not None:
            for row, values in enumerate(table):
                for column, value in enumerate(values):
                    writer.writerow([series, column, row, value])
            continue
        pair = [getattr(trace, name, None) for name in (("theta", "r") if is_polar else ("x", "y"))]
        length = max((len(values) for values in pair if values is not None), default=0)
        first, second = (range(length) if values is None else values for values in pair)
        writer.writerows([series, *point] for point in zip(first, second, strict=False))
    return text.getvalue().encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files, by name, into a ZIP archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
