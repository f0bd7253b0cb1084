"""The optimizer: many images at once, in compiled chunks, so that it can be watched."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz.errors import AnalysisError, InvalidParameterError
from cnnviz.feature_visualization import parameterization
from cnnviz.feature_visualization.filter_image import FilterImage
from cnnviz.feature_visualization.objectives import Objective, channel, evaluated, stacked_weights
from cnnviz.feature_visualization.recipe import Recipe, suggested_recipe
from cnnviz.feature_visualization.sizes import check_size
from cnnviz.images import ImageInput, as_gray, center_view, image_from_pixels
from cnnviz.network.inspected_model import compiled
from cnnviz.zoo import scaled

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_SEED = 2**31 - 1
MAX_BATCH = 64  # images that are optimized at once
NUM_FRAMES = 16  # of the animation, besides its first
_CHUNK_S = 0.3  # between two looks at the clock
_RESTARTS = 3
_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # of Adam, as in its paper


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """How far an optimization is.

    Attributes
    ----------
    step, steps : int
    pixels : sequence of uint8 ndarray of shape (h, w, 3)
        The images as they are now.
    history : float32 ndarray of shape (step, N)
        The objectives before each step so far.
    """

    step: int
    steps: int
    pixels: Sequence[np.ndarray]
    history: np.ndarray


def visualize_filter(
    model: "LoadedModel",
    layer_name: str,
    filter_index: int,
    *,
    steps: int | None = None,
    size_px: int | None = None,
    width_px: int | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    on_step: Callable[[Progress], None] | None = None,
) -> FilterImage:
    """Make an image that activates one filter, by gradient ascent in input space.

    Parameters
    ----------
    model : LoadedModel
    layer_name : str
        A layer with maps.
    filter_index : int
        Its channel.
    steps, size_px : int, optional
        Instead of the recipe's; `size_px` is the side of a square image.
    width_px : int, optional
        Width of an image that is not square; `size_px` is its height then.
    seed : int
        Equal seeds give equal images on one machine.
    recipe : Recipe, optional
        `suggested_recipe` of the model and the filter if left out.
    on_step : callable, optional
        Called from time to time with a `Progress`; what it raises ends the optimization.

    Returns
    -------
    FilterImage

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer or filter, a setting is out of range, or the layer cannot be
        computed for images of this size.

    References
    ----------
    Erhan et al., "Visualizing higher-layer features of a deep network", 2009; Olah, Mordvintsev
    and Schubert, "Feature visualization", Distill 2017, doi:10.23915/distill.00007.
    """
    objective = channel(model, layer_name, filter_index)
    recipe = recipe or suggested_recipe(model, objective)
    recipe = recipe.changed(steps, size_px, width_px)
    return visualize(model, [objective], recipe, seeds=[seed], on_step=on_step)[0]


def visualize(
    model: "LoadedModel",
    objectives: Sequence[Objective],
    recipe: Recipe,
    *,
    seeds: Sequence[int] | None = None,
    begin_with: ImageInput | None = None,
    on_step: Callable[[Progress], None] | None = None,
) -> tuple[FilterImage, ...]:
    """Make one image for each objective, all in one graph.

    Parameters
    ----------
    model : LoadedModel
    objectives : sequence of Objective
        1 to 64, of the same layers and kinds.
    recipe : Recipe
    seeds : sequence of int, optional
        One for each; 0, 1, 2, … if left out. An image depends on its own seed only, not on what
        is made beside it, unless the objective is diversity.
    begin_with : ImageInput, optional
        A photograph to begin with, instead of noise.
    on_step : callable, optional
        As in `visualize_filter`.

    Raises
    ------
    InvalidParameterError
        If there are too few or too many objectives, they differ in shape, the network cannot take
        images of the recipe's size, or a seed is out of range.
    AnalysisError
        If no gradient leads from the objective to the image.
    """
    if not 1 <= len(objectives) <= MAX_BATCH:
        raise InvalidParameterError(f"Between 1 and {MAX_BATCH} images can be made at once.")
    weights = [tf.constant(layer_weights) for layer_weights in stacked_weights(objectives)]
    seeds = list(range(len(objectives))) if seeds is None else list(seeds)
    if len(seeds) != len(objectives):
        raise InvalidParameterError("There must be one seed for each objective.")
    if not all(0 <= seed <= MAX_SEED for seed in seeds):
        raise InvalidParameterError(f"Seeds must be from 0 to {MAX_SEED}, got {seeds}.")
    check_size(model, objectives[0], recipe)
    recipe = _fitting_colors(model, recipe)
    run = _Optimization(model, objectives[0], recipe, weights, seeds)
    run.begin(begin_with)
    run.run(on_step)
    return run.results(objectives)


def _fitting_colors(model: "LoadedModel", recipe: Recipe) -> Recipe:
    return replace(recipe, colors="none") if model.input_shape[2] == 1 else recipe


class _Optimization:
    """One batch of images on their way up."""

    def __init__(
        self,
        model: "LoadedModel",
        objective: Objective,
        recipe: Recipe,
        weights: list[Any],
        seeds: list[int],
    ) -> None:
        self._model, self._recipe, self._weights, self._seeds = model, recipe, weights, seeds
        self._batch_axis = 1 if recipe.basis == "fourier" else 0
        self._amplitude = np.ones(len(seeds))
        key = (objective.shape_key, recipe.graph_key)
        self._steps = lambda *args: model.compute(
            ("ascent", *key), lambda: _compiled_steps(model, objective, recipe, weights), *args
        )
        self._draw = lambda numbers: model.compute(
            ("ascent image", recipe.graph_key),
            lambda: compiled(lambda x: parameterization.drawn(recipe, x), _spec(model, recipe)),
            numbers,
        )
        self._answers = lambda images: model.compute(
            ("ascent answer", *key),
            lambda: _compiled_answers(model, objective, recipe, weights),
            images,
            *weights,
        )
        self.frames: list[tuple[int, np.ndarray]] = []

    def begin(self, photograph: ImageInput | None) -> None:
        """Draw the first numbers, for each image from its own seed."""
        self._photograph = photograph
        recipe, channels = self._recipe, self._model.input_shape[2]
        if photograph is not None:
            pixels = _cropped(photograph, recipe.shape, channels)
            self._numbers = parameterization.numbers_of(
                recipe, np.repeat(pixels[None], len(self._seeds), 0)
            )
        else:
            parts = [
                parameterization.start(recipe, 1, channels, seed, amplitude)
                for seed, amplitude in zip(self._seeds, self._amplitude.tolist(), strict=True)
            ]
            self._numbers = tf.concat(parts, self._batch_axis)
        self._beginning = self._numbers
        self._first = tf.zeros_like(self._numbers)
        self._second = tf.zeros_like(self._numbers)
        self.history = np.zeros((0, len(self._seeds)), np.float32)
        self.frames = [(0, self.pixels(self._numbers))]

    def run(self, on_step: Callable[[Progress], None] | None) -> None:
        """Optimize to the last step; report after every chunk."""
        steps = self._recipe.steps
        wanted = {round(i * steps / NUM_FRAMES) for i in range(1, NUM_FRAMES + 1)}
        wanted |= {2**i for i in range(13) if 2**i <= steps}
        step, longest = 0, 1
        while step < steps:
            until = min(step + longest, steps)
            started = time.perf_counter()
            kept = self._optimize(step, until - step, sorted(wanted & set(range(step + 1, until))))
            each = (time.perf_counter() - started) / (until - step)
            if step:  # the first step is slow, because it compiles
                longest = min(2 * longest, max(1, int(_CHUNK_S / max(each, 1e-6))))
            step = until
            is_last = step == steps or self._is_stuck()
            self.frames += kept if is_last or step in wanted else kept[:-1]
            if on_step is not None:
                on_step(Progress(step, steps, list(kept[-1][1]), self.history))
            if is_last:
                return

    def _is_stuck(self) -> bool:
        """Whether nothing has got better for as many steps as the recipe is patient."""
        patience, history = self._recipe.patience, self.history
        if not patience or len(history) <= patience:
            return False
        return bool((history[-patience:].max(axis=0) <= history[:-patience].max(axis=0)).all())

    def _optimize(
        self, step: int, count: int, keep: Sequence[int] = ()
    ) -> list[tuple[int, np.ndarray]]:
        """Take some steps; give the images after the steps to keep, and after the last."""
        random_transforms = tf.constant(
            parameterization.random_transforms(self._seeds, step, count)
        )
        kept_steps = [*keep, step + count]
        slots = np.full(count, -1)
        slots[np.array(kept_steps) - step - 1] = np.arange(len(kept_steps))
        for _ in range(_RESTARTS):
            numbers, first, second, values, kept = self._steps(
                self._numbers,
                self._first,
                self._second,
                tf.constant(step),
                random_transforms,
                tf.constant(slots, tf.int32),
                *self._weights,
            )
            if step or not self._with_amplitude(numbers):
                break
        self._numbers, self._first, self._second = numbers, first, second
        self.history = np.concatenate([self.history, np.asarray(values)])
        return [(one, self.pixels(kept[i])) for i, one in enumerate(kept_steps)]

    def _with_amplitude(self, numbers: Any) -> bool:
        """Begin anew and louder where the first step moved nothing, because all gates were shut."""
        axes = [axis for axis in range(numbers.shape.rank) if axis != self._batch_axis]
        is_stuck = np.asarray(tf.reduce_all(numbers == self._numbers, axes))
        if not is_stuck.any() or self._photograph is not None:
            return False
        self._amplitude = np.where(is_stuck, 10 * self._amplitude, self._amplitude)
        self.begin(None)
        return True

    def pixels(self, numbers: Any) -> np.ndarray:
        """Return the images that numbers stand for, uint8 (N, h, w, 3)."""
        images = np.asarray(self._draw(numbers))
        if self._recipe.stretches:
            spread = images.std(axis=(1, 2, 3), keepdims=True)
            middle = images.mean(axis=(1, 2, 3), keepdims=True)
            images = np.clip((images - middle) / (spread + 1e-5) * 0.15 + 0.5, 0, 1)
        pixels = np.rint(images * 255).astype(np.uint8)
        return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels

    def results(self, objectives: Sequence[Objective]) -> tuple[FilterImage, ...]:
        """Hand the images over, with what they activate."""
        before = np.asarray(self._answers(self._draw(self._beginning)))
        after = np.asarray(self._answers(self._draw(self._numbers)))
        return tuple(
            FilterImage(
                pixels=self.frames[-1][1][i],
                objective_history=self.history[:, i],
                seed=self._seeds[i],
                name=objectives[i].name,
                frames=tuple((step, pixels[i]) for step, pixels in self.frames),
                start=float(before[i]),
                reached=float(after[i]),
            )
            for i in range(len(objectives))
        )


def _cropped(photograph: ImageInput, shape: tuple[int, int], channels: int) -> np.ndarray:
    """Cut the largest part of this shape out of the middle, float32 (h, w, C) from 0 to 1."""
    small = image_from_pixels(center_view(photograph, *shape))
    return as_gray(small)[..., None] if channels == 1 else small.pixels.astype(np.float32) / 255


def _spec(model: "LoadedModel", recipe: Recipe) -> Any:
    (height, width), channels = recipe.shape, model.input_shape[2]
    if recipe.basis == "fourier":
        return tf.TensorSpec((2, None, channels, height, width // 2 + 1), tf.float32)
    return tf.TensorSpec((None, height, width, channels), tf.float32)


def _walked(model: "LoadedModel", objective: Objective, images: Any) -> Any:
    names = objective.layer_names
    return model.run(
        scaled(model.card.preprocessing, images * 255),
        pre_activations=names,
        until=() if objective.needs_logits else names,
    )


def _compiled_answers(
    model: "LoadedModel", objective: Objective, recipe: Recipe, weights: list[Any]
) -> Callable[..., Any]:
    """Compute the objectives of images as they are, neither moved nor penalised."""

    def answers(images: Any, *weights: Any) -> Any:
        return evaluated(objective, model, _walked(model, objective, images), weights)

    images = tf.TensorSpec((None, *recipe.shape, model.input_shape[2]), tf.float32)
    return compiled(answers, images, *_weight_specs(weights))


def _weight_specs(weights: list[Any]) -> list[Any]:
    return [tf.TensorSpec((None, weight.shape[-1]), tf.float32) for weight in weights]


def _compiled_steps(
    model: "LoadedModel", objective: Objective, recipe: Recipe, weights: list[Any]
) -> Callable[..., Any]:
    """Compile a loop over some steps; numbers and moments go in and out."""

    # XLA makes one kernel of each of these; the network itself it would slow down (depthwise)
    fused = partial(tf.function, autograph=False, jit_compile=True)
    draw, update = fused(partial(parameterization.drawn, recipe)), fused(partial(_updated, recipe))

    spec, whole = _spec(model, recipe), tf.TensorSpec((), tf.int32)
    loss_scale = model.loss_scale

    def gradient(numbers: Any, chance: Any, weights: Sequence[Any]) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(numbers)
            images = draw(numbers)
            turned = parameterization.moved(recipe, images, chance)
            values = evaluated(objective, model, _walked(model, objective, turned), weights)
            total = (values - parameterization.penalties(recipe, images)) * loss_scale
        slopes = tape.gradient(total, numbers)
        if slopes is None:
            raise AnalysisError(
                f"No gradient leads from {objective.name!r} to the image: it does not depend on "
                "the image, or through a step that has no gradient. Choose another layer."
            )
        return slopes / loss_scale, values

    def steps(
        numbers: Any,
        first: Any,
        second: Any,
        start: Any,
        random_transforms: Any,
        slots: Any,
        *weights: Any,
    ) -> Any:
        count = tf.shape(random_transforms)[0]
        kept = tf.TensorArray(tf.float32, size=tf.reduce_max(slots) + 1, element_shape=spec.shape)
        history = tf.TensorArray(tf.float32, size=count, element_shape=(None,))

        def body(i: Any, numbers: Any, first: Any, second: Any, history: Any, kept: Any) -> Any:
            slope, values = gradient(numbers, random_transforms[i], weights)
            numbers, first, second = update(numbers, slope, first, second, start + i)
            numbers = parameterization.smoothed(recipe, numbers, start + i)
            kept = tf.cond(slots[i] >= 0, lambda: kept.write(slots[i], numbers), lambda: kept)
            return i + 1, numbers, first, second, history.write(i, values), kept

        _, numbers, first, second, history, kept = tf.while_loop(
            lambda i, *_: i < count, body, (0, numbers, first, second, history, kept)
        )
        return numbers, first, second, history.stack(), kept.stack()

    random_transforms = tf.TensorSpec((None, None, 4), tf.float32)
    slots = tf.TensorSpec((None,), tf.int32)
    return compiled(
        steps, spec, spec, spec, whole, random_transforms, slots, *_weight_specs(weights)
    )


def _updated(
    recipe: Recipe, numbers: Any, slope: Any, first: Any, second: Any, step: Any
) -> tuple[Any, Any, Any]:
    """Take one step up: Adam (Kingma and Ba 2015, arXiv:1412.6980), or a normalized one."""
    if recipe.optimizer == "normalized":
        batch = 1 if recipe.basis == "fourier" else 0
        axes = [axis for axis in range(slope.shape.rank) if axis != batch]
        size = tf.sqrt(tf.reduce_mean(slope**2, axis=axes, keepdims=True))
        return numbers + recipe.learning_rate * slope / (size + 1e-12), first, second
    power = tf.cast(step + 1, tf.float32)
    first = _BETAS[0] * first + (1 - _BETAS[0]) * slope
    second = _BETAS[1] * second + (1 - _BETAS[1]) * slope**2
    mean, square = first / (1 - _BETAS[0] ** power), second / (1 - _BETAS[1] ** power)
    return numbers + recipe.learning_rate * mean / (tf.sqrt(square) + _EPSILON), first, second
