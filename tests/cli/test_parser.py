"""The command: what it lists, and what it says when it cannot."""

import subprocess
import sys
from pathlib import Path

import pytest

from cnnviz import paths, zoo
from cnnviz.cli import main
from tests.conftest import REPOSITORY


def test_the_networks_are_listed_with_whether_they_are_here() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cnnviz", "models"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["name", "status", "parameters", "title"]
    assert [line.split()[0] for line in lines] == [card.name for card in zoo.list_models()]
    assert lines[0].split()[:4] == ["efficientnet-lite0", "ready", "4.7", "M"]


def test_without_the_pages_the_app_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "APP", tmp_path / "app.py")
    assert main(["app"]) == 1
    assert "Install cnnviz again" in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fly"])
    assert "invalid choice" in capsys.readouterr().err


def test_show_counts_shared_weights_once_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="conv")
    x = layers.Flatten()(shared(shared(image)))
    keras.Model(image, layers.Dense(2, name="classes")(x)).save(tmp_path / "twice.keras")
    assert main(["show", str(tmp_path / "twice.keras")]) == 0
    reading, _, first, second, _, classes, total = capsys.readouterr().out.splitlines()
    assert reading == (
        "twice: input 0 to 1, RGB (assumed); ends in logits; softmax is assumed to follow"
    )
    assert first.split() == ["conv", "Conv2D", "8×8×3", "84", "5,184"]
    assert second.split() == ["conv@2", "Conv2D", "8×8×3", "shared", "5,184"]
    assert classes.split() == ["classes", "Dense", "2", "386", "384"]
    assert total == (
        "470 parameters, 10,752 multiplications for one image. "
        "Shared weights are counted once; used again by conv@2."
    )


def test_show_says_which_multiplications_are_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    from keras import layers

    pixels = keras.Input((8, 8, 3))
    x = layers.ConvLSTM2D(2, 3, name="own")(layers.Reshape((1, 8, 8, 3))(pixels))
    keras.Model(pixels, layers.Dense(2)(layers.Flatten()(x))).save(tmp_path / "own.keras")
    assert main(["show", str(tmp_path / "own.keras")]) == 0
    printed = capsys.readouterr().out
    assert "unknown" in printed
    assert printed.rstrip().endswith("The multiplications of own are not known and not included.")


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("0", "port must be from 1 to 65535, got 0."),
        ("99999", "port must be from 1 to 65535, got 99999."),
        ("x", "'x' is not a whole number"),
        ("-1", "'-1' is not a whole number"),
    ],
)
def test_a_port_that_cannot_exist_is_refused(
    capsys: pytest.CaptureFixture[str], port: str, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["app", f"--port={port}"])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
