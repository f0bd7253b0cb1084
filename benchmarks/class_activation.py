"""Time class activation against tf-keras-vis in one run, and nine methods at once.

tf-keras-vis is no dependency: install it beside cnnviz in an environment of its own, then run
``pip install tf-keras-vis`` and ``python benchmarks/class_activation.py``. Without it only cnnviz
is timed. Both look at one image with EfficientNet-Lite0, whose logits are its output; the runs
alternate, and each figure is the best of several. tf-keras-vis is given its fastest documented use:
the layer is named, `Scorecam` tries as many maps as cnnviz, `Saliency` takes as many noisy copies.
The network's own pass over the images that Score-CAM shows it bounds what can be gained there; by
default tf-keras-vis tries all 1,280 maps, cnnviz the 32 most varied.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnviz import class_activation_map, datasets, load_model, saliency_map
from cnnviz.attribution.methods import attribution_map
from cnnviz.attribution.observation import OBSERVATION, observe
from cnnviz.attribution.registry import METHODS
from cnnviz.attribution.targets import one_class
from cnnviz.network.forward import IMAGE

RUNS, CHANNELS, SAMPLES = 5, 32, 32
LAYER = "head_relu6"


def best(run: Callable[[], object], runs: int = RUNS) -> float:
    """Give the shortest of several times in seconds; the first, which compiles, does not count."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def with_tf_keras_vis(keras_model: Any, batch: np.ndarray, index: int) -> dict[str, Any]:
    """Give the same three maps as tf-keras-vis makes them."""
    try:
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.saliency import Saliency
        from tf_keras_vis.scorecam import Scorecam
    except ImportError:
        return {}
    from tf_keras_vis.utils.scores import CategoricalScore

    score = CategoricalScore(index)
    gradcam = Gradcam(keras_model, clone=True)
    scorecam, saliency = Scorecam(keras_model, clone=True), Saliency(keras_model, clone=True)
    return {
        "grad-cam": lambda: gradcam(score, batch, penultimate_layer=LAYER),
        "score-cam": lambda: scorecam(score, batch, penultimate_layer=LAYER, max_N=CHANNELS),
        "score-cam, defaults": lambda: scorecam(score, batch, penultimate_layer=LAYER),
        "smoothgrad": lambda: saliency(
            score, batch, smooth_samples=SAMPLES, smooth_noise=0.15, keepdims=False
        ),
    }


def main() -> None:
    """Print one line for each comparison."""
    model = load_model("efficientnet-lite0")
    image = datasets.sample_image("natural", "chelsea")
    index = model.predict(image)[0].class_index
    ours: dict[str, Callable[[], object]] = {
        "grad-cam": lambda: class_activation_map(model, image, class_index=index),
        "score-cam": lambda: class_activation_map(
            model, image, "score-cam", class_index=index, channels=CHANNELS
        ),
        "score-cam, defaults": lambda: class_activation_map(
            model, image, "score-cam", class_index=index
        ),
        "smoothgrad": lambda: saliency_map(
            model, image, "smoothgrad", class_index=index, samples=SAMPLES
        ),
    }
    theirs = with_tf_keras_vis(model.keras_model, model.preprocess(image), index)
    for name, run in ours.items():
        mine = best(run)
        line = f"{name:20} cnnviz {1000 * mine:8.1f} ms"
        if theirs:
            other = best(theirs[name], 1 if "defaults" in name else 3)
            line += f"   tf-keras-vis {1000 * other:8.1f} ms   {other / mine:5.1f} times as fast"
        print(line, flush=True)

    names = [  # from the common pass, and one more at most
        name
        for name, method in METHODS.items()
        if method.num_passes(model, LAYER, method.checked({})) <= OBSERVATION
    ]

    def all_at_once() -> None:
        case = observe(model, image, one_class(index), (LAYER, IMAGE))
        for name in names:
            attribution_map(case, METHODS[name], LAYER)

    print(f"{len(names)} methods from one pass: {1000 * best(all_at_once):.1f} ms")
    print(", ".join(names))


if __name__ == "__main__":
    main()
