"""Tests see nothing that a machine happens to have, and real data only where they ask for it."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.datasets.records import system_data_dirs
from cnnviz.errors import DatasetError
from cnnviz.zoo.published.keras_applications import weights_file
from tests.builders.data_sets import put_fashion, put_mnist, put_npz
from tests.machine import REPOSITORY, hidden_environment
from tests.visible_machine import DATA_SETS, PLANTED, USER_FOLDERS, visible_things

SEEN_ON_IMPORT = visible_things()
EVERYTHING = {
    *(set(DATA_SETS) - {"CIFAR-10"}),
    *USER_FOLDERS,
    *("downloaded weights", "own network", "atlas", "uploads"),
}
# read by the package, and no result depends on them
HARMLESS = {
    *("PATH", "LD_LIBRARY_PATH", "TF_CPP_MIN_LOG_LEVEL"),
    *("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"),
}
SYSTEM_FOLDERS = ("/usr", "/opt", "/srv", "/var", "/mnt", "/media", "/home", "/etc")


def seen_by_a_process(environment: dict[str, str] | None = None) -> set[str]:
    """Ask a process that is started with these variables, or with those of the tests."""
    code = "from tests.visible_machine import visible_things; print(*visible_things(), sep='|')"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(filter(None, run.stdout.strip().split("|")))


def test_nothing_of_the_machine_is_seen() -> None:
    assert SEEN_ON_IMPORT == visible_things() == set()
    assert system_data_dirs() == ()


def test_a_process_that_a_test_starts_sees_nothing_either() -> None:
    assert seen_by_a_process() == set()


@pytest.mark.real_data
def test_a_test_marked_for_real_data_sees_it(real_data: Path) -> None:
    assert os.environ["CNNVIZ_DATA_DIR"] == str(real_data)
    if not (real_data / "svhn.npz").is_file():
        pytest.skip("no svhn.npz in CNNVIZ_DATA_DIR")
    assert len(datasets.svhn().labels) > 0
    assert "CNNVIZ_CACHE_DIR" not in visible_things()


@pytest.mark.real_data
def test_a_test_marked_for_real_data_sees_the_systems_folders() -> None:
    try:
        assert len(datasets.fashion_mnist().labels) > 0
    except DatasetError as error:
        pytest.skip(str(error))


@pytest.fixture
def rich_machine(tmp_path: Path) -> dict[str, str]:
    """Put data, networks and settings wherever a machine may have them; give its environment."""
    folders = {name: tmp_path / name.lower() for name in USER_FOLDERS}
    keras_home, system, data = tmp_path / "keras", tmp_path / "system", tmp_path / "data"
    put_mnist(keras_home / "datasets", np.zeros((10, 28, 28), np.uint8))
    weights = keras_home / "models" / weights_file(zoo.find_card("mobilenet")).name
    put_fashion(system / "fashion-mnist")
    put_npz(data)
    index = tmp_path / "atlas" / PLANTED / "index.json"
    network = tmp_path / "models" / "mine.keras"
    for path in (*(folder / PLANTED for folder in folders.values()), weights, network, index):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"model": PLANTED, "layers": {}}))
    named = folders | {
        "KERAS_HOME": keras_home,
        "CNNVIZ_SYSTEM_DATA_DIRS": system,
        "CNNVIZ_DATA_DIR": data,
        "CNNVIZ_MODELS_DIR": network.parent,
        "CNNVIZ_ATLAS_DIR": index.parents[1],
        "CNNVIZ_ALLOW_MODEL_UPLOAD": 1,
    }
    kept = {name: value for name, value in os.environ.items() if "CNNVIZ_TESTS" not in name}
    return kept | {name: str(value) for name, value in named.items()}


@pytest.mark.slow
def test_what_a_rich_machine_has_is_hidden_in_every_process_of_a_test_run(
    rich_machine: dict[str, str],
) -> None:
    assert seen_by_a_process(rich_machine) == EVERYTHING
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-q", "-rs", "-p", "no:cacheprovider"]
        + [f"{__file__}::{test.__name__}" for test in INNER],
        cwd=REPOSITORY,
        env=rich_machine,
        capture_output=True,
        text=True,
    )
    assert "4 passed" in run.stdout, run.stdout + run.stderr


INNER = (
    test_nothing_of_the_machine_is_seen,
    test_a_process_that_a_test_starts_sees_nothing_either,
    test_a_test_marked_for_real_data_sees_it,
    test_a_test_marked_for_real_data_sees_the_systems_folders,
)


@pytest.mark.skipif(sys.platform == "win32", reason="the script needs bash")
def test_the_continuous_run_has_an_empty_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci" / "run")
    command = "python3 -m venv .venv -h >/dev/null && find ~ && env && echo pytest"
    (tmp_path / "README.md").write_text(f"{command}\n")
    chromium = tmp_path / "bin" / "chromium"  # so that nothing is installed
    chromium.parent.mkdir()
    chromium.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{chromium.parent}{os.pathsep}{os.environ['PATH']}")
    hidden = [name for name in USER_FOLDERS if name.startswith("XDG_")]
    for name in hidden:
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.invalid")
    run = subprocess.run(["bash", script], capture_output=True, text=True, check=True)
    first, home, *variables = run.stdout.splitlines()
    assert first == command
    assert home != str(Path.home())
    assert not Path(home).exists()  # removed in the end
    assert {f"HOME={home}", "PIP_INDEX_URL=https://pip.invalid"} <= set(variables)
    assert not [text for text in variables if text.startswith((home, *hidden))]
    assert variables[-1] == "pytest"


def strings_of_the_package() -> Iterator[tuple[Path, str]]:
    """List every string in the code of the package, and the file that holds it."""
    for path in sorted((REPOSITORY / "cnnviz").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value


def environment_reads(tree: ast.AST) -> Iterator[str]:
    """Name the variables in ``os.environ["X"]``, ``os.environ.get("X")`` and ``os.getenv("X")``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            read, name = ast.unparse(node.func), node.args[0]
        elif isinstance(node, ast.Subscript):
            read, name = ast.unparse(node.value), node.slice
        else:
            continue
        if read.startswith(("os.environ", "os.getenv")) and isinstance(name, ast.Constant):
            yield name.value


def test_every_variable_that_the_package_reads_is_hidden_or_harmless() -> None:
    known = HARMLESS | set(hidden_environment(Path()))
    files = (REPOSITORY / "cnnviz").rglob("*.py")
    read = {name for path in files for name in environment_reads(ast.parse(path.read_text()))}
    own = {text for _, text in strings_of_the_package() if text.startswith("CNNVIZ_")}
    assert {"CNNVIZ_DATA_DIR", "KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL"} <= read
    unknown = (read | {text for text in own if text.isupper()}) - known
    assert not unknown, f"hide {sorted(unknown)} from the tests: see tests/machine.py"


def test_system_folders_are_named_in_one_place() -> None:
    naming = {
        path.name for path, text in strings_of_the_package() if text.startswith(SYSTEM_FOLDERS)
    }
    assert naming == {"records.py"}
