"""Results as files to take home."""

from io import BytesIO

import numpy as np

from cnnviz.results import ClassHeatmap


def heatmap_npz(heatmap: ClassHeatmap) -> bytes:
    """Pack a heatmap and where it came from into an NPZ file; `np.load` reads it back.

    The array ``values`` is the map on the layer's own grid, in logits and not scaled.
    """
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        values=heatmap.values,
        layer_name=heatmap.layer_name,
        class_index=heatmap.class_index,
        logit=heatmap.logit,
        method=heatmap.method,
    )
    return buffer.getvalue()


def array_npy(values: np.ndarray) -> bytes:
    """Pack an array into an NPY file; `np.load` reads it back."""
    buffer = BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
