"""``cnnviz app``: open the app in the browser."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cnnviz import app_server, paths
from cnnviz.cli.options import Commands
from cnnviz.errors import InvalidParameterError

_OPEN_WHEN_READY = """
import sys, time, urllib.request, webbrowser
for _ in range(480):
    try:
        urllib.request.urlopen(sys.argv[1] + "/_stcore/health", timeout=1).close()
    except OSError:
        time.sleep(0.25)
    else:
        webbrowser.open(sys.argv[2])
        break
"""


def add_commands(commands: Commands) -> None:
    """Add ``app``."""
    app = commands.add_parser("app", help="open the app in the browser")
    app.add_argument("files", nargs="*", type=Path, help="networks of your own: .keras files")
    app.add_argument("--port", type=_port, default=8501, help="1 to 65535; default: 8501")
    app.add_argument(
        "--address",
        default="127.0.0.1",
        help="default: 127.0.0.1, this computer only; 0.0.0.0 lets others on the network in",
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    app.set_defaults(run=_app)


def _port(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    try:
        app_server.check_port(int(text))
    except InvalidParameterError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return int(text)


def _app(options: argparse.Namespace) -> int:
    server = app_server.server_command(options.port, options.address)
    files = _checked_networks(options.files)
    if not options.no_browser and _has_screen():
        # Streamlit would ask for an e-mail address before it opens a browser by itself
        url = f"http://127.0.0.1:{options.port}"
        page = app_server.start_page(files[0].stem if files else "")
        subprocess.Popen([sys.executable, "-c", _OPEN_WHEN_READY, url, url + page])
    os.chdir(paths.ROOT)  # the folder holds .streamlit/config.toml
    environment = app_server.ENVIRONMENT | os.environ
    if files:
        environment["CNNVIZ_MODEL_FILES"] = os.pathsep.join(map(str, files))
    if os.name == "posix":
        os.execve(sys.executable, server, environment)  # this process becomes the server
    return subprocess.call(server, env=environment)


def _checked_networks(files: Sequence[Path]) -> list[Path]:
    """Refuse files that the app could not show, before it starts."""
    from cnnviz.zoo import card_for_file, file_version

    for path in files:
        card_for_file(path.resolve(), file_version(path))
    return [path.resolve() for path in files]


def _has_screen() -> bool:
    """Whether a browser window can be shown; a server without one stays quiet."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(name in os.environ for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
