"""The server stays fast only while Streamlit works the way that is undone here."""

import subprocess
import sys
import tomllib

import pytest
from streamlit import config

from tests.conftest import REPOSITORY

_NAMES_AFTER_A_RUN = """
import keras
from streamlit.runtime.scriptrunner.script_runner import _clean_problem_modules
{guard}
keras.layers.Dense(1)
_clean_problem_modules()
print(keras.layers.Dense(1).name)
"""
_GUARD = (
    "from cnnviz.ui.shell.server import keep_server_fast; keep_server_fast(); keep_server_fast()"
)


def name_of_the_second_layer(guard: str) -> str:
    code = _NAMES_AFTER_A_RUN.format(guard=guard)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


@pytest.mark.slow
def test_streamlit_clears_keras_unless_it_is_kept_from_it() -> None:
    assert name_of_the_second_layer("") == "dense"  # the mechanism is still there
    assert name_of_the_second_layer(_GUARD) == "dense_1"


def test_the_configuration_names_options_that_streamlit_has() -> None:
    written = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())
    known = set(config.get_config_options())
    for section, options in written.items():
        for name, value in options.items():
            if isinstance(value, dict):
                assert {f"{section}.{name}.{key}" for key in value} <= known
            else:
                assert f"{section}.{name}" in known
    assert written["runner"] == {"fastReruns": False, "postScriptGC": False}


def test_uploads_are_bounded_alike_by_server_and_package() -> None:
    from cnnviz.images import MAX_BYTES

    written = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())
    assert written["server"]["maxUploadSize"] * 1024**2 == MAX_BYTES
