"""Look at a stranger's file of a network before anything is built from it.

First statically: what kind of file it is, its parts, their sizes, and everything that Keras would
build from its description. Then, where the file came from a stranger, by loading it in a process
that is thrown away, with bounds on memory, time and files. `safe_mode` of Keras is no sandbox by
its own documentation; this is a second fence.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from cnnviz import paths
from cnnviz.zoo.admission.rules import check_description, prepared, strings_of
from cnnviz.zoo.user_models.file_kinds import conversion, kind_of, weights_only
from cnnviz.zoo.user_models.input_shapes import input_shape
from cnnviz.zoo.user_models.keras_file import parsed, read_archive
from cnnviz.zoo.user_models.legacy_config import modern
from cnnviz.zoo.user_models.opening import CheckedFile, loadable
from cnnviz.zoo.user_models.refusals import Refused, refusal

MAX_FILE_BYTES = 2 << 30
MAX_UNPACKED_BYTES = 2 << 30
OUTLINE_SECONDS = 30
TRIAL_SECONDS = 60
TRIAL_MEMORY_MB = 2500

Waiting = Callable[[float], None]  # seconds so far; what it raises ends the trial


def check_file(
    path: Path,
    *,
    max_unpacked_bytes: int = MAX_UNPACKED_BYTES,
    own_names: Collection[str] = (),
) -> CheckedFile:
    """Check a ``.keras`` file, or a whole network in HDF5, without building anything from it.

    Parameters
    ----------
    path : Path
        Its name does not count: its content tells what it is.
    max_unpacked_bytes : int
        What its parts, or its arrays, may be together.
    own_names : collection of str
        Names of classes and functions that the user's own code brings. Empty for a stranger's file.

    Returns
    -------
    CheckedFile
        The description of the network, as Keras 3 saves it.

    Raises
    ------
    ModelLoadError
        If it is no such file, is too large or too deep, or asks for anything but Keras' own layers
        and admitted operations.
    """
    try:
        kind = kind_of(path)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Refused(f"it has more than {MAX_FILE_BYTES >> 20} MB")
        if kind == "hdf5":
            return _check_legacy(path, max_unpacked_bytes, own_names)
        return _check_archive(path, max_unpacked_bytes, own_names)
    except Refused as reason:
        raise refusal(path, reason) from reason
    except (OSError, ValueError, RecursionError) as error:
        raise refusal(path, f"it is damaged ({str(error)[:120]})") from error


def check_image(
    path: Path, *, max_unpacked_bytes: int = MAX_UNPACKED_BYTES
) -> tuple[int | None, int | None, int]:
    """Check a stranger's file as `check_file` does, and that its network takes one image.

    Classes and functions that were registered with Keras in this process are not used: a file that
    names one is refused.

    Returns
    -------
    (height, width, channels) of that image; None where the network leaves the size free.

    Raises
    ------
    ModelLoadError
        As `check_file`, and if it takes anything else.
    """
    checked = check_file(path, max_unpacked_bytes=max_unpacked_bytes)
    try:
        _refuse_registered_names(checked.config)
        return input_shape(checked.config)
    except Refused as reason:
        raise refusal(path, reason) from reason


def try_in_child(path: Path, *, on_wait: Waiting | None = None) -> None:
    """Load a file and run it once in a process that is thrown away.

    Parameters
    ----------
    path : Path
        A file that `check_image` let pass.
    on_wait : callable, optional
        Called a few times a second with the seconds so far. What it raises ends the trial.

    Raises
    ------
    ModelLoadError
        If it cannot be loaded within 60 seconds and 2.5 GB, or gives no numbers.
    """
    if os.name != "posix":
        raise refusal(path, "files of others can be tried safely on Linux and macOS only")
    checked = check_file(path)
    with tempfile.TemporaryDirectory() as folder:
        source = loadable(path.resolve(), checked, Path(folder))
        described = Path(folder) / "checked.json"
        described.write_text(json.dumps(checked._asdict()))
        arguments = ["run", str(source), str(described), str(TRIAL_MEMORY_MB)]
        status, answer = _in_child(path, arguments, Path(folder), TRIAL_SECONDS, on_wait)
    if status != 0:
        raise refusal(path, answer[:300] or _end_of(status))


def _end_of(status: int) -> str:
    """Say why a trial ended without a word: the system stopped it, or TensorFlow did."""
    if status in (-signal.SIGKILL, -signal.SIGXCPU):
        return "it needs more memory or time than is allowed"
    return (
        "it ended the process in which it was tried: it needs more memory than is allowed, or "
        "TensorFlow cannot compute it"
    )


def _check_archive(path: Path, max_bytes: int, own_names: Collection[str]) -> CheckedFile:
    config, keras_version = read_archive(path, max_bytes)
    if keras_version.startswith("2."):
        usable, names = _modern(path, config, keras_version, own_names)
        return CheckedFile("keras 2 archive", usable, names, keras_version, is_changed=True)
    if isinstance(config, dict):  # Keras is told not to compile
        config = {**config, "compile_config": None}
    usable = prepared(config)
    check_description(usable, keras_version=keras_version, own_names=own_names)
    return CheckedFile("archive", usable, {}, keras_version, usable != config)


def _check_legacy(path: Path, max_bytes: int, own_names: Collection[str]) -> CheckedFile:
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["outline", str(path.resolve()), str(max_bytes)]
        status, answer = _in_child(path, arguments, Path(folder), OUTLINE_SECONDS, None)
    if status != 0:
        raise Refused(answer[:300] or "it is damaged")
    described = json.loads(answer)
    if described["config"] is None:
        raise Refused(
            weights_only(path.name, is_legacy=described["layout"] == "legacy")
            if described["layout"]
            else "it is an HDF5 file without a network of Keras"
        )
    if described["backend"] not in ("tensorflow", "jax", "torch"):
        raise Refused(f"its weights are in the order of {described['backend'][:20]!r}")
    version = described["keras_version"][:20]
    config, names = _modern(path, parsed(described["config"]), version, own_names)
    return CheckedFile("hdf5", config, names, version, is_changed=True)


def _modern(
    path: Path, config: Any, keras_version: str, own_names: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn an older description into one of Keras 3, and check that."""
    try:
        usable, names = modern(config, keras_version, own_names)
    except Refused as reason:
        raise Refused(f"{reason}. {conversion(path.name)}") from reason
    check_description(usable, keras_version=keras_version, own_names=own_names)
    return usable, names


