"""From a Keras model to one that is ready to be looked at: its layers, maps, head and scaling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cnnviz import zoo
from cnnviz.errors import CnnvizError, ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.network.failures import TF_ERRORS, brief
from cnnviz.network.forward import ForwardPass, graph_of, run_layers
from cnnviz.network.head import check_output, with_loss
from cnnviz.network.input_scaling import (
    NUM_IMAGES,
    ScalingProbe,
    application_preprocessing,
    expected_range,
    random_images,
)
from cnnviz.network.inspected_model import LoadedModel, compiled
from cnnviz.network.layers.map_layout import MAX_CLASS_TOKENS, AxisLabels, TokenGrid, map_grid
from cnnviz.zoo import InputScaling, ModelCard


def wrap_model(
    keras_model: Any,
    card: ModelCard,
    *,
    name: str | None = None,
    output: str | int | None = None,
    token_grid: tuple[int, int] | None = None,
    loss: Any = None,
    is_live: bool = False,
    as_scores: str = "",
) -> LoadedModel:
    """Make a network of your own ready to be looked at; it is not changed.

    Parameters
    ----------
    keras_model : keras.Model
    card : ModelCard
        If its preprocessing is assumed, layers inside the network may tell a better one.
    name : str, optional
        Instead of the card's.
    output : str or int, optional
        Which of several outputs is explained, by its name or number; the first if left out.
    token_grid : (rows, columns), optional
        Where tokens lie in the image, if the layers do not tell it rightly.
    loss : optional
        What the network was trained with, as in ``compile``: linear outputs are read by it.
    is_live : bool
        Whether its owner may train it further.
    as_scores : str
        Why the outputs are taken as they are, as raw scores; empty to look for logits.

    Raises
    ------
    ModelLoadError
        If it does not take one image (h, w, 1 or 3), or the output is not one list of class scores.
    """
    _check_graph(keras_model)
    names = output_names(keras_model)
    place = _output_place(names, output)
    check_output(graph_of(keras_model).outputs[place].shape, names[place] if names[1:] else "")
    input_shape = (card.input_height, card.input_width, card.channels)
    try:
        look = _look_at(keras_model, input_shape, place, as_scores)
    except CnnvizError:
        raise
    except TF_ERRORS as error:
        raise ModelLoadError(f"{card.name!r} cannot be computed: {brief(error)}") from error
    forward = look.forward
    card, scaling = _with_scaling(card, keras_model, look)
    shapes = {key: tuple(value.shape[1:]) for key, value in forward.outputs.items()}
    return LoadedModel(
        name=card.name if name is None else name,
        card=card,
        keras_model=keras_model,
        class_names=zoo.class_names(card, forward.logits.shape[-1]),
        input_shape=input_shape,
        layer_shapes=shapes,
        grids=_grids(look, shapes, token_grid),
        output_names=names,
        output_name=names[place],
        network_head=with_loss(forward.head, loss_name(loss, names, place)),
        logits_layer=forward.logits_layer,
        input_scaling=scaling,
        operations=forward.operations,
        layer_inputs=forward.inputs,
        loss=loss,
        is_live=is_live,
        as_scores=as_scores,
    )


def disagreement(model: LoadedModel) -> str:
    """Compare what the network gives layer by layer with what Keras gives for noise.

    Returns
    -------
    str
        Empty where both agree, and where the network gives something random; ``logits`` where only
        the probabilities made of the logits differ; ``layers`` where the outputs do.
    """
    noise = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[:2], 3), np.uint8)
    batch = np.concatenate([model.preprocess(image_from_pixels(pixels)) for pixels in noise])
    expected, again = (_outputs_of_keras(model, batch) for _ in range(2))
    if not np.array_equal(expected, again, equal_nan=True):
        return ""
    logits = model.logits_of(batch)
    head = model.network_head
    is_squashed = head.ending in ("softmax", "sigmoid")  # and not by what the loss tells
    values = model.probabilities(logits) if is_squashed else logits
    if head.num_units == 1:
        values = values[:, 1:]
    precisions = {layer.compute_dtype for layer in model.keras_model._flatten_layers()}
    tolerance = 5e-2 if precisions & {"float16", "bfloat16"} else 2e-3
    size = max(1.0, float(np.abs(np.nan_to_num(expected)).max(initial=0)))
    if np.allclose(values, expected, rtol=tolerance, atol=tolerance * size, equal_nan=True):
        return ""
    return "logits" if head.kind != "scores" else "layers"


def _outputs_of_keras(model: LoadedModel, batch: np.ndarray) -> np.ndarray:
    given = batch[..., 0] if len(model.keras_model.inputs[0].shape) == 3 else batch
    outputs = keras.tree.flatten(model.keras_model(tf.constant(given), training=False))
    output = outputs[model.output_names.index(model.output_name)]
    return np.asarray(tf.cast(output, tf.float32)).reshape(len(batch), -1)


def output_names(keras_model: Any) -> tuple[str, ...]:
    """Name the outputs of a model as its dictionary does, or by the layers that give them."""
    graph = graph_of(keras_model)
    structure = keras.tree.flatten_with_path(graph._outputs_struct)
    found: list[str] = []
    for path, symbol in structure:
        keys = [str(part) for part in path if isinstance(part, str)]
        name = "/".join(keys) or symbol._keras_history.operation.name
        found.append(f"{name}-{len(found) + 1}" if name in found else name)
    return tuple(found)


def loss_name(loss: Any, names: Sequence[str], place: int) -> str:
    """Name the loss of one output: of what was given to ``compile``, or of its saved description.

    Parameters
    ----------
    loss : str, keras.losses.Loss, callable, or a list or dictionary of these
    names : sequence of str
        Of the outputs.
    place : int
        Of the output in question.
    """
    if isinstance(loss, Mapping) and "class_name" in loss:
        is_function = loss["class_name"] == "function"  # its name is what Keras saves of it
        return str(loss.get("config") if is_function else loss["class_name"])
    if isinstance(loss, Mapping):
        return loss_name(loss.get(names[place]), names, place)
    if isinstance(loss, (list, tuple)):
        return loss_name(loss[place], names, 0) if place < len(loss) else ""
    if loss is None or isinstance(loss, str):
        return loss or ""
    return str(getattr(loss, "__name__", type(loss).__name__))


def _output_place(names: Sequence[str], wanted: str | int | None) -> int:
    if wanted in (None, ""):
        return 0
    text = str(wanted)
    if text in names:
        return list(names).index(text)
    if text.isdigit() and int(text) < len(names):
        return int(text)
    raise ModelLoadError(
        f"There is no output {wanted!r}. Choose one of: {', '.join(names)}, or a number from 0 "
        f"to {len(names) - 1}."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What the first run through a model tells."""

    forward: ForwardPass
    labels: AxisLabels
    scaling_ends: list[np.ndarray]
    has_foreign_scaling: bool
    cropped_by: str


