"""The small networks of the lecture, layer by layer, with weights that mean nothing yet.

All take images scaled to 0..1 (the one with a `Rescaling` layer takes 0..255; those called
"head" or "last-block" take the maps of a frozen base) and have named layers. Where a recipe says
nothing else, convolutions are 3 × 3 with ReLU and no padding.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.published import efficientnet_lite

if TYPE_CHECKING:
    import keras

NUM_CLASSES = 10
_SMALL = (16, 24, 24, 32, 32)  # filters of each layer


def build_architecture(name: str) -> "keras.Model":
    """Build one of `ARCHITECTURES`, untrained.

    Parameters
    ----------
    name : str
        Such as ``mnist-cnn``.

    Raises
    ------
    ModelLoadError
        If there is no such architecture; the message lists those there are.

    Examples
    --------
    >>> build_architecture("mnist-cnn").count_params()
    93322
    """
    if name not in ARCHITECTURES:
        raise ModelLoadError(
            f"There is no architecture {name!r}. Choose one of: {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[name](name)


def _dense(name: str) -> "keras.Model":
    """Fully connected: every pixel to each of 512 units, without any idea of neighborhood."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(name="flatten"),
            layers.Dense(512, activation="relu", name="hidden"),
            layers.Dense(NUM_CLASSES, activation="softmax", name="predictions"),
        ],
        name=name,
    )


def _digits_body(*, pooling: bool) -> list["keras.Layer"]:
    """Three convolutions with 32, 64 and 64 filters, with or without pooling between them."""
    from keras import layers

    body: list[keras.Layer] = []
    for number, filters in enumerate((32, 64, 64), start=1):
        body.append(layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        if pooling and number < 3:
            body.append(layers.MaxPooling2D(2, name=f"pool{number}"))
    return body


def _digits(name: str) -> "keras.Model":
    """The lecture's network for 28 × 28 gray images: it flattens, so the place counts."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *_digits_body(pooling=True),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dense(NUM_CLASSES, activation="softmax", name="predictions"),
        ],
        name=name,
    )


def _digits_without_pooling(name: str) -> "keras.Model":
    """The three convolutions alone: what is left of the size without pooling (22 × 22)."""
    import keras

    return keras.Sequential([keras.Input((28, 28, 1)), *_digits_body(pooling=False)], name=name)


def _digits_gap(name: str) -> "keras.Model":
    """The same convolutions, then the mean of each map: the head of class activation mapping."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *_digits_body(pooling=True),
            layers.GlobalAveragePooling2D(name="avg_pool"),
            layers.Dense(NUM_CLASSES, activation="softmax", name="predictions"),
        ],
        name=name,
    )


def _cifar(name: str, *, flatten: bool) -> "keras.Model":
    """Five convolutions for 32 × 32 color images, then all places or the maximum of each map."""
    import keras
    from keras import layers

    body: list[keras.Layer] = []
    for number, filters in enumerate((32, 32, 64, 64, 64), start=1):
        body.append(layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        if number in (2, 4):
            body.append(layers.MaxPooling2D(2, name=f"pool{number // 2}"))
    head = layers.Flatten(name="flatten") if flatten else layers.GlobalMaxPooling2D(name="max_pool")
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *body,
            head,
            layers.Dense(1024, activation="relu", name="hidden"),
            layers.Dense(NUM_CLASSES, activation="softmax", name="predictions"),
        ],
        name=name,
    )


def _pooled_body(filters_of_blocks: Sequence[int]) -> list["keras.Layer"]:
    """One convolution and one pooling a block."""
    from keras import layers

    body: list[keras.Layer] = []
    for number, filters in enumerate(filters_of_blocks, start=1):
        body.append(layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        body.append(layers.MaxPooling2D(2, name=f"pool{number}"))
    return body


def _cats_dogs_150(name: str, *, dropout: bool) -> "keras.Model":
    """Cats and dogs at 150 × 150 from scratch; with dropout it overfits less."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((150, 150, 3)),
            *_pooled_body((32, 64, 128, 128)),
            layers.Flatten(name="flatten"),
            *([layers.Dropout(0.5, name="dropout")] if dropout else []),
            layers.Dense(512, activation="relu", name="hidden"),
            layers.Dense(1, activation="sigmoid", name="dog"),
        ],
        name=name,
    )


def _cats_dogs_180(name: str) -> "keras.Model":
    """Cats and dogs at 180 × 180; it scales 0..255 by itself and has no hidden dense layer."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((180, 180, 3)),
            layers.Rescaling(1 / 255, name="rescaling"),
            *_pooled_body((32, 64, 128, 256)),
            layers.Conv2D(256, 3, activation="relu", name="conv5"),
            layers.Flatten(name="flatten"),
            layers.Dense(1, activation="sigmoid", name="dog"),
        ],
        name=name,
    )


