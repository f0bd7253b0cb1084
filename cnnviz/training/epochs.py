"""One epoch after another, the same for every run: order, changes and chance follow from a seed."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf

from cnnviz import zoo
from cnnviz.datasets import LabeledImages
from cnnviz.training.augmentation import augmentation_layers
from cnnviz.training.recipes import OPTIMIZERS, Recipe
from cnnviz.zoo.cards import UNIT, Preprocessing
from cnnviz.zoo.frozen_base import frozen_part


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well a network does on test images.

    `confusion` is int64 (num_classes, num_classes): a row for each true class, a column for each
    answer. `predictions` is int64 (N,): the predicted class of each image.
    """

    accuracy: float
    confusion: np.ndarray
    predictions: np.ndarray


class Stream:
    """Batches of what a recipe's network takes: scaled images, or the maps of its base."""

    def __init__(self, recipe: Recipe, labeled: LabeledImages, *, is_training: bool = True) -> None:
        images = labeled.images if labeled.images.ndim == 4 else labeled.images[..., np.newaxis]
        self._recipe, self._is_training = recipe, is_training
        self._changes = is_training and recipe.augmentation.changes_anything
        self._batch_size = recipe.batch_size
        self.seed = recipe.seed
        self.steps_an_epoch = -(-len(images) // recipe.batch_size)
        self._base: Any = None
        self._scale: Preprocessing = UNIT
        if recipe.base:
            card = zoo.find_card(recipe.base.model)
            full = zoo.build_model(card)
            self._base = frozen_part(full, recipe.base.layer, recipe.base.size_px)
            self._scale = card.preprocessing
        inputs = tf.constant(images)
        if self._base is not None and not self._changes:
            inputs = self._maps(inputs)
        self._inputs, self._labels = inputs, tf.constant(labeled.labels)

    def epoch(self, number: int) -> Any:
        """Return one epoch; its order and its changes follow from the seed and its number."""
        order: np.ndarray = np.arange(len(self._labels))
        if self._is_training:
            order = np.random.default_rng([self._recipe.seed, number]).permutation(order)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size)
        is_raw = self._inputs.dtype == tf.uint8
        seed = mixed(self._recipe.seed, number)
        changes = augmentation_layers(self._recipe.augmentation, seed) if self._changes else None

        def prepared(chosen: Any) -> Any:
            inputs, labels = tf.gather(self._inputs, chosen), tf.gather(self._labels, chosen)
            return (self._prepared(inputs, changes) if is_raw else inputs), labels

        return batches.map(prepared).prefetch(2)

    def _prepared(self, images: Any, changes: Any) -> Any:
        images = tf.cast(images, tf.float32)
        if changes is not None:
            images = changes(images, training=True)
        images = zoo.scaled(self._scale, images)
        return images if self._base is None else self._base(images, training=False)

    def _maps(self, images: Any) -> Any:
        """Run all images through the base, once."""
        compiled = tf.function(lambda batch: self._prepared(batch, None))
        starts = range(0, len(images), 50)
        return tf.concat([compiled(images[start : start + 50]) for start in starts], axis=0)


def compile_model(
    model: keras.Model, recipe: Recipe, num_steps: int, *, begins_at_once: bool = False
) -> None:
    """Compile a network with the optimizer, the schedule and the loss of a recipe.

    `num_steps` is how many batches the run has in all. With `begins_at_once` the first batch does
    not wait for XLA's compiler: on two cores half a second instead of three, and small networks
    are three times as fast without it. The last digits of the weights differ.
    """
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, num_steps)
    is_binary = model.output_shape[-1] == 1
    accuracy = (
        keras.metrics.BinaryAccuracy if is_binary else keras.metrics.SparseCategoricalAccuracy
    )
    optimizer = getattr(keras.optimizers, OPTIMIZERS[recipe.optimizer])(rate)
    model.compile(
        optimizer,
        "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy",
        metrics=[accuracy(name="accuracy")],
        jit_compile=False if begins_at_once else "auto",
    )
    optimizer.build(model.trainable_variables)  # else TensorFlow builds the graph of a step twice


def fit_epoch(
    model: keras.Model,
    stream: Stream,
    measured: Any,
    epoch: int,
    watchers: list[keras.callbacks.Callback],
) -> dict[str, float]:
    """Show all training images once and measure; gives the figures of this epoch.

    Everything that happens follows from the weights, the optimizer, the seed of the stream's
    recipe and the number of the epoch.
    """
    _reseed(model, stream.seed, epoch)
    fitted = model.fit(
        stream.epoch(epoch),
        shuffle=False,  # the stream does that
        validation_data=measured,
        callbacks=watchers,
        verbose=0,
    )
    return {name: float(values[0]) for name, values in fitted.history.items()}


def count_predictions(outputs: np.ndarray, images: LabeledImages) -> Evaluation:
    """Compare what a network said with what is true.

    Parameters
    ----------
    outputs : float ndarray of shape (N, num_classes), or (N, 1) for one sigmoid
    images : LabeledImages
        N of them.
    """
    predictions = (
        outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)
    )
    confusion = np.zeros((len(images.class_names),) * 2, np.int64)
    np.add.at(confusion, (images.labels, predictions), 1)
    return Evaluation(float(np.mean(predictions == images.labels)), confusion, predictions)


def mixed(seed: int, epoch: int) -> int:
    """Make one seed of two numbers."""
    return int(np.random.default_rng([seed, epoch]).integers(2**31))


def _reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Let dropout follow from seed and epoch alone, also after an interruption."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.seed_generator.state.assign([mixed(seed, epoch), 0])
