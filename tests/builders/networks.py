"""Networks as people bring them, each with the same computation in plain Keras and TensorFlow.

`NETWORKS` maps a name to a function that builds a `Sample`: a network, one of its layers by the
name that cnnviz gives it, and a function that computes that layer's maps and the logits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

Run = Callable[[Any], tuple[Any, Any]]
_GLOROT = keras.initializers.GlorotUniform


@dataclass(frozen=True, slots=True)
class Sample:
    """A network and its truth.

    Attributes
    ----------
    model : keras.Model
    layer : str
        A layer with maps, as cnnviz names it.
    run : callable
        From a batch as the network takes it to the layer's maps (N, h, w, K) and the logits.
    head : str
        ``softmax``, ``sigmoid``, ``linear`` or ``scores``.
    expects : str
        The preprocessing that is found, and how.
    options : dict
        For `load_model`.
    precision : float
        Allowed relative deviation.
    """

    model: Any
    layer: str
    run: Run
    head: str = "softmax"
    expects: tuple[str, str] = ("unit", "assumed")
    options: Mapping[str, Any] = field(default_factory=dict)
    precision: float = 1e-4


def _conv(filters: int = 6, **how: Any) -> Any:
    how = {"activation": "relu", "name": "conv", **how}
    return layers.Conv2D(filters, 3, kernel_initializer=_GLOROT(seed=1), **how)


def _dense(units: int = 4, **how: Any) -> Any:
    how = {"name": "dense", **how}
    kernel = keras.initializers.RandomNormal(stddev=1.0, seed=2)
    bias = keras.initializers.RandomNormal(stddev=0.5, seed=3)
    return layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, **how)


def _linear(dense: Any, x: Any) -> Any:
    """The dense layer without its activation, in float32 or wider."""
    kernel, bias = (tf.cast(part.value, tf.float32) for part in (dense.kernel, dense.bias))
    return tf.cast(x, tf.float32) @ kernel + bias


def _mean(maps: Any) -> Any:
    return tf.reduce_mean(tf.cast(maps, tf.float32), axis=(1, 2))


def _simple(
    before: Callable[[Any], Any] = lambda x: x,
    *,
    shape: tuple[int | None, ...] = (32, 32, 3),
    head: str = "softmax",
    end: Callable[[Any], Any] | None = None,
    units: int = 4,
    activation: Any = "softmax",
    expects: tuple[str, str] = ("unit", "assumed"),
    **more: Any,
) -> Sample:
    """A convolution, global average pooling and a dense layer, with something before or behind."""
    inputs = keras.Input(shape, **more)
    conv, dense = _conv(), _dense(units, activation=activation)
    outputs = dense(layers.GlobalAveragePooling2D()(conv(before(inputs))))
    model = keras.Model(inputs, end(outputs) if end else outputs)

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(before(batch))
        return maps, _linear(dense, _mean(maps))

    return Sample(model, "conv", run, head, expects)


def _normalization() -> Sample:
    layer = layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[60.0**2] * 3)
    return _simple(layer, expects=("raw", "layers"))


def _nested_scaling() -> Sample:
    """A backbone that brings its own scaling, as those of keras.applications do."""
    inner = keras.Input((32, 32, 3))
    conv = _conv()
    backbone = keras.Model(inner, conv(layers.Rescaling(1 / 255)(inner)), name="backbone")
    inputs = keras.Input((32, 32, 3))
    dense = _dense(activation="softmax")
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(backbone(layers.RandomFlip()(inputs))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch / 255)
        return maps, _linear(dense, _mean(maps))

    model = keras.Model(inputs, dense(x))
    return Sample(model, "backbone/conv", run, expects=("raw", "layers"))


def _softmax_then_reshape() -> Sample:
    inputs = keras.Input((32, 32, 3))
    conv = _conv()
    last = layers.Conv2D(5, 1, kernel_initializer=keras.initializers.RandomNormal(stddev=5, seed=4))
    x = layers.Activation("softmax")(
        last(layers.GlobalAveragePooling2D(keepdims=True)(conv(inputs)))
    )

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, last(_mean(maps)[:, None, None, :])[:, 0, 0]

    return Sample(keras.Model(inputs, layers.Reshape((5,))(x)), "conv", run)


def _convolution_softmax() -> Sample:
    """The softmax inside a convolution whose maps have one position."""
    inputs = keras.Input((32, 32, 3))
    conv = _conv()
    last = layers.Conv2D(5, 30, activation="softmax", kernel_initializer=_GLOROT(seed=5))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, (tf.nn.conv2d(maps, last.kernel.value, 1, "VALID") + last.bias)[:, 0, 0]

    return Sample(keras.Model(inputs, layers.Flatten()(last(conv(inputs)))), "conv", run)


def _two_heads(activation: str, kind: str) -> Sample:
    """The mean of two heads: their probabilities are averaged."""
    units = 4 if activation == "softmax" else 3
    inputs = keras.Input((32, 32, 3))
    conv = _conv()
    heads = [_dense(units, activation=activation, name=f"head{i}") for i in range(2)]
    for place, dense in enumerate(heads):
        dense.bias_initializer = keras.initializers.RandomNormal(stddev=1, seed=place)
    pooled = layers.GlobalAveragePooling2D()(conv(inputs))
    model = keras.Model(inputs, layers.Average()([dense(pooled) for dense in heads]))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        squash = tf.nn.softmax if activation == "softmax" else tf.sigmoid
        p = sum(squash(_linear(dense, _mean(maps))) for dense in heads) / 2
        return maps, tf.math.log(p) if activation == "softmax" else tf.math.log(p / (1 - p))

    return Sample(model, "conv", run, kind)


def _mean_of_maps() -> Sample:
    """Softmax over the channels of every position, then the mean: no logits."""
    inputs = keras.Input((32, 32, 3))
    conv, last = _conv(), _conv(5, activation="softmax", name="maps")
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(last(conv(inputs))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, _mean(last(maps))

    return Sample(model, "conv", run, "scores")


def _raw_ending(activation: str, units: int) -> Sample:
    sample = _simple(activation=activation, units=units, head="scores")
    dense = sample.model.get_layer("dense")

    def run(batch: Any) -> tuple[Any, Any]:
        maps, _ = sample.run(batch)
        return maps, dense(_mean(maps))

    return Sample(sample.model, "conv", run, "scores")


def _several_outputs() -> Sample:
    inputs = keras.Input((32, 32, 3))
    conv = _conv()
    first, second = _dense(3, name="color"), _dense(5, name="digit", activation="softmax")
    pooled = layers.GlobalAveragePooling2D()(conv(inputs))
    model = keras.Model(inputs, {"color": first(pooled), "digit": second(pooled)})

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, _linear(second, _mean(maps))

    return Sample(model, "conv", run, options={"output": "digit"})


def _without_channel_axis() -> Sample:
    inputs = keras.Input((28, 28))
    conv, dense = _conv(), _dense(10, activation="softmax")
    x = layers.Flatten()(conv(layers.Reshape((28, 28, 1))(inputs)))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(tf.reshape(batch, (-1, 28, 28, 1)))
        return maps, _linear(dense, tf.reshape(maps, (-1, 26 * 26 * 6)))

    return Sample(keras.Model(inputs, dense(x)), "conv", run)


def _two_output_backbone() -> Sample:
    inner = keras.Input((32, 32, 3))
    low = _conv(name="low")(inner)
    high = _conv(name="high")(layers.MaxPooling2D()(low))
    backbone = keras.Model(inner, [low, high], name="pyramid")
    inputs = keras.Input((32, 32, 3))
    dense = _dense(activation="softmax")
    a, b = backbone(inputs)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(a), layers.GlobalMaxPooling2D()(b)])

    def run(batch: Any) -> tuple[Any, Any]:
        fine, coarse = backbone(batch, training=False)
        x = tf.concat([_mean(fine), tf.reduce_max(coarse, axis=(1, 2))], axis=-1)
        return coarse, _linear(dense, x)

    return Sample(keras.Model(inputs, dense(x)), "pyramid/high", run)


def _shared_layer() -> Sample:
    inputs = keras.Input((32, 32, 3))
    conv, dense = _conv(3, padding="same"), _dense(activation="softmax")
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(conv(conv(inputs)))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(conv(batch))
        return maps, _linear(dense, _mean(maps))

    return Sample(model, "conv@2", run)


def _odd_names() -> Sample:
    inputs = keras.Input((32, 32, 3))
    conv, dense = _conv(name="1. Faltung (größer)"), _dense(name="-> out", activation="softmax")
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D(name="_mean")(conv(inputs))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = tf.nn.relu(tf.nn.conv2d(batch, conv.kernel.value, 1, "VALID") + conv.bias)
        return maps, _linear(dense, _mean(maps))

    return Sample(model, "1. Faltung (größer)", run)


def _wrapped() -> Sample:
    inputs = keras.Input((32, 32, 3))
    conv, dense = _conv(name="inner"), _dense(activation="softmax")
    wrapper = layers.SpectralNormalization(conv, name="conv")
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(wrapper(inputs))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, _linear(dense, _mean(maps))

    return Sample(model, "conv", run)


def _in_precision(policy: str, precision: float) -> Sample:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((32, 32, 3))
        conv, more = (_conv(8, name=name, activation="softplus") for name in ("conv", "conv2"))
        dense = _dense(activation="softmax")
        model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(more(conv(inputs)))))
    finally:
        keras.config.set_dtype_policy(before)

    def run(batch: Any) -> tuple[Any, Any]:
        maps = tf.cast(batch, tf.float32)
        for layer in (conv, more):
            kernel, bias = (tf.cast(part.value, tf.float32) for part in (layer.kernel, layer.bias))
            maps = tf.nn.softplus(tf.nn.conv2d(maps, kernel, 1, "VALID") + bias)
        return maps, _linear(dense, _mean(maps))

    return Sample(model, "conv2", run, precision=precision)


@keras.saving.register_keras_serializable("cnnviz-tests")
class ClassToken(layers.Layer):
    """Puts one learned token before all others."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(
            shape=(1, 1, shape[-1]), initializer=keras.initializers.RandomNormal(seed=6)
        )

    def call(self, x: Any) -> Any:
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(x)[0], 1, x.shape[-1]))
        return keras.ops.concatenate([token, x], axis=1)


