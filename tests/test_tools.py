"""The house style is held by the same tools here and in the continuous run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    "tool",
    ["ruff check .", "ruff format --check .", "mypy", "lint-imports --no-cache", "codespell"],
)
def test_the_tools_have_nothing_to_say(tool: str) -> None:
    name, *arguments = tool.split()
    program = str(Path(sys.executable).with_name(name))
    done = subprocess.run([program, *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
