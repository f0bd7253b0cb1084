"""Look at a stranger's ``.keras`` file before anything is built from it.

First statically: the parts of the archive, their sizes, the kinds of layers. Then, where the file
came from a stranger, by loading it in a process that is thrown away, with bounds on memory, time
and files. `safe_mode` of Keras is no sandbox by its own documentation; this is a second fence.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cnnviz.errors import ModelLoadError

MAX_FILE_BYTES = 600 << 20
MAX_UNPACKED_BYTES = 800 << 20
MAX_CONFIG_BYTES = 5 << 20
MAX_DEPTH = 60
MAX_OBJECTS = 20_000
TRIAL_SECONDS = 60
TRIAL_MEMORY_MB = 2500
MAX_SIDE_PX = 1024

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # LZMA may ask for gigabytes to unpack
_PARTS = {"config.json", "metadata.json", "model.weights.h5"}
_MODULES = {
    *("keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers"),
    *("keras.constraints", "keras.activations", "keras.dtype_policies"),
    *("keras.src.models.functional", "keras.src.models.sequential"),
}
_RUNS_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__"}
_NEEDS_FILES = {"StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup", "Hashing"}
_TRIAL = Path(__file__).with_name("trial.py")

Waiting = Callable[[float], None]  # seconds so far; what it raises ends the trial


def check_archive(path: Path, *, max_unpacked_bytes: int = MAX_UNPACKED_BYTES) -> dict[str, Any]:
    """Check a ``.keras`` file without building anything from it.

    Parameters
    ----------
    path : Path
        An existing file; its name need not end in ``.keras``.
    max_unpacked_bytes : int
        What its parts may be together.

    Returns
    -------
    dict
        The description of the network that the file holds.

    Raises
    ------
    ModelLoadError
        If it is no such file, is too large or too deep, or asks for anything but Keras' own
        layers.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _refused(path, f"it has more than {MAX_FILE_BYTES >> 20} MB")
        config = _read_config(path, max_unpacked_bytes)
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        raise _refused(path, f"it is damaged ({error})") from error
    except (NotImplementedError, RuntimeError, EOFError, MemoryError) as error:
        raise _refused(path, f"its parts cannot be unpacked ({error})") from error
    if not isinstance(config, dict) or config.get("class_name") not in ("Functional", "Sequential"):
        raise _refused(path, "it is neither a Sequential nor a functional model")
    built = {key: config.get(key) for key in ("module", "class_name", "config")}
    for part in _objects(path, built):
        _check_object(path, part)
    return config


def check_picture(
    path: Path, *, max_unpacked_bytes: int = MAX_UNPACKED_BYTES
) -> tuple[int | None, int | None, int]:
    """Check a file as `check_archive` does, and that its network takes one picture.

    Returns
    -------
    (height, width, channels) of that picture; None where the network leaves the size free.

    Raises
    ------
    ModelLoadError
        As `check_archive`, and if it takes anything else.
    """
    return _input_shape(path, check_archive(path, max_unpacked_bytes=max_unpacked_bytes))


def try_in_child(path: Path, *, on_wait: Waiting | None = None) -> None:
    """Load a file and run it once in a process that is thrown away.

    Parameters
    ----------
    path : Path
        A file that `check_picture` let pass.
    on_wait : callable, optional
        Called a few times a second with the seconds so far. What it raises ends the trial.

    Raises
    ------
    ModelLoadError
        If it cannot be loaded within 60 seconds and 2.5 GB, or gives no numbers.
    """
    if os.name != "posix":
        raise _refused(path, "files of others can be tried safely on Linux and macOS only")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ},
            **{"HOME": folder, "TMPDIR": folder, "TF_CPP_MIN_LOG_LEVEL": "3"},
            **{"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"},
        }
        report = Path(folder) / "report"
        with report.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, str(_TRIAL), str(path.resolve()), str(TRIAL_MEMORY_MB)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
            try:
                _wait(child, path, on_wait)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        reason = report.read_text(errors="replace")[:300].strip()
    if child.returncode != 0:
        raise _refused(path, reason or "it needs more memory or time than is allowed")