def _refuse_registered_names(config: dict[str, Any]) -> None:
    """Refuse a stranger's file that names what this process has registered with Keras.

    Keras would prefer it to its own class of that name.
    """
    keras = sys.modules.get("keras")
    registered = set(keras.saving.get_custom_objects()) if keras else set()
    names = sorted(registered & strings_of(config))
    if names:
        raise Refused(
            f"it uses the name {names[0][:60]!r}, which this process registered with Keras"
        )


def _in_child(
    path: Path, arguments: Sequence[str], folder: Path, seconds: float, on_wait: Waiting | None
) -> tuple[int, str]:
    """Run `cnnviz.zoo.vetting.sandbox` in a process of its own.

    Returns
    -------
    (exit status, what it printed)
    """
    environment = {
        **{key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ},
        **{"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(paths.IMPORT_FOLDER)},
        **{"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        **{"KERAS_BACKEND": "tensorflow"},
    }
    report = folder / "report"
    with report.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnnviz.zoo.vetting.sandbox", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            _wait(child, path, seconds, on_wait)
        finally:
            if child.poll() is None:
                _kill(child)
    return child.returncode, report.read_text(errors="replace").strip()


def _kill(child: "subprocess.Popen[bytes]") -> None:
    if os.name == "posix":
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _wait(
    child: "subprocess.Popen[bytes]", path: Path, limit: float, on_wait: Waiting | None
) -> None:
    started = time.monotonic()
    while child.poll() is None:
        seconds = time.monotonic() - started
        if seconds > limit:
            raise refusal(path, f"it could not be loaded within {limit} seconds")
        if on_wait is not None:
            on_wait(seconds)
        time.sleep(0.1)
