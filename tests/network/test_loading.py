"""Networks of the user's own: from a folder, and from a visitor while the session lives."""

import gc
import json
from pathlib import Path

import numpy as np
import pytest

from cnnviz import zoo
from cnnviz.cli import main
from cnnviz.errors import ModelLoadError
from cnnviz.images import ImageInput
from cnnviz.network import loading
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model, load_user_model
from tests.builders.hostile_models import good_parts, packed, static_corpus, trial_corpus

BLANK = ImageInput(np.zeros((16, 16, 3), np.uint8), "blank")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    (tmp_path / "mine.keras").write_bytes(packed(good_parts()))
    return tmp_path


def test_a_file_in_the_folder_is_a_network_like_any_other(folder: Path) -> None:
    card = zoo.find_card("mine")
    assert card in zoo.list_models()
    assert (card.input_height, card.input_width, card.channels) == (16, 16, 3)
    assert card.num_parameters is None
    assert zoo.is_ready(card)
    model = load_model("mine")
    assert model.predict(BLANK, top=1)[0].label in ("class 0", "class 1")


def test_what_stands_beside_the_file_is_believed(folder: Path) -> None:
    told = {"title": "My net", "class_names": ["cat", "dog"], "preprocessing": "tf"}
    (folder / "mine.json").write_text(json.dumps(told))
    card = zoo.find_card("mine")
    assert (card.title, card.labels, card.preprocessing.name) == ("My net", ("cat", "dog"), "tf")


@pytest.mark.parametrize("told", ["{", "[]", '{"class_names": "cat"}', '{"preprocessing": "x"}'])
def test_nonsense_beside_the_file_is_explained(folder: Path, told: str) -> None:
    (folder / "mine.json").write_text(told)
    (file,) = zoo.list_own_files()
    assert file.card is None
    assert file.problem.startswith("mine.json ")
    assert "mine" not in [card.name for card in zoo.list_models()]


def test_hostile_files_in_the_folder_are_named_and_harm_nobody(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = static_corpus(folder / "trap")
    for name in ("Lambda", "says it unpacks to 3 GB", "h5"):
        (folder / f"{name}.keras").write_bytes(corpus[name]())
    problems = [file.problem for file in zoo.list_own_files()]
    assert sum(bool(problem) for problem in problems) == 3
    assert main(["models"]) == 0
    assert capsys.readouterr().out.count("not usable: ") == 3


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    (folder / "mine.keras").rename(folder / "vgg16.keras")
    (file,) = zoo.list_own_files()
    assert "Rename the file" in file.problem
    assert zoo.find_card("vgg16").title == "VGG16"


def test_no_folder_is_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CNNVIZ_MODELS_DIR", raising=False)
    assert zoo.list_own_files() == ()
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path / "nowhere"))
    assert zoo.list_own_files() == ()


def test_the_command_prints_the_layers_of_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(folder / "mine.keras")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine: input 0 to 1, RGB (assumed); ends in softmax"
    assert [line.split()[:2] for line in lines[2:-1]] == [
        ["conv", "Conv2D"],
        ["gap", "GlobalAveragePooling2D"],
        ["dense", "Dense"],
    ]
    assert lines[-1].startswith("122 parameters, 21,176 multiplications")
    assert main(["show", str(folder / "none.keras")]) == 1
    assert "no file 'none.keras'" in capsys.readouterr().err


def test_a_user_model_lives_as_long_as_somebody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "guest.keras"
    path.write_bytes(packed(good_parts()))
    user_model = load_user_model(path, "upload-1")
    path.unlink()
    assert load_model("upload-1") is user_model
    assert load_user_model(path, "upload-1") is user_model
    assert user_model.card.title == "guest"
    assert len(user_model.predict(BLANK)) == 2
    assert "upload-1" not in [card.name for card in zoo.list_models()]
    del user_model
    gc.collect()
    with pytest.raises(ModelLoadError, match="no network 'upload-1'"):
        load_model("upload-1")


def test_a_bad_user_model_is_refused_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "guest.keras"
    path.write_bytes(trial_corpus()["weights are text"]())
    with pytest.raises(ModelLoadError, match="cannot be used"):
        load_user_model(path, "upload-2")
    assert "upload-2" not in loading._user_models


def test_too_many_user_models_are_asked_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "guest.keras"
    path.write_bytes(packed(good_parts()))
    monkeypatch.setattr(loading, "MAX_USER_MODELS", 1)
    network = zoo.load_model_file(path)
    held = wrap_model(network, zoo.card_for_model(network, "held"))
    monkeypatch.setitem(loading._user_models, "held", held)
    with pytest.raises(ModelLoadError, match="1 networks of visitors are open"):
        load_user_model(path, "upload-3")
