"""Networks of one's own on the pages: what is assumed is shown, and can be changed."""

import json
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from cnnviz.ui.networks.own_models import is_local
from cnnviz.ui.pages import BY_NAME
from tests.builders.networks import vision_transformer
from tests.conftest import slow_unless
from tests.pages.test_pages import open_page, texts

CLASS_PAGE = "pages/class_activation.py"
PAGES = (
    *("pages/models.py", "pages/feature_maps.py", "pages/filters.py", CLASS_PAGE),
    "pages/augmentation.py",
)
CLASS_VIEWS = tuple(view.slug for view in BY_NAME["class_activation"].views)


def two_outputs() -> Any:
    inputs = keras.Input((32, 32, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(inputs))
    labels = layers.Dense(3, activation="sigmoid", name="labels")(pooled)
    return keras.Model(inputs, [labels, layers.Dense(4, activation="softmax", name="kind")(pooled)])


def raw_scores() -> Any:
    inputs = keras.Input((32, 24))
    x = layers.Reshape((32, 24, 1))(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(3, activation="tanh")(x))


NETWORKS = {
    "two-outputs": two_outputs,
    "raw-scores": raw_scores,
    "tokens": lambda: vision_transformer(class_token=False),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    for name, make in NETWORKS.items():
        make().save(tmp_path / f"{name}.keras")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    slow_unless(
        [("raw-scores", CLASS_PAGE), ("tokens", "pages/feature_maps.py")],
        [(name, path) for name in NETWORKS for path in PAGES],
    ),
)
def test_every_page_shows_such_a_network_and_what_is_assumed(
    folder: Path, name: str, path: str
) -> None:
    app = open_page(path, network=name)
    assert not app.exception
    assert not app.error
    assert "Input scaling is assumed: 0 to 1" in texts(app)


@pytest.mark.parametrize("view", slow_unless(["faithfulness"], CLASS_VIEWS))
def test_every_view_of_raw_scores_names_them_so(folder: Path, view: str) -> None:
    app = open_page(CLASS_PAGE, network="raw-scores", view=view)
    assert not app.exception
    assert not app.error
    shown = texts(app)
    assert "ends in tanh" in shown or "score" in shown


def test_scaling_and_output_are_chosen_beside_the_network(folder: Path) -> None:
    app = open_page(CLASS_PAGE, network="two-outputs")
    table = next(frame for frame in app.dataframe if "Predictions" in frame.value.columns)
    assert list(table.value["Input"])[:2] == ["0 to 1", "0 to 255"]
    app.selectbox(key="preprocessing").select("raw").run()
    assert not app.exception
    assert "Input scaling is assumed" not in texts(app)
    assert "0 to 255, RGB (chosen by you)" in texts(app)
    app.selectbox(key="output").select("kind").run()
    assert not app.exception
    code = "\n".join(block.value for block in app.code)
    assert "preprocessing='raw', output='kind'" in code


def test_another_network_begins_without_the_choices_for_the_last(folder: Path) -> None:
    app = open_page(CLASS_PAGE, network="two-outputs")
    app.selectbox(key="preprocessing").select("raw").run()
    app.selectbox(key="network").select("tokens").run()
    assert not app.exception
    assert "Input scaling is assumed: 0 to 1" in texts(app)


def test_the_grid_of_tokens_is_seen_and_can_be_corrected(folder: Path) -> None:
    app = open_page("pages/feature_maps.py", network="tokens")
    assert app.selectbox(key="token_grid").value == "8x8"
    app.selectbox(key="token_grid").select("4x16").run()
    assert not app.exception
    assert any("4 × 16 × 16" in option for box in app.selectbox for option in box.options)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"preprocessing": {"scale": "x"}})])
def test_a_bad_json_costs_the_pages_nothing(folder: Path, content: str) -> None:
    (folder / "tokens.json").write_text(content)
    app = open_page("pages/models.py", network="two-outputs")
    assert not app.exception
    assert not app.error
    app = open_page("pages/models.py", view="own-network")
    assert not app.exception
    assert "tokens.json" in texts(app) or "tokens.keras" in texts(app)


def test_a_network_that_cannot_be_computed_is_a_message(folder: Path) -> None:
    (folder / "tokens.json").write_text('{"class_names": ["only one"]}')
    app = open_page(CLASS_PAGE, network="tokens")
    assert not app.exception
    assert "1 class names are given for 'tokens'" in texts(app)


LOCAL = {"Host": "localhost:8501"}


@pytest.mark.parametrize(
    ("address", "headers", "expected"),
    [
        ("127.0.0.1", LOCAL, True),
        ("localhost", {"Host": "127.0.0.1:8501"}, True),
        ("::1", {"Host": "[::1]:8501"}, True),
        ("127.0.0.1", {"host": "LOCALHOST"}, True),
        ("0.0.0.0", LOCAL, False),
        (None, LOCAL, False),
        ("192.168.1.4", LOCAL, False),
        ("127.0.0.1", {"Host": "cnn.example"}, False),
        ("127.0.0.1", {"Host": "localhost.example:8501"}, False),
        ("127.0.0.1", {"Host": "127.0.0.1.example"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"Host": ""}, False),
        *(
            ("127.0.0.1", LOCAL | {name: "203.0.113.7"}, False)
            for name in ("X-Forwarded-For", "x-forwarded-proto", "Forwarded", "Via", "X-Real-IP")
        ),
    ],
)
def test_uploads_are_open_only_to_the_person_at_the_computer(
    address: str | None, headers: dict[str, str], expected: bool
) -> None:
    assert is_local(address, headers) == expected
