"""The wheel, away from any checkout: networks, atlases and pages come along."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

MAX_BYTES = 60e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build, str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel, as an installation does."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def environment(installed: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(installed), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(installed: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=folder,
        env=environment(installed),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_wheel_is_small_and_holds_what_lies_beside_the_package(wheel: Path) -> None:
    assert wheel.stat().st_size <= MAX_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "cnnviz/py.typed",
        "cnnviz/share/app.py",
        "cnnviz/share/.streamlit/config.toml",
    } <= names
    for folder in ("pages", "models"):
        here = {path for path in (REPOSITORY / folder).rglob("*") if path.is_file()}
        here = {path for path in here if "__pycache__" not in path.parts}
        missing = {
            path.relative_to(REPOSITORY).as_posix()
            for path in here
            if f"cnnviz/share/{path.relative_to(REPOSITORY).as_posix()}" not in names
        }
        assert not missing


def test_the_requirements_are_those_of_the_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(name).decode()
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    required = re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    assert len(required) == len(wanted)


def test_networks_and_atlases_are_found_outside_a_checkout(installed: Path, tmp_path: Path) -> None:
    code = (
        "import cnnviz, cnnviz.paths as paths;"
        "from cnnviz.feature_visualization.atlas import atlas_folders;"
        "print(cnnviz.__file__, cnnviz.__version__);"
        "print(*[card.name for card in cnnviz.list_models()]);"
        "print(cnnviz.load_model('svhn-gabor'));"
        "print(len(list(paths.ATLASES.iterdir())));"
        "print(paths.NEW_MODELS.resolve())"
    )
    file, names, model, num_atlases, new_models = run(installed, tmp_path, "-c", code).splitlines()
    import cnnviz

    assert file.startswith(str(installed))
    assert file.endswith(cnnviz.__version__)
    assert names.split() == [card.name for card in cnnviz.list_models()]
    assert "svhn-gabor" in model or "SVHN" in model
    assert int(num_atlases) == len(list((REPOSITORY / "models" / "atlas").iterdir()))
    assert Path(new_models) == tmp_path / "models"


def test_the_app_of_the_wheel_opens(installed: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "cnnviz", "app", "--no-browser", "--port", str(port)],
        cwd=tmp_path,
        env=environment(installed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        server.terminate()
        server.wait(30)


def test_the_pages_of_the_wheel_run(installed: Path, tmp_path: Path) -> None:
    code = (
        "from streamlit.testing.v1 import AppTest; from cnnviz import paths;"
        "app = AppTest.from_file(str(paths.APP), default_timeout=120).run();"
        "assert not app.exception, app.exception; print(len(app.main))"
    )
    assert int(run(installed, tmp_path, "-c", code).splitlines()[-1]) > 0