def _gabor(
    name: str,
    *,
    channels: int,
    filters: tuple[int, ...] = (24, 64, 64, 96, 128),
    map_dropout: float = 0.0,
    dropout: float = 0.0,
    keeps_noise: bool = False,
) -> "keras.Model":
    """Wide first kernels that become edges, bars and blobs, and images of any size.

    Noise can die in the first layer: small initial weights, weight decay, and a plain ReLU instead
    of batch normalization, which would blow small kernels up again. Pixels are centered about zero
    first, so that kernels need not learn to ignore the brightness. Behind stand 3 × 3 blocks with
    batch normalization, the mean of each map, and one dense layer. `filters` are those of each
    layer; `map_dropout` drops whole maps by chance, `dropout` their means.

    With `keeps_noise` the first layer begins as layers usually do (Glorot and Bengio 2010) and
    without weight decay, to show what those two are good for; all else is the same.
    """
    import keras
    from keras import layers

    cure: dict[str, Any] = {
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.005),
        "kernel_regularizer": keras.regularizers.L2(0.002),
    }
    pixels = keras.Input((None, None, channels), name="pixels")
    features = layers.Rescaling(2.0, -1.0, name="centre")(pixels)
    features = layers.Conv2D(
        *(filters[0], 7),
        padding="same",
        activation="relu",
        name="conv1",
        **({} if keeps_noise else cure),
    )(features)
    features = layers.MaxPooling2D(2, name="pool1")(features)
    for number, count in enumerate(filters[1:], start=2):
        convolve = layers.Conv2D(count, 3, padding="same", use_bias=False, name=f"conv{number}")
        normalize = layers.BatchNormalization(momentum=0.9, name=f"bn{number}")
        features = layers.ReLU(name=f"relu{number}")(normalize(convolve(features)))
        if number == 3:
            features = layers.MaxPooling2D(2, name="pool2")(features)
        if number >= 3 and map_dropout:
            features = layers.SpatialDropout2D(map_dropout, name=f"dropout{number}")(features)
    features = layers.GlobalAveragePooling2D(name="avg_pool")(features)
    if dropout:
        features = layers.Dropout(dropout, name="dropout")(features)
    classes = layers.Dense(NUM_CLASSES, activation="softmax", name="predictions")(features)
    return keras.Model(pixels, classes, name=name)


def _pet_head(pool: "keras.Layer") -> list["keras.Layer"]:
    """What is trained on a frozen base: two dense layers, the last one a single sigmoid."""
    from keras import layers

    return [
        pool,
        layers.Dense(256, activation="relu", name="hidden"),
        layers.Dropout(0.5, name="dropout"),
        layers.Dense(1, activation="sigmoid", name="dog"),
    ]


def _pooled_head(name: str, shape: tuple[int, int, int]) -> "keras.Model":
    """The head for the maps of a base, by way of the mean of each map."""
    import keras
    from keras import layers

    pool = layers.GlobalAveragePooling2D(name="avg_pool")
    return keras.Sequential([keras.Input(shape), *_pet_head(pool)], name=name)


def _vgg16_head(name: str) -> "keras.Model":
    """The lecture's head for VGG16 at 150 × 150: it flattens, so the place counts."""
    import keras
    from keras import layers

    flatten = layers.Flatten(name="flatten")
    return keras.Sequential([keras.Input((4, 4, 512)), *_pet_head(flatten)], name=name)


def _lite0_last_block(name: str) -> "keras.Model":
    """The last block of EfficientNet-Lite0, its head convolution, and the head for cats and dogs.

    Of the layers that came with weights only the convolutions of the block can be trained: batch
    normalization keeps its statistics, and the head convolution stays as it was.
    """
    import keras
    from keras import layers

    part = efficientnet_lite.last_block()
    for layer in part:
        is_convolution = isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)
        layer.trainable = is_convolution and layer.name.startswith("block7a")
    head = _pet_head(layers.GlobalAveragePooling2D(name="avg_pool"))
    return keras.Sequential([keras.Input((7, 7, 192)), *part, *head], name=name)


ARCHITECTURES: dict[str, Callable[[str], "keras.Model"]] = {
    "mnist-dense": _dense,
    "mnist-cnn": _digits,
    "mnist-cnn-without-pooling": _digits_without_pooling,
    "mnist-cnn-gap": _digits_gap,
    "fashion-cnn": _digits,
    "fashion-cnn-without-pooling": _digits_without_pooling,
    "fashion-cnn-gap": _digits_gap,
    "cifar-cnn": lambda name: _cifar(name, flatten=True),
    "cifar-cnn-gmp": lambda name: _cifar(name, flatten=False),
    "cats-dogs-150": lambda name: _cats_dogs_150(name, dropout=False),
    "cats-dogs-150-dropout": lambda name: _cats_dogs_150(name, dropout=True),
    "cats-dogs-180": _cats_dogs_180,
    "fashion-gabor": partial(_gabor, channels=1, dropout=0.3),
    "svhn-gabor": partial(_gabor, channels=3, map_dropout=0.1, dropout=0.5),
    "svhn-small": partial(_gabor, channels=3, filters=_SMALL),
    "svhn-small-noisy": partial(_gabor, channels=3, filters=_SMALL, keeps_noise=True),
    "lite0-head": lambda name: _pooled_head(name, (7, 7, 1280)),
    "lite0-last-block": _lite0_last_block,
    "mobilenet-head": lambda name: _pooled_head(name, (7, 7, 1024)),
    "vgg16-head": _vgg16_head,
}
