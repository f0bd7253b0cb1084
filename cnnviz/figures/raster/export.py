"""Results as files to take home."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from typing import Any

import numpy as np

from cnnviz.attribution.heatmap import ClassHeatmap


def heatmap_npz(heatmap: ClassHeatmap, more: Mapping[str, Any] | None = None) -> bytes:
    """Pack a heat map and where it came from into an NPZ file; `np.load` reads it back.

    The array ``values`` is the map on the layer's own grid, in logits and not scaled. `more` is
    added, such as the name and probability of the class.
    """
    buffer = BytesIO()
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
    buffer = BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def arrays_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Pack arrays into an NPZ file, none of them named ``file``; `np.load` reads them back."""
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # names are not options
    return buffer.getvalue()