def _wait(child: "subprocess.Popen[bytes]", path: Path, on_wait: Waiting | None) -> None:
    started = time.monotonic()
    while child.poll() is None:
        seconds = time.monotonic() - started
        if seconds > TRIAL_SECONDS:
            raise _refused(path, f"it could not be loaded within {TRIAL_SECONDS} seconds")
        if on_wait is not None:
            on_wait(seconds)
        time.sleep(0.2)


def _read_config(path: Path, max_unpacked_bytes: int) -> Any:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .keras archive")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if sorted(part.filename for part in parts) != sorted(_PARTS):
            names = ", ".join(part.filename[:40] for part in parts[:5])
            raise ValueError(f"it holds other parts than a .keras file has: {names or 'none'}")
        if any(part.compress_type not in _PACKINGS for part in parts):
            raise ValueError("it is packed in another way than Keras packs (stored or deflated)")
        if sum(part.file_size for part in parts) > max_unpacked_bytes:
            raise ValueError(f"it unpacks to more than {max_unpacked_bytes >> 20} MB")
        if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
            raise ValueError(f"its description has more than {MAX_CONFIG_BYTES >> 20} MB")
        if archive.testzip() is not None:
            raise ValueError("the checksum of a part is wrong")
        text = archive.read("config.json").decode("utf-8")
    if _depth(text) > MAX_DEPTH:
        raise ValueError(f"its description is nested more than {MAX_DEPTH} deep")
    return json.loads(text)


def _depth(text: str) -> int:
    """Find how deep JSON is nested without reading it by recursion."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _objects(path: Path, config: Any) -> Iterator[dict[str, Any]]:
    """Give everything in a description that Keras would build."""
    waiting, num_objects = [config], 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                num_objects += 1
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
        if num_objects > MAX_OBJECTS:
            raise _refused(path, f"it has more than {MAX_OBJECTS} parts")


def _check_object(path: Path, part: dict[str, Any]) -> None:
    name, module = part["class_name"], part.get("module")
    if not isinstance(name, str) or not (module is None or isinstance(module, str)):
        raise _refused(path, "its description is damaged")
    if name in _RUNS_CODE:
        raise _refused(
            path,
            f"it holds a {name} layer, that is code. Code from files is never run here: build the "
            "network from Keras' own layers and save it again",
        )
    if name in _NEEDS_FILES:
        raise _refused(path, f"it holds a {name} layer, which is not for pictures")
    is_activation = (
        module == "builtins" and name == "function" and isinstance(part.get("config"), str)
    )
    if not (module is None or module in _MODULES or is_activation):
        raise _refused(
            path,
            f"it uses {module[:60]}.{name[:60]}, which is not part of Keras' layers. Build the "
            "network from Keras' own layers and save it again",
        )
    if part.get("registered_name") not in (None, name, "function") and module not in _MODULES:
        raise _refused(path, f"it uses the custom class {str(part['registered_name'])[:60]}")


def _input_shape(path: Path, config: dict[str, Any]) -> tuple[int | None, int | None, int]:
    """Find the shape of the only picture that the network takes."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list):
        raise _refused(path, "its description lists no layers")
    inputs = [
        layer.get("config")
        for layer in layers
        if isinstance(layer, dict) and layer.get("class_name") == "InputLayer"
    ]
    shape: Any = (
        inputs[0].get("batch_shape") if len(inputs) == 1 and isinstance(inputs[0], dict) else None
    )
    if not isinstance(shape, list) or len(shape) != 4 or shape[3] not in (1, 3):
        raise _refused(
            path,
            f"it takes {str(shape)[:80] if shape else 'other inputs'} instead of one picture "
            "(batch, height, width, 1 or 3 channels). Give it one Input layer",
        )
    for size in shape[1:3]:
        if size is not None and not (type(size) is int and 1 <= size <= MAX_SIDE_PX):
            raise _refused(
                path, f"it takes pictures of {size} pixels; 1 to {MAX_SIDE_PX} are possible"
            )
    return shape[1], shape[2], shape[3]


def _refused(path: Path, reason: str) -> ModelLoadError:
    return ModelLoadError(f"{path.name!r} cannot be used: {reason}.", path=path)
