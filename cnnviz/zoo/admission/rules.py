"""Whether everything that a description asks Keras to build may be built: default is no.

Keras builds whatever a file names by a module and a class. Admitted are Keras' own layers and what
belongs to them (`admitted_classes`), pure array operations (`admitted_operations`), and plain
values as arguments of calls. A user's own code may add names of classes and functions of its own
(`own_names`); a stranger's file never does.
"""

from collections.abc import Collection, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from cnnviz.zoo.admission.classes import ACTIVATIONS, CLASSES
from cnnviz.zoo.admission.operations import CALLING_BACK, OPERATIONS, is_operation_module
from cnnviz.zoo.user_models.refusals import Refused

MAX_OBJECTS = 20_000
MAX_PIECES = 4096  # of a tensor that is split: Keras makes an object of each while it reads a file

_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}
_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
}
_HOLDS_CODE = {"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_FOR_TEXT = {"StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup", "Hashing"}
_REPLACED = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}  # as TensorFlow names them
_SAME_IN_KERAS = {"swish": "silu", "hard_swish": "hard_silu"}
_SAVE_AGAIN = "Build the network from Keras' own layers and save it again"


class Part(NamedTuple):
    """An object of a description, and where it stands."""

    config: dict[str, Any]
    key: str  # of the setting that holds it, such as "activation"
    owner: str  # name of the layer that it belongs to


def check_description(
    config: Any, *, keras_version: str = "", own_names: Collection[str] = ()
) -> None:
    """Check everything that Keras would build from a description.

    Parameters
    ----------
    config : dict
        The description of a model, as Keras 3 saves it.
    keras_version : str
        Version that saved it, for the message about what this Keras does not know.
    own_names : collection of str
        Names of classes and functions that the user's own code brings.

    Raises
    ------
    Refused
        If it asks for anything else.
    """
    if not isinstance(config, dict) or not _is_model(config, own_names):
        raise Refused(_other_model(config))
    for part in parts_of(config):
        _check_part(part, keras_version, own_names)


