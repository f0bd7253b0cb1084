"""Time gradient ascent against tf-keras-vis, and against forward and backward alone.

tf-keras-vis is no dependency: install it beside cnnviz in an environment of its own, then run
``pip install tf-keras-vis`` and ``python benchmarks/ascent.py``. Without it only the second
comparison is made. Both optimize the same channel of EfficientNet-Lite0 on images of one size;
the runs alternate, and each figure is the best of several.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cnnviz import load_model
from cnnviz.feature_visualization import LUCID, channel, visualize
from cnnviz.network.inspected_model import LoadedModel

SIZE_PX, STEPS, RUNS = 128, 128, 3
LAYERS = ("block2b_expand_relu6", "block4b_expand_relu6", "block5c_expand_relu6", "head_relu6")
CHANNEL = 5


def with_cnnviz(model: LoadedModel, layer_name: str) -> Callable[[], object]:
    """Optimize as the page does: frequencies, colors, moves, Adam, frames."""
    recipe = replace(LUCID, size_px=SIZE_PX, steps=STEPS)
    objective = channel(model, layer_name, CHANNEL)
    return lambda: visualize(model, [objective], recipe)


def alone(model: LoadedModel, layer_name: str) -> Callable[[], object]:
    """Run the network forward and backward as often, in one compiled loop, and nothing else."""

    def step(i: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            forward = model.run(x, pre_activations=(layer_name,), until=(layer_name,))
            value = tf.reduce_mean(forward.pre_activations[layer_name][..., CHANNEL])
        return i + 1, x + 1e-9 * tape.gradient(value, x)

    @tf.function(autograph=False)
    def steps(x: Any) -> Any:
        return tf.while_loop(lambda i, _: i < STEPS, step, (0, x))[1]

    start = tf.random.stateless_normal((1, SIZE_PX, SIZE_PX, 3), (0, 0))
    return lambda: steps(start).numpy()


def with_tf_keras_vis(model: LoadedModel, layer_name: str) -> Callable[[], object] | None:
    """Climb with `ActivationMaximization` and its own regularizers and modifiers."""
    try:
        from tf_keras_vis.activation_maximization import ActivationMaximization
    except ImportError:
        return None
    from tf_keras_vis.utils.scores import CategoricalScore

    whole = keras.Model(model.keras_model.inputs[0], model.keras_model.get_layer(layer_name).output)
    small = keras.Input((SIZE_PX, SIZE_PX, 3))
    optimizer_run = ActivationMaximization(keras.Model(small, whole(small)), clone=False)
    seed = np.random.default_rng(0).uniform(-1, 1, (1, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    return lambda: optimizer_run(
        CategoricalScore(CHANNEL), seed_input=seed, steps=STEPS, input_range=(-1.0, 1.0)
    )


def main() -> None:
    """Print steps per second and the two ratios for some layers."""
    model = load_model("efficientnet-lite0")
    for layer_name in LAYERS:
        calls = {
            "cnnviz": with_cnnviz(model, layer_name),
            "network alone": alone(model, layer_name),
        }
        other = with_tf_keras_vis(model, layer_name)
        if other is not None:
            calls["tf-keras-vis"] = other
        best = dict.fromkeys(calls, float("inf"))
        for call in calls.values():
            call()
        for _ in range(RUNS):
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
        rates = {name: STEPS / seconds for name, seconds in best.items()}
        print(
            f"{layer_name}: "
            + ", ".join(f"{name} {rate:.1f} steps/s" for name, rate in rates.items())
            + f"; share of the network alone {rates['cnnviz'] / rates['network alone']:.0%}"
            + (f"; {rates['cnnviz'] / rates['tf-keras-vis']:.1f} times" if other else "")
        )


if __name__ == "__main__":
    main()
