"""Whole networks in HDF5 files, as Keras 1 and 2 save them and Keras 3 still does (``.h5``).

`outline` reads what such a file says of itself and checks that it holds nothing but plain arrays;
`load_weights` puts the arrays into a network by the names of its layers. HDF5 files can refer to
other files, name plugins to load, and declare sizes of terabytes: all that is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from cnnviz.zoo.user_models.refusals import Refused

if TYPE_CHECKING:
    import h5py
    import keras

MAX_CONFIG_BYTES = 5 << 20
MAX_NAMES = 100_000

_PLAIN_FILTERS = {1, 2, 3}  # gzip, shuffle, checksum: part of HDF5 itself, no plugins
_SAME_NAMES = {"depthwise_kernel": "kernel"}  # of variables: in Keras 2 -> in Keras 3


class Outline(TypedDict):
    """What a file says of its network."""

    config: str | None  # JSON; None if the file holds weights only
    keras_version: str
    backend: str
    layout: str  # of its weights: "layers" of Keras 3, "legacy", or empty if there are none


def outline(path: str | Path, max_bytes: int) -> Outline:
    """Read the description of the network in an HDF5 file, and check all arrays of its layers.

    Parameters
    ----------
    path : str or Path
        An HDF5 file.
    max_bytes : int
        What its arrays may be together.

    Raises
    ------
    Refused
        If it holds links, external or virtual data, filters of plugins, arrays that are too large
        or hold no numbers.
    OSError, RuntimeError
        From h5py, if the file is damaged.
    """
    import h5py

    with h5py.File(path, "r") as file:
        config = _text(file, "model_config")
        if config is not None and "model_weights" in file:
            _check_arrays(_group(file, "model_weights"), max_bytes)
        group = file if config is None else _group(file, "model_weights")
        return Outline(
            config=config,
            keras_version=_text(group, "keras_version") or _text(file, "keras_version") or "1",
            backend=_text(group, "backend") or _text(file, "backend") or "tensorflow",
            layout=_layout(file),
        )


def _layout(file: "h5py.File") -> str:
    if "layers" in file or "_layer_checkpoint_dependencies" in file:
        return "layers"
    return "legacy" if "layer_names" in file.attrs or "model_weights" in file else ""


def load_weights(model: "keras.Model", path: Path, names: Mapping[str, str]) -> None:
    """Put the arrays of a file into a network, by the names of its layers.

    Parameters
    ----------
    model : keras.Model
        Built; it is changed.
    path : Path
        An HDF5 file that `outline` let pass.
    names : mapping
        For each layer's name its name in the file.

    Raises
    ------
    Refused
        If arrays are missing, left over or of another shape.
    """
    import h5py

    with h5py.File(path, "r") as file:
        weights = _group(file, "model_weights")
        if "top_level_model_weights" in weights and _names(
            _group(weights, "top_level_model_weights"), "weight_names"
        ):
            raise Refused("it holds weights that belong to no layer")
        known = {names.get(layer.name, layer.name) for layer in model.layers}
        for name in _names(weights, "layer_names"):
            if name not in known and _names(_group(weights, name), "weight_names"):
                raise Refused(f"it holds weights for a layer {name[:60]!r} that the network lacks")
        for layer in model.layers:
            _load_layer(layer, weights, names)


def _load_layer(layer: Any, weights: "h5py.Group", names: Mapping[str, str]) -> None:
    """Load a layer of the network with all the layers that it is made of."""
    name = names.get(layer.name, layer.name)
    arrays = dict(_arrays(_group(weights, name))) if name in weights else {}
    leaves = list(_leaves(layer))
    if len(leaves) == 1:
        _assign(leaves[0], arrays)
        return
    owners = sorted((names.get(leaf.name, leaf.name) for leaf in leaves), key=len, reverse=True)
    parts: dict[str, dict[str, np.ndarray]] = {owner: {} for owner in owners}
    for key, array in arrays.items():
        owner = next((each for each in owners if f"/{each}/" in f"/{key}"), None)
        if owner is None:
            raise Refused(f"its weights {key[:60]!r} belong to no layer of {name[:60]!r}")
        parts[owner][key] = array
    for leaf in leaves:
        _assign(leaf, parts[names.get(leaf.name, leaf.name)])


def _leaves(layer: Any) -> Iterator[Any]:
    """Return the layers of a model, and of the models in it; a layer gives itself."""
    import keras

    if isinstance(layer, keras.Model):
        for each in layer.layers:
            yield from _leaves(each)
    else:
        yield layer


def _assign(layer: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Put arrays into the variables of one layer, by name where the names tell."""
    variables = layer.trainable_weights + layer.non_trainable_weights
    if len(variables) != len(arrays):
        raise Refused(
            f"it holds {len(arrays)} arrays for the layer {layer.name!r}, which has "
            f"{len(variables)}"
        )
    for variable, array in zip(variables, _ordered(variables, arrays), strict=True):
        if tuple(variable.shape) != array.shape:
            raise Refused(
                f"its weights for the layer {layer.name!r} have the shape {array.shape} instead of "
                f"{tuple(variable.shape)}"
            )
        variable.assign(array)
    if hasattr(layer, "finalize_state") and variables:
        layer.finalize_state()


