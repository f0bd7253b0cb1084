"""The app in a process of its own: for the command line, and from a notebook or script."""

import atexit
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cnnviz import paths
from cnnviz.errors import CnnvizError, InvalidParameterError

if TYPE_CHECKING:
    import keras

    from cnnviz.network.inspected_model import LoadedModel

START_SECONDS = 120
# glibc keeps a memory pool for each thread; thirty sessions are content with two pools in all
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}


def server_command(port: int, address: str) -> list[str]:
    """Return the command that starts the server; it must be run in the folder `cnnviz.paths.ROOT`.

    Raises
    ------
    CnnvizError
        If the app's pages are not installed.
    """
    if not paths.APP.exists():
        raise CnnvizError(
            f"The app's pages are missing: there is no {paths.APP}. Install cnnviz again, from a "
            "wheel or from its folder: python -m pip install -e ."
        )
    server = [sys.executable, "-m", "cnnviz.ui.serve"]
    return [*server, "--server.port", str(port), "--server.address", address]


def check_port(port: int) -> None:
    """Refuse a port that cannot exist.

    Raises
    ------
    InvalidParameterError
    """
    if not 1 <= port <= 65535:
        raise InvalidParameterError(f"port must be from 1 to 65535, got {port}.")


def start_page(model_name: str = "") -> str:
    """Return the path of the page to open: that of class activation for a network, else home."""
    return f"/class_activation?network={quote(model_name)}" if model_name else ""


@dataclass(eq=False)
class RunningApp:
    """The app on a network of one's own, until `stop` is called or Python ends.

    Attributes
    ----------
    url : str
        Address of the page that shows the network.
    """

    url: str
    _process: "subprocess.Popen[bytes]" = field(repr=False)
    _folder: str = field(repr=False)

    def stop(self) -> None:
        """End the app and delete the copy of the network."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank">{self.url}</a>'


def launch(
    model: "keras.Model | LoadedModel",
    *,
    class_names: Iterable[Any] | Mapping[Any, Any] | None = None,
    preprocessing: str | Mapping[str, Any] | None = None,
    port: int | None = None,
    open_browser: bool = True,
) -> RunningApp:
    """Open the app on a network from a notebook or script.

    A copy of the network is saved into a temporary folder and opened by a server on this computer.

    Parameters
    ----------
    model : keras.Model or LoadedModel
        Made of Keras' own layers: the server does not know layers of your own.
    class_names, preprocessing
        As for `load_model`.
    port : int, optional
        A free one if left out.
    open_browser : bool
        Whether to open a browser window.

    Returns
    -------
    RunningApp
        With ``url``; call ``stop()`` to end it.

    Raises
    ------
    ModelLoadError
        If the network is no classifier of one image, or uses layers of your own.
    CnnvizError
        If the server does not start.
    """
    from cnnviz import zoo
    from cnnviz.network.inspected_model import LoadedModel
    from cnnviz.network.loading import as_functional, load_model, names_in_order

    if isinstance(model, LoadedModel):
        class_names = (model.card.labels or None) if class_names is None else class_names
        preprocessing = preprocessing or _written(model.card.preprocessing)
        model = model.keras_model
    network = as_functional(model)
    load_model(network, class_names=class_names, preprocessing=preprocessing)  # says what is wrong
    folder = tempfile.mkdtemp(prefix="cnnviz-")
    try:
        name = re.sub(r"[^A-Za-z0-9_-]", "-", str(model.name)) or "network"
        if name in {card.name for card in zoo.list_models()}:
            name = f"my-{name}"
        path = Path(folder) / f"{name}.keras"
        network.save(path)
        zoo.check_image(path)
        told = {
            "title": str(model.name),
            "class_names": None if class_names is None else names_in_order(class_names),
            "preprocessing": preprocessing,
        }
        path.with_suffix(".json").write_text(
            json.dumps({key: value for key, value in told.items() if value is not None})
        )
        app = _started(path, folder, port or _free_port())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(app.stop)
    if open_browser:
        webbrowser.open(app.url)
    return app


def _written(preprocessing: Any) -> Any:
    from cnnviz.zoo import PREPROCESSINGS

    if preprocessing.name in PREPROCESSINGS:
        return preprocessing.name
    order = "bgr" if preprocessing.is_bgr else "rgb"
    return {"mean": list(preprocessing.mean), "std": list(preprocessing.std), "order": order}


def _started(path: Path, folder: str, port: int) -> RunningApp:
    """Start the server on one file and wait until it answers."""
    check_port(port)
    base = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        server_command(port, "127.0.0.1"),
        cwd=paths.ROOT,
        env=ENVIRONMENT | os.environ | {"CNNVIZ_MODEL_FILES": str(path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    app = RunningApp(base + start_page(path.stem), process, folder)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{base}/_stcore/health", timeout=1).close()
            return app
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
    app.stop()
    raise CnnvizError(f"The app did not start on port {port}. Choose another port.")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
