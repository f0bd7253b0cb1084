"""A head of somebody's own: logistic regression on the features of a frozen network.

Nothing here writes to disk.
"""

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from cnnviz import zoo
from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError, UnknownLayerError
from cnnviz.images import ImageInput
from cnnviz.network.inspected_model import LoadedModel, compiled
from cnnviz.training.head.labeled_images import BASE
from cnnviz.zoo import ModelCard
from cnnviz.zoo.frozen_base import frozen_part

if TYPE_CHECKING:
    import keras

FEATURE_LAYER = "avg_pool"  # of the base: the mean of each of its last 1,280 maps
NUM_FOLDS = 4  # each image is tested by a head that saw three quarters of the others
_BATCH = 10


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(kernel=np.float32, bias=np.float32, predictions=np.int64, confusion=np.int64)
class TrainedHead:
    """A softmax layer on features, and how well it does on images that it did not see.

    Attributes
    ----------
    class_names : tuple of str
    kernel : float32 ndarray of shape (num_features, num_classes)
    bias : float32 ndarray of shape (num_classes,)
        Of the head that learned from all images.
    predictions : int64 ndarray of shape (N,)
        For each image the class that a head predicted which was not trained on it.
    confusion : int64 ndarray of shape (num_classes, num_classes)
        A row for each true class, a column for each of these predictions.
    """

    class_names: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray
    predictions: np.ndarray
    confusion: np.ndarray

    @property
    def num_right(self) -> int:
        """How many of the images were classified correctly."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """Share of them, 0 to 1."""
        return self.num_right / len(self.predictions)

    @property
    def name(self) -> str:
        """A name that only this head has: its weights are in it."""
        fingerprint = blake2b(repr(self.class_names).encode(), digest_size=6)
        fingerprint.update(self.kernel.tobytes())
        return f"own-head-{fingerprint.hexdigest()}"

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Turn features (N, num_features) into the softmax of their logits, (N, num_classes)."""
        return softmax(features @ self.kernel + self.bias, axis=1)


def features(
    model: LoadedModel,
    images: Sequence[ImageInput],
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Describe images by the mean of each of a network's last maps.

    Parameters
    ----------
    model : LoadedModel
        With a layer `FEATURE_LAYER`, such as EfficientNet-Lite0.
    images : sequence of ImageInput
    on_progress : callable, optional
        Called with (images done, images in all); what it raises ends the work.

    Returns
    -------
    float32 ndarray of shape (N, num_features)

    Raises
    ------
    UnknownLayerError
        If the network has no such layer.
    """
    if FEATURE_LAYER not in model.layer_shapes:
        raise UnknownLayerError(
            f"{model.name!r} has no layer {FEATURE_LAYER!r} to take features from. Use {BASE!r}.",
            layer_name=FEATURE_LAYER,
            available=model.layer_names,
        )

    def make() -> Callable[..., Any]:
        def forward(batch: Any) -> Any:
            return model.run(batch).outputs[FEATURE_LAYER]

        return compiled(forward, tf.TensorSpec((None, *model.input_shape), tf.float32))

    feature_maps = [np.zeros((0, *model.layer_shapes[FEATURE_LAYER]), np.float32)]
    for start in range(0, len(images), _BATCH):
        batch = np.concatenate([model.preprocess(image) for image in images[start:][:_BATCH]])
        feature_maps.append(model.compute(("features",), make, tf.constant(batch)).numpy())
        if on_progress is not None:
            on_progress(min(start + _BATCH, len(images)), len(images))
    return np.concatenate(feature_maps)


def train_head(
    features: np.ndarray, labels: np.ndarray, class_names: Sequence[str], seed: int = 1
) -> TrainedHead:
    """Train a head on all images, and test it on each by heads that did not see that one.

    Parameters
    ----------
    features : float ndarray of shape (N, num_features)
    labels : int ndarray of shape (N,)
        Index into `class_names`; at least `NUM_FOLDS` images of each class.
    class_names : sequence of str
    seed : int
        Of the way in which the images are dealt out to the folds.

    Returns
    -------
    TrainedHead
        Scikit-learn's logistic regression with its usual penalty (C = 1). For two classes its one
        direction w becomes two columns, w/2 and -w/2, which is the same under a softmax.

    Raises
    ------
    InvalidParameterError
        If there are fewer than two classes or too few images of one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    counts = np.bincount(labels, minlength=len(class_names))
    if len(counts) < 2 or counts.min() < NUM_FOLDS:
        raise InvalidParameterError(
            f"A head needs at least two classes and {NUM_FOLDS} images of each, got "
            f"{counts.tolist()} images of {', '.join(class_names)}."
        )
    regression = LogisticRegression(max_iter=2000)
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    predictions = cross_val_predict(regression, features, labels, cv=folds)
    regression.fit(features, labels)
    kernel, bias = regression.coef_.T, regression.intercept_
    if len(counts) == 2:
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.append(-bias, bias) / 2
    confusion = np.zeros((len(counts), len(counts)), np.int64)
    np.add.at(confusion, (labels, predictions), 1)
    return TrainedHead(tuple(class_names), kernel, bias, predictions, confusion)


def build_with_head(head: TrainedHead) -> "keras.Model":
    """Put a head on the frozen base: one network from images to the user's own classes.

    Returns
    -------
    keras.Model
        Takes (RGB - 127) / 128 of 224 × 224 and gives a softmax; its own copy of all weights.
    """
    import keras

    base = frozen_part(zoo.build_model(zoo.find_card(BASE)), FEATURE_LAYER, _size_px())
    dense = keras.layers.Dense(len(head.class_names), activation="softmax", name="predictions")
    model = keras.Model(base.inputs[0], dense(base.outputs[0]), name="own-head")
    dense.set_weights([head.kernel, head.bias])
    return model


def _size_px() -> int:
    return zoo.find_card(BASE).input_height


def head_card(head: TrainedHead, num_parameters: int | None = None) -> ModelCard:
    """Describe the network of a head: the base's card with the user's classes."""
    base = zoo.find_card(BASE)
    return replace(
        base,
        name=head.name,
        title=f"Own head: {', '.join(head.class_names)}",
        summary=(
            f"A head of your own on {base.title}: it tells {', '.join(head.class_names)} apart, "
            f"trained on {len(head.predictions)} images."
        ),
        labels=head.class_names,
        class_names_key=None,
        num_parameters=num_parameters,
        origin=f"{base.origin}; head trained in this session.",
    )


def head_archive(head: TrainedHead) -> bytes:
    """Pack the network of a head with its card: a ZIP of ``own-head.keras`` and ``own-head.json``.

    Both files in the folder ``CNNVIZ_MODELS_DIR`` make the network appear on every page.
    """
    from keras.src.saving.saving_lib import save_model  # the public door writes to disk only

    network, archive = BytesIO(), BytesIO()
    save_model(build_with_head(head), network)
    card = head_card(head)
    told = {
        "title": card.title,
        "class_names": list(head.class_names),
        "preprocessing": card.preprocessing.name,
        "base": f"{card.origin} {card.license}.",
        "num_images": len(head.predictions),
        "cross_validated_accuracy": round(head.accuracy, 4),
        "confusion": head.confusion.tolist(),
    }
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("own-head.keras", network.getvalue())
        target.writestr("own-head.json", json.dumps(told, indent=1, ensure_ascii=False))
    return archive.getvalue()