def vision_transformer(*, class_token: bool, side: int = 32, patch: int = 4, depth: int = 2) -> Any:
    """A small vision transformer: patches, attention blocks, and a dense layer."""
    inputs = keras.Input((side, side, 3))
    num = (side // patch) ** 2
    x = layers.Conv2D(16, patch, strides=patch, name="patches")(inputs)
    x = layers.Reshape((num, 16), name="tokens")(x)
    if class_token:
        x = ClassToken(name="class_token")(x)
    for place in range(depth):
        y = layers.LayerNormalization(name=f"norm{place}a")(x)
        y = layers.MultiHeadAttention(2, 8, name=f"attention{place}")(y, y)
        x = layers.Add(name=f"sum{place}a")([x, y])
        y = layers.LayerNormalization(name=f"norm{place}b")(x)
        y = layers.Dense(32, activation="gelu", name=f"mlp{place}a")(y)
        x = layers.Add(name=f"sum{place}b")([x, layers.Dense(16, name=f"mlp{place}b")(y)])
    x = layers.LayerNormalization(name="norm")(x)
    x = x[:, 0] if class_token else layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, _dense(activation="softmax")(x))


def _transformer(*, class_token: bool) -> Sample:
    keras.utils.set_random_seed(7)
    model = vision_transformer(class_token=class_token)
    head, last = model.get_layer("dense"), "norm1a" if class_token else "norm"
    body = keras.Model(model.inputs, [model.get_layer(last).output, model.get_layer("norm").output])

    def run(batch: Any) -> tuple[Any, Any]:
        tokens, end = body(batch, training=False)
        pooled = end[:, 0] if class_token else tf.reduce_mean(end, axis=1)
        return tokens, _linear(head, pooled)

    return Sample(model, last, run)