def _look_at(
    keras_model: Any, input_shape: tuple[int, int, int], place: int, as_scores: str
) -> _Look:
    """Run through a model once without computing more than its first layers."""
    seen: list[tuple[ForwardPass, AxisLabels, ScalingProbe]] = []

    def run(batch: Any) -> Any:
        image = batch[..., 0] if len(keras_model.inputs[0].shape) == 3 else batch
        labels, probe = AxisLabels(image), ScalingProbe(image)

        def observe(*step: Any) -> None:
            labels.observe(*step)
            probe.observe(*step)

        forward = run_layers(keras_model, image, output=place, observe=observe, as_scores=as_scores)
        seen.append((forward, labels, probe))
        return list(probe.ends.values())

    function = compiled(run, tf.TensorSpec((NUM_IMAGES, *input_shape), tf.float32))
    ends = function(tf.constant(random_images(*input_shape)))
    forward, labels, probe = seen[0]
    values = [np.asarray(end, np.float64) for end in ends]
    return _Look(forward, labels, values, probe.has_foreign, probe.cropped_by)


def _with_scaling(card: ModelCard, keras_model: Any, look: _Look) -> tuple[ModelCard, InputScaling]:
    """Find out what the network expects, unless somebody said it."""
    dtype = keras.backend.standardize_dtype(keras_model.inputs[0].dtype)
    preprocessing, source, note = card.preprocessing, card.preprocessing_source, ""
    inside, how, unclear = expected_range(
        look.scaling_ends, dtype, has_foreign=look.has_foreign_scaling
    )
    if source == "assumed":
        note = unclear
        known = application_preprocessing(tuple(look.forward.outputs))
        if inside is not None:
            preprocessing, source = inside, how
        elif known is not None and card.channels == 3 and not unclear:
            preprocessing, source = known[0], "application"
            note = f"The layers are those of {known[1]} from keras.applications."
    elif source != "card" and inside is not None and inside != preprocessing:
        note = f"Layers inside the network expect {inside.description}."
    if look.cropped_by:
        note += (
            f" The layer {look.cropped_by!r} cuts off the border of the image; heat maps of layers "
            "are drawn as if it did not."
        )
    if source != card.preprocessing_source:
        card = replace(card, preprocessing=preprocessing, preprocessing_source=source)
    return card, InputScaling(preprocessing, source, dtype, card.channels, note.strip())