def prepared(config: Any) -> Any:
    """Copy a description without settings of training, and with TensorFlow's softmax as Keras'.

    Settings of training are not needed to look at a network, and Keras would build optimizers and
    losses from them. ``activation=tf.nn.softmax`` is saved under a name that Keras does not know;
    it computes what ``keras.activations.softmax`` computes.
    """
    if isinstance(config, list):
        return [prepared(each) for each in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "function" and config.get("module") == "builtins":
        name = config.get("config")
        return _REPLACED.get(name, config) if isinstance(name, str) else config
    return {
        key: None
        if key == "compile_config" and "class_name" in config and value
        else prepared(value)
        for key, value in config.items()
    }


def parts_of(config: Any) -> Iterator[Part]:
    """Return everything in a description that Keras would build.

    Raises
    ------
    Refused
        If it has more than 20,000 parts.
    """
    waiting: list[tuple[Any, str, str]] = [(config, "", "")]
    num_parts = 0
    while waiting:
        value, key, owner = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                num_parts += 1
                yield Part(value, key, owner)
            named = value.get("name")
            owner = named[:60] if isinstance(named, str) else owner
            waiting.extend((each, str(name), owner) for name, each in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((each, key, owner) for each in reversed(value))
        if num_parts > MAX_OBJECTS:
            raise Refused(f"it has more than {MAX_OBJECTS} parts")


def strings_of(config: Any) -> set[str]:
    """Collect all texts of a description: each might be taken for a registered name."""
    waiting, found = [config], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            found.add(value)
    return found


def _is_model(config: dict[str, Any], own_names: Collection[str]) -> bool:
    return config.get("class_name") in ("Functional", "Sequential") or _own(config) in own_names


def _other_model(config: Any) -> str:
    """Say what helps with a network whose layers cannot be listed."""
    functional = "Build the network as keras.Model(inputs, outputs) and save it again"
    name = config.get("class_name") if isinstance(config, dict) else None
    if not isinstance(name, str):
        return f"it is neither a Sequential nor a functional model. {functional}"
    return (
        f"its network is of the custom class {name[:60]!r}, and a file holds no classes. "
        f"{functional}, or open the file in Python with "
        f"custom_objects={{{name[:40]!r}: {name[:40]}}}"
    )


def _own(config: dict[str, Any]) -> Any:
    """The name under which Keras looks for a class of the user's own; None: it does not look."""
    return config.get("registered_name", config.get("class_name"))


def _check_part(part: Part, keras_version: str, own_names: Collection[str]) -> None:
    config = part.config
    name, module = config["class_name"], config.get("module")
    if not isinstance(name, str) or not (module is None or isinstance(module, str)):
        raise Refused("its description is damaged: a class has no name")
    if "module" not in config and name not in _VALUES | {"__lambda__"}:
        raise Refused(f"its description is damaged: the class {name[:60]!r} has no module")
    _check_calls(config, module)
    if name in _VALUES and module is None:
        _check_value(config)
    elif name in ("Lambda", "__lambda__"):
        _check_lambda(part, own_names)
    elif name == "function":
        _check_function(part, own_names)
    elif not _is_admitted(config, name, module) and _own(config) not in own_names:
        raise Refused(_reason(part, name, module or "", keras_version))


def _is_admitted(config: dict[str, Any], name: str, module: str | None) -> bool:
    known = CLASSES.get(module or "", frozenset()) | OPERATIONS.get(module or "", frozenset())
    return name in known and config.get("registered_name") in (None, name)


def _check_value(config: dict[str, Any]) -> None:
    """Check a tensor, an array or a slice; NumPy reads a dtype such as "(9999,9999)f4", too."""
    value = config.get("config")
    if not isinstance(value, dict):
        raise Refused("its description is damaged: a value has no content")
    if config["class_name"] in ("__slice__", "__ellipsis__"):
        if any(not isinstance(each, int | None) for each in value.values()):
            raise Refused("its description is damaged: a slice is no slice of numbers")
    elif value.get("dtype") not in _DTYPES:
        raise Refused(f"it holds values of the type {str(value.get('dtype'))[:40]!r}")


def _check_calls(config: dict[str, Any], module: str | None) -> None:
    """Check that calls take values only, and those of an operation at least one tensor.

    On plain numbers Keras would run an operation at once, and it never saves that.
    """
    calls = config.get("inbound_nodes", [])
    if not isinstance(calls, list):
        raise Refused("its description is damaged: calls are no list")
    settings = config.get("config")
    if module in OPERATIONS and isinstance(settings, dict):
        pieces = [settings.get(key) for key in ("indices_or_sections", "num")]
        if any(isinstance(number, int) and number > MAX_PIECES for number in pieces):
            raise Refused(f"it splits a tensor into more than {MAX_PIECES} pieces")
    for call in calls:
        names = [part.config["class_name"] for part in parts_of(call)]
        if not all(isinstance(name, str) and name in _VALUES for name in names):
            raise Refused("it calls a layer on something else than tensors and numbers")
        if module in OPERATIONS and "__keras_tensor__" not in names:
            raise Refused(f"it calls the operation {config['class_name']} on no tensor")


def _check_lambda(part: Part, own_names: Collection[str]) -> None:
    settings = part.config.get("config")
    function = settings.get("function") if isinstance(settings, dict) else None
    name = function.get("config") if isinstance(function, dict) else None
    is_named = isinstance(function, dict) and function.get("class_name") == "function"
    if is_named and isinstance(name, str):
        if part.config.get("module") == "keras.layers" and _is_own_function(name, own_names):
            return
        helps = f", or open the file in Python with custom_objects={{{name[:40]!r}: …}}"
    else:
        helps = ""
    raise Refused(
        "it holds a Lambda layer, that is, Python code, and code from files is never run. Use "
        f"Keras' layers or operations instead (x / 255 is saved as one) and save it again{helps}"
    )


def _is_own_function(name: str, own_names: Collection[str]) -> bool:
    """Whether the user's own code brings a function; Keras up to 3.6 saved it without package."""
    return name in own_names or any(own.endswith(f">{name}") for own in own_names)


def _check_function(part: Part, own_names: Collection[str]) -> None:
    config = part.config
    name, registered = config.get("config"), config.get("registered_name")
    if not isinstance(name, str):
        raise Refused("its description is damaged: a function has no name")
    is_of_keras = (
        config.get("module") in ("builtins", "keras.activations")
        and name in ACTIVATIONS
        and registered in (None, "function", name)
    )
    if is_of_keras or _is_own_function(name, own_names):
        return
    role = f"for {part.key} of the layer {part.owner!r}" if part.key else "in its description"
    if name in _SAME_IN_KERAS:
        same = _SAME_IN_KERAS[name]
        raise Refused(
            f"it uses the function {name!r} {role}, and Keras does not know it by that name. Write "
            f"activation={same!r}, which computes the same as tf.nn.{name}, and save it again, or "
            f"open the file in Python with custom_objects={{{name!r}: keras.activations.{same}}}"
        )
    raise Refused(
        f"it uses the function {name[:40]!r} {role}, but a file holds no functions. Use one that "
        "Keras knows by name, such as activation='relu', and save it again, or open the file in "
        f"Python with custom_objects={{{name[:40]!r}: …}}"
    )


def _reason(part: Part, name: str, module: str, keras_version: str) -> str:
    """Say why a class is not admitted, and what helps."""
    shown = f"{module[:60]}.{name[:60]}" if module else name[:60]
    if name in _HOLDS_CODE:
        return f"it holds a {name} layer, that is, code of another library. {_SAVE_AGAIN}"
    if name in _FOR_TEXT:
        return f"it holds a {name} layer, which is for text and not for images"
    if is_operation_module(module) and name in CALLING_BACK:
        return (
            f"it uses keras.ops.{CALLING_BACK[name]}, which calls Python functions, and code from "
            f"files is never run. {_SAVE_AGAIN}"
        )
    if module.split(".")[0] == "keras":
        if is_newer(keras_version):
            return saved_by_newer(keras_version, shown)
        return (
            f"it uses {shown}, which is neither a layer of Keras nor one of its admitted "
            f"operations on arrays. {_SAVE_AGAIN}"
        )
    own = str(_own(part.config) or name)[:60]
    return (
        f"it uses the custom class {own!r}, which is not part of Keras' layers, and a file holds "
        f"no classes. {_SAVE_AGAIN}, or open the file in Python with "
        f"custom_objects={{{own!r}: {name[:40]}}}"
    )


def saved_by_newer(keras_version: str, shown: str = "") -> str:
    """Say that a file needs a newer Keras than the one that is installed."""
    what = f" and uses {shown}" if shown else ""
    return (
        f"it was saved by Keras {keras_version}{what}, but Keras {installed_keras()} is installed. "
        f"Install Keras {keras_version} or newer"
    )


def is_newer(keras_version: str) -> bool:
    """Whether a file was saved by a newer Keras than the one that is installed."""
    saved, here = _numbers(keras_version), _numbers(installed_keras())
    return bool(saved and here) and saved > here


def installed_keras() -> str:
    """Version of the Keras that is installed; asking does not import it."""
    try:
        return version("keras")
    except PackageNotFoundError:
        return ""


def _numbers(name: str) -> tuple[int, ...]:
    """The numbers of a version, such as (3, 15) of "3.15.1"; empty if it has another form."""
    numbers = name.split(".")[:2]
    return tuple(map(int, numbers)) if all(each.isdecimal() for each in numbers) else ()