def _attention_with_scores() -> Sample:
    inputs = keras.Input((32, 32, 3))
    patches = layers.Conv2D(16, 8, strides=8, kernel_initializer=_GLOROT(seed=8), name="patches")
    attention, dense = layers.MultiHeadAttention(2, 8, name="attention"), _dense()
    tokens = layers.Reshape((16, 16))(patches(inputs))
    mixed, _ = attention(tokens, tokens, return_attention_scores=True)
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling1D()(mixed)))

    def run(batch: Any) -> tuple[Any, Any]:
        tokens = tf.reshape(patches(batch), (-1, 16, 16))
        mixed = attention(tokens, tokens)
        return mixed, _linear(dense, tf.reduce_mean(mixed, axis=1))

    return Sample(model, "attention", run, "linear")


def _chain(*steps: Any, layer: str = "conv", shape: tuple[int, ...] = (32, 32, 3)) -> Sample:
    """Some layers in a row before global average pooling and a dense layer."""
    inputs = keras.Input(shape)
    x = inputs
    for step in steps:
        x = step(x)
    dense = _dense(activation="softmax")
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(x)))
    body = keras.Model(inputs, [model.get_layer(layer).output, x])

    def run(batch: Any) -> tuple[Any, Any]:
        maps, end = body(batch, training=False)
        return maps, _linear(dense, _mean(end))

    return Sample(model, layer, run)


