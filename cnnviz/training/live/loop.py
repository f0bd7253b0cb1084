"""Train a small network so that one can watch, stop and wait at every batch.

The epochs are those of `cnnviz.training.epochs`, and looking changes nothing: somebody who watched
and paused gets the same numbers as somebody who did not.
"""

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf

from cnnviz.datasets import LabeledImages
from cnnviz.errors import AnalysisError
from cnnviz.training.epochs import (
    Evaluation,
    Stream,
    compile_model,
    count_predictions,
    fit_epoch,
)
from cnnviz.training.live.settings import (
    LiveLook,
    LiveSettings,
    LiveTrained,
    live_images,
    ten_places,
    test_images,
)
from cnnviz.training.run import card_facts, packed, written
from cnnviz.zoo.blocks import build_blocks
from cnnviz.zoo.cards import UNIT, ModelCard

LOOK_SECONDS = 1.0  # between two looks, and at least ten times as long as a look takes
_AT_ONCE = 200  # validation images in one pass


def train_live(
    settings: LiveSettings,
    *,
    on_batch: Callable[[], None] | None = None,
    on_look: Callable[[LiveLook], None] | None = None,
    on_epoch: Callable[[LiveTrained], None] | None = None,
) -> LiveTrained:
    """Train a small network.

    Parameters
    ----------
    settings : LiveSettings
        Equal settings give equal weights and figures, whatever the callbacks do.
    on_batch : callable, optional
        Called after every batch and between all longer steps. It may wait; what it raises ends
        the run.
    on_look : callable, optional
        Gets a `LiveLook` before the first batch, about every second, and after every epoch.
    on_epoch : callable, optional
        Gets what has been reached after every epoch.

    Raises
    ------
    DatasetError
        If the data are not on this computer.
    AnalysisError
        If the loss is no number any more: the steps were too large.
    """
    on_batch = on_batch or _nothing
    training, validation = live_images(settings)
    on_batch()
    recipe = settings.recipe
    stream = Stream(recipe, training)
    measured = Stream(recipe, validation, is_training=False).epoch(0)
    on_batch()
    model = build_blocks(settings.network, settings.name, settings.seed)
    compile_model(model, recipe, recipe.epochs * stream.steps_an_epoch, begins_at_once=True)
    _forget_gradients(model.optimizer)
    on_batch()
    watch = _Watch(_Onlooker(model, validation), stream.steps_an_epoch, on_batch, on_look)
    watch.look()
    history: list[dict[str, float]] = []
    for epoch in range(settings.epochs):
        started = time.monotonic()
        figures = fit_epoch(model, stream, measured, epoch, [watch])
        history.append(figures | {"seconds": round(time.monotonic() - started, 1)})
        watch.end_epoch(figures)
        trained = _trained(settings, model, history)
        if on_epoch is not None:
            on_epoch(trained)
    return trained


def first_look(settings: LiveSettings) -> LiveLook:
    """Look at the network before any training: its kernels are noise, its predictions are guesses.

    Raises
    ------
    DatasetError
        If the data are not on this computer.
    """
    model = build_blocks(settings.network, settings.name, settings.seed)
    onlooker = _Onlooker(model, test_images(settings.data))
    return LiveLook(0, 0, 0, {}, {}, *onlooker.look(_nothing))


def live_network(trained: LiveTrained) -> keras.Model:
    """Build the network that was trained, without its optimizer."""
    settings = trained.settings
    model = build_blocks(settings.network, settings.name, settings.seed)
    model.set_weights(trained.weights)
    return model


def live_card(trained: LiveTrained) -> ModelCard:
    """Describe the network that was trained.

    Raises
    ------
    DatasetError
        If its data are not on this computer any more.
    """
    recipe, network = trained.settings.recipe, trained.settings.network
    validation = test_images(trained.settings.data)
    height, width, channels = network.input_shape
    share = f"{trained.history[-1]['val_accuracy']:.1%} of {len(validation.labels):,}"
    return ModelCard(
        name=recipe.name,
        title=recipe.title,
        summary=f"{recipe.summary} Correct on {share} validation images.",
        num_parameters=network.num_parameters,
        input_height=height,
        input_width=width,
        channels=channels,
        preprocessing=UNIT,
        labels=validation.class_names,
        license="yours",
        origin=f"Trained here on: {validation.origin}",
    )


