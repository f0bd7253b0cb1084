"""Networks by name, from a file, from a visitor, or out of memory, each loaded once and shared."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from inspect import signature
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras

from cnnviz import zoo
from cnnviz.errors import AnalysisError, CnnvizError, InvalidParameterError, ModelLoadError
from cnnviz.images import ImageInput
from cnnviz.network.bounded_store import BoundedStore
from cnnviz.network.failures import TF_ERRORS, brief
from cnnviz.network.forward import graph_of
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import disagreement, wrap_model
from cnnviz.zoo import ModelCard, ModelReference, Preprocessing

MAX_MODELS_BYTES = 700 << 20  # models and checkpoints kept in memory by one process
_COMPILED_BYTES = 40 << 20  # assumed for the functions compiled for a model
MAX_USER_MODELS = 6  # uploaded networks in one process
MAX_ADOPTED = 24  # networks made in this process that its sessions hold; 20 to 40 MB each
MAX_USER_MODEL_BYTES = 150 << 20  # of one of them, unpacked
_TRIAL = threading.Lock()


def _num_bytes(model: LoadedModel) -> int:
    return int(4 * model.keras_model.count_params()) + _COMPILED_BYTES


_models = BoundedStore(64, MAX_MODELS_BYTES, _num_bytes)
_user_models: "WeakValueDictionary[str, LoadedModel]" = (
    WeakValueDictionary()
)  # gone with their sessions
_adopted: "WeakValueDictionary[str, LoadedModel]" = WeakValueDictionary()  # these, too
_live_numbers = count(1)


def load_model(
    source: str | Path | keras.Model,
    *,
    class_names: Iterable[Any] | Mapping[Any, Any] | None = None,
    preprocessing: str | Mapping[str, Any] | Preprocessing | None = None,
    output: str | int | None = None,
    token_grid: tuple[int, int] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> LoadedModel:
    """Load a network by its name, from a file, or take one that is in memory.

    Networks with a name or a file are kept for the whole process and shared; only the last few are
    kept. The functions for predictions and heat maps are compiled here, so that nobody waits for
    them later.

    Parameters
    ----------
    source : str, Path or keras.Model
        A name from `list_models`; the path of a ``.keras`` file or of a whole model in the legacy
        ``.h5`` format; or a model, also one that was just trained. ``NAME.json`` beside a file may
        name ``title``, ``class_names``, ``preprocessing``, ``output`` and ``token_grid``.
    class_names : sequence of str or mapping, optional
        One for each class, in the order of the outputs; an array or a series will do. A mapping
        leads from indices to names or, as ``class_indices`` of Keras' generators, from names to
        indices.
    preprocessing : str, mapping or Preprocessing, optional
        How pixels become the network's input, as in `zoo.find_preprocessing`: ``raw`` (0 to 255),
        ``unit`` (0 to 1), ``tf`` (-1 to 1), ``caffe``, ``torch``, or numbers of your own. If left
        out it is what the card says, what layers inside the network tell, or assumed to be
        ``unit``; `LoadedModel.input_scaling` says which.
    output : str or int, optional
        Which of several outputs is explained; the first if left out.
    token_grid : (rows, columns), optional
        Where tokens lie in the image, if the layers do not tell it rightly.
    custom_objects : mapping, optional
        Layers and functions of your own that a file uses, by name. Only for files that you trust.
    on_progress : callable, optional
        Called with (bytes done, bytes in all) while weights are downloaded.

    Returns
    -------
    LoadedModel

    Raises
    ------
    ModelLoadError
        If there is no such model or file, or it is no classifier of one image.
    InvalidParameterError
        If there is no such preprocessing, or the class names are no list of names.
    DownloadError
        If the weights must be downloaded and cannot be.
    """
    chosen = None if preprocessing is None else zoo.find_preprocessing(preprocessing)
    names = None if class_names is None else names_in_order(class_names)
    if isinstance(source, keras.Model):
        return _live_model(source, names, chosen, output, token_grid)
    reference = _reference_of(source)
    base = _base_model(reference, custom_objects, on_progress)
    if chosen is None and reference.preprocessing:
        chosen = zoo.find_preprocessing(reference.preprocessing)
    output = reference.output if output is None else output
    token_grid = reference.grid_size if token_grid is None else token_grid
    if names is None and chosen is None and output in ("", None) and token_grid is None:
        return base
    labels = base.card.labels if names is None else names
    key = ("variant", labels, chosen, output, token_grid)
    return base._functions.get(
        key, lambda: _variant(base, str(reference), labels, chosen, output, token_grid)
    )


def names_in_order(class_names: Iterable[Any] | Mapping[Any, Any]) -> tuple[str, ...]:
    """Bring names of classes, however they are given, into the order of the outputs.

    Parameters
    ----------
    class_names : iterable or mapping
        Names in order, or a mapping between names and indices in either direction.

    Raises
    ------
    InvalidParameterError
        If they are a single text, or the indices of a mapping are not 0, 1, 2 and so on.

    Examples
    --------
    >>> names_in_order({"dog": 1, "cat": 0})
    ('cat', 'dog')
    """
    if isinstance(class_names, str | bytes):
        raise InvalidParameterError(
            f"class_names must be a list of names, one for each class, got {class_names!r}."
        )
    if isinstance(class_names, Mapping):
        pairs = [(_index(key), _plain(value)) for key, value in class_names.items()]
        if any(index is None for index, _ in pairs):
            pairs = [(_index(value), _plain(key)) for key, value in class_names.items()]
        if {index for index, _ in pairs} != set(range(len(pairs))):
            raise InvalidParameterError(
                "class_names must lead from the indices 0, 1, 2 and so on to names, or from names "
                f"to these indices, got {dict(class_names)!r}."
            )
        return tuple(name for _, name in sorted(pairs, key=lambda pair: pair[0] or 0))
    return tuple(map(_plain, class_names))


def _index(value: Any) -> int | None:
    """Read an index, also one that JSON made a text; None for anything else."""
    text = str(value)
    return int(text) if text.isdecimal() and not isinstance(value, bool) else None


def _plain(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _reference_of(source: str | Path) -> ModelReference:
    if isinstance(source, Path) or Path(source).exists():
        return ModelReference(str(source))
    return ModelReference.parse(source)


def _base_model(
    reference: ModelReference,
    custom_objects: Mapping[str, Any] | None,
    on_progress: Callable[[int, int], None] | None,
) -> LoadedModel:
    user_model = _user_models.get(reference.name) or _adopted.get(reference.name)
    if user_model is not None:
        return user_model
    if custom_objects:  # classes of somebody's own cannot be told apart by their names
        return _load(reference.name, custom_objects, on_progress)
    version = zoo.file_version(reference.name) or zoo.own_version(reference.name)
    return _models.get((reference.name, version), lambda: _load(reference.name, None, on_progress))


def _load(
    name: str,
    custom_objects: Mapping[str, Any] | None,
    on_progress: Callable[[int, int], None] | None,
) -> LoadedModel:
    path = Path(name)
    if path.suffix or path.exists():
        keras_model = as_functional(zoo.load_model_file(path, custom_objects=custom_objects))
        card, choices = zoo.card_beside(path, keras_model)
    else:
        card, choices = zoo.find_card(name), zoo.choices_beside(name)
        keras_model = zoo.build_model(card, on_progress=on_progress)
    choices["loss"] = zoo.saved_loss(path if path.suffix else zoo.own_path(name))
    return _ready(keras_model, card, path=path if path.suffix else None, **choices)


def _ready(
    keras_model: Any, card: ModelCard, *, path: Path | None = None, **how: Any
) -> LoadedModel:
    """Wrap a network and compile what every page asks for first; whatever it raises is ours."""
    try:
        model = wrap_model(keras_model, card, **how)
        if card.preprocessing_source != "card":  # not one of those that come with cnnviz
            model = _checked(model, keras_model, card, how)
        _warm_up(model)
    except ModelLoadError as error:
        error.path = path if error.path is None else error.path
        raise
    except AnalysisError as error:
        raise ModelLoadError(str(error), path=path) from error
    except CnnvizError:
        raise
    except TF_ERRORS as error:
        raise ModelLoadError(
            f"{card.name!r} cannot be looked at: {brief(error)} Check that the network runs in "
            "Keras, and save it again.",
            path=path,
        ) from error
    return model


def _checked(
    model: LoadedModel, keras_model: Any, card: ModelCard, how: dict[str, Any]
) -> LoadedModel:
    """Make sure that layer by layer a network gives what Keras gives."""
    differs = disagreement(model)
    if differs == "logits":  # its ending is not what its layers are called
        ending = model.network_head.ending or "a layer of one's own"
        reason = f"something that calls itself {ending} and computes something else"
        model = wrap_model(keras_model, card, as_scores=reason, **how)
        differs = disagreement(model)
    if differs:
        raise ModelLoadError(
            f"{card.name!r} gives other values layer by layer than as a whole: a layer of its own "
            "computes in a way that cannot be followed. Build it of Keras layers."
        )
    return model


def _warm_up(model: LoadedModel) -> None:
    blank = ImageInput(np.zeros((*model.input_shape[:2], 3), np.uint8), digest="blank")
    model.logits(blank)
    if any(max(shape[:2]) > 1 for shape in model.map_shapes.values()):
        batch = model.preprocess(blank)
        direction = np.eye(len(model.class_names), dtype=np.float32)[:1]
        try:
            model.gradients(batch, direction, [model.default_cam_layer])
        except AnalysisError:  # no class depends on that layer: the page says so when it is asked
            return


def _variant(
    base: LoadedModel,
    name: str,
    labels: tuple[str, ...],
    preprocessing: Preprocessing | None,
    output: str | int | None,
    token_grid: tuple[int, int] | None,
) -> LoadedModel:
    """Look at the same network in another way."""
    card = replace(base.card, labels=labels)
    if labels != base.card.labels:
        card = replace(card, class_names_key=None)
    if preprocessing is not None:
        card = replace(card, preprocessing=preprocessing, preprocessing_source="chosen")
    output = base.output_name if output in ("", None) else output
    return _ready(
        base.keras_model,
        card,
        name=name,
        output=output,
        token_grid=token_grid,
        loss=base.loss,
    )


def _live_model(
    source: Any,
    names: tuple[str, ...] | None,
    preprocessing: Preprocessing | None,
    output: str | int | None,
    token_grid: tuple[int, int] | None,
) -> LoadedModel:
    keras_model = as_functional(source)
    name = f"{source.name}-{next(_live_numbers)}"
    card = zoo.card_for_model(keras_model, name, preprocessing=preprocessing)
    card = replace(card, title=source.name, labels=names or ())
    loss = getattr(source, "loss", None)
    return _ready(keras_model, card, output=output, token_grid=token_grid, loss=loss, is_live=True)


def as_functional(keras_model: Any) -> Any:
    """Return a model whose layers can be reached: a subclassed one is called once, symbolically.

    The layers and their weights are those of the model itself.

    Raises
    ------
    ModelLoadError
        If the model has not been built, or computes with something else than Keras layers and
        ``keras.ops``.
    """
    if graph_of(keras_model) is not None:
        return keras_model
    shape = getattr(keras_model, "input_shape", None) or _built_shape(keras_model)
    if not isinstance(shape, (tuple, list)) or not shape[1:] or shape[-1] is None:
        raise ModelLoadError(
            f"The layers of {keras_model.name!r} cannot be reached: it has not been built, or its "
            "call() uses something else than Keras layers and keras.ops. Call it on one batch of "
            "images first, or build it as a functional model."
        )
    inputs = keras.Input(tuple(shape[1:]))
    try:
        takes_training = "training" in signature(keras_model.call).parameters
        options = {"training": False} if takes_training else {}
        return keras.Model(inputs, keras_model.call(inputs, **options), name=keras_model.name)
    except TF_ERRORS as error:
        raise ModelLoadError(
            f"The layers of {keras_model.name!r} cannot be reached, because its call() uses "
            f"something else than Keras layers and keras.ops: {brief(error)} Build it as a "
            "functional model."
        ) from error


def _built_shape(keras_model: Any) -> Any:
    """Find the shape of the input that a subclassed model was built with."""
    config = getattr(keras_model, "_build_shapes_dict", None) or {}
    return next(iter(config.values()), None)


def load_checkpoint(name: str, step: int) -> LoadedModel:
    """Load a network trained here with the weights that it had after some steps of its training.

    Raises
    ------
    ModelLoadError
        If there is no such network.
    InvalidParameterError
        If nothing was kept at this step.
    """

    def load() -> LoadedModel:
        card = zoo.find_card(name)
        keras_model = zoo.build_model(card)
        for layer_name, weights in zoo.checkpoint(name, step).items():
            keras_model.get_layer(layer_name).set_weights(weights)
        return wrap_model(keras_model, card)

    return _models.get((name, "step", step), load)


def load_user_model(
    path: Path, name: str, *, on_wait: Callable[[float], None] | None = None
) -> Any:
    """Load a stranger's ``.keras`` file with every precaution, for as long as somebody holds it.

    The file is looked at, then loaded in a process that is thrown away, and only then here.
    `load_model` finds the network by `name` until nobody holds it any more.

    Parameters
    ----------
    path : Path
        May be deleted afterwards.
    name : str
        Must not be that of another network.
    on_wait : callable, optional
        Called with the seconds so far while the file is tried; what it raises ends that.

    Returns
    -------
    LoadedModel

    Raises
    ------
    ModelLoadError
        If the file cannot be used, or too many such networks are in use.
    """
    user_model = _user_models.get(name)
    if user_model is not None:
        return user_model
    if len(_user_models) >= MAX_USER_MODELS:
        raise ModelLoadError(
            f"{MAX_USER_MODELS} networks of visitors are open on this server already. "
            "Try again later."
        )
    zoo.check_image(path, max_unpacked_bytes=MAX_USER_MODEL_BYTES)
    while not _TRIAL.acquire(timeout=0.2):  # one at a time: each may take gigabytes
        if on_wait is not None:
            on_wait(0.0)
    try:
        zoo.try_in_child(path, on_wait=on_wait)
    finally:
        _TRIAL.release()
    keras_model = zoo.load_model_file(path)
    card = replace(zoo.card_for_model(keras_model, name), title=path.stem)
    loss = zoo.saved_loss(path)
    return _user_models.setdefault(name, _ready(keras_model, card, path=path, loss=loss))


def adopt(keras_model: Any, card: ModelCard) -> LoadedModel:
    """Let `load_model` find a network that was made here, for as long as somebody holds it.

    Parameters
    ----------
    keras_model : keras.Model
        Nobody else may change it.
    card : ModelCard
        Its name must not be that of another network; of two equal names the first one counts.

    Raises
    ------
    ModelLoadError
        If it cannot be looked at (see `wrap_model`), or too many such networks are held.
    """
    known = _adopted.get(card.name)
    if known is not None:
        return known
    if len(_adopted) >= MAX_ADOPTED:
        raise ModelLoadError(
            f"{MAX_ADOPTED} networks of visitors are open on this server already. Try again later."
        )
    return _adopted.setdefault(card.name, _ready(keras_model, card))