def _ordered(variables: list[Any], arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Bring arrays into the order of variables by their names; else they keep their own."""
    for depth in (1, 2, 3):
        saved = {_tail(key, depth): array for key, array in arrays.items()}
        own = [_tail(variable.path, depth) for variable in variables]
        if len(saved) == len(arrays) and sorted(own) == sorted(saved):
            return [saved[name] for name in own]
    return list(arrays.values())


def _tail(path: str, depth: int) -> tuple[str, ...]:
    """Reduce "model/conv/depthwise_kernel:0" to its last names."""
    names = path.removesuffix(":0").split("/")[-depth:]
    return tuple(_SAME_NAMES.get(name, name) for name in names)


def _arrays(group: "h5py.Group") -> Iterator[tuple[str, np.ndarray]]:
    """Read the arrays of a layer in their order."""
    for name in _names(group, "weight_names"):
        *folders, last = name.split("/")
        inner = group
        for folder in folders:
            inner = _group(inner, folder)
        if last not in inner:
            raise Refused(f"it lacks the weights {name[:60]!r}")
        yield name, np.asarray(inner[last])


def _check_arrays(group: "h5py.Group", max_bytes: int) -> None:
    """Check everything below a group without reading any array."""
    import h5py

    waiting, seen, num_bytes = [group], set(), 0
    while waiting:
        each = waiting.pop()
        place = h5py.h5o.get_info(each.id).addr
        if place in seen:
            raise Refused("it holds the same group twice")
        seen.add(place)
        if len(seen) > MAX_NAMES:
            raise Refused(f"it has more than {MAX_NAMES} groups")
        for name in each:
            child = _child(each, name)
            if isinstance(child, h5py.Group):
                waiting.append(child)
            else:
                num_bytes += _checked_bytes(child)
        if num_bytes > max_bytes:
            raise Refused(f"its arrays have more than {max_bytes >> 20} MB")


def _child(group: "h5py.Group", name: str) -> Any:
    """Open what a group holds; a link to somewhere else is not followed."""
    import h5py

    link = group.get(name, getclass=True, getlink=True)
    if link is not h5py.HardLink:
        raise Refused("it holds links to other places or files")
    return group[name]


def _group(parent: "h5py.Group", name: str) -> "h5py.Group":
    import h5py

    inner: Any = parent
    for part in name.split("/"):
        if part not in inner:
            raise Refused(f"it lacks the group {name[:60]!r}")
        inner = _child(inner, part)
        if not isinstance(inner, h5py.Group):
            raise Refused(f"its {name[:60]!r} is no group")
    return inner


def _checked_bytes(array: Any) -> int:
    """Check one array, and find how many bytes it takes when it is read."""
    import h5py

    if not isinstance(array, h5py.Dataset):
        raise Refused("it holds something else than arrays")
    settings = array.id.get_create_plist()
    filters = {settings.get_filter(place)[0] for place in range(settings.get_nfilters())}
    if array.external or array.is_virtual:
        raise Refused("its arrays lie in other files")
    if not filters <= _PLAIN_FILTERS:
        raise Refused("its arrays are packed by a plugin of HDF5")
    if array.shape is None or array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise Refused("its arrays hold something else than numbers")
    return int(np.prod(array.shape, dtype=object) or 1) * array.dtype.itemsize


def _text(group: "h5py.Group", name: str) -> str | None:
    """Read an attribute that is a text."""
    if name not in group.attrs:
        return None
    if group.attrs.get_id(name).get_storage_size() > MAX_CONFIG_BYTES:
        raise Refused(f"its description has more than {MAX_CONFIG_BYTES >> 20} MB")
    value = group.attrs[name]
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if not isinstance(value, str):
        raise Refused(f"its attribute {name} is no text")
    if len(value) > MAX_CONFIG_BYTES:
        raise Refused(f"its description has more than {MAX_CONFIG_BYTES >> 20} MB")
    return value


def _names(group: "h5py.Group", name: str) -> list[str]:
    """Read a list of names; Keras spreads a long one over several attributes."""
    keys = [name] if name in group.attrs else []
    if not keys:
        while f"{name}{len(keys)}" in group.attrs:
            keys.append(f"{name}{len(keys)}")
    values = [value for key in keys for value in np.atleast_1d(group.attrs[key])]
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]
