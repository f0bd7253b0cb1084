"""Time all layers of EfficientNet-Lite0 for one image against the network alone, side by side.

Run ``python benchmarks/all_layers.py``. Both start from the same image and end with numbers in
NumPy; the runs alternate, and each figure is the median of forty.
"""

import statistics
import time
from collections.abc import Callable

import tensorflow as tf

from cnnviz import datasets, feature_maps, figures, load_model

RUNS = 40


def main() -> None:
    """Time both, and the image of the last layer's maps."""
    model = load_model("efficientnet-lite0")
    image = datasets.sample_image("natural", "chelsea")
    forward = tf.function(lambda batch: model.keras_model(batch, training=False), autograph=False)

    def alone() -> object:
        return forward(tf.constant(model.preprocess(image))).numpy()

    def all_layers() -> object:
        return feature_maps(model, image)

    maps = feature_maps(model, image)["head_relu6"].values
    scale = figures.unsigned_scale(maps)
    tiles = maps.transpose(2, 0, 1)

    def mosaic() -> object:
        sheet = figures.mosaic(tiles, [scale] * len(tiles), columns=16, tile_px=56, strip_px=20)
        return figures.encode_jpeg(sheet, quality=82)

    calls: tuple[Callable[[], object], ...] = (alone, all_layers, mosaic)
    times: dict[str, list[float]] = {call.__name__: [] for call in calls}
    for call in calls * 2:
        call()
    for _ in range(RUNS):
        for call in calls:
            start = time.perf_counter()
            call()
            times[call.__name__].append(1000 * (time.perf_counter() - start))
    plain, taps, sheet = (statistics.median(times[call.__name__]) for call in calls)
    print(f"the network alone: {plain:.1f} ms")
    print(f"all {len(model.map_shapes)} layers with maps: {taps:.1f} ms, {taps / plain:.2f} times")
    print(f"one image of {len(tiles):,} maps, encoded: {sheet:.1f} ms")


if __name__ == "__main__":
    main()