def _grids(
    look: _Look, shapes: Mapping[str, tuple[int, ...]], wanted: tuple[int, int] | None
) -> dict[str, TokenGrid]:
    grids: dict[str, TokenGrid] = {}
    for name, shape in shapes.items():
        output = look.forward.outputs[name]
        if output.shape[0] not in (None, NUM_IMAGES):  # parts of the image stand in the batch
            continue
        grid = map_grid(look.labels.labels_of(output), shape, is_guessed=look.labels.has_attention)
        if grid is not None:
            grids[name] = grid
    grids = {name: _known_instead(grid, grids) for name, grid in grids.items()}
    if wanted is not None:
        grids |= _wanted_grids(grids, shapes, wanted)
    return grids


def _known_instead(grid: TokenGrid, grids: Mapping[str, TokenGrid]) -> TokenGrid:
    """Prefer the grid of another layer to a guess, where it has as many tokens or a few less."""
    if not grid.is_assumed:
        return grid
    for known in grids.values():
        more = grid.num_tokens - known.num_tokens
        is_map = known.rows * known.columns > 1 and not known.is_assumed
        if is_map and 0 <= more <= MAX_CLASS_TOKENS:
            return replace(known, first=known.first + more, is_assumed=True)
    return grid


def _wanted_grids(
    grids: Mapping[str, TokenGrid],
    shapes: Mapping[str, tuple[int, ...]],
    wanted: tuple[int, int],
) -> dict[str, TokenGrid]:
    """Lay the grid that was asked for over all layers that have so many tokens, or a few more."""
    rows, columns = wanted
    tokens = {name: shape[0] for name, shape in shapes.items() if len(shape) == 2}
    fitting: dict[str, TokenGrid] = {}
    for name, num_tokens in tokens.items():
        more = num_tokens - rows * columns
        if min(wanted) < 1 or not 0 <= more <= MAX_CLASS_TOKENS:
            continue
        known = grids.get(name)
        is_last = known is not None and known.first == 0 and known.last == more
        first, last = (0, more) if is_last else (more, 0)
        fitting[name] = TokenGrid(rows, columns, first, last)
    if not tokens:
        raise ModelLoadError("A grid of tokens was given, but the network has no token layers.")
    if not fitting:
        counts = ", ".join(map(str, sorted(set(tokens.values()))))
        raise ModelLoadError(
            f"A grid of {rows} × {columns} does not fit: the layers have {counts} tokens. Rows "
            f"times columns are that, or up to {MAX_CLASS_TOKENS} less for class tokens."
        )
    return fitting


def _check_graph(keras_model: Any) -> None:
    if graph_of(keras_model) is None:
        raise ModelLoadError(
            "The model must be a Sequential or functional Keras model that has been built: "
            "of a class of its own nobody can list the layers."
        )
    inputs = keras_model.inputs
    if not inputs or len(inputs) != 1:
        raise ModelLoadError(
            "The model must take one image (height, width, channels). "
            f"This one takes {[tuple(x.shape) for x in inputs or ()]}."
        )
    shape = tuple(inputs[0].shape)
    if len(shape) not in (3, 4):
        raise ModelLoadError(
            f"The model must take one image (height, width, channels), not an input of {shape}."
        )
    if len(shape) == 4 and shape[-1] not in (1, 3):
        raise ModelLoadError(f"The model must take images with 1 or 3 channels, not {shape[-1]}.")
    _check_layers(keras_model)


def _check_layers(keras_model: Any) -> None:
    """Refuse layers that cannot be computed or shown here, with the reason."""
    for layer in keras_model._flatten_layers(include_self=False):
        kind = type(layer).__name__
        if kind == "TimeDistributed":
            raise ModelLoadError(
                f"The layer {layer.name!r} is TimeDistributed: it treats its input as a sequence "
                "of images, and this app explains single images. Dense and normalization layers "
                "work on every position by themselves: use the layer inside it directly."
            )
        if kind == "Conv2DTranspose" and _aborts(layer):
            raise ModelLoadError(
                f"The layer {layer.name!r} is a Conv2DTranspose with a kernel of 1 and a larger "
                "stride. TensorFlow 2.21 ends the whole program when it computes its gradient. Use "
                "UpSampling2D and a convolution, or a kernel of at least 2."
            )
        if _needs_gpu(layer) and not tf.config.list_physical_devices("GPU"):
            raise ModelLoadError(
                f"The layer {layer.name!r} has data_format='channels_first', which TensorFlow "
                "cannot compute without a GPU. Build the network with 'channels_last' "
                "(images of shape height, width, channels) and save it again."
            )


def _aborts(layer: Any) -> bool:
    sizes = zip(layer.kernel_size, layer.strides, strict=True)
    return any(size == 1 and stride > 1 for size, stride in sizes)


def _needs_gpu(layer: Any) -> bool:
    """Whether a layer slides a window over maps whose channels come first."""
    kind = type(layer).__name__
    slides = ("Conv" in kind or "Pooling2D" in kind) and "Global" not in kind
    return slides and getattr(layer, "data_format", None) == "channels_first"