def _residual() -> Sample:
    conv = _conv(3, padding="same")
    return _chain(lambda x: layers.Add()([x, conv(x)]))


def _squeeze_and_excite() -> Sample:
    def excite(x: Any) -> Any:
        y = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(x))
        return layers.Multiply()([x, layers.Conv2D(6, 1, activation="sigmoid", name="gate")(y)])

    return _chain(_conv(), excite)


def _flattened(shape: tuple[int, ...]) -> Sample:
    inputs = keras.Input(shape)
    conv, dense = _conv(), _dense(activation="softmax")
    model = keras.Model(inputs, dense(layers.Flatten()(conv(inputs))))

    def run(batch: Any) -> tuple[Any, Any]:
        maps = conv(batch)
        return maps, _linear(dense, tf.reshape(maps, (tf.shape(maps)[0], -1)))

    return Sample(model, "conv", run)


def _preprocess_input(family: str, mode: str) -> Sample:
    prepare = getattr(keras.applications, family).preprocess_input
    return _simple(prepare, expects=("raw", "layers"))


def _batch_normalized_input() -> Sample:
    """Batch normalization first: what it has learned of the pixels tells their range."""
    layer = layers.BatchNormalization(
        moving_mean_initializer=keras.initializers.Constant(118.0),
        moving_variance_initializer=keras.initializers.Constant(64.0**2),
    )
    return _simple(layer, expects=("raw", "layers"))


