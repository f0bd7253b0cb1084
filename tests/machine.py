"""What the tests see of the machine they run on: no home, no caches, no data folders."""

import json
import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
REAL_DATA_VARIABLES = ("CNNVIZ_DATA_DIR", "CNNVIZ_SYSTEM_DATA_DIRS")
UNSET_VARIABLES = (
    *("CNNVIZ_DATA_DIR", "CNNVIZ_MODELS_DIR", "CNNVIZ_MODEL_FILES", "CNNVIZ_ATLAS_DIR"),
    *("CNNVIZ_ALLOW_MODEL_UPLOAD", "CNNVIZ_MAX_VISITORS"),
    *("KERAS_HOME", "SKIMAGE_DATADIR"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
)
# JSON with the real values of REAL_DATA_VARIABLES, for the processes that run the tests
_REAL_DATA = "CNNVIZ_TESTS_REAL_DATA"


def hidden_environment(folder: Path) -> dict[str, str | None]:
    """Return the environment variables of a machine that has nothing; None means not set.

    `folder` holds the home and the cache that the tests get instead.
    """
    home = str(folder / "home")
    return {
        **{"HOME": home, "USERPROFILE": home, "CNNVIZ_CACHE_DIR": str(folder / "cache")},
        **{"CNNVIZ_SYSTEM_DATA_DIRS": ""},
        **dict.fromkeys(UNSET_VARIABLES),
    }


def hide_machine(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Hide home, caches and data folders of this machine, also from processes started later.

    Workers of pytest-xdist inherit what their parent hid, and get a home and a cache of their own.
    """
    if _REAL_DATA not in os.environ:
        real = {name: os.environ.get(name) for name in REAL_DATA_VARIABLES}
        patch.setenv(_REAL_DATA, json.dumps(real))
    (folder / "home").mkdir()
    set_environment(patch, hidden_environment(folder))


def real_data_environment() -> dict[str, str | None]:
    """Return the environment variables that lead to the data sets on this machine."""
    real: dict[str, str | None] = json.loads(os.environ[_REAL_DATA])
    beside = REPOSITORY.parent / "shared" / "data"
    if not real["CNNVIZ_DATA_DIR"] and beside.is_dir():
        real["CNNVIZ_DATA_DIR"] = str(beside)
    return real


def set_environment(patch: pytest.MonkeyPatch, variables: dict[str, str | None]) -> None:
    """Set environment variables until `patch` is undone; None removes one."""
    for name, value in variables.items():
        if value is None:
            patch.delenv(name, raising=False)
        else:
            patch.setenv(name, value)
