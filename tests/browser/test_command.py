"""The command opens a browser window where there is a screen, when the app is ready."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser.conftest import free_port
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.browser


def test_the_command_opens_the_page_once_the_app_answers(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    note = f"import sys, pathlib; pathlib.Path({str(opened)!r}).write_text(sys.argv[1])"
    browser = shlex.join([sys.executable, "-c", note]) + " %s"
    port = free_port()
    app = subprocess.Popen(
        [sys.executable, "-m", "cnnviz", "app", "--port", str(port)],
        cwd=REPOSITORY,
        env=os.environ | {"BROWSER": browser},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(900):
            if opened.exists() and opened.read_text():
                break
            time.sleep(0.1)
        assert opened.read_text() == f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(10)