NETWORKS: dict[str, Callable[[], Sample]] = {
    "plain": _simple,
    "logits": lambda: _simple(activation=None, head="linear"),
    "softmax layer": lambda: _simple(activation=None, end=layers.Softmax()),
    "softmax activation": lambda: _simple(activation=None, end=layers.Activation("softmax")),
    "softmax, then a cast and dropout": lambda: _simple(
        end=lambda x: layers.Dropout(0.5)(keras.ops.cast(x, "float32"))
    ),
    "linear activation behind softmax": lambda: _simple(end=layers.Activation("linear")),
    "softmax of ops": lambda: _simple(activation=None, end=keras.ops.softmax),
    "rescaling 1/255": lambda: _simple(layers.Rescaling(1 / 255), expects=("raw", "layers")),
    "rescaling to -1..1": lambda: _simple(
        layers.Rescaling(1 / 127.5, -1), expects=("raw", "layers")
    ),
    "rescaling 0..1 to -1..1": lambda: _simple(
        layers.Rescaling(2.0, -1.0), expects=("unit", "layers")
    ),
    "normalization": _normalization,
    "x / 255.0": lambda: _simple(lambda x: x / 255.0, expects=("raw", "layers")),
    "x / 127.5 - 1": lambda: _simple(lambda x: x / 127.5 - 1, expects=("raw", "layers")),
    "preprocess_input of VGG16": lambda: _preprocess_input("vgg16", "caffe"),
    "preprocess_input of MobileNetV2": lambda: _preprocess_input("mobilenet_v2", "tf"),
    "preprocess_input of DenseNet": lambda: _preprocess_input("densenet", "torch"),
    "batch normalization first": _batch_normalized_input,
    "scaling in a nested backbone": _nested_scaling,
    "softmax, then reshape": _softmax_then_reshape,
    "softmax in a convolution": _convolution_softmax,
    "one sigmoid unit": lambda: _simple(activation="sigmoid", units=1, head="sigmoid"),
    "several labels": lambda: _simple(activation="sigmoid", units=5, head="sigmoid"),
    "one linear unit": lambda: _simple(activation=None, units=1, head="linear"),
    "mean of two softmax heads": lambda: _two_heads("softmax", "softmax"),
    "mean of two sigmoid heads": lambda: _two_heads("sigmoid", "sigmoid"),
    "softmax of every position, averaged": _mean_of_maps,
    "tanh": lambda: _raw_ending("tanh", 3),
    "one hard sigmoid unit": lambda: _raw_ending("hard_sigmoid", 1),
    "one softmax unit": lambda: _raw_ending("softmax", 1),
    "relu at the end": lambda: _raw_ending("relu", 3),
    "several outputs": _several_outputs,
    "without channel axis": _without_channel_axis,
    "uint8 input": lambda: _simple(
        lambda x: keras.ops.cast(x, "float32") / 255.0,
        dtype="uint8",
        expects=("raw", "dtype"),
    ),
    "any size": lambda: _simple(shape=(None, None, 3)),
    "not square": lambda: _flattened((48, 32, 3)),
    "gray": lambda: _flattened((28, 28, 1)),
    "fixed batch size": lambda: _simple(batch_size=8),
    "backbone with two outputs": _two_output_backbone,
    "shared layer": _shared_layer,
    "names that TensorFlow dislikes": _odd_names,
    "spectral normalization": _wrapped,
    "mixed_float16": lambda: _in_precision("mixed_float16", 1e-2),
    "mixed_bfloat16": lambda: _in_precision("mixed_bfloat16", 6e-2),
    "float16": lambda: _in_precision("float16", 1e-2),
    "bfloat16": lambda: _in_precision("bfloat16", 6e-2),
    "float64": lambda: _in_precision("float64", 1e-4),
    "vision transformer": lambda: _transformer(class_token=False),
    "vision transformer with class token": lambda: _transformer(class_token=True),
    "attention that returns its scores": _attention_with_scores,
    "residual": _residual,
    "squeeze and excite": _squeeze_and_excite,
    "batch normalization": lambda: _chain(
        _conv(activation=None), layers.BatchNormalization(), layers.ReLU()
    ),
    "depthwise and separable": lambda: _chain(
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.SeparableConv2D(6, 3, name="conv"),
    ),
    "transposed convolution": lambda: _chain(
        layers.MaxPooling2D(4), layers.Conv2DTranspose(5, 3, strides=2, name="conv")
    ),
    "layer normalization and gelu": lambda: _chain(
        _conv(activation="gelu"), layers.LayerNormalization()
    ),
    "parametric relu": lambda: _chain(_conv(activation=None), layers.PReLU(shared_axes=[1, 2])),
}

# every architecture of keras.applications, at the smallest size that it takes
APPLICATIONS: dict[str, int] = {
    **dict.fromkeys(("VGG16", "VGG19"), 32),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152"), 32),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), 32),
    **dict.fromkeys(("InceptionV3", "InceptionResNetV2"), 75),
    "Xception": 71,
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 32),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 32),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), 32),
    **{f"EfficientNetB{place}": 32 for place in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{size}": 32 for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
}


def application(name: str) -> Any:
    """Build an architecture of keras.applications with random weights and ten classes."""
    side = APPLICATIONS[name]
    keras.utils.set_random_seed(9)
    build = getattr(keras.applications, name)
    return build(weights=None, classes=10, input_shape=(side, side, 3))


def photograph(height: int = 40, width: int = 56) -> np.ndarray:
    """Color ramps and a red square, uint8 RGB."""
    y, x = np.mgrid[:height, :width]
    ramps = np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / width], -1)
    pixels = ramps.clip(0, 255)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = [230, 40, 40]
    return pixels.astype(np.uint8)
