"""The command: what it lists, and what it says when it cannot."""

import subprocess
import sys
from pathlib import Path

import pytest

from cnnviz import app_server, cli, zoo
from tests.conftest import REPOSITORY


def test_the_networks_are_listed_with_whether_they_are_here() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cnnviz", "models"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [card.name for card in zoo.list_models()]
    assert lines[0].split()[:4] == ["efficientnet-lite0", "ready", "4.7", "M"]


def test_without_the_pages_the_app_says_how_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app_server, "CHECKOUT", tmp_path)
    assert cli.main(["app"]) == 1
    assert "pip install -e ." in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fly"])
    assert "invalid choice" in capsys.readouterr().err