def live_files(trained: LiveTrained) -> dict[str, bytes]:
    """Write the network with its card, its history and its settings.

    In a folder that ``CNNVIZ_MODELS_DIR`` names, these files are a network like those that come
    with cnnviz.

    Returns
    -------
    dict
        ``NAME.keras``, ``NAME.json``, ``NAME.history.json`` and ``NAME.settings.json``, which is
        what ``cnnviz train-live`` takes.

    Raises
    ------
    DatasetError
        If the data are not on this computer any more.
    """
    settings, model = trained.settings, live_network(trained)
    training, validation = live_images(settings)
    with tempfile.TemporaryDirectory() as folder:
        content = packed(model, Path(folder) / "network.keras")
    result = count_predictions(_Onlooker(model, validation).outputs(_nothing), validation)
    facts = card_facts(settings.recipe, model, training, validation, result) | {
        "training_seconds": round(sum(epoch["seconds"] for epoch in trained.history)),
        "command": f"python -m cnnviz train-live {settings.name}.settings.json",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return {
        f"{settings.name}.keras": content,
        f"{settings.name}.json": written(facts),
        f"{settings.name}.history.json": written(trained.history),
        f"{settings.name}.settings.json": settings.to_json().encode(),
    }


def _forget_gradients(optimizer: Any) -> None:
    """Let nothing of a run stay in the process once its network is gone.

    Keras adds up gradients over all devices, and TensorFlow registers that sum for ever, with the
    whole graph that it stands in: 6 MB for each training. On one device the sum is the gradient.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: (
            gradients_and_variables
        )


def _trained(
    settings: LiveSettings, model: keras.Model, history: list[dict[str, float]]
) -> LiveTrained:
    """Keep what has been reached; a run of so many epochs would have ended with the same."""
    return LiveTrained(
        replace(settings, epochs=len(history)), tuple(model.get_weights()), tuple(history)
    )


def _nothing() -> None:
    """Be called, and let the run go on."""


class _Onlooker:
    """Asks a network about the validation images without touching it."""

    def __init__(self, model: keras.Model, validation: LabeledImages) -> None:
        images = (
            validation.images if validation.images.ndim == 4 else validation.images[..., np.newaxis]
        )
        self._images, self._validation = tf.constant(images), validation
        self._first = model.get_layer("conv1")

        def forward(batch: Any) -> Any:
            return model(tf.cast(batch, tf.float32) / 255.0, training=False)

        signature = [tf.TensorSpec((None, *images.shape[1:]), tf.uint8)]
        self._forward = tf.function(forward, input_signature=signature, autograph=False)

    def outputs(self, on_batch: Callable[[], None]) -> np.ndarray:
        """Return the probabilities for all validation images, float32 (N, num_classes)."""
        parts = []
        for start in range(0, len(self._images), _AT_ONCE):
            parts.append(self._forward(self._images[start : start + _AT_ONCE]).numpy())
            on_batch()
        return np.concatenate(parts)

    def look(self, on_batch: Callable[[], None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the first kernels, the predictions for ten images, and the confusion matrix."""
        outputs = self.outputs(on_batch)
        result: Evaluation = count_predictions(outputs, self._validation)
        return self._first.get_weights()[0], outputs[ten_places(self._validation)], result.confusion


class _Watch(keras.callbacks.Callback):
    """Passes on every batch, looks about every second, and ends a run without a loss."""

    def __init__(
        self,
        onlooker: _Onlooker,
        num_batches: int,
        on_batch: Callable[[], None],
        on_look: Callable[[LiveLook], None] | None,
    ) -> None:
        super().__init__()
        self._onlooker, self._num_batches = onlooker, num_batches
        self._on_batch, self._on_look = on_batch, on_look
        self._history: dict[str, tuple[float, ...]] = {}
        self._epochs_done = self._batches_done = 0
        self._so_far: dict[str, float] = {}
        self._next_look = 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._on_batch()  # the first batch takes half a second: TensorFlow builds its graph

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches_done = batch + 1
        self._so_far = {key: float(logs[key]) for key in ("loss", "accuracy")}
        if not math.isfinite(self._so_far["loss"]):
            raise AnalysisError(
                f"After {batch + 1} batches of epoch {self._epochs_done + 1} the loss is no number "
                "any more: the steps were so large that the weights ran away. Choose a smaller "
                "learning rate."
            )
        self._on_batch()
        if time.monotonic() > self._next_look:
            self.look()

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._on_batch()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._on_batch()

    def end_epoch(self, figures: dict[str, float]) -> None:
        """Take over the figures of a whole epoch, and look."""
        self._history = {
            key: (*self._history.get(key, ()), value) for key, value in figures.items()
        }
        self._epochs_done += 1
        self._batches_done, self._so_far = 0, {}
        self.look()

    def look(self) -> None:
        """Look at the network and pass on what is seen."""
        if self._on_look is None:
            return
        started = time.monotonic()
        seen = self._onlooker.look(self._on_batch)
        now = time.monotonic()
        self._next_look = now + max(LOOK_SECONDS, 10 * (now - started))
        self._on_look(
            LiveLook(
                self._epochs_done,
                self._batches_done,
                self._num_batches,
                dict(self._history),
                dict(self._so_far),
                *seen,
            )
        )
